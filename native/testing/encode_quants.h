// Plain encoders of the small quantised types, for tests: they need not be the best encoding of the values, only a usable one.
// And blocks of random bytes, which hold combinations of bits that no encoder writes.
#pragma once
#include <cstdint>
#include <random>
#include <vector>

#include "quant/types.h"

namespace sparselab::testing {

std::vector<uint8_t> encode_small(TensorType type, const std::vector<float>& values);   // Q4_0, Q4_1, Q5_0, Q5_1
std::vector<uint8_t> encode_groups(TensorType type, const std::vector<float>& values);  // Q4_K, Q5_K
std::vector<uint8_t> encode_q6_k(const std::vector<float>& values);
// n stored values of a type, random in every bit but for scales and minima, which are small normal numbers of either sign.
std::vector<uint8_t> random_stored(std::mt19937_64& r, TensorType type, uint64_t n);

}  // namespace sparselab::testing
