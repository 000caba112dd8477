// Runs all native unit tests (testing.h), or those whose name holds the first argument.
#include "testing/testing.h"

int main(int argc, char** argv) { return sparselab::testing::run_all(argc > 1 ? argv[1] : ""); }
