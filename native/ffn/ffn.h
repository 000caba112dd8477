// The FFN of one layer, over all its neurons or over those held here: gate, up, mid, down, with hooks, and what was counted.
//   gate_pre = h·W_gate, gate = s = act(gate_pre), up_pre = h·W_up, mid = x1 = s * up, out = mid·W_down
// without a gate: mid = act(h·W_up). The record SlFfn says which.
//
// Three things, each with files of its own: a strategy (strategy.h) selects the neurons that each row needs (selection.h), a
// policy (policy.h) makes neurons inactive, and stages do the work on what is selected (project.h, down.h). Every strategy that
// is exact gives the same bits: mid is +0 where s is 0, and a neuron of value 0 adds nothing to a sum. Under `predicted` s is 0
// for the neurons that the predictor (predict.h) leaves out, and they go on like any other silent neuron: an intervention at
// ffn.gate may wake them. A captured point is always computed: gate_pre of all neurons, gate as this forward goes on with it.
#pragma once
#include "ffn/down.h"
#include "ffn/neurons.h"
#include "ffn/predict.h"
#include "ffn/selection.h"

namespace sparselab {

struct FfnScratch {
  FfnScratch(uint64_t B, uint64_t N) : gate(B * N), up(B * N), mid(B * N) {}
  // With all that feed_forward allocates besides, and what it does on each thread (D channels; rank: of the largest predictor).
  static uint64_t bytes(uint64_t B, uint64_t N, uint64_t D, uint64_t rank, bool by_neuron);
  static uint64_t thread_bytes(uint64_t B, uint64_t N, uint64_t D, bool by_neuron);
  Floats gate, up, mid;  // (B, N)
  Selection need;        // of the step at work
  Selection said;        // by the predictors, where rows of the batch have one
  PredictScratch predict;
  DownScratch down;
};

// out (B, D): the part of the FFN's output that the neurons held write. h (B, D) is the normed input, stream (B, D) what was
// normed (null: no row predicts). Hooks and counts only where the whole layer is held. The scratch keeps gate and mid (B, N).
void feed_forward(Pass& pass, uint32_t layer, const float* stream, const float* h, const Neurons& held, FfnScratch& scratch,
                  float* out);

}  // namespace sparselab
