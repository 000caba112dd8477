// What happens to the neurons of a layer between its products: the activation, mid, lists of neurons, counts.
#pragma once
#include "kernels/arguments.h"
#include "kernels/step.cuh"
#include "kernels/stored.cuh"

namespace sparselab::cuda {

DEVICE float activated(Activation activation, float x, float t) {
  switch (activation) {
    case Activation::silu:
      return x / (1 + expf(-x));
    case Activation::gelu:
      return 0.5f * x * (1 + erff(x * 0.70710678118654752f));
    case Activation::gelu_tanh:
      return 0.5f * x * (1 + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x)));
    case Activation::relu:
      return x <= 0 ? 0.0f : x;
    case Activation::relu2:
      return x <= 0 ? 0.0f : x * x;
    case Activation::fatrelu:
      return x < t || x <= 0 ? 0.0f : x;
  }
  return x;
}

__global__ void __launch_bounds__(kThreads) activate(ActivateArguments a) {
  const float t = *a.t;
  const float cutoff = a.scores ? *a.cutoff : 0;
  for (int j = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x); j < a.N;
       j += static_cast<int>(gridDim.x) * kThreads) {
    const bool left_out = a.scores && a.scores[j] < cutoff;  // a score that is not a number counts as predicted
    if (a.counts) {
      const float value = activated(a.activation, a.x[j], t);
      uint32_t* own = a.counts + static_cast<size_t>(a.batch->row) * static_cast<size_t>(a.layers * kCounts);
      if (value != 0) atomicAdd(own + kActive, 1u);
      if (value != 0 && left_out) atomicAdd(own + kMissed, 1u);
    }
    a.out[j] = left_out ? 0.0f : activated(a.activation, a.x[j], t);
  }
}

// Where the gate is 0 what stands in up, which may never have been computed, does not matter.
__global__ void __launch_bounds__(kThreads) multiply(MidArguments a) {
  for (int j = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x); j < a.N;
       j += static_cast<int>(gridDim.x) * kThreads)
    a.mid[j] = a.gate[j] == 0 ? 0.0f : a.gate[j] * a.up[j];
}

// One block. Both parts ascend.
__global__ void __launch_bounds__(kThreads) list_neurons(ListArguments a) {
  SHARED(unsigned, totals, [2][kWarps]);
  const unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const float cutoff = a.cutoff ? *a.cutoff : 0;
  int before = 0;
  unsigned turn = 0;
  for (int part = 0; part < (a.rest ? 2 : 1); part++) {
    for (int first = 0; first < a.N; first += kThreads, turn ^= 1) {
      const int j = first + static_cast<int>(threadIdx.x);
      const float value = j < a.N ? a.values[j] : 0.0f;
      const bool taken = a.cutoff ? !(value < cutoff) : value != 0;
      const bool on = j < a.N && taken == (part == 0);
      const unsigned votes = __ballot_sync(0xffffffffu, on);
      if (lane == 0) totals[turn][warp] = static_cast<unsigned>(__popc(votes));
      __syncthreads();
      int at = before;
      UNROLL for (int w = 0; w < kWarps; w++) {
        if (w < static_cast<int>(warp)) at += static_cast<int>(totals[turn][w]);
        before += static_cast<int>(totals[turn][w]);
      }
      if (on) a.list[at + __popc(votes & ((1u << lane) - 1))] = static_cast<uint32_t>(j);
    }
    if (threadIdx.x == 0 && part == 0) *a.count = before;
  }
  if (threadIdx.x == 0 && a.total) *a.total = before;
}

// One block.
__global__ void __launch_bounds__(kThreads) count_neurons(CountArguments a) {
  SHARED(unsigned, totals, [2]);
  if (threadIdx.x < 2) totals[threadIdx.x] = 0;
  __syncthreads();
  unsigned mid = 0, gate = 0;
  for (int j = static_cast<int>(threadIdx.x); j < a.N; j += kThreads) {
    mid += a.mid[j] == 0;
    gate += a.gate[j] == 0;
    if (a.active && a.mid[j] != 0) a.active[j]++;
  }
  atomicAdd(&totals[0], mid);
  atomicAdd(&totals[1], gate);
  __syncthreads();
  if (threadIdx.x != 0) return;
  uint32_t* own = a.counts + static_cast<size_t>(a.batch->row) * static_cast<size_t>(a.layers * kCounts);
  own[kZerosMid] = totals[0];
  own[kZerosGate] = totals[1];
  own[kRowsRead] = static_cast<uint32_t>(a.rows_read ? *a.rows_read : a.N);
  own[kPredicted] = static_cast<uint32_t>(a.predicted ? *a.predicted : a.N);
  if (a.zeros) *a.zeros += totals[0];
}

}  // namespace sparselab::cuda
