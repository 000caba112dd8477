// Dot products of stored rows with one activation row.
#pragma once
#include "cpu/isa/weights.inl"

namespace sparselab::cpu {
namespace {

// The lanes of one segment, whose stored elements begin at `row`.
template <class T>
SL_INLINE Vec16 segment(const uint8_t* row, const float* x) {
  const typename T::Shared shared = T::shared_of(row);
  Vec16 lane = zero();
  SL_UNROLL for (size_t j = 0; j < kSegment; j += 16) lane = fma(T::at(row, shared, j), load(x + j), lane);
  return lane;
}
template <class T>
SL_INLINE float dot_row(const uint8_t* row, const float* x, size_t n) {
  constexpr size_t bytes = T::offset(kSegment);
  Vec16 total = zero();
  size_t j = 0;
  for (; j + kSegment <= n; j += kSegment, row += bytes) {
    // The stream of weights is read in order: ask for what comes 4 KiB later.
    for (size_t k = 0; k < bytes; k += 64) prefetch(row + k + kPrefetchAhead);
    total = total + segment<T>(row, x + j);
  }
  if (j < n) {
    const float* rest = x + j;
    const size_t left = n - j;
    Vec16 lane = zero();
    size_t i = 0;
    for (; i + 16 <= left; i += 16) lane = fma(T::at(row, i), load(rest + i), lane);
    if (i < left) lane = fma(tail_of<T>(row, i, left), tail_of(rest, i, left), lane);
    total = total + lane;
  }
  return tree(total);
}
template <class T>
void dot_rows(Rows w, const uint32_t* ids, size_t count, const float* x, size_t n, float* y, size_t y_stride) {
  if (!ids) {
    for (size_t k = 0; k < count; k++) y[k * y_stride] = dot_row<T>(w.data + k * w.stride, x, n);
    return;
  }
  const size_t bytes = least(w.stride, kPrefetchAhead);
  for (size_t k = 0; k < count; k++) {
    // Scattered rows: ask for the row after the next while this one is computed.
    if (k + 2 < count)
      for (size_t i = 0; i < bytes; i += 64) prefetch(w.data + ids[k + 2] * w.stride + i);
    y[k * y_stride] = dot_row<T>(w.data + ids[k] * w.stride, x, n);
  }
}

}  // namespace
}  // namespace sparselab::cpu
