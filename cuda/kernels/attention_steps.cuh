// The same attention in three steps, where scores or pattern are captured or changed, or heads are large: scores (H, length),
// their softmax, the weighted sum of values.
#pragma once
#include "kernels/arguments.h"
#include "kernels/attention.cuh"
#include "kernels/norm.cuh"

namespace sparselab::cuda {

// Grid: H blocks. A warp takes a position.
template <class KV>
__global__ void __launch_bounds__(kThreads) scores(ScoresArguments a) {
  const AttentionArguments& of = a.of;
  const int K = of.head_size, head = static_cast<int>(blockIdx.x);
  const Step& step = step_of(of.batch);
  const Span span = span_of(step, of.window);
  const KV* keys = static_cast<const KV*>(of.keys) + kv_at<KV>(step, of.kv_heads, head / (of.heads / of.kv_heads), of.length, K);
  for (int j = span.first + static_cast<int>(threadIdx.x >> 5); j < span.first + span.count; j += kWarps) {
    const double score =
        score_of(of.q + head * K, keys + static_cast<size_t>(j) * static_cast<size_t>(K), K, of.scale, threadIdx.x & 31);
    if ((threadIdx.x & 31) == 0)
      a.scores[static_cast<size_t>(head) * static_cast<size_t>(of.length) + static_cast<size_t>(j)] = static_cast<float>(score);
  }
}

// Grid: H blocks. Scores beyond float32 are taken again in float64.
template <class KV>
__global__ void __launch_bounds__(kThreads) softmax(SoftmaxArguments a) {
  SHARED(double, numbers, [kWarps]);
  const AttentionArguments& of = a.of;
  const int K = of.head_size, head = static_cast<int>(blockIdx.x), warp = static_cast<int>(threadIdx.x >> 5);
  const unsigned lane = threadIdx.x & 31;
  const Step& step = step_of(of.batch);
  const Span span = span_of(step, of.window);
  const int end = span.first + span.count;
  float* own = a.scores + static_cast<size_t>(head) * static_cast<size_t>(of.length);
  double bad = 0;
  for (int j = span.first + static_cast<int>(threadIdx.x); j < end; j += kThreads) bad += is_finite(own[j]) ? 0 : 1;
  const bool wide = block_sum(bad, numbers) > 0;
  if (wide && a.changed) {
    if (threadIdx.x == 0) fail(a.batch, Failure::beyond_scores, a.layer, 0);
  }
  const KV* keys = static_cast<const KV*>(of.keys) + kv_at<KV>(step, of.kv_heads, head / (of.heads / of.kv_heads), of.length, K);
  auto score = [&](int j) {
    return wide ? score_of(of.q + head * K, keys + static_cast<size_t>(j) * static_cast<size_t>(K), K, of.scale, lane)
                : static_cast<double>(own[j]);
  };
  // A warp takes a position, as in `scores`: a score in float64 needs all its lanes.
  double most = -INFINITY;
  for (int j = span.first + warp; j < end; j += kWarps) {
    const double s = score(j);
    most = s > most ? s : most;
  }
  __syncthreads();
  if (lane == 0) numbers[warp] = most;
  __syncthreads();
  for (int w = 0; w < kWarps; w++) most = numbers[w] > most ? numbers[w] : most;
  double sum = 0;
  for (int j = span.first + warp; j < end; j += kWarps) {
    const float p = expf(static_cast<float>(score(j) - most));
    sum += static_cast<double>(p);
    __syncwarp();
    if (lane == 0) own[j] = p;
  }
  const double total = block_sum(lane == 0 ? sum : 0, numbers);
  for (int j = span.first + static_cast<int>(threadIdx.x); j < end; j += kThreads)
    own[j] = static_cast<float>(static_cast<double>(own[j]) / total);
}

// Grid: H blocks. A thread takes a channel.
template <class KV>
__global__ void __launch_bounds__(kThreads) weigh(WeighArguments a) {
  const AttentionArguments& of = a.of;
  const int K = of.head_size, head = static_cast<int>(blockIdx.x);
  const Step& step = step_of(of.batch);
  const Span span = span_of(step, of.window);
  const KV* values =
      static_cast<const KV*>(of.values) + kv_at<KV>(step, of.kv_heads, head / (of.heads / of.kv_heads), of.length, K);
  const float* p = a.pattern + static_cast<size_t>(head) * static_cast<size_t>(of.length);
  for (int c = static_cast<int>(threadIdx.x); c < K; c += kThreads) {
    float sum = 0;
    for (int j = span.first; j < span.first + span.count; j++)
      sum += p[j] * to_float(values[static_cast<size_t>(j) * static_cast<size_t>(K) + static_cast<size_t>(c)]);
    of.z[head * K + c] = sum;
  }
}

}  // namespace sparselab::cuda
