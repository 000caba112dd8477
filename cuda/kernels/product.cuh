// y = W x, for all rows of W or for those of a list: q, k, v, the output of attention, up without a gate, predictors, the head.
#pragma once
#include "kernels/arguments.h"
#include "kernels/row_dot.cuh"
#include "kernels/step.cuh"

namespace sparselab::cuda {

// A warp takes a row. Blocks: any number; they stride over the rows.
template <class W>
__global__ void __launch_bounds__(kThreads, 2) product(ProductArguments a) {
  DYNAMIC_SHARED(bytes);
  float* x = reinterpret_cast<float*>(bytes);
  const unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  share<W>(a.x, x, a.w.cols);
  __syncthreads();
  float* y = a.batch ? a.y + static_cast<size_t>(step_of(a.batch).slot) * a.slot_stride : a.y;
  const int rows = a.list ? *a.count : a.w.rows;
  for (int place = static_cast<int>(blockIdx.x * kWarps + warp); place < rows; place += static_cast<int>(gridDim.x) * kWarps) {
    const int row = a.list ? static_cast<int>(a.list[place]) : place;
    float sum = row_dot<W>(a.w, row, x, lane);
    if (lane != 0) continue;
    if (a.bias) sum += a.bias[row];
    y[row] = a.scale == 1 ? sum : sum * a.scale;
  }
}

}  // namespace sparselab::cuda
