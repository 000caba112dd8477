// Runs all native unit tests, or those whose name contains one of the arguments. SEED=n replays the random numbers of a failure;
// VERBOSE=1 names the tests that pass.
#include "testing/backends.h"

using namespace sparselab::testing;

int main(int argc, char** argv) {
  try {
    register_suite();
    return run_tests(
        tests(), {argv + 1, argv + argc}, seed_of(std::getenv("SEED")),
        [](const std::string& line) {
          std::fputs(line.c_str(), stdout);
          std::fflush(stdout);
        },
        std::getenv("VERBOSE") != nullptr);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
}
