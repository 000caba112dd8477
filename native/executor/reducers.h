// Sums over the tokens of a setting, kept by a program: nothing is captured, a million tokens take no more memory than one.
//   sparsity   (L) zeros in mid
//   frequency  (L, F) rows in which a neuron's mid is not zero
// A forward counts apart and adds at its end: one that fails adds nothing.
#pragma once
#include <cstdint>
#include <vector>

#include "executor/plan.h"
#include "executor/shape.h"

namespace sparselab {

class Pass;

class Reducers {
 public:
  Reducers(const Shape& shape, const Plan& plan);
  static uint64_t bytes(const Shape& shape, uint64_t settings, const uint32_t* reducers, uint64_t count);

  void begin();                                                  // of a forward
  void add(const Pass& pass, uint32_t layer, const float* mid);  // mid (B, F)
  // What another backend counted in this forward, in place of `add`: zeros (settings, L), active (settings, L, F), or empty.
  void take(const std::vector<uint32_t>& zeros, const std::vector<uint32_t>& active) {
    now_[SL_REDUCE_SPARSITY] = zeros;
    now_[SL_REDUCE_FREQUENCY] = active;
  }
  void count_row(uint32_t setting) { rows_now_[setting]++; }
  void end();  // of one that succeeded
  // The sums of a setting into `out` (L) or (L, F), or null; how many rows they are of. Throws Error where the plan has none.
  uint64_t read(uint32_t reducer, uint32_t setting, uint64_t* out) const;

 private:
  bool has(SlReducer reducer) const { return !sums_[reducer].empty(); }
  uint64_t layers_, neurons_, settings_;
  std::vector<uint64_t> sums_[SL_REDUCERS];  // (settings, L) and (settings, L, F), or empty
  std::vector<uint32_t> now_[SL_REDUCERS];   // of the forward that runs
  std::vector<uint64_t> rows_;               // (settings)
  std::vector<uint32_t> rows_now_;
};

}  // namespace sparselab
