// A plan, checked and copied: nothing of the caller's memory is used after compile.
#pragma once
#include <cstdint>
#include <vector>

#include "executor/backend.h"

namespace sparselab {

struct Intervention {
  SlPoint point;
  SlIntervene kind;
  uint32_t from, to;
  float factor;
  std::vector<float> values;
  uint64_t value_rows;
  bool all_positions, all_channels;
  std::vector<uint32_t> positions, channels;
};

struct Setting {
  SlActivation activation;
  SlStrategy strategy;
  std::vector<float> t;  // (L)
  std::vector<Intervention> interventions;
};

struct Plan {
  std::vector<Setting> settings;
  std::vector<SlCapture> captures;
  uint32_t sequences, length, threads;

  bool captures_at(SlPoint point, uint32_t layer) const;
};

// Throws Error (invalid-option, unknown-hook-point) with what was expected.
Plan copy_plan(const SlModel& shape, const SlPlan& plan);
Setting copy_setting(const SlModel& shape, const SlSetting& setting);

}  // namespace sparselab
