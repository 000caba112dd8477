// exact: the whole gate, then only the rows of up and down whose neuron is active. Same bits as `dense`: mid is +0 where the gate
// is 0, and a neuron of value 0 adds nothing to the sum of down.
#include <bit>

#include "ffn/strategy.h"

namespace sparselab {
namespace {

// NaN counts as active: it must reach the result.
uint32_t is_active(float value) { return (std::bit_cast<uint32_t>(value) << 1) != 0; }

// Without branches: which neurons are active cannot be predicted.
uint32_t active(const float* value, uint64_t N, uint32_t* list) {
  uint32_t count = 0;
  for (uint64_t k = 0; k < N; k++) {
    list[count] = static_cast<uint32_t>(k);
    count += is_active(value[k]);
  }
  return count;
}

uint32_t active_gate(const RowSoFar& row, uint32_t* list) { return active(row.gate, row.N, list); }

uint32_t active_mid(const RowSoFar& row, uint32_t* list) {
  if (!row.candidates) return active(row.mid, row.N, list);
  uint32_t count = 0;
  for (uint64_t i = 0; i < row.candidate_count; i++) {
    list[count] = row.candidates[i];
    count += is_active(row.mid[row.candidates[i]]);
  }
  return count;
}

}  // namespace

extern const Strategy kExact;
const Strategy kExact = {nullptr, active_gate, active_mid};

}  // namespace sparselab
