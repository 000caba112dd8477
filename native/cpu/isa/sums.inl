// Sums in float64, in 16 lanes: squares, softmax, log-sum-exp.
#pragma once
#include "cpu/isa/weights.inl"

namespace sparselab::cpu {
namespace {

struct Sum64 {  // 16 lanes
  Vec8d low = set(0.0), high = set(0.0);
};
SL_INLINE double total_of(const Sum64& sum) {
  double s[8];
  store(s, sum.low + sum.high);
  for (int l = 0; l < 4; l++) s[l] = s[l] + s[l + 4];
  return (s[0] + s[2]) + (s[1] + s[3]);
}

double sum_of_squares(const float* x, size_t n) {
  Sum64 sum;
  for (size_t j = 0; j < n; j += 16) {
    Vec8d low, high;
    widen(j + 16 <= n ? load(x + j) : tail_of(x, j, n), low, high);
    sum.low = fma(low, low, sum.low);
    sum.high = fma(high, high, sum.high);
  }
  return total_of(sum);
}

// The largest, or NaN where the first is NaN; the callers refuse numbers that are not finite.
SL_INLINE float largest(const float* x, size_t n) {
  float most = x[0];
  size_t j = 0;
  if (n >= 16) {
    Vec16 best = load(x);
    for (j = 16; j + 16 <= n; j += 16) {
      const Vec16 v = load(x + j);
      best = select(best < v, v, best);
    }
    float lane[16];
    store(lane, best);
    for (float v : lane) most = most < v ? v : most;
  }
  for (; j < n; j++) most = most < x[j] ? x[j] : most;
  return most;
}

void softmax(float* p, size_t n) {
  const Vec16 most = set(largest(p, n));
  Sum64 sum;
  for (size_t j = 0; j < n; j += 16) {
    Vec16 e;
    if (j + 16 <= n) {
      e = exp32(load(p + j) - most);
      store(p + j, e);
    } else {
      float padded[16];
      for (size_t i = 0; i < 16; i++) padded[i] = j + i < n ? p[j + i] : -kInfinity32;
      e = exp32(load(padded) - most);
      store(padded, e);
      for (size_t i = j; i < n; i++) p[i] = padded[i - j];
    }
    Vec8d low, high;
    widen(e, low, high);
    sum.low = sum.low + low;
    sum.high = sum.high + high;
  }
  const float scale = static_cast<float>(1.0 / total_of(sum));
  size_t j = 0;
  for (; j + 16 <= n; j += 16) store(p + j, load(p + j) * set(scale));
  for (; j < n; j++) p[j] *= scale;
}

double log_total(const float* x, size_t n, double* top) {
  const double most = *top = largest(x, n);
  const Vec8d shift = set(most);
  Sum64 sum;
  for (size_t j = 0; j < n; j += 16) {
    float padded[16];
    if (j + 16 > n)
      for (size_t i = 0; i < 16; i++) padded[i] = j + i < n ? x[j + i] : -kInfinity32;
    Vec8d low, high;
    widen(load(j + 16 <= n ? x + j : padded), low, high);
    sum.low = sum.low + exp64(low - shift);
    sum.high = sum.high + exp64(high - shift);
  }
  return log64(total_of(sum));
}

}  // namespace
}  // namespace sparselab::cpu
