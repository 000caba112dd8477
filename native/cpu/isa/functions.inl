// Activations and elementary functions over arrays.
#pragma once
#include "cpu/isa/weights.inl"

namespace sparselab::cpu {
namespace {

SL_INLINE Vec16 silu_of(const Vec16& x) { return x / (set(1.0f) + exp32(zero() - x)); }
SL_INLINE Vec16 gelu_of(const Vec16& x) { return set(0.5f) * x * (set(1.0f) + erf32(x * set(0.70710678118654752f))); }
SL_INLINE Vec16 gelu_tanh_of(const Vec16& x) {
  const Vec16 cube = set(0.044715f) * x * x * x;
  return set(0.5f) * x * (set(1.0f) + tanh32(set(0.79788456080286536f) * (x + cube)));
}
SL_INLINE Vec16 exp32_of(const Vec16& x) { return exp32(x); }
SL_INLINE Vec16 tanh32_of(const Vec16& x) { return tanh32(x); }
SL_INLINE Vec16 erf32_of(const Vec16& x) { return erf32(x); }

template <Vec16 (*f)(const Vec16&)>
void each32(const float* x, size_t n, float* y) {
  for (size_t j = 0; j < n; j += 16) {
    if (j + 16 <= n) {
      store(y + j, f(load(x + j)));
    } else {
      float result[16];
      store(result, f(tail_of(x, j, n)));
      for (size_t i = j; i < n; i++) y[i] = result[i - j];
    }
  }
}
SL_INLINE Vec8d exp64_of(const Vec8d& x) { return exp64(x); }
SL_INLINE Vec8d log64_of(const Vec8d& x) { return log64(x); }
template <Vec8d (*f)(const Vec8d&)>
void each64(const double* x, size_t n, double* y) {
  for (size_t j = 0; j < n; j += 8) {
    double padded[8] = {}, result[8];
    for (size_t i = j; i < n && i < j + 8; i++) padded[i - j] = x[i];
    store(result, f(load(padded)));
    for (size_t i = j; i < n && i < j + 8; i++) y[i] = result[i - j];
  }
}
double pow64_of(double x, double y) { return pow64(x, y); }
void sincos64_of(double x, double* sine, double* cosine) {
  const SinCos both = sincos64(x);
  *sine = both.sin;
  *cosine = both.cos;
}

}  // namespace
}  // namespace sparselab::cpu
