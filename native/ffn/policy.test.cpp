// Policies and the part of a layer that is held.
#include "ffn/policy.h"

#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

TEST("policy: one that compares the neurons of a layer refuses a part of it") {
  const Policy top{"top-k", ActsOn::gate, true, nullptr};
  const uint32_t some[] = {1, 4, 5}, all[] = {0, 1, 2, 3, 4, 5};
  check_held(top, Neurons(6), 6);
  check_held(top, Neurons(all, 6), 6);
  CHECK_ERROR(check_held(top, Neurons(some, 3), 6),
              "invalid-option: policy top-k compares all 6 neurons of a layer, and 3 are held");
  check_held(policy_of(Setting{}), Neurons(some, 3), 6);  // the activation looks at each neuron alone
}

TEST("policy: the activation in force is the setting's, with the threshold of the layer") {
  Setting setting{SL_FATRELU, SL_EXACT, {0.5f, 2}, {}};
  const float values[] = {-1, 0.5f, 1, 2};
  float out[4] = {};
  const Policy& policy = policy_of(setting);
  policy.apply(setting, 0, values, 4, out);
  CHECK(out[0] == 0 && out[1] == 0.5f && out[2] == 1 && out[3] == 2);
  policy.apply(setting, 1, values, 4, out);
  CHECK(out[1] == 0 && out[2] == 0 && out[3] == 2);
}
