#include "ffn/policy.h"

#include "error.h"
#include "ffn/activation.h"

namespace sparselab {
namespace {

// The activation's own rule.
const Policy kAsTrained = {[](const Setting&) {}, ActsOn::gate, false,
                           [](const Setting& setting, uint32_t layer, const float* values, uint64_t N, float* out) {
                             activate(setting.activation, values, N, setting.t[layer], out);
                           }};

void check_fatrelu(const Setting& setting) {
  if (setting.activation != SL_RELU && setting.activation != SL_FATRELU)
    throw Error(Code::invalid_option, text("policy \"fatrelu\" works with the activations relu and fatrelu, not with %s",
                                           kActivations[setting.activation]));
  if (setting.policy_t.empty()) throw Error(Code::invalid_option, "policy \"fatrelu\" needs its thresholds");
}

// FATReLU with the policy's thresholds, in place of the activation: a model trained as fatrelu_0.03 computes ReLU at t = 0.
const Policy kFatrelu = {check_fatrelu, ActsOn::gate, false,
                         [](const Setting& setting, uint32_t layer, const float* values, uint64_t N, float* out) {
                           activate(SL_FATRELU, values, N, setting.policy_t[layer], out);
                         }};

}  // namespace

const Policy& policy_of(SlPolicyKind kind) {
  switch (kind) {
    case SL_POLICY_AS_TRAINED:
      return kAsTrained;
    case SL_POLICY_FATRELU:
      return kFatrelu;
  }
  throw Error(Code::invalid_option, text("policy number %u does not exist", kind));
}

void check_held(const Policy& policy, const char* name, const Neurons& held, uint64_t neurons_of_layer) {
  if (!policy.whole_layer || held.count() == neurons_of_layer) return;
  throw Error(
      Code::invalid_option,
      text("policy %s compares all %llu neurons of a layer, and %llu are held here; hold the whole layer, or use a policy "
           "that looks at each neuron alone, such as fatrelu",
           name, (unsigned long long)neurons_of_layer, (unsigned long long)held.count()));
}

}  // namespace sparselab
