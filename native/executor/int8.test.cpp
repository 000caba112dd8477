// Arithmetic int8 through whole models: the same bits whichever way rows go, near float, and refused where it cannot be computed.
#include <cmath>

#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

// Rows wide enough for every type.
Shape wide_shape() {
  Shape shape = small_shape();
  shape.hidden = 256;
  shape.neurons = 512;
  shape.heads = 4;
  shape.kv_heads = 2;
  shape.head_size = 64;
  return shape;
}

std::vector<float> logits_of(const RandomModel& m, SlStrategy strategy, uint32_t arithmetic, uint32_t threads,
                             const std::vector<int32_t>& tokens, size_t together) {
  const std::vector<float> t(m.shape.layers, 0.0f);
  SlSetting setting{SL_RELU, static_cast<uint32_t>(strategy), t.data(), nullptr, 0};
  SlPlan plan{&setting, 1, nullptr, 0, 1, 16, threads};
  plan.arithmetic = arithmetic;
  SlProgram* program = compile(m, plan);
  std::vector<float> logits;
  for (size_t from = 0; from < tokens.size(); from += together) {
    Rows rows;
    for (size_t i = from; i < std::min(tokens.size(), from + together); i++) rows.add(tokens[i], static_cast<int32_t>(i));
    const std::vector<float> some = forward(m, program, plan, rows).logits;
    logits.insert(logits.end(), some.begin(), some.end());
  }
  m.backend.close_program(program);
  return logits;
}

void reopen_as_stored(RandomModel& m) {
  m.backend.close(m.model);
  SlOpenOptions options{};
  options.down = SL_DOWN_AS_STORED;
  m.model = open_model(m.shape, m.tensors, options);
}

}  // namespace

TEST("int8: the same bits in every strategy, batch and number of threads, and near float") {
  std::mt19937_64 r(fresh_seed());
  for (const std::vector<TensorType>& types :
       std::vector<std::vector<TensorType>>{{Q8_0}, {Q4_0, Q5_0}, {Q4_1, Q5_1}, {Q4_K, Q6_K}, {Q5_K, Q4_0, F16, Q5_1}}) {
    RandomModel m(r(), wide_shape(), types, false);
    reopen_as_stored(m);
    std::vector<int32_t> tokens;
    for (int i = 0; i < 11; i++) tokens.push_back(static_cast<int32_t>(r() % m.shape.vocab));
    const std::vector<float> want = logits_of(m, SL_DENSE, SL_ARITHMETIC_INT8, 1, tokens, 1);
    for (const SlStrategy strategy : {SL_DENSE, SL_EXACT})
      for (const uint32_t threads : {1u, 3u})
        for (const size_t together : {1ul, 3ul, 11ul})
          CHECK(same_bits(logits_of(m, strategy, SL_ARITHMETIC_INT8, threads, tokens, together), want));
    const std::vector<float> floats = logits_of(m, SL_DENSE, SL_ARITHMETIC_FLOAT, 2, tokens, 11);
    CHECK(!same_bits(floats, want));
    double difference = 0, norm = 0;
    for (size_t i = 0; i < want.size(); i++) {
      difference += std::pow(static_cast<double>(want[i]) - static_cast<double>(floats[i]), 2);
      norm += std::pow(static_cast<double>(floats[i]), 2);
    }
    CHECK(std::sqrt(difference / norm) < 0.05);
  }
}

TEST("int8: weights of floats stay float, bit for bit") {
  std::mt19937_64 r(fresh_seed());
  const RandomModel m(r(), wide_shape(), {F32, F16, BF16}, false);
  const std::vector<int32_t> tokens{1, 5, 9, 2, 7, 3};
  CHECK(same_bits(logits_of(m, SL_EXACT, SL_ARITHMETIC_INT8, 2, tokens, 6),
                  logits_of(m, SL_EXACT, SL_ARITHMETIC_FLOAT, 2, tokens, 6)));
}

TEST("int8: refused where ffn_down was regrouped") {
  std::mt19937_64 r(fresh_seed());
  const RandomModel m(r(), wide_shape(), {Q8_0}, false);
  CHECK_ERROR(logits_of(m, SL_EXACT, SL_ARITHMETIC_INT8, 1, {1}, 1), "open it with down \"as-stored\"");
  CHECK_ERROR(logits_of(m, SL_EXACT, 2, 1, {1}, 1), "arithmetic 2; expected 0 (float) or 1 (int8)");
}
