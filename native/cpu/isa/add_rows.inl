// Rows times coefficients, added up: the down projection, stored or regrouped, and the join of its 16 partial sums.
#pragma once
#include "cpu/isa/weights.inl"

namespace sparselab::cpu {
namespace {

template <class T>
void add_rows(Rows w, const uint32_t* ids, const float* a, size_t count, size_t from, size_t n, float* y) {
  size_t k = 0;
  // Four rows at a time: y is loaded and stored once for four additions, which keep their order.
  for (; k + 4 <= count; k += 4) {
    const uint8_t* row[4];
    for (size_t i = 0; i < 4; i++) row[i] = w.data + ids[k + i] * w.stride;
    const Vec16 a0 = set(a[k]), a1 = set(a[k + 1]), a2 = set(a[k + 2]), a3 = set(a[k + 3]);
    const uint8_t* next[4];
    for (size_t i = 0; i < 4; i++) next[i] = k + 4 + i < count ? w.data + ids[k + 4 + i] * w.stride : row[i];
    size_t c = 0;
    for (; c + 16 <= n; c += 16) {
      SL_UNROLL for (size_t i = 0; i < 4; i++) prefetch(next[i] + T::offset(from + c));
      Vec16 sum = load(y + c);
      sum = fma(a0, T::at(row[0], from + c), sum);
      sum = fma(a1, T::at(row[1], from + c), sum);
      sum = fma(a2, T::at(row[2], from + c), sum);
      sum = fma(a3, T::at(row[3], from + c), sum);
      store(y + c, sum);
    }
    for (; c < n; c++)
      for (size_t i = 0; i < 4; i++) y[c] = __builtin_fmaf(a[k + i], T::one(row[i], from + c), y[c]);
  }
  for (; k < count; k++) {
    const uint8_t* row = w.data + ids[k] * w.stride;
    const Vec16 factor = set(a[k]);
    size_t c = 0;
    for (; c + 16 <= n; c += 16) store(y + c, fma(factor, T::at(row, from + c), load(y + c)));
    for (; c < n; c++) y[c] = __builtin_fmaf(a[k], T::one(row, from + c), y[c]);
  }
}

void add_regrouped(const uint8_t* quants, const uint8_t* scales, size_t D, const uint32_t* ids, const float* a, size_t count,
                   size_t from, size_t n, float* y) {
  size_t k = 0;
  for (; k + 4 <= count; k += 4) {
    const uint8_t *row[4], *scale[4], *next[4];
    for (size_t i = 0; i < 4; i++) {
      row[i] = quants + ids[k + i] * D + from;
      scale[i] = scales + (ids[k + i] / 32 * D + from) * 2;
      next[i] = k + 4 + i < count ? quants + ids[k + 4 + i] * D + from : row[i];
    }
    const Vec16 a0 = set(a[k]), a1 = set(a[k + 1]), a2 = set(a[k + 2]), a3 = set(a[k + 3]);
    size_t c = 0;
    for (; c + 16 <= n; c += 16) {
      SL_UNROLL for (size_t i = 0; i < 4; i++) prefetch(next[i] + c);
      Vec16 sum = load(y + c);
      sum = fma(a0, load_f16(scale[0] + 2 * c) * load_i8(row[0] + c), sum);
      sum = fma(a1, load_f16(scale[1] + 2 * c) * load_i8(row[1] + c), sum);
      sum = fma(a2, load_f16(scale[2] + 2 * c) * load_i8(row[2] + c), sum);
      sum = fma(a3, load_f16(scale[3] + 2 * c) * load_i8(row[3] + c), sum);
      store(y + c, sum);
    }
    for (; c < n; c++)
      for (size_t i = 0; i < 4; i++)
        y[c] = __builtin_fmaf(a[k + i], half_value(scale[i] + 2 * c) * static_cast<float>(static_cast<int8_t>(row[i][c])), y[c]);
  }
  for (; k < count; k++) {
    const uint8_t *row = quants + ids[k] * D + from, *scale = scales + (ids[k] / 32 * D + from) * 2;
    const Vec16 factor = set(a[k]);
    size_t c = 0;
    for (; c + 16 <= n; c += 16) store(y + c, fma(factor, load_f16(scale + 2 * c) * load_i8(row + c), load(y + c)));
    for (; c < n; c++)
      y[c] = __builtin_fmaf(a[k], half_value(scale + 2 * c) * static_cast<float>(static_cast<int8_t>(row[c])), y[c]);
  }
}

// The tree over 16 partial sums `stride` floats apart, + 0
SL_INLINE Vec16 join(const float* p, size_t stride) {
  Vec16 s[8];
  SL_UNROLL for (size_t l = 0; l < 8; l++) s[l] = load(p + l * stride) + load(p + (l + 8) * stride);
  SL_UNROLL for (size_t l = 0; l < 4; l++) s[l] = s[l] + s[l + 4];
  return ((s[0] + s[2]) + (s[1] + s[3])) + set(0.0f);
}
void join_partials(const float* p, size_t n, float* y) {
  size_t c = 0;
  for (; c + 16 <= n; c += 16) store(y + c, join(p + c, n));
  for (; c < n; c++) {
    float s[8];
    for (size_t l = 0; l < 8; l++) s[l] = p[l * n + c] + p[(l + 8) * n + c];
    for (size_t l = 0; l < 4; l++) s[l] = s[l] + s[l + 4];
    y[c] = ((s[0] + s[2]) + (s[1] + s[3])) + 0.0f;
  }
}

}  // namespace
}  // namespace sparselab::cpu
