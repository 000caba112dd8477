// A small test framework: TEST(name) { CHECK(...); } registers a test. run_tests runs those whose name contains a given text,
// prints a line for each failure with the seed that replays it, and ends with "N passed, N failed".
#pragma once
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "error.h"

namespace sparselab::testing {

struct Test {
  std::string name;
  std::function<void()> body;
};
inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}
inline bool add(const char* name, std::function<void()> body) {
  tests().push_back({name, std::move(body)});
  return true;
}

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[noreturn]] inline void fail(const char* file, int line, const std::string& what) {
  throw Failure(text("%s:%d: %s", file, line, what.c_str()));
}

// The seed of the running test: a new one for each test, or the one that the environment variable SEED names.
struct Seed {
  uint64_t first = 0;
  uint64_t drawn = 0;  // how often the test asked for a seed
};
inline Seed& current_seed() {
  static Seed seed;
  return seed;
}
// The test's seed on the first call, numbers derived from it on later calls: SEED replays all of them.
inline uint64_t fresh_seed() {
  Seed& seed = current_seed();
  const uint64_t n = seed.drawn++;
  return n == 0 ? seed.first : std::mt19937_64(seed.first + n)();
}
// The value of SEED. Throws Failure where it is not a whole number below 2^64.
inline std::optional<uint64_t> seed_of(const char* given) {
  if (!given || !*given) return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const uint64_t seed = std::strtoull(given, &end, 10);
  if (*given < '0' || *given > '9' || *end || errno) throw Failure(text("SEED is \"%s\"; expected a whole number", given));
  return seed;
}

// Runs the tests whose name contains one of `filters` (none: all of them), and says what failed; with `names`, also what passed.
// Returns the process's exit code.
inline int run_tests(const std::vector<Test>& list, const std::vector<std::string>& filters, std::optional<uint64_t> seed,
                     const std::function<void(const std::string&)>& say, bool names = false) {
  std::random_device device;
  int passed = 0, failed = 0;
  for (const Test& t : list) {
    auto named = [&](const std::string& filter) { return t.name.find(filter) != std::string::npos; };
    if (!filters.empty() && std::none_of(filters.begin(), filters.end(), named)) continue;
    const Seed outer = current_seed();
    current_seed() = {seed ? *seed : (uint64_t{device()} << 32) | device(), 0};
    try {
      t.body();
      passed++;
      if (names) say(text("passed %s\n", t.name.c_str()));
    } catch (const std::exception& e) {
      failed++;
      say(text("FAILED %s: %s\n", t.name.c_str(), e.what()));
      if (current_seed().drawn)
        say(text("  replay it with SEED=%llu and \"%s\" as the argument\n", static_cast<unsigned long long>(current_seed().first),
                 t.name.c_str()));
    }
    current_seed() = outer;
  }
  say(text("%d passed, %d failed\n", passed, failed));
  return failed || !passed ? 1 : 0;
}

// Nearly normal numbers: eight uniform ones added up. Only integer steps and correctly rounded ones, so that a seed gives the
// same numbers with every compiler and library, which std::normal_distribution does not promise.
inline std::vector<float> random_floats(std::mt19937_64& r, size_t n, float scale = 1) {
  std::vector<float> out(n);
  for (float& v : out) {
    int64_t sum = -4 * (int64_t{1} << 32);
    for (int i = 0; i < 4; i++) {
      const uint64_t two = r();
      sum += static_cast<int64_t>(two >> 32) + static_cast<int64_t>(two & 0xffffffffu);
    }
    // The sum of eight has the deviation 2^32 sqrt(8 / 12).
    v = static_cast<float>(static_cast<double>(sum) * (0x1p-32 * 1.224744871391589)) * scale;
  }
  return out;
}
inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// "code: message" of the Error that body() throws, or "no error".
inline std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return std::string(code_name(e.code)) + ": " + e.what();
  }
  return "no error";
}

}  // namespace sparselab::testing

#define SPARSELAB_JOIN2(a, b) a##b
#define SPARSELAB_JOIN(a, b) SPARSELAB_JOIN2(a, b)
#define TEST(name)                                                                                                          \
  static void SPARSELAB_JOIN(test_, __LINE__)();                                                                            \
  static const bool SPARSELAB_JOIN(registered_, __LINE__) = sparselab::testing::add(name, SPARSELAB_JOIN(test_, __LINE__)); \
  static void SPARSELAB_JOIN(test_, __LINE__)()
#define CHECK_MSG(condition, message)                                                                           \
  do {                                                                                                          \
    if (!(condition)) sparselab::testing::fail(__FILE__, __LINE__, std::string(#condition) + ": " + (message)); \
  } while (0)
#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) sparselab::testing::fail(__FILE__, __LINE__, #condition); \
  } while (0)
#define CHECK_ERROR(body, part)                                                                            \
  do {                                                                                                     \
    std::string got_ = sparselab::testing::message_of([&] { body; });                                      \
    if (got_.find(part) == std::string::npos) sparselab::testing::fail(__FILE__, __LINE__, "got " + got_); \
  } while (0)
