// Runs all native unit tests, or those whose name contains the first argument. SEED=n replays the random numbers of a failure.
#include "testing/testing.h"

using namespace sparselab::testing;

int main(int argc, char** argv) {
  try {
    return run_tests(tests(), argc > 1 ? argv[1] : "", seed_of(std::getenv("SEED")), [](const std::string& line) {
      std::fputs(line.c_str(), stdout);
      std::fflush(stdout);
    });
  } catch (const Failure& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
}
