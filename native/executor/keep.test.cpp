// A prefix of a sequence that another program computed: the next one goes on from it with the same bits.
#include "testing/backends.h"
#include "testing/random_model.h"
#include "testing/reference.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

std::vector<int32_t> random_tokens(std::mt19937_64& r, const Shape& shape, size_t count) {
  std::vector<int32_t> tokens(count);
  for (int32_t& t : tokens) t = static_cast<int32_t>(r() % shape.vocab);
  return tokens;
}

// One sequence of a model under one setting.
struct Sequence {
  Sequence(const RandomModel& on, uint32_t length, uint32_t kv) : m(on), t(on.shape.layers, 0.0f) {
    setting = {SL_RELU, SL_EXACT, t.data(), nullptr, 0};
    plan = {&setting, 1, nullptr, 0, 1, length, 2};
    plan.kv = kv;
    program = compile(m, plan);
  }
  ~Sequence() { m.backend.close_program(program); }
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  // Logits of tokens from a position on.
  std::vector<float> go(const std::vector<int32_t>& tokens, uint32_t from = 0) {
    Rows rows;
    for (size_t i = 0; i < tokens.size(); i++) rows.add(tokens[i], static_cast<int32_t>(from + i), 0);
    return forward(m, program, plan, rows, nullptr).logits;
  }
  void keep(const Sequence& source, uint32_t positions, SlControl* control = nullptr) {
    SlError error{};
    if (m.backend.keep(program, 0, positions, source.program, 0, control, &error))
      throw Error(code_of(error.code), error.message);
  }
  uint32_t held() const {
    uint32_t n = 0xffffffff;
    SlError error{};
    CHECK(m.backend.held(program, 0, &n, &error) == 0);
    return n;
  }

  const RandomModel& m;
  std::vector<float> t;
  SlSetting setting;
  SlPlan plan;
  SlProgram* program;
};

}  // namespace

BACKEND_TEST("keep: a prefix of another program's sequence goes on as if it had been computed") {
  std::mt19937_64 r(fresh_seed());
  for (const uint32_t kv : {SL_KV_F32, SL_KV_F16}) {
    const RandomModel m(r(), small_shape(), {F32, F16}, true);
    const std::vector<int32_t> tokens = random_tokens(r, m.shape, 9);
    // Caches of different lengths, whose keys lie at different distances.
    Sequence whole(m, 40, kv), source(m, 7, kv), target(m, 40, kv);
    const std::vector<float> all = whole.go(tokens);
    source.go({tokens.begin(), tokens.begin() + 7});
    target.go(random_tokens(r, m.shape, 3));  // which is forgotten
    target.keep(source, 6);
    CHECK(target.held() == 6 && source.held() == 7);
    const std::vector<float> rest = target.go({tokens.begin() + 6, tokens.end()}, 6);
    CHECK(same_bits(rest, {all.end() - 3 * static_cast<ptrdiff_t>(m.shape.vocab), all.end()}));

    CHECK_ERROR(target.keep(source, 8), "sequence 0 holds 7 positions; 8 are asked for");
    CHECK_ERROR(source.keep(whole, 8), "context-full: 8 positions to keep; this run was made for 7");
    Sequence other_type(m, 40, kv == SL_KV_F32 ? SL_KV_F16 : SL_KV_F32);
    CHECK_ERROR(other_type.keep(source, 2), "in a KV cache of another type");
    const RandomModel n(r(), small_shape(), {F32}, true);
    Sequence other_model(n, 40, kv);
    CHECK_ERROR(other_model.keep(source, 2), "those of another model");
    CHECK(target.held() == 9 && source.held() == 7);  // what was refused changed nothing

    SlControl stopped{1, 0};
    CHECK_ERROR(target.keep(source, 5, &stopped), "aborted");
    CHECK(target.held() == 0);
  }
}
