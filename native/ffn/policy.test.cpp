// Policies: which neurons they leave active, and the part of a layer that they need.
#include "ffn/policy.h"

#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

std::vector<float> applied(const SlSetting& setting, uint32_t layer, const std::vector<float>& values) {
  const Setting copied = copy_setting(small_shape(), setting);
  std::vector<float> out(values.size(), NAN);
  policy_of(copied.policy).apply(copied, layer, values.data(), values.size(), out.data());
  return out;
}

}  // namespace

TEST("policy: one that compares the neurons of a layer refuses a part of it") {
  const Policy top{nullptr, ActsOn::gate, true, nullptr};
  const uint32_t some[] = {1, 4, 5}, all[] = {0, 1, 2, 3, 4, 5};
  check_held(top, "top-k", Neurons(6), 6);
  check_held(top, "top-k", Neurons(all, 6), 6);
  CHECK_ERROR(check_held(top, "top-k", Neurons(some, 3), 6),
              "invalid-option: policy top-k compares all 6 neurons of a layer, and 3 are held");
  for (uint32_t kind = 0; kind < std::size(kPolicies); kind++)  // those of today look at each neuron alone
    check_held(policy_of(static_cast<SlPolicyKind>(kind)), kPolicies[kind], Neurons(some, 3), 6);
}

TEST("policy: as-trained computes the activation, with its threshold of the layer") {
  const float t[] = {0.5f, 2};
  const SlSetting setting{SL_FATRELU, SL_EXACT, t, nullptr, 0, {SL_POLICY_AS_TRAINED, nullptr}};
  const std::vector<float> values = {-1, 0.5f, 1, 2};
  CHECK(applied(setting, 0, values) == (std::vector<float>{0, 0.5f, 1, 2}));
  CHECK(applied(setting, 1, values) == (std::vector<float>{0, 0, 0, 2}));
}

TEST("policy: fatrelu takes the place of relu and of fatrelu with its own t, layer by layer") {
  const float own[] = {0.75f, 0.75f}, t[] = {0, 2};
  const std::vector<float> values = {-1, 0.5f, 1, 2};
  for (uint32_t activation : {SL_RELU, SL_FATRELU}) {
    const SlSetting setting{activation, SL_EXACT, own, nullptr, 0, {SL_POLICY_FATRELU, t}};
    CHECK(applied(setting, 0, values) == (std::vector<float>{0, 0.5f, 1, 2}));
    CHECK(applied(setting, 1, values) == (std::vector<float>{0, 0, 0, 2}));
  }
}

TEST("policy: fatrelu gives the bits of the activation fatrelu with the same thresholds") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  const RandomModel m(r(), small_shape(), {F32}, true);
  const std::vector<float> t = {0.1f, 0.3f}, other = {0.9f, 0.9f}, x = random_floats(r, 3 * m.shape.hidden);
  auto out = [&](const SlSetting& setting) {
    std::vector<float> y(x.size(), NAN);
    ffn(m.shape, m.tensors, 1, 3, x.data(), nullptr, setting, 2, y.data());
    return y;
  };
  for (uint32_t strategy : {SL_DENSE, SL_EXACT}) {
    const std::vector<float> want = out({SL_FATRELU, strategy, t.data(), nullptr, 0, {}});
    CHECK(same_bits(want, out({SL_FATRELU, strategy, other.data(), nullptr, 0, {SL_POLICY_FATRELU, t.data()}})));
    CHECK(same_bits(want, out({SL_RELU, strategy, nullptr, nullptr, 0, {SL_POLICY_FATRELU, t.data()}})));
    CHECK(!same_bits(want, out({SL_RELU, strategy, t.data(), nullptr, 0, {}})));
  }
}

TEST("policy: what a setting refuses") {
  const float t[] = {0.1f, 0.1f}, negative[] = {0.1f, -0.1f};
  auto copy = [](const SlSetting& setting) { copy_setting(small_shape(), setting); };
  for (uint32_t activation : {SL_SILU, SL_GELU, SL_GELU_TANH, SL_RELU2})
    CHECK_ERROR(copy({activation, SL_EXACT, t, nullptr, 0, {SL_POLICY_FATRELU, t}}),
                text("works with the activations relu and fatrelu, not with %s", kActivations[activation]));
  CHECK_ERROR(copy({SL_RELU, SL_EXACT, t, nullptr, 0, {SL_POLICY_FATRELU, nullptr}}), "needs its thresholds");
  CHECK_ERROR(copy({SL_RELU, SL_EXACT, t, nullptr, 0, {SL_POLICY_FATRELU, negative}}), "the policy's t of layer 1 is -0.1");
  CHECK_ERROR(copy({SL_RELU, SL_EXACT, t, nullptr, 0, {std::size(kPolicies), nullptr}}),
              text("policy number %zu does not exist", std::size(kPolicies)));
}
