// What is made of a row of logits on the device: the logarithm of the sum of their exponentials, and the most likely tokens.
#pragma once
#include "kernels/arguments.h"
#include "kernels/norm.cuh"
#include "kernels/step.cuh"

namespace sparselab::cuda {

struct Ranked {
  float value;
  int token;
};
// Whether a comes before b: larger, or the first of equal ones.
DEVICE bool before(const Ranked& a, const Ranked& b) { return a.value > b.value || (a.value == b.value && a.token < b.token); }

// One block. Each round finds the first that comes after the one of the round before.
__global__ void __launch_bounds__(kThreads, 2) head(HeadArguments a) {
  SHARED(double, sums, [kWarps]);
  SHARED(Ranked, firsts, [kWarps]);
  const auto slot = static_cast<size_t>(step_of(a.batch).slot);
  const float* logits = a.logits + slot * static_cast<size_t>(a.V);
  Ranked previous{INFINITY, -1}, largest{0, 0};
  for (int round = 0; round < (a.top > 1 ? a.top : 1); round++) {
    Ranked best{-INFINITY, a.V};
    for (int v = static_cast<int>(threadIdx.x); v < a.V; v += kThreads) {
      const Ranked one{logits[v], v};
      if (before(previous, one) && before(one, best)) best = one;
    }
    UNROLL for (int apart = 16; apart; apart >>= 1) {
      const Ranked other{__shfl_xor_sync(0xffffffffu, best.value, apart), __shfl_xor_sync(0xffffffffu, best.token, apart)};
      if (before(other, best)) best = other;
    }
    __syncthreads();
    if ((threadIdx.x & 31) == 0) firsts[threadIdx.x >> 5] = best;
    __syncthreads();
    for (int w = 0; w < kWarps; w++)
      if (before(firsts[w], best)) best = firsts[w];
    previous = best;
    if (round == 0) largest = best;
    if (threadIdx.x == 0 && round < a.top) {
      a.tokens[slot * static_cast<size_t>(a.top) + static_cast<size_t>(round)] = best.token;
      a.values[slot * static_cast<size_t>(a.top) + static_cast<size_t>(round)] = best.value;
    }
  }
  double sum = 0;
  for (int v = static_cast<int>(threadIdx.x); v < a.V; v += kThreads)
    sum += exp(static_cast<double>(logits[v]) - static_cast<double>(largest.value));
  const double total = block_sum(sum, sums);
  if (threadIdx.x == 0) a.log_total[slot] = log(total);
}

}  // namespace sparselab::cuda
