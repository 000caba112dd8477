// Between the products q, k, v and attention: the norm of each head, rotary positions, and the KV cache.
#pragma once
#include "kernels/arguments.h"
#include "kernels/row_dot.cuh"
#include "kernels/step.cuh"

namespace sparselab::cuda {

// A warp takes a head.
__global__ void __launch_bounds__(kThreads) rotate(RotateArguments a) {
  const unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const int K = a.head_size, half = a.dims / 2;
  const size_t at = static_cast<size_t>(step_of(a.batch).position) * static_cast<size_t>(half);
  for (int head = static_cast<int>(blockIdx.x * kWarps + warp); head < a.heads + a.kv_heads;
       head += static_cast<int>(gridDim.x) * kWarps) {
    const bool of_q = head < a.heads;
    float* x = of_q ? a.q + static_cast<size_t>(head * K) : a.k + static_cast<size_t>((head - a.heads) * K);
    if (const float* weight = of_q ? a.q_norm : a.k_norm) {
      double squares = 0;
      for (int c = static_cast<int>(lane); c < K; c += 32) squares += static_cast<double>(x[c]) * static_cast<double>(x[c]);
      const double scale = 1.0 / sqrt(warp_sum_wide(squares) / K + static_cast<double>(a.epsilon));
      for (int c = static_cast<int>(lane); c < K; c += 32)
        x[c] = static_cast<float>(static_cast<double>(x[c]) * scale) * weight[c];
      __syncwarp();
    }
    for (int i = static_cast<int>(lane); i < half; i += 32) {
      float *first = x + (a.pairs ? 2 * i : i), *second = first + (a.pairs ? 1 : half);
      const float u = *first, v = *second, c = a.cos[at + i], s = a.sin[at + i];
      *first = u * c - v * s;
      *second = u * s + v * c;
    }
  }
}

__global__ void __launch_bounds__(kThreads) append(AppendArguments a) {
  const Step& step = step_of(a.batch);
  const int width = a.kv_heads * a.head_size;
  bool beyond = false;
  for (int i = static_cast<int>(threadIdx.x); i < width; i += kThreads) {
    const int g = i / a.head_size, c = i % a.head_size;
    const size_t to = ((static_cast<size_t>(step.sequence) * static_cast<size_t>(a.kv_heads) + static_cast<size_t>(g)) *
                           static_cast<size_t>(a.length) +
                       static_cast<size_t>(step.position)) *
                          static_cast<size_t>(a.head_size) +
                      static_cast<size_t>(c);
    if (!a.half) {
      static_cast<float*>(a.keys)[to] = a.k[i];
      static_cast<float*>(a.values)[to] = a.v[i];
      continue;
    }
    const Half k = to_half(a.k[i]), v = to_half(a.v[i]);
    beyond = beyond || (is_finite(a.k[i]) && !is_finite(to_float(k))) || (is_finite(a.v[i]) && !is_finite(to_float(v)));
    a.k[i] = to_float(k);
    a.v[i] = to_float(v);
    static_cast<Half*>(a.keys)[to] = k;
    static_cast<Half*>(a.values)[to] = v;
  }
  if (beyond) fail(a.batch, Failure::beyond_half, a.layer, 0);
}

}  // namespace sparselab::cuda
