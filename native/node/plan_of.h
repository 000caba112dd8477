// JavaScript plans and settings as the C structs of the backend boundary. Arrays stay JavaScript's: the structs point into them,
// and compile copies them before the call returns.
#pragma once
#include <napi.h>

#include <deque>
#include <vector>

#include "executor/backend.h"

namespace sparselab::node {

// Owns what an SlPlan points to, apart from JavaScript's arrays.
struct PlanStorage {
  SlPlan plan{};
  std::deque<std::vector<SlIntervention>> interventions;
  std::vector<SlSetting> settings;
  std::vector<SlCapture> captures;
};

SlSetting setting_of(const Napi::Object& o, const SlModel& shape, std::vector<SlIntervention>& storage);
void plan_of(const Napi::Object& o, const SlModel& shape, PlanStorage& out);

}  // namespace sparselab::node
