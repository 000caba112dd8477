// The stage before the gate under `predicted`: which neurons of each row a trained predictor takes as active. Two matrices
// without biases, as in PowerInfer's files:
//   scores = fc2 · relu(fc1 · x), x the residual stream before the FFN's norm; predicted unless score < cutoff
// It needs neither the gate's weights nor its input, so it may run where these are not: a layer that is split between two
// backends gives each the stream, and each predicts for the neurons that it holds.
#pragma once
#include "cpu/aligned.h"
#include "executor/pass.h"
#include "ffn/neurons.h"
#include "ffn/selection.h"

namespace sparselab {

struct PredictScratch {
  // What predict allocates for B rows, D channels, N neurons and predictors of at most `rank`.
  static uint64_t bytes(uint64_t B, uint64_t N, uint64_t D, uint64_t rank);
  Floats x, hidden, scores;  // (P, D), (P, rank), (P, N) of the P rows under `predicted`
};

// Whether any row of the batch predicts in this layer: by its setting, and because the layer has a predictor.
bool predicts(const Pass& pass, uint32_t layer);

// `said` gets each row's predicted neurons, a list; rows that do not predict have all neurons. stream (B, D). A row's list
// depends on nothing but the row.
void predict(Pass& pass, uint32_t layer, const float* stream, const Neurons& held, PredictScratch& scratch, Selection& said);

}  // namespace sparselab
