// Attention of the query heads that share a kv head: scores by channel, weighted sums by position.
#pragma once
#include "cpu/isa/weights.inl"

namespace sparselab::cpu {
namespace {

// Sums that fit the registers: heads times vectors of positions or channels.
constexpr int kHeadsAtOnce = 4;
constexpr int kVectorsAtOnce = kRegs == 1 ? 4 : 2;

// P vectors of positions whose sums stay in registers while the channels pass.
template <int H, int P>
SL_INLINE void scores_of_positions(const float* q, const float* k, size_t k_stride, size_t K, float scale, float* out,
                                   size_t out_stride) {
  Vec16 sum[H][P];
  SL_UNROLL for (int h = 0; h < H; h++) SL_UNROLL for (int i = 0; i < P; i++) sum[h][i] = zero();
  for (size_t c = 0; c < K; c++) {
    Vec16 keys[P];
    SL_UNROLL for (int i = 0; i < P; i++) {
      keys[i] = load(k + c * k_stride + 16 * i);
      prefetch(k + c * k_stride + 16 * (i + P));  // of the next positions: a row of a channel is no stream for the processor
    }
    SL_UNROLL for (int h = 0; h < H; h++) {
      const Vec16 qc = set(q[static_cast<size_t>(h) * K + c]);
      SL_UNROLL for (int i = 0; i < P; i++) sum[h][i] = fma(qc, keys[i], sum[h][i]);
    }
  }
  SL_UNROLL for (int h = 0; h < H; h++) SL_UNROLL for (int i = 0; i < P; i++)
      store(out + static_cast<size_t>(h) * out_stride + 16 * i, sum[h][i] * set(scale));
}
template <int H>
void scores_of(const float* q, const float* k, size_t k_stride, size_t count, size_t K, float scale, float* out,
               size_t out_stride) {
  constexpr size_t kMany = 16 * kVectorsAtOnce;
  size_t j = 0;
  for (; j + kMany <= count; j += kMany)
    scores_of_positions<H, kVectorsAtOnce>(q, k + j, k_stride, K, scale, out + j, out_stride);
  for (; j + 16 <= count; j += 16) scores_of_positions<H, 1>(q, k + j, k_stride, K, scale, out + j, out_stride);
  for (; j < count; j++) SL_UNROLL for (int h = 0; h < H; h++) {
      float sum = 0;
      for (size_t c = 0; c < K; c++) sum = __builtin_fmaf(q[static_cast<size_t>(h) * K + c], k[c * k_stride + j], sum);
      out[static_cast<size_t>(h) * out_stride + j] = sum * scale;
    }
}
// The last heads < kHeadsAtOnce are done together, too: each group reads the keys once.
template <int H = kHeadsAtOnce>
SL_INLINE void scores_of_rest(size_t heads, const float* q, const float* k, size_t k_stride, size_t count, size_t K, float scale,
                              float* out, size_t out_stride) {
  if constexpr (H > 0) {
    if (heads == H)
      scores_of<H>(q, k, k_stride, count, K, scale, out, out_stride);
    else
      scores_of_rest<H - 1>(heads, q, k, k_stride, count, K, scale, out, out_stride);
  }
}
void scores(const float* q, size_t heads, const float* k, size_t k_stride, size_t count, size_t K, float scale, float* out,
            size_t out_stride) {
  for (size_t h = 0; h < heads; h += kHeadsAtOnce)
    scores_of_rest(least(kHeadsAtOnce, heads - h), q + h * K, k, k_stride, count, K, scale, out + h * out_stride, out_stride);
}

// V vectors of channels whose sums stay in registers while the positions pass.
template <int H, int V>
SL_INLINE void weighted_channels(const float* p, size_t p_stride, const float* v, size_t v_stride, size_t count, size_t K,
                                 float* out) {
  constexpr size_t kAhead = 12;  // positions
  Vec16 sum[H][V];
  SL_UNROLL for (int h = 0; h < H; h++) SL_UNROLL for (int i = 0; i < V; i++) sum[h][i] = zero();
  for (size_t j = 0; j < count; j++) {
    Vec16 values[V];
    SL_UNROLL for (int i = 0; i < V; i++) {
      values[i] = load(v + j * v_stride + 16 * i);
      prefetch(v + (j + kAhead) * v_stride + 16 * i);
    }
    SL_UNROLL for (int h = 0; h < H; h++) {
      const Vec16 weight = set(p[static_cast<size_t>(h) * p_stride + j]);
      SL_UNROLL for (int i = 0; i < V; i++) sum[h][i] = fma(weight, values[i], sum[h][i]);
    }
  }
  SL_UNROLL for (int h = 0; h < H; h++) SL_UNROLL for (int i = 0; i < V; i++)
      store(out + static_cast<size_t>(h) * K + 16 * i, sum[h][i]);
}
template <int H>
void weighted_heads(const float* p, size_t p_stride, const float* v, size_t v_stride, size_t count, size_t K, float* out) {
  constexpr size_t kMany = 16 * kVectorsAtOnce;
  size_t c = 0;
  for (; c + kMany <= K; c += kMany) weighted_channels<H, kVectorsAtOnce>(p, p_stride, v + c, v_stride, count, K, out + c);
  for (; c + 16 <= K; c += 16) weighted_channels<H, 1>(p, p_stride, v + c, v_stride, count, K, out + c);
  for (; c < K; c++)
    for (int h = 0; h < H; h++) {
      float sum = 0;
      for (size_t j = 0; j < count; j++) sum = __builtin_fmaf(p[static_cast<size_t>(h) * p_stride + j], v[j * v_stride + c], sum);
      out[static_cast<size_t>(h) * K + c] = sum;
    }
}
template <int H = kHeadsAtOnce>
SL_INLINE void weighted_rest(size_t heads, const float* p, size_t p_stride, const float* v, size_t v_stride, size_t count,
                             size_t K, float* out) {
  if constexpr (H > 0) {
    if (heads == H)
      weighted_heads<H>(p, p_stride, v, v_stride, count, K, out);
    else
      weighted_rest<H - 1>(heads, p, p_stride, v, v_stride, count, K, out);
  }
}
void weighted_sum(const float* p, size_t p_stride, size_t heads, const float* v, size_t v_stride, size_t count, size_t K,
                  float* out) {
  for (size_t h = 0; h < heads; h += kHeadsAtOnce)
    weighted_rest(least(kHeadsAtOnce, heads - h), p + h * p_stride, p_stride, v, v_stride, count, K, out + h * K);
}

}  // namespace
}  // namespace sparselab::cpu
