// S1, the gate: s = act(W_gate · h) of all neurons after a threshold, and which of them are active, one bit each.
#pragma once
#include "kernels/arguments.h"
#include "kernels/row_dot.cuh"

namespace sparselab::cuda {

// A warp takes a neuron, a block eight at a time, which are a byte of the mask: no atomics beyond the block. Blocks: any number;
// they stride over the neurons. NaN counts as active: it must reach the result.
template <class W>
__global__ void __launch_bounds__(kThreads, 2) gate(GateArguments a) {
  DYNAMIC_SHARED(bytes);
  float* h = reinterpret_cast<float*>(bytes);
  SHARED(unsigned, active, [2]);
  const unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const float t = *a.t;
  share<W>(a.h, h, a.w.cols);
  if (threadIdx.x < 2) active[threadIdx.x] = 0;
  __syncthreads();
  const int groups = (a.w.rows + 31) / 32 * 4;
  unsigned turn = 0;
  for (int group = static_cast<int>(blockIdx.x); group < groups; group += static_cast<int>(gridDim.x), turn ^= 1) {
    const int j = group * 8 + static_cast<int>(warp);
    if (j < a.w.rows) {
      const float sum = row_dot<W>(a.w, j, h, lane);
      const bool on = !(sum < t || sum <= 0);
      if (lane == 0) {
        a.s[j] = on ? sum : 0.0f;
        if (on)
          atomicOr(&active[turn], 1u << warp);
        else
          a.mid[j] = 0;
      }
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      reinterpret_cast<uint8_t*>(a.mask)[group] = static_cast<uint8_t>(active[turn]);
      active[turn] = 0;  // the next turn has the other one
    }
  }
}

}  // namespace sparselab::cuda
