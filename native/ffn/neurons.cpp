#include "ffn/neurons.h"

namespace sparselab {

Neurons::Neurons(uint64_t all) : whole_(true) { sort_by_lane(all); }
Neurons::Neurons(const uint32_t* ids, uint64_t count) : whole_(false), ids_(ids, ids + count) {
  ids_.reserve(1);  // of no neurons the array is not null either, which would mean all
  sort_by_lane(count);
}

uint64_t Neurons::bytes(uint64_t count) { return 3 * count * sizeof(uint32_t); }

void Neurons::sort_by_lane(uint64_t count) {
  by_lane_.resize(count);
  place_.resize(count);
  for (uint64_t k = 0; k < count; k++) begin_[id(k) % kLanes + 1]++;
  for (uint64_t l = 0; l < kLanes; l++) begin_[l + 1] += begin_[l];
  uint32_t next[kLanes];
  for (uint64_t l = 0; l < kLanes; l++) next[l] = begin_[l];
  for (uint64_t k = 0; k < count; k++) {
    place_[k] = next[id(k) % kLanes]++;
    by_lane_[place_[k]] = static_cast<uint32_t>(k);
  }
}

}  // namespace sparselab
