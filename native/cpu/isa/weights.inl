// How each weight type of the list (quant/types.h) is read: 16 stored values from any multiple of 16 on, as float32.
#pragma once
#include "cpu/isa.h"
#include "cpu/isa/math.inl"

namespace sparselab::cpu {
namespace {

constexpr size_t kSegment = 256;         // elements after which a dot product restarts
constexpr size_t kPrefetchAhead = 1024;  // bytes; measured on four dense streams

SL_INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }
SL_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 2); }

// A type of the list without a specialisation does not compile. Its functions:
//   offset(j)                  where element j lies, in bytes from the row's start (about, within a block)
//   at(row, j)                 the 16 elements from j on, a multiple of 16
//   one(row, j)                one element
//   shared_of(segment), at(segment, shared, j)   the same for a whole segment of 256, whose common parts are read once
template <TensorType type>
struct Stored;

// Types without blocks share nothing.
template <class Of>
struct Unblocked {
  struct Shared {};
  SL_INLINE Shared shared_of(const uint8_t*) { return {}; }
  SL_INLINE Vec16 at(const uint8_t* segment, const Shared&, size_t j) { return Of::at(segment, j); }
};

template <>
struct Stored<F32> : Unblocked<Stored<F32>> {
  using Unblocked::at;
  static constexpr size_t offset(size_t j) { return 4 * j; }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) { return load(reinterpret_cast<const float*>(row) + j); }
  SL_INLINE float one(const uint8_t* row, size_t j) {
    float v;
    memcpy(&v, row + 4 * j, 4);
    return v;
  }
};
template <>
struct Stored<F16> : Unblocked<Stored<F16>> {
  using Unblocked::at;
  static constexpr size_t offset(size_t j) { return 2 * j; }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) { return load_f16(row + 2 * j); }
  SL_INLINE float one(const uint8_t* row, size_t j) { return half_value(row + 2 * j); }
};
template <>
struct Stored<BF16> : Unblocked<Stored<BF16>> {
  using Unblocked::at;
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
  struct Shared {
    float scale[kSegment / 32];
  };
  SL_INLINE Shared shared_of(const uint8_t* segment) {
    Shared shared;
    eight_halves(segment, 34, shared.scale);
    return shared;
  }
  SL_INLINE Vec16 at(const uint8_t* segment, const Shared& shared, size_t j) {
    return set(shared.scale[j / 32]) * load_i8(segment + j / 32 * 34 + 2 + j % 32);
  }
};

}  // namespace
}  // namespace sparselab::cpu

#include "cpu/isa/weights_k.inl"
#include "cpu/isa/weights_small.inl"

namespace sparselab::cpu {
namespace {

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
  for (; j + kSegment <= n; j += kSegment, row += T::offset(kSegment)) {
    const typename T::Shared shared = T::shared_of(row);
    SL_UNROLL for (size_t i = 0; i < kSegment; i += 16) store(out + j + i, T::at(row, shared, i));
  }
  size_t i = 0;
  for (; j + i + 16 <= n; i += 16) store(out + j + i, T::at(row, i));
  for (; j + i < n; i++) out[j + i] = T::one(row, i);
}
template <class T>
void to_panel(Rows w, const uint32_t* ids, size_t R, size_t n, float* panel) {
  for (size_t r = 0; r < R; r++) {
    const uint8_t* row = w.data + (ids ? ids[r] : r) * w.stride;
    for (size_t from = 0; from < n; from += kSegment) {
      const size_t length = least(kSegment, n - from), padded = (length + 15) / 16 * 16;
      float* out = panel + from * R + r * padded;
      dequantise<T>(row + T::offset(from), length, out);
      for (size_t j = length; j < padded; j++) out[j] = 0;
    }
  }
}

}  // namespace
}  // namespace sparselab::cpu
