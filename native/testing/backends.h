// The backends on which the backend suite runs: each BACKEND_TEST runs once for each of them, and `backend()` is the one at work.
// A new backend joins with a line in backends.cpp, or without one: the environment variable SPARSELAB_TEST_BACKEND names a shared
// library whose backend is tested beside the others.
#pragma once
#include <vector>

#include "backend/backend.h"
#include "testing/testing.h"

namespace sparselab::testing {

std::vector<const SlBackend*> tested_backends();

// Of the test that runs; outside of a BACKEND_TEST the CPU.
const SlBackend& backend();
// Runs body() with another backend at work.
void with_backend(const SlBackend& other, const std::function<void()>& body);

// The CPU defines the bits of a sum (16 lanes), whatever name it goes by. Another backend agrees with it by tolerance, and with
// itself bit for bit; it reads the weights anew for each row of a batch, and turns types that it has no kernels for into float16.
bool defines_the_bits();
// The same bits from a backend that defines them; else within 2e-6 of b's norm.
bool same_sums(const std::vector<float>& a, const std::vector<float>& b);

bool add_to_suite(const char* name, std::function<void()> body);
// The suite as ordinary tests, "[cpu] name" and so on.
void register_suite();

}  // namespace sparselab::testing

#define BACKEND_TEST(name)                                                     \
  static void SPARSELAB_JOIN(test_, __LINE__)();                               \
  static const bool SPARSELAB_JOIN(registered_, __LINE__) =                    \
      sparselab::testing::add_to_suite(name, SPARSELAB_JOIN(test_, __LINE__)); \
  static void SPARSELAB_JOIN(test_, __LINE__)()
