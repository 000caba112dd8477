// The FFN of one block, over all neurons or over a set of them: gate, up, mid, down, with hooks, and what was counted.
//   gate_pre = h·W_gate, gate = s = act(gate_pre), up_pre = h·W_up, mid = x1 = s * up, out = mid·W_down
// Strategy `exact` computes gate wholly and then only the rows of up and down whose neuron is active; `dense` computes all. Both
// give the same bits: mid is +0 where s is 0 in either, and the down projection adds neurons in ascending order for each output
// channel, so that leaving out a zero changes nothing. A captured point is always computed.
#pragma once
#include <vector>

#include "executor/pass.h"

namespace sparselab {

// For each of N neurons the rows of the batch that need it, ascending.
struct Active {
  std::vector<uint64_t> begin;  // (N + 1)
  std::vector<uint32_t> rows;
};

struct FfnScratch {
  FfnScratch(uint64_t B, uint64_t N) : gate(B * N), up(B * N), mid(B * N) {}
  static uint64_t bytes(uint64_t B, uint64_t N) { return B * N * (3 * sizeof(float) + sizeof(uint32_t)); }
  Floats gate, up, mid;  // (B, N)
  Active active;
};

// Neurons of a block, ascending; ids null: all F.
struct NeuronSet {
  const uint32_t* ids;
  uint64_t count;
};

// out (B, D): the part of the FFN's output that these neurons write. h (B, D) is the normed input. Hooks and counts only where
// the set is the whole block. The scratch keeps gate and mid (B, N).
void feed_forward(Pass& pass, uint32_t layer, const float* h, NeuronSet set, FfnScratch& scratch, float* out);

}  // namespace sparselab
