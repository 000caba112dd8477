// What models have beyond a plain llama, in any combination, against the reference in float64: LayerNorm and its biases, biases
// of q, k, v, output, up and down, norms of heads, norms of what is added, scaled rotary positions. And: what is added to the
// stream is what attn.add and ffn.add show, bit for bit, and every strategy, thread count and way gives the same bits.
#include <algorithm>
#include <cmath>

#include "testing/backends.h"
#include "testing/random_model.h"
#include "testing/reference.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

constexpr uint32_t kTokens = 10;

// A shape with features drawn from r.
Shape random_features(std::mt19937_64& r, bool gate) {
  Shape shape = small_shape(gate);
  shape.layers = 3;
  shape = with_layers(shape);
  auto yes = [&] { return static_cast<uint32_t>(r() % 2); };
  shape.norm = yes() ? SL_NORM_LAYER : SL_NORM_RMS;
  shape.residual_scale = yes() ? 0.375f : 1;
  const uint32_t qk_norm = yes(), post_norm = yes(), attention_biases = yes(), ffn_biases = gate ? 0 : yes();
  if (yes()) shape.rope_freqs.assign(1, 1);
  const uint32_t dims = 2 * static_cast<uint32_t>(1 + r() % 8);
  for (SlLayer& layer : shape.layer) {
    layer.qk_norm = qk_norm;
    layer.post_norm = post_norm;
    layer.attention_biases = attention_biases;
    layer.ffn.biases = ffn_biases;
    layer.rope = static_cast<uint32_t>(SL_ROPE_PAIRS + r() % 2);
    layer.rope_dims = dims;
    layer.window = yes() ? static_cast<uint32_t>(1 + r() % 6) : 0;
    if (yes()) layer.rope_factor = 4;
    if (yes()) layer.rope_magnitude = 1.25f;
    if (layer.rope_factor > 1 && yes()) {
      layer.yarn = 1;
      layer.yarn_fast = 32;
      layer.yarn_slow = 1;
      layer.yarn_context = 16;
    }
  }
  shape.ffn = shape.layer[0].ffn;
  return shape;
}

Result run(const RandomModel& m, SlStrategy strategy, const std::vector<int32_t>& tokens, uint32_t threads, bool at_once,
           std::vector<SlCapture> captures = {}) {
  const std::vector<float> t(m.shape.layers, 0.0f);
  const SlSetting setting{SL_RELU, static_cast<uint32_t>(strategy), t.data(), nullptr, 0};
  const SlPlan plan{&setting, 1, captures.data(), static_cast<uint32_t>(captures.size()), 1, kTokens, threads};
  SlProgram* program = compile(m, plan);
  Result all;
  const uint32_t step = at_once ? kTokens : 1;
  for (uint32_t from = 0; from < kTokens; from += step) {
    Rows rows;
    for (uint32_t i = from; i < from + step; i++) rows.add(tokens[i], static_cast<int32_t>(i));
    Result part = forward(m, program, plan, rows);
    all.logits.insert(all.logits.end(), part.logits.begin(), part.logits.end());
    all.captures = std::move(part.captures);
  }
  backend().close_program(program);
  return all;
}

}  // namespace

BACKEND_TEST("features: any combination against float64, with the same bits in every way") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (int round = 0; round < 16; round++) {
    const RandomModel m(r(), random_features(r, round % 2), {F32, F16}, r() % 2);
    std::vector<int32_t> tokens(kTokens);
    for (int32_t& token : tokens) token = static_cast<int32_t>(r() % m.shape.vocab);
    const Result first = run(m, SL_DENSE, tokens, 1, true);
    const double error = relative_error(first.logits, reference(m, tokens).logits);
    CHECK_MSG(error < 1e-5, text("round %d: %g, seed %llu", round, error, (unsigned long long)seed));
    for (SlStrategy strategy : {SL_DENSE, SL_EXACT})
      for (uint32_t threads : {1u, 3u})
        for (bool at_once : {true, false})
          CHECK_MSG(same_bits(run(m, strategy, tokens, threads, at_once).logits, first.logits),
                    text("round %d, seed %llu", round, (unsigned long long)seed));
  }
}

BACKEND_TEST("features: the points of attention are those of float64, and capturing them changes no bit") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (int round = 0; round < 16; round++) {
    const RandomModel m(r(), random_features(r, round % 2), {F32, F16}, r() % 2);
    const uint32_t L = m.shape.layers, H = m.shape.heads;
    std::vector<int32_t> tokens(kTokens);
    for (int32_t& token : tokens) token = static_cast<int32_t>(r() % m.shape.vocab);
    const Reference want = reference(m, tokens);
    std::vector<SlCapture> captures;
    for (SlPoint point : {SL_ATTN_Q, SL_ATTN_K, SL_ATTN_V, SL_ATTN_Z, SL_ATTN_OUT, SL_ATTN_SCORES, SL_ATTN_PATTERN})
      captures.push_back({static_cast<uint32_t>(point), 0, L});
    const Result found = run(m, SL_EXACT, tokens, 2, true, captures);
    const std::string where = text("round %d, seed %llu", round, (unsigned long long)seed);
    CHECK_MSG(same_bits(found.logits, run(m, SL_EXACT, tokens, 2, true).logits), where);
    const Reference::Layers* rows[] = {&want.q, &want.k, &want.v, &want.z, &want.out};
    for (size_t c = 0; c < 5; c++)
      for (uint32_t l = 0; l < L; l++) {
        const size_t n = found.captures[c].size() / L;
        const auto from = found.captures[c].begin() + static_cast<ptrdiff_t>(l * n);
        const double error = relative_error(std::vector<float>(from, from + static_cast<ptrdiff_t>(n)), (*rows[c])[l]);
        CHECK_MSG(error < 1e-5, text("point %zu of layer %u: %g, %s", c, l, error, where.c_str()));
      }
    double worst = 0;
    for (uint32_t l = 0; l < L; l++)
      for (uint32_t h = 0; h < H; h++)
        for (uint32_t p = 0; p < kTokens; p++)
          for (uint32_t j = 0; j < kTokens; j++) {
            const size_t at = ((uint64_t{l} * H + h) * kTokens + p) * kTokens + j;
            const double score = j > p ? -INFINITY : want.scores[l][p][h * (p + 1) + j];
            const double share = j > p ? 0 : want.pattern[l][p][h * (p + 1) + j];
            const auto its = static_cast<double>(found.captures[5][at]);
            if (std::isinf(score) || std::isinf(its))
              CHECK_MSG(its == score, text("score %g for %g, %s", its, score, where.c_str()));
            else
              worst = std::max(worst, std::fabs(its - score) / (1 + std::fabs(score)));
            worst = std::max(worst, std::fabs(static_cast<double>(found.captures[6][at]) - share));
          }
    CHECK_MSG(worst < 1e-4, text("scores and pattern are apart by %g, %s", worst, where.c_str()));
  }
}

BACKEND_TEST("features: resid_mid + ffn.add is resid_post, and resid_pre + attn.add is resid_mid, bit for bit") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (int round = 0; round < 8; round++) {
    const RandomModel m(r(), random_features(r, round % 2), {F32}, true);
    const uint32_t L = m.shape.layers;
    std::vector<SlCapture> captures;
    for (SlPoint point : {SL_RESID_PRE, SL_ATTN_ADD, SL_RESID_MID, SL_FFN_OUT, SL_FFN_ADD, SL_RESID_POST})
      captures.push_back({static_cast<uint32_t>(point), 0, L});
    std::vector<int32_t> tokens(kTokens);
    for (int32_t& token : tokens) token = static_cast<int32_t>(r() % m.shape.vocab);
    const auto c = run(m, SL_EXACT, tokens, 2, true, captures).captures;
    bool equal = true;
    for (size_t i = 0; i < c[0].size(); i++) equal = equal && c[0][i] + c[1][i] == c[2][i] && c[2][i] + c[4][i] == c[5][i];
    CHECK_MSG(equal, text("round %d, seed %llu", round, (unsigned long long)seed));
    const bool follows = m.shape.layer[0].post_norm || m.shape.residual_scale != 1;
    CHECK(same_bits(c[3], c[4]) == !follows);
  }
}

BACKEND_TEST("features: a bias that the record does not have, and what makes no rotation, are refused") {
  Shape shape = with_layers(small_shape());
  for (SlLayer& layer : shape.layer) layer.attention_biases = 1;
  const RandomModel m(fresh_seed(), shape, {F32}, true);
  Shape without = shape;
  for (SlLayer& layer : without.layer) layer.attention_biases = 0;
  CHECK_ERROR(open_model(without, m.tensors), "q bias of layer 0 is given, but the model's record has none");
  Shape normed = shape;
  for (SlLayer& layer : normed.layer) layer.qk_norm = 1;
  CHECK_ERROR(open_model(normed, m.tensors), "q norm of layer 0 is missing");
  Shape turned = shape;
  turned.layer[1].rope_factor = -1;
  CHECK_ERROR(open_model(turned, m.tensors), "layer 1 scales its rotary positions by factor -1");
}
