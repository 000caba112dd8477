// The test framework itself: a failure names the seed that replays it, and that seed gives the same numbers again.
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

struct Run {
  int code;
  std::string output;
  std::vector<uint64_t> seeds;  // drawn by the failing test
};
Run run_failing(std::optional<uint64_t> seed, bool names = false) {
  Run run{};
  const std::vector<Test> list = {
      {"draws none", [] { throw Failure("as planned"); }},
      {"draws three",
       [&] {
         for (int i = 0; i < 3; i++) run.seeds.push_back(fresh_seed());
         throw Failure("as planned");
       }},
      {"passes", [] { fresh_seed(); }},
      {"is filtered out", [] { throw Failure("must not run"); }},
  };
  run.code = run_tests(list, {"draws", "pass"}, seed, [&](const std::string& line) { run.output += line; }, names);
  return run;
}

}  // namespace

TEST("testing: a failure names its seed, and SEED replays every number drawn") {
  const Run fresh = run_failing(std::nullopt), other = run_failing(std::nullopt);
  CHECK(fresh.code == 1 && fresh.seeds.size() == 3);
  CHECK(fresh.seeds[0] != fresh.seeds[1] && fresh.seeds[1] != fresh.seeds[2] && fresh.seeds != other.seeds);
  const std::string seed = std::to_string(fresh.seeds[0]);
  CHECK_MSG(fresh.output == "FAILED draws none: as planned\nFAILED draws three: as planned\n  replay it with SEED=" + seed +
                                " and \"draws three\" as the argument\n1 passed, 2 failed\n",
            fresh.output);
  const Run again = run_failing(seed_of(seed.c_str()));
  CHECK(again.seeds == fresh.seeds && again.output == fresh.output);
  CHECK(run_failing(std::nullopt, true).output.ends_with("\npassed passes\n1 passed, 2 failed\n"));
}

TEST("testing: SEED is a whole number") {
  CHECK(!seed_of(nullptr) && !seed_of(""));
  CHECK(seed_of("0") == 0u && seed_of("18446744073709551615") == ~uint64_t{0});
  for (const char* wrong : {"-1", " 1", "1.5", "abc", "18446744073709551616"}) {
    bool refused = false;
    try {
      seed_of(wrong);
    } catch (const Failure&) {
      refused = true;
    }
    CHECK_MSG(refused, wrong);
  }
}

TEST("testing: a seed gives the same random floats with every compiler") {
  std::mt19937_64 r(1);
  const std::vector<float> x = random_floats(r, 4, 0.5f);
  CHECK_MSG(x == (std::vector<float>{-0x1.c1d908p-1f, 0x1.52ace6p-4f, -0x1.3ec97p-1f, -0x1.e62658p-2f}),
            text("%a %a %a %a", x[0], x[1], x[2], x[3]));
  const std::vector<float> many = random_floats(r, 100000);
  double sum = 0, squares = 0;
  for (float v : many) {
    sum += static_cast<double>(v);
    squares += static_cast<double>(v) * static_cast<double>(v);
  }
  CHECK(sum / 1e5 < 0.02 && sum / 1e5 > -0.02 && squares / 1e5 > 0.97 && squares / 1e5 < 1.03);
}
