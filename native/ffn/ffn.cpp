#include "ffn/ffn.h"

#include "ffn/activation.h"
#include "ffn/policy.h"
#include "ffn/project.h"
#include "ffn/strategy.h"

namespace sparselab {
namespace {

// One layer's FFN at work: what its stages share.
class Layer {
 public:
  Layer(Pass& pass, uint32_t layer, const Neurons& held, FfnScratch& scratch)
      : pass_(pass), layer_(layer), held_(held), s_(scratch), B_(pass.B()), N_(held.count()) {
    for (const Row& row : pass.rows) {
      const SlPolicyKind policy = row.setting->policy;
      check_held(policy_of(policy), kPolicies[policy], held, pass.model.shape.neurons);
    }
  }

  // Each row's neurons for one product, by its strategy. `everything`: of every row every neuron.
  void select(Select Strategy::* product, bool everything, Selection& need) {
    auto selector = [&](uint64_t b) { return everything ? nullptr : strategy_of(pass_.rows[b].setting->strategy).*product; };
    bool lists = false;
    for (uint64_t b = 0; b < B_; b++) lists = lists || selector(b);
    need.reset(B_, N_, lists);
    pass_.parallel(B_, lists ? 4 * N_ : 1, [&](size_t b) {
      const Select choose = selector(b);
      if (!choose) return need.take_all(b);
      need.take(b, [&](uint32_t* list) { return choose({N_, s_.gate.data() + b * N_, nullptr, nullptr, 0}, list); });
    });
  }

  // to (B, N) = from (B, N) after each row's policy
  void apply_policies(ActsOn where, const Floats& from, Floats& to) {
    pass_.parallel(B_, N_ * 4, [&](size_t b) {
      const Setting& setting = *pass_.rows[b].setting;
      const Policy& policy = policy_of(setting.policy);
      if (policy.acts_on == where) policy.apply(setting, layer_, from.data() + b * N_, N_, to.data() + b * N_);
    });
  }

  // mid = s * up. Where s is 0 what stands in up, which may never have been computed, does not matter. Without branches: which
  // neurons are active cannot be predicted.
  void multiply_gate_and_up() {
    pass_.parallel(B_, N_, [&](size_t b) {
      const float *gate = s_.gate.data() + b * N_, *up = s_.up.data() + b * N_;
      float* mid = s_.mid.data() + b * N_;
      for (uint64_t i = 0; i < N_; i++) {
        const float product = gate[i] * up[i];
        mid[i] = gate[i] == 0 ? 0.0f : product;
      }
    });
  }

  // x (B, N) += the bias (F) of the neurons held; empty: none
  void add_bias(const std::vector<float>& bias, Floats& x) {
    if (bias.empty()) return;
    pass_.parallel(B_, N_, [&](size_t b) {
      for (uint64_t i = 0; i < N_; i++) x[b * N_ + i] += bias[held_.id(static_cast<uint32_t>(i))];
    });
  }

  void relu_of_up() {
    pass_.parallel(B_, N_, [&](size_t b) { activate(SL_RELU, s_.up.data() + b * N_, N_, 0, s_.up.data() + b * N_); });
  }

  void hook(SlPoint point, Floats& x) {
    if (held_.whole()) pass_.hook(point, layer_, x.data());
  }
  bool captures(SlPoint point) const { return pass_.plan && pass_.plan->captures_at(point, layer_); }

  // The reducers' sums, zeros in mid and gate, and how many rows of up each row needed.
  void count(const Floats& gate) {
    if (pass_.reducers) pass_.reducers->add(pass_, layer_, s_.mid.data());
    const uint64_t at = pass_.plan ? uint64_t{layer_} * B_ : 0;  // a single FFN call counts (B)
    count_zeros(s_.mid, pass_.sinks.zeros_mid, at);
    count_zeros(gate, pass_.sinks.zeros_gate, at);
    for (uint64_t b = 0; pass_.sinks.rows_read && b < B_; b++) pass_.sinks.rows_read[at + b] = s_.need.count(b);
  }

 private:
  void count_zeros(const Floats& value, uint32_t* counts, uint64_t at) {
    if (!counts) return;
    pass_.parallel(B_, N_, [&](size_t b) {
      uint32_t zeros = 0;
      for (uint64_t k = 0; k < N_; k++) zeros += value[b * N_ + k] == 0;
      counts[at + b] = zeros;
    });
  }

  Pass& pass_;
  const uint32_t layer_;
  const Neurons& held_;
  FfnScratch& s_;
  const uint64_t B_, N_;
};

}  // namespace

uint64_t FfnScratch::bytes(uint64_t B, uint64_t N, bool by_neuron) {
  return 3 * B * N * sizeof(float) + Neurons::bytes(N) + Selection::bytes(B, N) + (by_neuron ? down_bytes(B, N) : 0);
}
uint64_t FfnScratch::thread_bytes(uint64_t B, uint64_t N, uint64_t D, bool by_neuron) {
  return project_thread_bytes(B, D) + (by_neuron ? down_thread_bytes(B, N, D) : 0);
}

void feed_forward(Pass& pass, uint32_t layer, const float* h, const Neurons& held, FfnScratch& s, float* out) {
  const LayerWeights& weights = pass.model.layers[layer];
  const SlFfn ffn = pass.model.shape.ffn;
  Layer at(pass, layer, held, s);
  if (ffn.has_gate) {
    // s = act(h·W_gate)
    at.select(&Strategy::gate, false, s.need);
    project(pass, weights.gate, h, held, s.need, s.gate.data());
    at.hook(SL_FFN_GATE_PRE, s.gate);
    at.apply_policies(ActsOn::gate, s.gate, s.gate);
    at.hook(SL_FFN_GATE, s.gate);
    // up = h·W_up
    at.select(&Strategy::up, at.captures(SL_FFN_UP_PRE) || at.captures(SL_FFN_UP), s.need);
    project(pass, weights.up, h, held, s.need, s.up.data());
    at.hook(SL_FFN_UP_PRE, s.up);
    if (ffn.act_up == SL_UP_RELU) at.relu_of_up();
    at.hook(SL_FFN_UP, s.up);
    // mid = s * up
    at.multiply_gate_and_up();
  } else {
    // mid = act(h·W_up)
    at.select(&Strategy::gate, false, s.need);
    project(pass, weights.up, h, held, s.need, s.up.data());
    at.add_bias(weights.up_bias, s.up);
    at.hook(SL_FFN_UP_PRE, s.up);
    at.apply_policies(ActsOn::gate, s.up, s.mid);
  }
  at.hook(SL_FFN_MID, s.mid);
  at.count(ffn.has_gate ? s.gate : s.mid);
  // out = mid·W_down
  project_down(pass, layer, weights.down, s.mid.data(), held, s.need, s.down, out);
}

}  // namespace sparselab
