#include "ffn/ffn.h"

#include <algorithm>

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
  void select(Select Strategy::* product, bool everything, Selection& need, bool without_predictor = false) {
    auto selector = [&](uint64_t b) -> Select {
      const Strategy& strategy = strategy_of(pass_.rows[b].setting->strategy);
      return everything || (without_predictor && strategy.predicts) ? nullptr : strategy.*product;
    };
    bool lists = false;
    for (uint64_t b = 0; b < B_; b++) lists = lists || selector(b);
    need.reset(B_, N_, lists);
    pass_.parallel(B_, lists ? 4 * N_ : 1, [&](size_t b) {
      const Select choose = selector(b);
      if (!choose) return need.take_all(b);
      need.take(b, [&](uint32_t* list) { return choose({N_, s_.gate.data() + b * N_, nullptr, nullptr, 0}, list); });
    });
  }

  // Asks the predictors. Then `need` of the first product is what they say, or everything: where its values are captured, and
  // where misses are counted, which takes the neurons that were left out.
  void predict_first(const float* stream, SlPoint product) {
    predicts_ = predicts(pass_, layer_);
    if (!predicts_) return select(&Strategy::gate, false, s_.need, true);
    predict(pass_, layer_, stream, held_, s_.predict, s_.said);
    const bool everything = captures(product) || counts_misses();
    s_.need.reset(B_, N_, !everything);
    for (uint64_t b = 0; b < B_; b++)
      if (everything || s_.said.all(b))
        s_.need.take_all(b);
      else
        s_.need.take(b, [&](uint32_t* list) {
          std::copy_n(s_.said.row(b), s_.said.count(b), list);
          return s_.said.count(b);
        });
  }

  // What the predictors leave out becomes 0 in x (B, N), whether it was computed or not.
  void silence(Floats& x) {
    if (!predicts_) return;
    pass_.parallel(B_, N_, [&](size_t b) {
      if (s_.said.all(b)) return;
      float* row = x.data() + b * N_;
      uint64_t from = 0;
      for (uint32_t j = 0; j < s_.said.count(b); j++) {
        const uint32_t kept = s_.said.row(b)[j];
        std::fill(row + from, row + kept, 0.0f);
        from = kept + 1;
      }
      std::fill(row + from, row + N_, 0.0f);
    });
  }

  // The neurons that are active, and those of them that the predictors miss: by each row's policy on all values (B, N), before
  // any of them is silenced. `room` (B, N) is overwritten.
  void count_misses(const Floats& values, Floats& room) {
    if (!counts_misses()) return;
    apply_policies(ActsOn::gate, values, room);
    const uint64_t at = first_count();
    pass_.parallel(B_, N_, [&](size_t b) {
      const float* row = room.data() + b * N_;
      uint32_t active = 0, found = 0;
      for (uint64_t i = 0; i < N_; i++) active += row[i] != 0;
      const bool all = !predicts_ || s_.said.all(b);
      for (uint32_t j = 0; !all && j < s_.said.count(b); j++) found += row[s_.said.row(b)[j]] != 0;
      pass_.sinks.active[at + b] = active;
      pass_.sinks.missed[at + b] = all ? 0 : active - found;
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
    const uint64_t at = first_count();
    count_zeros(s_.mid, pass_.sinks.zeros_mid, at);
    count_zeros(gate, pass_.sinks.zeros_gate, at);
    for (uint64_t b = 0; pass_.sinks.rows_read && b < B_; b++) pass_.sinks.rows_read[at + b] = s_.need.count(b);
    for (uint64_t b = 0; pass_.sinks.predicted && b < B_; b++)
      pass_.sinks.predicted[at + b] = predicts_ ? s_.said.count(b) : static_cast<uint32_t>(N_);
  }

 private:
  uint64_t first_count() const { return pass_.plan ? uint64_t{layer_} * B_ : 0; }  // a single FFN call counts (B)
  bool counts_misses() const { return pass_.sinks.active && pass_.sinks.missed; }
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
  bool predicts_ = false;
};

}  // namespace

uint64_t FfnScratch::bytes(uint64_t B, uint64_t N, uint64_t D, uint64_t rank, bool by_neuron) {
  const uint64_t selections = (rank ? 2 : 1) * Selection::bytes(B, N);
  return 3 * B * N * sizeof(float) + Neurons::bytes(N) + selections + PredictScratch::bytes(B, N, D, rank) +
         (by_neuron ? down_bytes(B, N) : 0);
}
uint64_t FfnScratch::thread_bytes(uint64_t B, uint64_t N, uint64_t D, bool by_neuron) {
  return project_thread_bytes(B, D) + (by_neuron ? down_thread_bytes(B, N, D) : 0);
}

void feed_forward(Pass& pass, uint32_t layer, const float* stream, const float* h, const Neurons& held, FfnScratch& s,
                  float* out) {
  const LayerWeights& weights = pass.model.layers[layer];
  const SlFfn ffn = pass.model.shape.ffn;
  Layer at(pass, layer, held, s);
  if (ffn.has_gate) {
    // s = act(h·W_gate)
    at.predict_first(stream, SL_FFN_GATE_PRE);
    project(pass, weights.gate, h, held, s.need, s.gate.data());
    at.hook(SL_FFN_GATE_PRE, s.gate);
    at.count_misses(s.gate, s.mid);
    at.silence(s.gate);
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
    at.predict_first(stream, SL_FFN_UP_PRE);
    project(pass, weights.up, h, held, s.need, s.up.data());
    at.add_bias(weights.up_bias, s.up);
    at.hook(SL_FFN_UP_PRE, s.up);
    at.count_misses(s.up, s.gate);
    at.silence(s.up);
    at.apply_policies(ActsOn::gate, s.up, s.mid);
  }
  at.hook(SL_FFN_MID, s.mid);
  at.count(ffn.has_gate ? s.gate : s.mid);
  // out = mid·W_down
  project_down(pass, layer, weights.down, s.mid.data(), held, s.need, s.down, out);
}

}  // namespace sparselab
