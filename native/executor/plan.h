// A plan, checked and copied. Only the values of interventions are not copied: a patch may hold hundreds of megabytes, and
// twenty settings of a sweep share it.
#pragma once
#include <cstdint>
#include <vector>

#include "backend/backend.h"
#include "executor/shape.h"

namespace sparselab {

struct Intervention {
  SlPoint point;
  SlIntervene kind;
  uint32_t from, to;
  float factor;
  const float* values;  // the caller's, until the program is closed; null where the kind has none
  uint64_t value_rows;
  bool all_positions, all_channels;
  std::vector<uint32_t> positions, channels;  // ascending, each once
  decltype(SlIntervention::call) call = nullptr;
  void* context = nullptr;
};

// What the rows of a setting compute. Their policy says which neurons are inactive (ffn/policy.h): as-trained leaves that to the
// activation; fatrelu takes the place of a ReLU or FATReLU activation.
struct Setting {
  SlActivation activation;
  SlStrategy strategy;
  std::vector<float> t;  // (L) thresholds of the activation fatrelu
  std::vector<Intervention> interventions;
  SlPolicyKind policy = SL_POLICY_AS_TRAINED;
  std::vector<float> policy_t = {};  // (L) the policy's own thresholds; empty where it has none
  std::vector<float> cutoff = {};    // (L) of predictors' scores; empty where the strategy is not `predicted`
};

struct Plan {
  std::vector<Setting> settings;
  std::vector<SlCapture> captures;
  std::vector<uint32_t> reducers;  // SlReducer
  uint32_t sequences, length, threads;
  uint32_t kv = SL_KV_F32;                    // SlKvType
  uint32_t arithmetic = SL_ARITHMETIC_FLOAT;  // SlArithmetic

  bool captures_at(SlPoint point, uint32_t layer) const;
  bool calls_at(SlPoint point, uint32_t layer) const;
  // How many interventions at a point a row may get: the most of any setting.
  uint64_t interventions_at(SlPoint point, uint32_t layer) const;
};

// Throws Error (invalid-option, unknown-hook-point) with what was expected.
Plan copy_plan(const Shape& shape, const SlPlan& plan);
Setting copy_setting(const Shape& shape, const SlSetting& setting);

}  // namespace sparselab
