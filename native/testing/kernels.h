// What the tests of the kernels share: comparing bits, the definitions of sums in plain loops, random stored rows.
#pragma once
#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "cpu/isa.h"
#include "testing/encode_quants.h"
#include "testing/random_model.h"
#include "testing/testing.h"

namespace sparselab::testing {

inline bool same(float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b); }
inline std::string where(const cpu::Kernels& k, const char* what, size_t n, uint64_t seed) {
  return text("%s on %s, n %zu, seed %llu", what, k.isa, n, (unsigned long long)seed);
}

// The sum of 16 lanes: each with the one 8 further on, then 4, 2, 1.
inline float tree(const float* lanes) {
  float s[16];
  std::copy(lanes, lanes + 16, s);
  for (int width = 8; width; width /= 2)
    for (int l = 0; l < width; l++) s[l] += s[l + width];
  return s[0];
}
// The definition of a dot product: 16 lanes, restarted every 256 elements.
inline float plain_dot(const float* w, const float* x, size_t n) {
  float row[16] = {};
  for (size_t from = 0; from < n; from += 256) {
    float lane[16] = {};
    for (size_t j = from; j < n && j < from + 256; j++) lane[j % 16] = std::fma(w[j], x[j], lane[j % 16]);
    for (size_t l = 0; l < 16; l++) row[l] += lane[l];
  }
  return tree(row);
}
// The definition of the sum of down: 16 lanes over all neurons, and no negative zero.
inline float plain_down(const float* w, const float* x, size_t n) {
  float lane[16] = {};
  for (size_t j = 0; j < n; j++) lane[j % 16] = std::fma(w[j], x[j], lane[j % 16]);
  return tree(lane) + 0.0f;
}

// Random rows as a type stores them, and their values.
struct StoredRows {
  size_t R, n;
  uint64_t stride;
  std::vector<uint8_t> stored;
  std::vector<float> values;  // (R, n)
  StoredRows(std::mt19937_64& r, TensorType type, size_t rows, size_t cols)
      : R(rows), n(cols), stride(row_bytes(weight_type(type).traits, cols)), values(rows * cols, NAN) {
    // Bytes that any writer may give, and those that our encoder gives.
    stored = r() % 2 ? random_stored(r, type, R * n) : encode(type, random_floats(r, R * n));
    for (size_t i = 0; i < R; i++) weight_type(type).to_float(stored.data() + i * stride, n, values.data() + i * n);
  }
  cpu::Rows rows() const { return {stored.data(), stride}; }
  const float* row(size_t i) const { return values.data() + i * n; }
};

}  // namespace sparselab::testing
