// JavaScript plans and settings as the C structs of the backend boundary. Arrays stay JavaScript's: the structs point into them,
// and compile copies them before the call returns. The values of interventions are shared handles (values.h): keep `values`
// for as long as the structs are in use.
#pragma once
#include <napi.h>

#include <deque>
#include <memory>
#include <vector>

#include "backend/backend.h"
#include "node/callback.h"
#include "node/values.h"

namespace sparselab::node {

// Owns what an SlPlan points to, apart from JavaScript's arrays.
struct PlanStorage {
  SlPlan plan{};
  std::deque<std::vector<SlIntervention>> interventions;  // one list for all settings that share its JavaScript array
  std::vector<Values> values;
  std::vector<std::shared_ptr<Callback>> callbacks;  // functions of interventions, to be kept as long as values
  std::vector<SlSetting> settings;
  std::vector<SlCapture> captures;
  std::vector<uint32_t> reducers;
};

// Appends the setting `o`, with its interventions, to `out`.
void whole_setting_of(const Napi::Object& o, const SlModel& shape, PlanStorage& out);
// The reducers of a plan's object, and one by its name.
std::vector<uint32_t> reducers_of(const Napi::Object& o);
// SlKvType; absent: f32
uint32_t kv_of(const Napi::Object& o);
uint32_t arithmetic_of(const Napi::Object& o);
uint32_t reducer_of(const Napi::Value& name);
void plan_of(const Napi::Object& o, const SlModel& shape, PlanStorage& out);

}  // namespace sparselab::node
