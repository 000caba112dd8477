// Attention of one token over what its sequence holds: z = softmax(q · k · scale) · v, in one pass over keys and values. A block
// takes a head and a part of the positions; the last block of a head adds the parts in order.
#pragma once
#include "kernels/arguments.h"
#include "kernels/row_dot.cuh"
#include "kernels/step.cuh"

namespace sparselab::cuda {

constexpr int kPartPositions = 256;  // of a part, at least

// What a row looks at.
struct Span {
  int first, count;
};
DEVICE Span span_of(const Step& step, int window) {
  const int held = step.position + 1, count = window && window < held ? window : held;
  return {held - count, count};
}
template <class KV>
DEVICE size_t kv_at(const Step& step, int kv_heads, int g, int length, int K) {
  return (static_cast<size_t>(step.sequence) * static_cast<size_t>(kv_heads) + static_cast<size_t>(g)) *
         static_cast<size_t>(length) * static_cast<size_t>(K);
}

// q · k of K channels, by a warp: a product that overflows is taken again in float64.
template <class KV>
DEVICE double score_of(const float* q, const KV* key, int K, float scale, unsigned lane) {
  float sum = 0;
  for (int c = static_cast<int>(lane); c < K; c += 32) sum += q[c] * to_float(key[c]);
  sum = warp_sum(sum) * scale;
  if (is_finite(sum)) return static_cast<double>(sum);
  double wide = 0;
  for (int c = static_cast<int>(lane); c < K; c += 32) wide += static_cast<double>(q[c]) * static_cast<double>(to_float(key[c]));
  return warp_sum_wide(wide) * static_cast<double>(scale);
}

// The weight that a sum taken at `most` has at `all`. No positions: none.
DEVICE float weight_of(double most, double all) { return most == -INFINITY ? 0.0f : expf(static_cast<float>(most - all)); }

// Grid: (H, parts). A warp takes every eighth position of its block's part, a lane channels 32 apart.
template <class KV>
__global__ void __launch_bounds__(kThreads, 2) attention(AttentionArguments a) {
  constexpr int kEach = kMostHeadSize / 32;
  DYNAMIC_SHARED(bytes);  // (kWarps, K) floats, (K) floats
  SHARED(double, most_of, [kWarps]);
  SHARED(float, sum_of, [kWarps]);
  SHARED(unsigned, last, [1]);
  const int K = a.head_size, head = static_cast<int>(blockIdx.x), part = static_cast<int>(blockIdx.y);
  const int lane = static_cast<int>(threadIdx.x & 31), warp = static_cast<int>(threadIdx.x >> 5);
  const Step& step = step_of(a.batch);
  const Span span = span_of(step, a.window);
  const int most_parts = static_cast<int>(gridDim.y);
  int parts = (span.count + kPartPositions - 1) / kPartPositions;
  if (parts > most_parts) parts = most_parts;
  if (part >= parts) return;
  float* weighted = reinterpret_cast<float*>(bytes);
  float* q = weighted + kWarps * K;
  for (int c = static_cast<int>(threadIdx.x); c < K; c += kThreads) q[c] = a.q[head * K + c];
  __syncthreads();
  const size_t at = kv_at<KV>(step, a.kv_heads, head / (a.heads / a.kv_heads), a.length, K);
  const KV *keys = static_cast<const KV*>(a.keys) + at, *values = static_cast<const KV*>(a.values) + at;
  const int each = (span.count + parts - 1) / parts, begin = span.first + part * each;
  const int end = begin + each < span.first + span.count ? begin + each : span.first + span.count;
  double most = -INFINITY;
  float sum = 0, own[kEach];
  UNROLL for (int i = 0; i < kEach; i++) own[i] = 0;
  for (int j = begin + warp; j < end; j += kWarps) {
    const double score =
        score_of(q, keys + static_cast<size_t>(j) * static_cast<size_t>(K), K, a.scale, static_cast<unsigned>(lane));
    if (score > most) {
      const float weight = weight_of(most, score);
      sum *= weight;
      UNROLL for (int i = 0; i < kEach; i++) own[i] *= weight;
      most = score;
    }
    const float p = expf(static_cast<float>(score - most));
    sum += p;
    UNROLL for (int i = 0; i < kEach; i++) if (lane + 32 * i < K) own[i] +=
        p * to_float(values[static_cast<size_t>(j) * static_cast<size_t>(K) + static_cast<size_t>(lane + 32 * i)]);
  }
  if (lane == 0) most_of[warp] = most, sum_of[warp] = sum;
  UNROLL for (int i = 0; i < kEach; i++) if (lane + 32 * i < K) weighted[warp * K + lane + 32 * i] = own[i];
  __syncthreads();
  // The warps' sums, in order.
  double all = -INFINITY;
  float total = 0;
  for (int w = 0; w < kWarps; w++) all = most_of[w] > all ? most_of[w] : all;
  for (int w = 0; w < kWarps; w++) total += sum_of[w] * weight_of(most_of[w], all);
  const size_t place = static_cast<size_t>(head * most_parts + part);
  for (int c = static_cast<int>(threadIdx.x); c < K; c += kThreads) {
    float z = 0;
    for (int w = 0; w < kWarps; w++) z += weighted[w * K + c] * weight_of(most_of[w], all);
    if (parts == 1)
      a.z[head * K + c] = z / total;
    else
      a.weighted[place * static_cast<size_t>(K) + static_cast<size_t>(c)] = z;
  }
  if (parts == 1) return;
  if (threadIdx.x == 0) a.most[place] = all, a.sums[place] = total;
  __syncthreads();
  if (threadIdx.x == 0) last[0] = count_up(a.done + head) == static_cast<unsigned>(parts - 1);
  __syncthreads();
  if (!last[0]) return;
  const size_t first = static_cast<size_t>(head * most_parts);
  all = -INFINITY;
  total = 0;
  for (int p = 0; p < parts; p++) all = a.most[first + p] > all ? a.most[first + p] : all;
  for (int p = 0; p < parts; p++) total += a.sums[first + p] * weight_of(a.most[first + p], all);
  for (int c = static_cast<int>(threadIdx.x); c < K; c += kThreads) {
    float z = 0;
    for (int p = 0; p < parts; p++)
      z += a.weighted[(first + p) * static_cast<size_t>(K) + static_cast<size_t>(c)] * weight_of(a.most[first + p], all);
    a.z[head * K + c] = z / total;
  }
  if (threadIdx.x == 0) a.done[head] = 0;  // ready for the next token
}

}  // namespace sparselab::cuda
