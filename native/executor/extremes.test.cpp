// Numbers at the edge of float32: a sum that overflows on the way is right or refused, never zero; a silent neuron's weights
// never matter, whatever they are; dense and exact agree bit for bit there too. Fresh numbers in every run.
#include <cmath>
#include <limits>

#include "backend/backend.h"
#include "error.h"
#include "testing/backends.h"
#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

const SlTensor& tensor(const RandomModel& m, const std::string& name) {
  for (const SlTensor& t : m.tensors)
    if (name == t.name) return t;
  throw Failure("no tensor " + name);
}
// The numbers of an F32 tensor, to be changed: the model reads them where they lie (regrouped ones apart).
float* weights(const RandomModel& m, const std::string& name) {
  return const_cast<float*>(reinterpret_cast<const float*>(tensor(m, name).data));
}
void times(const RandomModel& m, const std::string& name, float factor) {
  float* w = weights(m, name);
  for (uint64_t i = 0; i < tensor(m, name).bytes / 4; i++) w[i] *= factor;
}
// The model opened once more, after its bytes were changed.
struct Reopened {
  explicit Reopened(const RandomModel& m) : model(open_model(m.shape, m.tensors)) {}
  ~Reopened() { backend().close(model); }
  SlBackendModel* model;
};

struct Answer {
  std::string error;  // empty: none
  Result result;
};
Answer answer(const RandomModel& m, SlStrategy strategy, const std::vector<int32_t>& tokens,
              std::vector<SlIntervention> list = {}, const std::vector<SlCapture>& captures = {}) {
  std::vector<float> t(m.shape.layers, 0.0f);
  SlSetting setting{SL_RELU, static_cast<uint32_t>(strategy), t.data(), list.data(), list.size()};
  SlPlan plan{&setting, 1, captures.data(), static_cast<uint32_t>(captures.size()), 1, static_cast<uint32_t>(tokens.size()), 2};
  // A backend may have copied the weights when the model was made.
  const Reopened now(m);
  SlProgram* program = nullptr;
  SlError error{};
  if (backend().compile(now.model, &plan, &program, &error)) throw Error(code_of(error.code), error.message);
  Rows rows;
  for (size_t i = 0; i < tokens.size(); i++) rows.add(tokens[i], static_cast<int32_t>(i));
  Answer out;
  out.error = message_of([&] { out.result = forward(m, program, plan, rows); });
  if (out.error == "no error") out.error.clear();
  backend().close_program(program);
  return out;
}
std::vector<int32_t> random_tokens(std::mt19937_64& r, const RandomModel& m, size_t n) {
  std::vector<int32_t> out(n);
  for (int32_t& t : out) t = static_cast<int32_t>(r() % m.shape.vocab);
  return out;
}
std::vector<float> ffn(const RandomModel& m, SlStrategy strategy, SlActivation activation, const std::vector<float>& x) {
  std::vector<float> t(m.shape.layers, 0.0f), y(x.size(), NAN);
  SlSetting setting{static_cast<uint32_t>(activation), static_cast<uint32_t>(strategy), t.data(), nullptr, 0};
  const auto rows = static_cast<uint32_t>(x.size() / m.shape.hidden);
  testing::ffn(m.shape, m.tensors, 0, rows, x.data(), nullptr, setting, 2, y.data());
  return y;
}
SlIntervention add_at(SlPoint point, uint32_t layer, float factor, const std::vector<float>& values) {
  SlIntervention i{};
  i.point = point;
  i.kind = SL_ADD;
  i.from = layer;
  i.to = layer + 1;
  i.factor = factor;
  i.values = values.data();
  return i;
}

}  // namespace

BACKEND_TEST("extremes: a silent neuron's weights never matter") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (float weight : {kInf, -kInf, NAN}) {
    RandomModel m(r(), small_shape(), {F32}, true);
    const uint64_t D = m.shape.hidden, F = m.shape.neurons;
    auto tokens = random_tokens(r, m, 7);
    const uint64_t k = r() % F;
    std::fill_n(weights(m, "blk.0.ffn_gate.weight") + k * D, D, 0.0f);  // its gate is 0 for every token
    Answer clean = answer(m, SL_EXACT, tokens);
    CHECK(clean.error.empty());
    for (uint64_t d = 0; d < D; d += 1 + r() % 5) weights(m, "blk.0.ffn_down_t.weight")[k * D + d] = weight;
    for (SlStrategy strategy : {SL_DENSE, SL_EXACT}) {
      Answer got = answer(m, strategy, tokens);
      CHECK_MSG(got.error.empty(), got.error);
      CHECK_MSG(same_bits(clean.result.logits, got.result.logits),
                text("weight %g, strategy %d, seed %llu", weight, strategy, (unsigned long long)seed));
    }
  }
}

BACKEND_TEST("extremes: dense answers what exact answers, in its bits, and refuses what it refuses") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  size_t answered = 0, refused = 0;
  for (int round = 0; round < 40; round++) {
    RandomModel m(r(), small_shape(), {F32}, true);
    const uint64_t D = m.shape.hidden, F = m.shape.neurons;
    const uint32_t layer = r() % 2;
    weights(m, text("blk.%u.ffn_down_t.weight", layer))[(r() % F) * D + r() % D] = r() % 2 ? kInf : NAN;
    auto tokens = random_tokens(r, m, 1 + r() % 3);
    Answer dense = answer(m, SL_DENSE, tokens), exact = answer(m, SL_EXACT, tokens);
    CHECK_MSG(dense.error == exact.error,
              text("dense: %s, exact: %s, seed %llu", dense.error.c_str(), exact.error.c_str(), (unsigned long long)seed));
    CHECK(same_bits(dense.result.logits, exact.result.logits));
    (exact.error.empty() ? answered : refused)++;
  }
  CHECK_MSG(answered > 0 && refused > 0, text("%zu answered, %zu refused", answered, refused));
}

BACKEND_TEST("extremes: the scale of a block's neurons may be infinite while they are silent") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (TensorType type : kAllTypes) {
    RandomModel m(r(), shape_of_blocks({type}), {type}, false);
    const uint64_t D = m.shape.hidden;
    const SlTensor& gate = tensor(m, "blk.0.ffn_gate.weight");
    const SlTensor& down = tensor(m, "blk.0.ffn_down.weight");
    // The neurons of the first blocks of down are silent: their rows of the gate are zero.
    const uint64_t block = weight_type(type).traits.block, silent = std::max<uint64_t>(block, 32);
    std::memset(const_cast<uint8_t*>(gate.data), 0, gate.bytes / m.shape.neurons * silent);
    auto x = random_floats(r, 3 * D);
    const std::vector<float> clean = ffn(m, SL_EXACT, SL_RELU, x);
    auto* row = const_cast<uint8_t*>(down.data) + down.bytes / D * (r() % D);
    const uint16_t half = 0x7c00, upper = 0x7f80;
    if (type == F32)
      std::memcpy(row, &kInf, 4);
    else if (type == BF16)
      std::memcpy(row, &upper, 2);
    else
      std::memcpy(row + (type == Q6_K ? 208 : 0), &half, 2);  // of a block its scale
    CHECK(same_bits(clean, ffn(m, SL_EXACT, SL_RELU, x)));
    CHECK_MSG(same_bits(clean, ffn(m, SL_DENSE, SL_RELU, x)), text("type %d, seed %llu", type, (unsigned long long)seed));
  }
}

BACKEND_TEST("extremes: a residual stream whose squares overflow is normalised, not made zero") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (float size : {1e19f, 1e20f, 1e30f, 1e38f}) {
    RandomModel m(r(), small_shape(), {F32}, true);
    const uint64_t D = m.shape.hidden, V = m.shape.vocab;
    auto tokens = random_tokens(r, m, 3);
    std::vector<float> ones(D, 1.0f);
    const uint32_t last = m.shape.layers - 1;
    for (SlStrategy strategy : {SL_DENSE, SL_EXACT}) {
      Answer got = answer(m, strategy, tokens, {add_at(SL_RESID_POST, last, size, ones)},
                          {{SL_FINAL_NORM, 0, 1}, {SL_RESID_POST, last, last + 1}});
      CHECK_MSG(got.error.empty(), got.error);
      const float* norm = weights(m, "output_norm.weight");
      const std::vector<float>&h = got.result.captures[0], &x = got.result.captures[1];
      for (size_t b = 0; b < tokens.size(); b++) {
        double squares = 0;
        for (uint64_t d = 0; d < D; d++) squares += static_cast<double>(x[b * D + d]) * x[b * D + d];
        for (uint64_t d = 0; d < D; d++) {
          const double want = x[b * D + d] / std::sqrt(squares / static_cast<double>(D)) * norm[d];
          CHECK_MSG(std::fabs(h[b * D + d] - want) <= 1e-6 * std::fabs(want),
                    text("%g, not %g at size %g, seed %llu", h[b * D + d], want, size, (unsigned long long)seed));
        }
        double most = 0;
        for (uint64_t v = 0; v < V; v++) most = std::max(most, std::fabs(static_cast<double>(got.result.logits[b * V + v])));
        CHECK(most > 0);
      }
    }
  }
}

BACKEND_TEST("extremes: an embedding times 2^66 gives the logits of its direction") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  RandomModel m(r(), small_shape(), {F32}, true);
  m.shape.norm_epsilon = 0;  // the rest scales with the stream
  auto tokens = random_tokens(r, m, 5);
  // Attention and FFN write nothing beside such a stream: without them the direction is all there is.
  for (uint32_t l = 0; l < m.shape.layers; l++)
    for (const char* name : {"attn_output", "ffn_down_t"}) times(m, text("blk.%u.%s.weight", l, name), 0);
  Answer small = answer(m, SL_EXACT, tokens);
  times(m, "token_embd.weight", std::ldexp(1.0f, 66));
  Answer big = answer(m, SL_EXACT, tokens);
  CHECK_MSG(small.error.empty() && big.error.empty(), big.error);
  double error = 0, size = 0;
  for (size_t i = 0; i < small.result.logits.size(); i++) {
    error += std::pow(static_cast<double>(small.result.logits[i]) - big.result.logits[i], 2);
    size += std::pow(static_cast<double>(small.result.logits[i]), 2);
  }
  CHECK_MSG(size > 0 && std::sqrt(error / size) < 1e-4, text("%g, seed %llu", std::sqrt(error / size), (unsigned long long)seed));
}

BACKEND_TEST("extremes: scores that overflow pick the position that they would") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  RandomModel m(r(), small_shape(), {F32}, true);
  auto tokens = random_tokens(r, m, 12);
  const std::vector<SlCapture> captures = {{SL_RESID_MID, 0, 1}};
  std::vector<float> mid[2];
  // Scores around 2^100 and then around 2^180: either way all weight lies on the highest one.
  for (int i = 0; i < 2; i++) {
    times(m, "blk.0.attn_q.weight", std::ldexp(1.0f, i ? 40 : 50));
    times(m, "blk.0.attn_k.weight", std::ldexp(1.0f, i ? 40 : 50));
    Answer got = answer(m, SL_EXACT, tokens, {}, captures);
    CHECK_MSG(got.error.empty(), got.error);
    mid[i] = got.result.captures[0];
  }
  CHECK_MSG(same_bits(mid[0], mid[1]), text("seed %llu", (unsigned long long)seed));
}

BACKEND_TEST("extremes: a partial sum that overflows is no silent zero") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  RandomModel m(r(), small_shape(), {F32}, true);
  const uint64_t D = m.shape.hidden, F = m.shape.neurons;
  const uint64_t k = r() % F;
  // The gate of neuron k: -3e38 twice (which is -inf) and +2e38 four times; 2e38 in all. Its up is 1e-38.
  float* gate = weights(m, "blk.0.ffn_gate.weight") + k * D;
  std::fill_n(gate, D, 0.0f);
  gate[0] = gate[8] = -3e38f;
  gate[1] = gate[9] = gate[2] = gate[10] = 2e38f;
  float* up = weights(m, "blk.0.ffn_up.weight") + k * D;
  std::fill_n(up, D, 0.0f);
  up[0] = 1e-38f;
  for (uint64_t i = 0; i < F; i++)
    if (i != k) std::fill_n(weights(m, "blk.0.ffn_gate.weight") + i * D, D, 0.0f);
  const float* down = weights(m, "blk.0.ffn_down_t.weight") + k * D;
  std::vector<float> x(D, 1.0f);
  std::vector<float> dense = ffn(m, SL_DENSE, SL_RELU, x), exact = ffn(m, SL_EXACT, SL_RELU, x);
  CHECK(same_bits(dense, exact));
  // Many rows take the tiles of the matrix product.
  const uint64_t rows = 23;
  for (SlStrategy strategy : {SL_DENSE, SL_EXACT}) {
    const std::vector<float> many = ffn(m, strategy, SL_RELU, std::vector<float>(rows * D, 1.0f));
    for (uint64_t b = 0; b < rows; b++)
      CHECK(same_bits({many.begin() + static_cast<long>(b * D), many.begin() + static_cast<long>((b + 1) * D)}, dense));
  }
  for (uint64_t d = 0; d < D; d++) {
    const double want = 2.0 * down[d];
    CHECK_MSG(std::fabs(exact[d] - want) <= 1e-5 * std::fabs(want),
              text("%g, not %g, seed %llu", exact[d], want, (unsigned long long)seed));
  }
}

BACKEND_TEST("extremes: what the neurons write may overflow on the way, not at the end") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  RandomModel m(r(), small_shape(false), {F32}, true);
  const uint64_t D = m.shape.hidden, F = m.shape.neurons;
  std::fill_n(weights(m, "blk.0.ffn_up.weight"), F * D, 0.0f);
  std::fill_n(weights(m, "blk.0.ffn_down_t.weight"), F * D, 0.0f);
  const float written[] = {3e38f, 3e38f, -3e38f, -2e38f};
  double want = 0;
  for (uint64_t i = 0; i < 4; i++) {
    weights(m, "blk.0.ffn_up.weight")[(10 + i) * D] = 1;  // mid is 1
    for (uint64_t d = 0; d < D; d += 3) weights(m, "blk.0.ffn_down_t.weight")[(10 + i) * D + d] = written[i];
    want += static_cast<double>(written[i]);
  }
  std::vector<float> x(D, 0.0f);
  x[0] = 1;
  std::vector<float> dense = ffn(m, SL_DENSE, SL_RELU, x), exact = ffn(m, SL_EXACT, SL_RELU, x);
  CHECK(same_bits(dense, exact));
  for (uint64_t d = 0; d < D; d++)
    CHECK_MSG(exact[d] == (d % 3 ? 0.0f : static_cast<float>(want)), text("%g at %llu", exact[d], (unsigned long long)d));
}

BACKEND_TEST("extremes: values beyond float32 are refused, in every part") {
  RandomModel m(fresh_seed(), small_shape(), {F32}, true);
  auto far = std::vector<float>(m.shape.hidden, 3e38f), neurons = std::vector<float>(m.shape.neurons, 3e38f);
  for (SlStrategy strategy : {SL_DENSE, SL_EXACT}) {
    CHECK_MSG(answer(m, strategy, {1, 2}, {add_at(SL_RESID_POST, 1, 3e38f, far)}).error.find("not-finite: ") == 0, "resid_post");
    CHECK_MSG(answer(m, strategy, {1, 2}, {add_at(SL_FFN_OUT, 0, 3e38f, far)}).error.find("not-finite: ") == 0, "ffn.out");
    CHECK_MSG(answer(m, strategy, {1, 2}, {add_at(SL_FFN_MID, 0, 3e38f, neurons)}).error.find("not-finite: ") == 0, "ffn.mid");
    CHECK_MSG(answer(m, strategy, {1, 2}, {add_at(SL_FFN_IN, 0, 3e38f, far)}).error.find("not-finite: ") == 0, "ffn.in");
  }
}
