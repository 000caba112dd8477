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
// `ahead` is what will be read next, at the same offsets: it is asked for piece by piece while this row is computed. One burst a
// row, or none, is slower.
template <class T>
SL_INLINE float dot_row(const uint8_t* row, const uint8_t* ahead, const float* x, size_t n) {
  constexpr size_t bytes = T::offset(kSegment);
  Vec16 total = zero();
  size_t j = 0;
  for (; j + kSegment <= n; j += kSegment, row += bytes, ahead += bytes) {
    SL_UNROLL for (size_t k = 0; k < bytes; k += 64) prefetch(ahead + k);
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
  for (size_t k = 0; k < count; k++) {
    // Rows in order are one stream: what comes 4 KiB later. Scattered rows: the one after the next, near the end the next or
    // this.
    const uint8_t* row = w.data + (ids ? ids[k] : k) * w.stride;
    const uint8_t* ahead = ids ? w.data + ids[least(k + 2, count - 1)] * w.stride : row + kPrefetchAhead;
    y[k * y_stride] = dot_row<T>(row, ahead, x, n);
  }
}

}  // namespace
}  // namespace sparselab::cpu
