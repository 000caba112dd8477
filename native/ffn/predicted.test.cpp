// `predicted` against the reference in float64, with predictors of any rank, in some layers or all; its bits depend on nothing
// but the row; and its counts are those of a plain count over captures.
#include <algorithm>
#include <cmath>

#include "testing/backends.h"
#include "testing/random_model.h"
#include "testing/reference.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

constexpr uint32_t kTokens = 11;

Shape with_ranks(std::mt19937_64& r, bool gate, uint32_t block) {
  Shape shape = small_shape(gate);
  shape.layers = 3;
  for (uint32_t l = 0; l < shape.layers; l++) shape.ranks.push_back(block * (1 + r() % (80 / block)));
  return shape;
}

std::vector<int32_t> random_tokens(std::mt19937_64& r, const Shape& shape) {
  std::vector<int32_t> tokens(kTokens);
  for (int32_t& token : tokens) token = static_cast<int32_t>(r() % shape.vocab);
  return tokens;
}

struct Asked {
  SlStrategy strategy = SL_PREDICTED;
  float t = 0;
  uint32_t threads = 2, step = kTokens;
  bool misses = false;
  std::vector<SlCapture> captures = {};
  std::vector<SlIntervention> interventions = {};
};

// One sequence in steps of some tokens; counts and captures of the last step.
Result run(const RandomModel& m, const std::vector<int32_t>& tokens, const std::vector<float>& cutoff, const Asked& asked) {
  const std::vector<float> t(m.shape.layers, asked.t);
  SlSetting setting{SL_FATRELU, static_cast<uint32_t>(asked.strategy), t.data(), asked.interventions.data(),
                    asked.interventions.size()};
  setting.cutoff = cutoff.data();
  const SlPlan plan{&setting, 1, asked.captures.data(), static_cast<uint32_t>(asked.captures.size()), 1, kTokens, asked.threads};
  SlProgram* program = compile(m, plan);
  Result all;
  for (uint32_t from = 0; from < kTokens; from += asked.step) {
    Rows rows;
    for (uint32_t i = from; i < std::min(from + asked.step, kTokens); i++) rows.add(tokens[i], static_cast<int32_t>(i));
    Result part = forward(m, program, plan, rows, nullptr, asked.misses);
    part.logits.insert(part.logits.begin(), all.logits.begin(), all.logits.end());
    all = std::move(part);
  }
  backend().close_program(program);
  return all;
}

// Scores of a layer's predictor for a row of the stream, plainly.
std::vector<double> scores_of(const RandomModel& m, uint32_t l, const float* x) {
  const SlTensor &first = m.tensor(text("blk.%u.fc1.weight", l)), &second = m.tensor(text("blk.%u.fc2.weight", l));
  std::vector<double> hidden(first.rows, 0.0), out(second.rows, 0.0);
  for (uint64_t k = 0; k < first.rows; k++) {
    for (uint64_t d = 0; d < first.cols; d++) hidden[k] += static_cast<double>(value_of(first, k, d)) * static_cast<double>(x[d]);
    hidden[k] = std::max(hidden[k], 0.0);
  }
  for (uint64_t i = 0; i < second.rows; i++)
    for (uint64_t k = 0; k < second.cols; k++) out[i] += static_cast<double>(value_of(second, i, k)) * hidden[k];
  return out;
}

SlPoint before(const RandomModel& m) { return m.shape.ffn.has_gate ? SL_FFN_GATE_PRE : SL_FFN_UP_PRE; }
SlPoint after(const RandomModel& m) { return m.shape.ffn.has_gate ? SL_FFN_GATE : SL_FFN_MID; }

}  // namespace

BACKEND_TEST("predicted: any rank, weight type and cutoff against float64, with the same bits in every way") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  int compared = 0;
  for (int round = 0; round < 20; round++) {
    const bool quants = round % 4 == 3, gate = round % 2;
    Shape shape = with_ranks(r, gate, quants ? 32 : 1);
    if (round % 5 == 1) shape.ranks[r() % shape.layers] = 0;
    const RandomModel m(r(), shape, quants ? std::vector<TensorType>{Q8_0, Q4_0, Q5_1} : std::vector<TensorType>{F32, F16, BF16},
                        r() % 2);
    const std::vector<int32_t> tokens = random_tokens(r, shape);
    std::vector<float> cutoff;
    for (uint32_t l = 0; l < shape.layers; l++) cutoff.push_back(static_cast<float>(static_cast<int>(r() % 9) - 4) / 8);
    const Result first = run(m, tokens, cutoff, {.threads = 1});
    const Reference expected = reference(m, tokens, 0, &cutoff);
    const std::string said = text("round %d, seed %llu", round, (unsigned long long)seed);
    // Q5_1 becomes float16 where the backend has no kernels for it: then scores move, too.
    const double tolerance = defines_the_bits() || !quants ? 2e-5 : 2e-3;
    if (expected.margin > tolerance) {
      const double error = relative_error(first.logits, expected.logits);
      CHECK_MSG(error < tolerance, said + text(": %g", error));
      CHECK_MSG(relative_error(first.logits, reference(m, tokens).logits) > 1e-3, said + ": the predictor changes nothing");
      compared++;
    }
    // Another backend has no threads, and takes one row after the other: then one of these says what all do.
    for (uint32_t threads : defines_the_bits() ? std::vector{1u, 3u} : std::vector{1u})
      for (uint32_t step : {1u, 3u, kTokens})
        for (bool misses : {false, true})
          CHECK_MSG(same_bits(run(m, tokens, cutoff, {.threads = threads, .step = step, .misses = misses}).logits, first.logits),
                    said);
    const std::vector<SlCapture> captures = {{static_cast<uint32_t>(before(m)), 0, 3}, {SL_FFN_MID, 1, 2}};
    CHECK_MSG(same_bits(run(m, tokens, cutoff, {.captures = captures}).logits, first.logits), said + ", captured");
  }
  CHECK_MSG(compared >= 10, text("%d compared", compared));
}

BACKEND_TEST("predicted: a row does not depend on its company, nor on the strategies beside it") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (bool gate : {true, false}) {
    const RandomModel m(r(), with_ranks(r, gate, 1), {F32, Q8_0}, true);
    const std::vector<int32_t> tokens = random_tokens(r, m.shape);
    const std::vector<float> low(3, -0.2f), high(3, 0.3f), t(3, 0.1f);
    std::vector<SlSetting> settings;
    for (SlStrategy strategy : {SL_EXACT, SL_PREDICTED, SL_DENSE, SL_PREDICTED}) {
      settings.push_back({SL_FATRELU, static_cast<uint32_t>(strategy), t.data(), nullptr, 0});
      if (strategy == SL_PREDICTED) settings.back().cutoff = settings.size() == 2 ? low.data() : high.data();
    }
    const SlPlan plan{settings.data(), 4, nullptr, 0, 4, kTokens, 2};
    SlProgram* program = compile(m, plan);
    Rows rows;
    for (uint32_t i = 0; i < kTokens; i++)
      for (int32_t s = 0; s < 4; s++) rows.add(tokens[i], static_cast<int32_t>(i), s, s);
    const Result together = forward(m, program, plan, rows);
    backend().close_program(program);
    const uint32_t V = m.shape.vocab;
    for (uint32_t s = 0; s < 4; s++) {
      const auto strategy = static_cast<SlStrategy>(settings[s].strategy);
      const Result alone = run(m, tokens, s == 1 ? low : high, {.strategy = strategy, .t = 0.1f});
      bool equal = true;
      for (uint32_t i = 0; i < kTokens; i++)
        for (uint32_t v = 0; v < V; v++) equal = equal && together.logits[(4 * i + s) * V + v] == alone.logits[i * V + v];
      CHECK_MSG(equal, text("setting %u, gate %d, seed %llu", s, gate, (unsigned long long)seed));
    }
  }
}

BACKEND_TEST("predicted: everything predicted is exact, nothing predicted is no FFN, a layer without a predictor is exact") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (bool gate : {true, false}) {
    Shape shape = with_ranks(r, gate, 1);
    shape.ranks[1] = 0;
    const RandomModel m(r(), shape, {F32, F16}, true);
    const std::vector<int32_t> tokens = random_tokens(r, shape);
    const std::vector<SlCapture> captures = {{SL_FFN_MID, 0, 3}};
    const std::vector<float> all(3, -INFINITY), none(3, INFINITY);
    const Result exact = run(m, tokens, all, {.strategy = SL_EXACT});
    CHECK(same_bits(run(m, tokens, all, {}).logits, exact.logits));
    const Result empty = run(m, tokens, none, {.misses = true, .captures = captures});
    const uint64_t layer = uint64_t{kTokens} * shape.neurons;
    for (uint64_t i = 0; i < 3 * layer; i++)
      if (i / layer != 1) CHECK(empty.captures[0][i] == 0);
    CHECK(std::any_of(empty.captures[0].begin() + static_cast<ptrdiff_t>(layer),
                      empty.captures[0].begin() + static_cast<ptrdiff_t>(2 * layer), [](float x) { return x != 0; }));
    for (uint32_t i = 0; i < 3 * kTokens; i++) {
      const bool has = i / kTokens != 1;
      CHECK(empty.predicted[i] == (has ? 0 : shape.neurons) && empty.missed[i] == (has ? empty.active[i] : 0));
      CHECK(empty.active[i] > 0);
    }
  }
}

BACKEND_TEST("predicted: counts are those of the captures, and only predicted rows of the gate are read") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  int counted = 0;
  for (int round = 0; round < 8; round++) {
    const bool gate = round % 2;
    const RandomModel m(r(), with_ranks(r, gate, 1), {F32}, true);
    const uint64_t F = m.shape.neurons, D = m.shape.hidden;
    const std::vector<int32_t> tokens = random_tokens(r, m.shape);
    const std::vector<float> cutoff(3, 0.1f);
    std::vector<SlCapture> captures;
    for (SlPoint point : {SL_RESID_MID, before(m), after(m)}) captures.push_back({static_cast<uint32_t>(point), 0, 3});
    // A step of one row: each row is read for it alone.
    const Asked asked{.t = 0.2f, .step = 1, .misses = true, .captures = captures};
    const Result seen = run(m, tokens, cutoff, asked), plain = run(m, tokens, cutoff, {.t = 0.2f, .step = 1});
    uint64_t bytes = 0;
    bool near = false;
    const uint32_t wanted = 3;
    for (uint32_t l = 0; l < wanted; l++) {
      const std::vector<double> scores = scores_of(m, l, seen.captures[0].data() + l * D);
      uint32_t predicted = 0, active = 0, missed = 0, used = 0;
      for (uint64_t i = 0; i < F; i++) {
        near = near || std::fabs(scores[i] - static_cast<double>(cutoff[l])) < 1e-5;
        const float value = seen.captures[1][l * F + i];
        const bool is_active = value >= 0.2f, said = scores[i] >= static_cast<double>(cutoff[l]);
        predicted += said, active += is_active, missed += is_active && !said, used += is_active && said;
        CHECK_MSG(near || seen.captures[2][l * F + i] == (is_active && said ? value : 0.0f),
                  text("layer %u, neuron %llu, seed %llu", l, (unsigned long long)i, (unsigned long long)seed));
      }
      if (near) continue;
      counted++;
      CHECK_MSG(seen.predicted[l] == predicted && seen.active[l] == active && seen.missed[l] == missed,
                text("layer %u: %u %u %u of %u %u %u, seed %llu", l, seen.predicted[l], seen.active[l], seen.missed[l], predicted,
                     active, missed, (unsigned long long)seed));
      CHECK(plain.zeros_gate[l] == F - used && plain.rows_read[l] == (gate ? used : predicted));
      const SlTensor &first = m.tensor(text("blk.%u.fc1.weight", l)), &second = m.tensor(text("blk.%u.fc2.weight", l));
      bytes += first.bytes + second.bytes + 4 * D * (predicted + used + (gate ? used : 0));
    }
    if (near) continue;
    for (const SlTensor& tensor : m.tensors)  // all of attention and output; one row of the embedding
      if (tensor.role == SL_TENSOR_OUTPUT || (tensor.role >= SL_TENSOR_Q && tensor.role <= SL_TENSOR_O)) bytes += tensor.bytes;
    CHECK_MSG(plain.bytes == bytes + 4 * D, text("%llu of %llu, seed %llu", (unsigned long long)plain.bytes,
                                                 (unsigned long long)(bytes + 4 * D), (unsigned long long)seed));
  }
  CHECK(counted > 10);
}

BACKEND_TEST("predicted: an intervention at the gate wakes a neuron that was left out; one before it is refused") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  const RandomModel m(r(), with_ranks(r, true, 1), {F32}, true);
  const std::vector<int32_t> tokens = random_tokens(r, m.shape);
  const std::vector<float> none(3, INFINITY), ones(m.shape.neurons, 1.0f);
  const uint32_t neuron = 7;
  SlIntervention wake{SL_FFN_GATE, SL_ADD, 1, 2, 1, ones.data(), 0, nullptr, 0, &neuron, 1};
  const std::vector<SlCapture> captures = {{SL_FFN_UP, 1, 2}, {SL_FFN_MID, 1, 2}};
  const Result woken = run(m, tokens, none, {.captures = captures, .interventions = {wake}});
  for (uint64_t i = 0; i < woken.captures[1].size(); i++)
    CHECK(woken.captures[1][i] == (i % m.shape.neurons == neuron ? woken.captures[0][i] : 0.0f));
  CHECK(same_bits(run(m, tokens, none, {.interventions = {wake}}).logits, woken.logits));
  CHECK(!same_bits(run(m, tokens, none, {}).logits, woken.logits));
  wake.point = SL_FFN_GATE_PRE;
  CHECK_ERROR(run(m, tokens, none, {.interventions = {wake}}), "intervene at ffn.gate, or use strategy \"exact\"");
}

BACKEND_TEST("predicted: two sets of neurons add up to the layer, each predicting for its own") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (bool gate : {true, false}) {
    const RandomModel m(r(), with_ranks(r, gate, 1), {F32, F16}, true);
    const uint64_t B = 5, D = m.shape.hidden;
    const std::vector<float> t(3, 0.0f), cutoff(3, 0.05f), x = random_floats(r, B * D), stream = random_floats(r, B * D);
    SlSetting setting{SL_RELU, SL_PREDICTED, t.data(), nullptr, 0};
    setting.cutoff = cutoff.data();
    std::vector<uint32_t> ids[2];
    for (uint32_t i = 0; i < m.shape.neurons; i++) ids[i % 2].push_back(i);
    std::vector<float> whole(B * D, NAN), even(B * D, NAN), odd(B * D, NAN);
    auto part = [&](const std::vector<uint32_t>* of, std::vector<float>& y) {
      ffn(m.shape, m.tensors, 1, B, x.data(), of, setting, 2, y.data(), nullptr, nullptr, nullptr, stream.data());
    };
    part(nullptr, whole), part(&ids[0], even), part(&ids[1], odd);
    for (uint64_t i = 0; i < B * D; i++) even[i] += odd[i];
    CHECK_MSG(same_sums(even, whole), text("seed %llu", (unsigned long long)seed));
    CHECK_ERROR(ffn(m.shape, m.tensors, 1, B, x.data(), nullptr, setting, 2, even.data()), "needs the stream");
  }
}

BACKEND_TEST("predicted: what cannot be is refused with a way out") {
  std::mt19937_64 r(fresh_seed());
  const std::vector<float> cutoff(3, 0.0f), wrong(3, NAN);
  const RandomModel none(r(), small_shape(), {F32}, true), m(r(), with_ranks(r, true, 1), {F32}, true);
  const std::vector<int32_t> tokens = random_tokens(r, m.shape);
  CHECK_ERROR(run(none, tokens, cutoff, {}), "this file has none; use \"exact\"");
  CHECK_ERROR(run(m, tokens, wrong, {}), "cutoff of layer 0 is not a number");
  std::vector<SlTensor> half = m.tensors;
  std::erase_if(half, [](const SlTensor& t) { return t.role == SL_TENSOR_PREDICTOR_1 && t.layer == 1; });
  CHECK_ERROR(open_model(m.shape, half), "predictor 1 of layer 1 is missing");
}
