// S1, the gate: s = act(W_gate · h) of all neurons, and which of them are active, one bit each.
#pragma once
#include "kernels/row_dot.cuh"

namespace sparselab::cuda {

struct GateArguments {
  const void* weights;  // (F, D) of W, rows `stride` values apart
  const float* h;       // (D) the normed input
  float* s;             // (F) the gate, 0 where it is not above t
  uint32_t* mask;       // (ceil(F / 32)) bit j % 32 of word j / 32
  int D, F, stride;
  float t;
};

// A warp takes a neuron, a block eight at a time, which are a byte of the mask: no atomics beyond the block. Blocks: any number;
// they stride over the neurons. NaN counts as active: it must reach the result.
template <class W>
__global__ void __launch_bounds__(kThreads, 2) gate(GateArguments a) {
  DYNAMIC_SHARED(bytes);  // (D) floats
  float* h = reinterpret_cast<float*>(bytes);
  SHARED(unsigned, active, [2]);
  const unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  share(a.h, h, a.D);
  if (threadIdx.x < 2) active[threadIdx.x] = 0;
  __syncthreads();
  const int groups = (a.F + 31) / 32 * 4;
  unsigned turn = 0;
  for (int group = static_cast<int>(blockIdx.x); group < groups; group += static_cast<int>(gridDim.x), turn ^= 1) {
    const int j = group * 8 + static_cast<int>(warp);
    if (j < a.F) {
      const float sum = row_dot(static_cast<const W*>(a.weights) + static_cast<size_t>(j) * a.stride, h, a.D, lane);
      const bool on = !(sum <= a.t);
      if (lane == 0) {
        a.s[j] = on ? sum : 0.0f;
        if (on) atomicOr(&active[turn], 1u << warp);
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
