#include "ffn/policy.h"

#include "error.h"
#include "ffn/activation.h"

namespace sparselab {
namespace {

// The model's own activation, or FATReLU with other thresholds: the setting holds the activation in force.
const Policy kActivation = {"as-trained", ActsOn::gate, false,
                            [](const Setting& setting, uint32_t layer, const float* values, uint64_t N, float* out) {
                              activate(setting.activation, values, N, setting.t[layer], out);
                            }};

}  // namespace

const Policy& policy_of(const Setting&) { return kActivation; }

void check_held(const Policy& policy, const Neurons& held, uint64_t neurons_of_layer) {
  if (!policy.whole_layer || held.count() == neurons_of_layer) return;
  throw Error(
      Code::invalid_option,
      text("policy %s compares all %llu neurons of a layer, and %llu are held here; hold the whole layer, or use a policy "
           "that looks at each neuron alone, such as fatrelu",
           policy.name, (unsigned long long)neurons_of_layer, (unsigned long long)held.count()));
}

}  // namespace sparselab
