// The native tests' frame, small on purpose: TEST(name) { CHECK(...); } registers a test; run_all runs them, prints a line for
// each failure, and closes with "N passed, N failed".
#pragma once
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "error.h"

namespace sparselab::testing {

struct Test {
  const char* name;
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

inline int run_all(const std::string& filter) {
  int passed = 0, failed = 0;
  for (const Test& t : tests()) {
    if (std::string(t.name).find(filter) == std::string::npos) continue;
    try {
      t.body();
      passed++;
    } catch (const std::exception& e) {
      failed++;
      std::printf("FAILED %s: %s\n", t.name, e.what());
    }
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed || !passed ? 1 : 0;
}

// A fresh seed for every run, printed by the test that fails through SEEDED.
inline uint64_t fresh_seed() {
  static std::random_device device;
  return (uint64_t{device()} << 32) | device();
}
inline std::vector<float> random_floats(std::mt19937_64& r, size_t n, float scale = 1) {
  std::normal_distribution<float> d(0, scale);
  std::vector<float> out(n);
  for (float& v : out) v = d(r);
  return out;
}
inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// Runs body(); true when it throws Error whose message holds `part`.
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
#define CHECK_ERROR(body, part)                                                                          \
  do {                                                                                                   \
    std::string got = sparselab::testing::message_of([&] { body; });                                     \
    if (got.find(part) == std::string::npos) sparselab::testing::fail(__FILE__, __LINE__, "got " + got); \
  } while (0)
