// A policy decides which neurons of a row are inactive, by setting their values to 0. To add one: its name in the vocabulary and
// a record in policy.cpp. One with other numbers than t needs a field for them in SlPolicy and in Setting (executor/plan.h).
#pragma once
#include <cstdint>

#include "executor/plan.h"
#include "ffn/neurons.h"

namespace sparselab {

// What a policy changes. Each is a place in feed_forward where it calls `apply_policies`.
enum class ActsOn {
  gate,  // what enters the activation: gate_pre, or up_pre where the FFN has no gate
};

struct Policy {
  // Throws Error (invalid-option) if the setting has not the numbers or the activation that the policy needs.
  void (*check)(const Setting& setting);
  ActsOn acts_on;
  bool whole_layer;  // it compares the neurons of a layer with each other (top-k, a mean), so it needs all of them
  // One row: values (N) -> out (N); both may be the same. A policy on the gate applies the activation, too, or replaces it.
  void (*apply)(const Setting& setting, uint32_t layer, const float* values, uint64_t N, float* out);
};

const Policy& policy_of(SlPolicyKind kind);

// Throws Error (invalid-option) where the policy needs a whole layer and only a part of its neurons is held here.
void check_held(const Policy& policy, const char* name, const Neurons& held, uint64_t neurons_of_layer);

}  // namespace sparselab
