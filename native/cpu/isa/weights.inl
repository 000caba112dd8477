// How each weight type of the list (quant/types.h) is read: 16 stored values from any multiple of 16 on, as float32.
#pragma once
#include "cpu/isa.h"
#include "cpu/isa/math.inl"

namespace sparselab::cpu {
namespace {

constexpr size_t kSegment = 256;         // elements after which a dot product restarts
constexpr size_t kPrefetchAhead = 4096;  // bytes; measured on a dense stream

SL_INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }
SL_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 2); }

template <TensorType type>
struct Stored;  // a type of the list without a specialisation does not compile

template <>
struct Stored<F32> {
  static constexpr size_t offset(size_t j) { return 4 * j; }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) { return load(reinterpret_cast<const float*>(row) + j); }
  SL_INLINE float one(const uint8_t* row, size_t j) {
    float v;
    memcpy(&v, row + 4 * j, 4);
    return v;
  }
};
template <>
struct Stored<F16> {
  static constexpr size_t offset(size_t j) { return 2 * j; }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) { return load_f16(row + 2 * j); }
  SL_INLINE float one(const uint8_t* row, size_t j) { return half_value(row + 2 * j); }
};
template <>
struct Stored<BF16> {
  static constexpr size_t offset(size_t j) { return 2 * j; }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) { return load_bf16(row + 2 * j); }
  SL_INLINE float one(const uint8_t* row, size_t j) {
    uint16_t h;
    memcpy(&h, row + 2 * j, 2);
    return bits_as<float>(static_cast<uint32_t>(h) << 16);
  }
};
// Blocks of 32: a half scale, 32 int8 quants.
template <>
struct Stored<Q8_0> {
  static constexpr size_t offset(size_t j) { return j / 32 * 34 + (j % 32 ? 2 + j % 32 : 0); }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) {
    const uint8_t* block = row + j / 32 * 34;
    return set(half_value(block)) * load_i8(block + 2 + j % 32);
  }
  SL_INLINE float one(const uint8_t* row, size_t j) {
    const uint8_t* block = row + j / 32 * 34;
    return half_value(block) * static_cast<float>(static_cast<int8_t>(block[2 + j % 32]));
  }
};

// The last elements of a row whose length is no multiple of 16, with zeros behind them.
template <class T>
SL_INLINE Vec16 tail_of(const uint8_t* row, size_t j, size_t n) {
  float padded[16] = {};
  for (size_t i = j; i < n; i++) padded[i - j] = T::one(row, i);
  return load(padded);
}
SL_INLINE Vec16 tail_of(const float* x, size_t j, size_t n) {
  float padded[16] = {};
  for (size_t i = j; i < n; i++) padded[i - j] = x[i];
  return load(padded);
}

template <class T>
void dequantise(const uint8_t* row, size_t n, float* out) {
  size_t j = 0;
  for (; j + 16 <= n; j += 16) store(out + j, T::at(row, j));
  for (; j < n; j++) out[j] = T::one(row, j);
}

}  // namespace
}  // namespace sparselab::cpu
