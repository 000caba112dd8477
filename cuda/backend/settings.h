// A setting's numbers in device memory, where `set` changes them without a new graph, and what a graph of it depends on.
#pragma once
#include <string>
#include <vector>

#include "backend/memory.h"
#include "executor/plan.h"
#include "kernels/arguments.h"

namespace sparselab::cuda {

class DeviceSetting {
 public:
  DeviceSetting() = default;
  DeviceSetting(const Shape& shape, Setting setting);
  // New numbers. False where what is launched changes too: then graphs of the old setting are of no use.
  bool set(const Shape& shape, Setting setting);
  const Setting& host() const { return host_; }
  // Of a layer, in device memory.
  const float* t(uint32_t layer) const { return numbers_.data() + layer; }
  const float* cutoff(uint32_t layer) const { return numbers_.data() + layers_ + layer; }
  // The i-th intervention in device memory; `call` has none.
  const Intervention* intervention(size_t i) const { return interventions_.data() + i; }
  // Of the device, of a setting as a caller gives it.
  static uint64_t bytes(const Shape& shape, const SlSetting& setting);

 private:
  void upload(const Shape& shape);
  Setting host_{};
  uint64_t layers_ = 0;
  DeviceArray<float> numbers_;  // (2, L) thresholds, cutoffs
  DeviceArray<Intervention> interventions_;
  std::vector<DeviceArray<float>> values_;
  std::vector<DeviceArray<uint32_t>> places_;  // positions and channels
};

}  // namespace sparselab::cuda
