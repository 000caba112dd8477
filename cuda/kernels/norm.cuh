// RMSNorm and LayerNorm of one vector. Sums are float64: they cannot overflow.
#pragma once
#include "kernels/arguments.h"
#include "kernels/row_dot.cuh"

namespace sparselab::cuda {

// The sum over the block, the same in every thread. All threads call it; sums has room for a number of each warp.
DEVICE double block_sum(double value, double* sums) {
  const unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  value = warp_sum_wide(value);
  __syncthreads();  // an earlier sum was read
  if (lane == 0) sums[warp] = value;
  __syncthreads();
  double total = 0;
  UNROLL for (int w = 0; w < kWarps; w++) total += sums[w];
  return total;
}

// One block.
__global__ void __launch_bounds__(kThreads) norm(NormArguments a) {
  SHARED(double, sums, [kWarps]);
  const int thread = static_cast<int>(threadIdx.x);
  double mean = 0;
  if (a.layer) {
    double sum = 0;
    for (int d = thread; d < a.n; d += kThreads) sum += static_cast<double>(a.x[d]);
    mean = block_sum(sum, sums) / a.n;
  }
  double squares = 0;
  for (int d = thread; d < a.n; d += kThreads) {
    const double value = static_cast<double>(a.layer ? static_cast<float>(static_cast<double>(a.x[d]) - mean) : a.x[d]);
    squares += value * value;
  }
  const double scale = 1.0 / sqrt(block_sum(squares, sums) / a.n + static_cast<double>(a.epsilon));
  for (int d = thread; d < a.n; d += kThreads) {
    const float value = a.layer ? static_cast<float>(static_cast<double>(a.x[d]) - mean) : a.x[d];
    const float normed = static_cast<float>(static_cast<double>(value) * scale) * a.weight[d];
    a.out[d] = a.bias ? normed + a.bias[d] : normed;
  }
}

}  // namespace sparselab::cuda
