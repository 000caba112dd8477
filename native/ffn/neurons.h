// The neurons of a layer that are computed here: all of them, or some (the cold ones of a layer that is split between two
// backends). A neuron has an id in its layer and a number among those held; buffers of N values go by number, weights by id.
//
// The sum of down runs in lanes (down.h): lane = id mod 16. Lane order is the order of all held neurons by lane, ascending in
// each.
#pragma once
#include <cstdint>
#include <vector>

namespace sparselab {

constexpr uint64_t kLanes = 16;

class Neurons {
 public:
  explicit Neurons(uint64_t all);                // ids 0 to all - 1
  Neurons(const uint32_t* ids, uint64_t count);  // ascending; copied
  static uint64_t bytes(uint64_t count);         // that one allocates, at most

  uint64_t count() const { return by_lane_.size(); }  // N
  bool whole() const { return whole_; }
  const uint32_t* ids() const { return whole_ ? nullptr : ids_.data(); }  // null: id and number are the same
  uint32_t id(uint64_t number) const { return whole_ ? static_cast<uint32_t>(number) : ids_[number]; }

  // Places lane_begin(l) to lane_begin(l + 1) of the lane order are lane l.
  uint32_t lane_begin(uint64_t lane) const { return begin_[lane]; }
  const uint32_t* by_lane() const { return by_lane_.data(); }  // (N) number at each place
  const uint32_t* place() const { return place_.data(); }      // (N) place of each number

 private:
  void sort_by_lane(uint64_t count);
  bool whole_;
  std::vector<uint32_t> ids_, by_lane_, place_;
  uint32_t begin_[kLanes + 1] = {};
};

}  // namespace sparselab
