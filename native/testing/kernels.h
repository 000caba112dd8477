// What the tests of the kernels share.
#pragma once
#include <bit>
#include <string>

#include "cpu/isa.h"
#include "testing/testing.h"

namespace sparselab::testing {

inline bool same(float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b); }
inline std::string where(const cpu::Kernels& k, const char* what, size_t n, uint64_t seed) {
  return text("%s on %s, n %zu, seed %llu", what, k.isa, n, (unsigned long long)seed);
}

}  // namespace sparselab::testing
