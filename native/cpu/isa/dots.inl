// Sums over stored rows with one activation row: dot products, and those of the down projection.
#pragma once
#include "cpu/isa/weights.inl"

namespace sparselab::cpu {
namespace {

// What happens to the 16 lanes after each 256 elements: a dot product restarts them, the sum of down carries them on (isa.h).
enum class Lanes { restart, carry };

// The lanes of one segment, whose stored elements begin at `row`, on top of `lane`.
template <class T>
SL_INLINE Vec16 segment(const uint8_t* row, const float* x, Vec16 lane) {
  const typename T::Shared shared = T::shared_of(row);
  SL_UNROLL for (size_t j = 0; j < kSegment; j += 16) lane = fma(T::at(row, shared, j), load(x + j), lane);
  return lane;
}
// R rows side by side, segment by segment. Each is a stream of its own: a processor fetches several streams ahead faster than
// one. What will be read next (ahead[r] + offset) is asked for piece by piece meanwhile; one burst a row, or none, is slower.
template <class T, Lanes lanes, int R>
SL_INLINE void dots_together(const uint8_t* const* rows, const uint8_t* const* ahead, const float* x, size_t n, float* y) {
  constexpr size_t bytes = T::offset(kSegment);
  Vec16 total[R];
  SL_UNROLL for (int r = 0; r < R; r++) total[r] = zero();
  size_t j = 0, at = 0;
  for (; j + kSegment <= n; j += kSegment, at += bytes) SL_UNROLL for (int r = 0; r < R; r++) {
      SL_UNROLL for (size_t k = 0; k < bytes; k += 64) prefetch(ahead[r] + at + k);
      if constexpr (lanes == Lanes::carry)
        total[r] = segment<T>(rows[r] + at, x + j, total[r]);
      else
        total[r] = total[r] + segment<T>(rows[r] + at, x + j, zero());
    }
  if (j < n) {
    const float* rest = x + j;
    const size_t left = n - j;
    for (int r = 0; r < R; r++) {
      Vec16 lane = lanes == Lanes::carry ? total[r] : zero();
      size_t i = 0;
      for (; i + 16 <= left; i += 16) lane = fma(T::at(rows[r] + at, i), load(rest + i), lane);
      if (i < left) lane = fma(tail_of<T>(rows[r] + at, i, left), tail_of(rest, i, left), lane);
      total[r] = lanes == Lanes::carry ? lane : total[r] + lane;
    }
  }
  SL_UNROLL for (int r = 0; r < R; r++) y[r] = lanes == Lanes::carry ? tree(total[r]) + 0.0f : tree(total[r]);
}
// Rows in order are cut into as many parts as go side by side, each a stream; listed rows are streams already.
template <class T, Lanes lanes>
void sums_of_rows(Rows w, const uint32_t* ids, size_t count, const float* x, size_t n, float* y, size_t y_stride) {
  constexpr size_t R = 4;
  const size_t part = count / R;
  const uint8_t *rows[R], *ahead[R];
  float sums[R];
  auto row = [&](size_t k) { return w.data + (ids ? ids[k] : k) * w.stride; };
  for (size_t k = 0; k < part; k++) {
    for (size_t r = 0; r < R; r++) {
      rows[r] = row(ids ? R * k + r : part * r + k);
      ahead[r] = ids ? row(least(R * (k + 1) + r, count - 1)) : rows[r] + kPrefetchAhead;
    }
    dots_together<T, lanes, R>(rows, ahead, x, n, sums);
    for (size_t r = 0; r < R; r++) y[(ids ? R * k + r : part * r + k) * y_stride] = sums[r];
  }
  for (size_t k = R * part; k < count; k++) {
    rows[0] = row(k);
    ahead[0] = ids ? row(least(k + 1, count - 1)) : rows[0] + kPrefetchAhead;
    dots_together<T, lanes, 1>(rows, ahead, x, n, y + k * y_stride);
  }
}

}  // namespace
}  // namespace sparselab::cpu
