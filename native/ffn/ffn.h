// The FFN of one block, over all neurons or over a set of them: gate, up, mid, down, with hooks, and what was counted.
//   gate_pre = h·W_gate, gate = s = act(gate_pre), up_pre = h·W_up, mid = x1 = s * up, out = mid·W_down
// Strategy `exact` computes gate wholly and then only the rows of up and down whose neuron is active; `dense` computes all. Both
// give the same bits: mid is +0 where s is 0 in either, and a neuron of value 0 adds nothing to a sum. A captured point is always
// computed.
//
// The sum of down has one definition: 16 lanes over neurons, lane i % 16 adds neuron i's row in ascending order; at the end one
// tree over lanes 8, 4, 2, 1 apart, and + 0.0f.
#pragma once
#include <vector>

#include "cpu/aligned.h"
#include "executor/pass.h"

namespace sparselab {

// For each of N neurons the rows of the batch that need it, ascending.
struct Active {
  std::vector<uint64_t> begin;  // (N + 1)
  Scratch<uint32_t> rows;
};

// For each row of the batch the neurons that it adds up, lane by lane: entries begin[17 * b + l] to begin[17 * b + l + 1] of
// row b, which has room for N entries.
struct Lanes {
  std::vector<uint32_t> begin;  // (B, 17)
  Scratch<uint32_t> neuron;     // (B, N) its number in the block
  Floats value;                 // (B, N) its mid
};

struct FfnScratch {
  FfnScratch(uint64_t B, uint64_t N) : gate(B * N), up(B * N), mid(B * N) {}
  // With all that feed_forward allocates besides (D channels), and what it does on each thread.
  static uint64_t bytes(uint64_t B, uint64_t N, uint64_t D);
  static uint64_t thread_bytes(uint64_t B, uint64_t N, uint64_t D);
  Floats gate, up, mid;  // (B, N)
  Active active;
  Lanes lanes;
};

// Neurons of a block, ascending; ids null: all F.
struct NeuronSet {
  const uint32_t* ids;
  uint64_t count;
  uint32_t id(uint64_t k) const { return ids ? ids[k] : static_cast<uint32_t>(k); }
};

// out (B, D): the part of the FFN's output that these neurons write. h (B, D) is the normed input. Hooks and counts only where
// the set is the whole block. The scratch keeps gate and mid (B, N).
void feed_forward(Pass& pass, uint32_t layer, const float* h, NeuronSet set, FfnScratch& scratch, float* out);

}  // namespace sparselab
