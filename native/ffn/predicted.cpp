// predicted: the rows of the gate that the layer's predictor takes as active, and of up and down those whose neuron is active
// after all. Approximate: a neuron that the predictor misses counts as inactive. Layers without a predictor go as under `exact`.
#include "ffn/strategy.h"

namespace sparselab {
namespace {

// A score that is not a number counts as predicted. Without branches, as in exact.cpp.
uint32_t at_least_cutoff(const RowSoFar& row, uint32_t* list) {
  uint32_t count = 0;
  for (uint64_t k = 0; k < row.N; k++) {
    list[count] = static_cast<uint32_t>(k);
    count += !(row.scores[k] < row.cutoff);
  }
  return count;
}

}  // namespace

extern const Strategy kExact, kPredicted;
const Strategy kPredicted = {at_least_cutoff, kExact.up, kExact.down, true};

}  // namespace sparselab
