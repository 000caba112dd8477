// Every weight type of the list (quant/types.h) as the kernels read it: the end of a row, whole rows, panels of rows.
#pragma once
#include "cpu/isa/stored.inl"
#include "cpu/isa/weights_k.inl"
#include "cpu/isa/weights_small.inl"
#include "cpu/isa/weights_whole.inl"

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
