// A strategy chooses which neurons a row of the batch needs in each of the three products: gate, up, down. To add one: a file
// beside exact.cpp and a line in strategy.cpp.
#pragma once
#include <cstdint>

#include "backend/backend.h"

namespace sparselab {

// What one row of the batch has computed so far; N values each, by the neuron's number.
struct RowSoFar {
  uint64_t N;
  const float* gate;  // after the activation; null where there is none, or not yet
  const float* mid;   // null: not yet
  // Neurons whose mid may differ from 0, ascending; null: any may.
  const uint32_t* candidates;
  uint64_t candidate_count;
  const float* scores = nullptr;  // the predictor's, where the strategy predicts; its neurons are those with a score >= cutoff
  float cutoff = 0;
};

// Writes the numbers of the neurons that the row needs, ascending, into list (N) and returns how many.
using Select = uint32_t (*)(const RowSoFar& row, uint32_t* list);

// Null: every neuron.
struct Strategy {
  Select gate;
  Select up;
  Select down;            // leaves out only neurons whose mid is 0
  bool predicts = false;  // `gate` chooses by a predictor's scores (predict.h); layers without a predictor need the whole gate
};

const Strategy& strategy_of(SlStrategy strategy);

}  // namespace sparselab
