// Attention of the query heads that share a kv head: scores by channel, weighted sums by position.
#pragma once
#include "cpu/isa/weights.inl"

namespace sparselab::cpu {
namespace {

template <int H>
SL_INLINE void scores_of(const float* q, const float* k, size_t k_stride, size_t count, size_t K, float scale, float* out,
                         size_t out_stride) {
  const Vec16 factor = set(scale);
  size_t j = 0;
  for (; j + 32 <= count; j += 32) {
    Vec16 sum[H][2];
    SL_UNROLL for (int h = 0; h < H; h++) sum[h][0] = sum[h][1] = zero();
    for (size_t c = 0; c < K; c++) {
      const Vec16 a = load(k + c * k_stride + j), b = load(k + c * k_stride + j + 16);
      SL_UNROLL for (int h = 0; h < H; h++) {
        const Vec16 qc = set(q[static_cast<size_t>(h) * K + c]);
        sum[h][0] = fma(qc, a, sum[h][0]);
        sum[h][1] = fma(qc, b, sum[h][1]);
      }
    }
    SL_UNROLL for (int h = 0; h < H; h++) {
      store(out + static_cast<size_t>(h) * out_stride + j, sum[h][0] * factor);
      store(out + static_cast<size_t>(h) * out_stride + j + 16, sum[h][1] * factor);
    }
  }
  for (; j < count; j++) SL_UNROLL for (int h = 0; h < H; h++) {
      float sum = 0;
      for (size_t c = 0; c < K; c++) sum = __builtin_fmaf(q[static_cast<size_t>(h) * K + c], k[c * k_stride + j], sum);
      out[static_cast<size_t>(h) * out_stride + j] = sum * scale;
    }
}
void scores(const float* q, size_t heads, const float* k, size_t k_stride, size_t count, size_t K, float scale, float* out,
            size_t out_stride) {
  size_t h = 0;
  for (; h + 4 <= heads; h += 4) scores_of<4>(q + h * K, k, k_stride, count, K, scale, out + h * out_stride, out_stride);
  for (; h < heads; h++) scores_of<1>(q + h * K, k, k_stride, count, K, scale, out + h * out_stride, out_stride);
}

template <int H, int V>  // V vectors of channels whose sums stay in registers while the positions pass
SL_INLINE void weighted_channels(const float* p, size_t p_stride, const float* v, size_t v_stride, size_t count, size_t K,
                                 float* out) {
  Vec16 sum[H][V];
  SL_UNROLL for (int h = 0; h < H; h++) SL_UNROLL for (int i = 0; i < V; i++) sum[h][i] = zero();
  for (size_t j = 0; j < count; j++) {
    Vec16 values[V];
    SL_UNROLL for (int i = 0; i < V; i++) values[i] = load(v + j * v_stride + 16 * i);
    SL_UNROLL for (int h = 0; h < H; h++) {
      const Vec16 weight = set(p[static_cast<size_t>(h) * p_stride + j]);
      SL_UNROLL for (int i = 0; i < V; i++) sum[h][i] = fma(weight, values[i], sum[h][i]);
    }
  }
  SL_UNROLL for (int h = 0; h < H; h++) SL_UNROLL for (int i = 0; i < V; i++)
      store(out + static_cast<size_t>(h) * K + 16 * i, sum[h][i]);
}
template <int H>
SL_INLINE void weighted_heads(const float* p, size_t p_stride, const float* v, size_t v_stride, size_t count, size_t K,
                              float* out) {
  size_t c = 0;
  for (; c + 32 <= K; c += 32) weighted_channels<H, 2>(p, p_stride, v + c, v_stride, count, K, out + c);
  for (; c + 16 <= K; c += 16) weighted_channels<H, 1>(p, p_stride, v + c, v_stride, count, K, out + c);
  for (; c < K; c++)
    for (int h = 0; h < H; h++) {
      float sum = 0;
      for (size_t j = 0; j < count; j++) sum = __builtin_fmaf(p[static_cast<size_t>(h) * p_stride + j], v[j * v_stride + c], sum);
      out[static_cast<size_t>(h) * K + c] = sum;
    }
}
void weighted_sum(const float* p, size_t p_stride, size_t heads, const float* v, size_t v_stride, size_t count, size_t K,
                  float* out) {
  size_t h = 0;
  for (; h + 4 <= heads; h += 4) weighted_heads<4>(p + h * p_stride, p_stride, v, v_stride, count, K, out + h * K);
  for (; h < heads; h++) weighted_heads<1>(p + h * p_stride, p_stride, v, v_stride, count, K, out + h * K);
}

}  // namespace
}  // namespace sparselab::cpu
