#include "cpu/kernels.h"

#include <cstring>

#include "cpu/clones.h"
#include "quant/half.h"

namespace sparselab::cpu {
namespace {

constexpr size_t kLanes = 16;

SPARSELAB_INLINE float tree(const float* lane) {
  float s[8];
  for (size_t l = 0; l < 8; l++) s[l] = lane[l] + lane[l + 8];
  for (size_t l = 0; l < 4; l++) s[l] = s[l] + s[l + 4];
  s[0] = s[0] + s[2];
  s[1] = s[1] + s[3];
  return s[0] + s[1];
}

// R weight rows times C activation rows at once: each load serves several products, and the chains of additions overlap.
template <size_t R, size_t C>
SPARSELAB_INLINE void tile(const float* const* w, const float* const* x, size_t n, float (*out)[C]) {
  float lane[R][C][kLanes] = {};
  size_t whole = n / kLanes * kLanes;
  for (size_t j = 0; j < whole; j += kLanes)
    for (size_t r = 0; r < R; r++)
      for (size_t c = 0; c < C; c++)
        for (size_t l = 0; l < kLanes; l++) lane[r][c][l] = __builtin_fmaf(w[r][j + l], x[c][j + l], lane[r][c][l]);
  for (size_t j = whole; j < n; j++)
    for (size_t r = 0; r < R; r++)
      for (size_t c = 0; c < C; c++) lane[r][c][j - whole] = __builtin_fmaf(w[r][j], x[c][j], lane[r][c][j - whole]);
  for (size_t r = 0; r < R; r++)
    for (size_t c = 0; c < C; c++) out[r][c] = tree(lane[r][c]);
}

// N channels whose sums stay in registers while the positions pass.
template <size_t N>
SPARSELAB_INLINE void sum_channels(const float* p, const float* v, size_t stride, size_t count, float* out) {
  float sum[N] = {};
  for (size_t j = 0; j < count; j++)
    for (size_t c = 0; c < N; c++) sum[c] = __builtin_fmaf(p[j], v[j * stride + c], sum[c]);
  for (size_t c = 0; c < N; c++) out[c] = sum[c];
}

}  // namespace

const char* level() {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(SPARSELAB_SANITIZE)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return "x86-64-v4";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "x86-64-v3";
#endif
  return "baseline";
}

SPARSELAB_CLONES void dequantise(TensorType type, const uint8_t* row, size_t n, float* out) {
  switch (type) {
    case F32:
      std::memcpy(out, row, n * 4);
      break;
    case F16:
      for (size_t j = 0; j < n; j++) {
        uint16_t h;
        std::memcpy(&h, row + 2 * j, 2);
        out[j] = half_to_float(h);
      }
      break;
    case Q8_0:
      for (size_t b = 0; b < n / 32; b++) {
        uint16_t h;
        std::memcpy(&h, row + 34 * b, 2);
        float d = half_to_float(h);
        const int8_t* q = reinterpret_cast<const int8_t*>(row + 34 * b + 2);
        for (size_t j = 0; j < 32; j++) out[32 * b + j] = d * static_cast<float>(q[j]);
      }
      break;
  }
}

SPARSELAB_CLONES float dot(const float* w, const float* x, size_t n) {
  float out[1][1];
  tile<1, 1>(&w, &x, n, out);
  return out[0][0];
}

double wide_dot(const float* w, const float* x, size_t n) {
  double sum = 0;
  for (size_t j = 0; j < n; j++) sum += static_cast<double>(w[j]) * static_cast<double>(x[j]);
  return sum;
}

SPARSELAB_CLONES void dots(const float* w, size_t R, const float* x, size_t B, size_t n, float* out, size_t out_stride_r,
                           size_t out_stride_b) {
  size_t r = 0;
  for (; r + 4 <= R; r += 4) {
    const float* ws[4] = {w + r * n, w + (r + 1) * n, w + (r + 2) * n, w + (r + 3) * n};
    size_t b = 0;
    for (; b + 2 <= B; b += 2) {
      const float* xs[2] = {x + b * n, x + (b + 1) * n};
      float o[4][2];
      tile<4, 2>(ws, xs, n, o);
      for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 2; k++) out[(r + i) * out_stride_r + (b + k) * out_stride_b] = o[i][k];
    }
    for (; b < B; b++) {
      const float* xs[1] = {x + b * n};
      float o[4][1];
      tile<4, 1>(ws, xs, n, o);
      for (size_t i = 0; i < 4; i++) out[(r + i) * out_stride_r + b * out_stride_b] = o[i][0];
    }
  }
  for (; r < R; r++)
    for (size_t b = 0; b < B; b++) {
      const float *ws = w + r * n, *xs = x + b * n;
      float o[1][1];
      tile<1, 1>(&ws, &xs, n, o);
      out[r * out_stride_r + b * out_stride_b] = o[0][0];
    }
}

SPARSELAB_CLONES void dots_of_rows(const float* w, const float* x, size_t n, const uint32_t* rows, size_t count, float* out) {
  size_t k = 0;
  for (; k + 4 <= count; k += 4) {
    const float* xs[4] = {x + rows[k] * n, x + rows[k + 1] * n, x + rows[k + 2] * n, x + rows[k + 3] * n};
    float o[1][4];
    tile<1, 4>(&w, xs, n, o);
    std::memcpy(out + k, o[0], sizeof o[0]);
  }
  for (; k < count; k++) {
    const float* xs = x + rows[k] * n;
    float o[1][1];
    tile<1, 1>(&w, &xs, n, o);
    out[k] = o[0][0];
  }
}

SPARSELAB_CLONES void dequantise_scaled(const int8_t* quants, const uint16_t* scales, size_t n, float* out) {
  for (size_t j = 0; j < n; j++) out[j] = half_to_float(scales[j]) * static_cast<float>(quants[j]);
}

SPARSELAB_CLONES void add_to_rows(const float* w, size_t n, const float* a, size_t a_stride, const uint32_t* rows, size_t count,
                                  float* y, size_t y_stride) {
  for (size_t k = 0; k < count; k++) {
    const float factor = a[rows[k] * a_stride];
    float* out = y + rows[k] * y_stride;
    for (size_t j = 0; j < n; j++) out[j] = __builtin_fmaf(factor, w[j], out[j]);
  }
}

SPARSELAB_CLONES void scores(const float* q, const float* k, size_t stride, size_t count, size_t K, float scale, float* out) {
  constexpr size_t kBlock = 64;  // positions whose sums stay in registers
  size_t j0 = 0;
  for (; j0 + kBlock <= count; j0 += kBlock) {
    float sum[kBlock] = {};
    for (size_t c = 0; c < K; c++)
      for (size_t j = 0; j < kBlock; j++) sum[j] = __builtin_fmaf(q[c], k[c * stride + j0 + j], sum[j]);
    for (size_t j = 0; j < kBlock; j++) out[j0 + j] = sum[j] * scale;
  }
  const size_t left = count - j0;
  float sum[kBlock] = {};
  for (size_t c = 0; c < K; c++)
    for (size_t j = 0; j < left; j++) sum[j] = __builtin_fmaf(q[c], k[c * stride + j0 + j], sum[j]);
  for (size_t j = 0; j < left; j++) out[j0 + j] = sum[j] * scale;
}

SPARSELAB_CLONES void weighted_sum(const float* p, const float* v, size_t stride, size_t count, size_t K, float* out) {
  size_t c = 0;
  for (; c + 64 <= K; c += 64) sum_channels<64>(p, v + c, stride, count, out + c);
  for (; c + 32 <= K; c += 32) sum_channels<32>(p, v + c, stride, count, out + c);
  for (; c + 16 <= K; c += 16) sum_channels<16>(p, v + c, stride, count, out + c);
  for (; c < K; c++) sum_channels<1>(p, v + c, stride, count, out + c);
}

}  // namespace sparselab::cpu
