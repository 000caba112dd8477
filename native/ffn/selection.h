// Which neurons each row of a batch needs in one step of the FFN: every one, or a list.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "cpu/aligned.h"
#include "executor/pass.h"

namespace sparselab {

constexpr uint64_t kNeuronGroup = 40;  // neurons whose lists a loop takes together

class Selection {
 public:
  // Rows of N neurons; `lists` says whether any row may have a list. Forgets what it held.
  void reset(uint64_t rows, uint64_t N, bool lists);
  static uint64_t bytes(uint64_t rows, uint64_t N);

  void take_all(uint64_t b) { every_[b] = 1, count_[b] = static_cast<uint32_t>(N_); }
  // Row b needs what `list` writes into the room that it is given: neurons' numbers, ascending. It returns how many.
  template <class List>
  void take(uint64_t b, List list) {
    every_[b] = 0;
    count_[b] = list(neuron_.data() + b * N_);
    index(b);
  }

  bool all(uint64_t b) const { return every_[b]; }
  bool everything() const;  // all of every row
  uint32_t count(uint64_t b) const { return count_[b]; }
  uint64_t pairs() const;                                                    // of a row and a neuron that it needs
  const uint32_t* row(uint64_t b) const { return neuron_.data() + b * N_; }  // (count(b)), where it has a list
  uint64_t groups() const { return groups_; }
  // The entries of row b's list that belong to neurons g * kNeuronGroup and up.
  uint32_t group(uint64_t b, uint64_t g) const { return group_[b * (groups_ + 1) + g]; }

 private:
  void index(uint64_t b);
  uint64_t N_ = 0, groups_ = 0;
  std::vector<uint8_t> every_;   // (B)
  std::vector<uint32_t> count_;  // (B)
  Scratch<uint32_t> neuron_;     // (B, N)
  Scratch<uint32_t> group_;      // (B, groups + 1)
};

}  // namespace sparselab
