// What the boundary promises of a program beside a whole forward: settings that change, prefixes that are kept, ranges of layers,
// stops, failures and sums.
#include <cmath>

#include "testing/driven_program.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

// A batch of some layers. Returns the stream after them, and the logits where the last layer is among them.
struct RangeResult {
  std::vector<float> stream, logits;
};
RangeResult run_range(Program& p, const std::vector<int32_t>& tokens, uint32_t position, uint32_t from, uint32_t to,
                      const std::vector<float>* x_in) {
  const Shape& shape = p.m.shape;
  const auto B = static_cast<uint32_t>(tokens.size());
  const bool last = to == shape.layers || to == 0;
  std::vector<int32_t> positions(B), zeros(B, 0);
  for (uint32_t b = 0; b < B; b++) positions[b] = static_cast<int32_t>(position + b);
  const std::vector<uint8_t> wanted(B, 1);
  std::vector<uint32_t> counts(3 * shape.layers * B, 0xffffffff);
  RangeResult out{std::vector<float>(B * shape.hidden, NAN), std::vector<float>(last ? B * shape.vocab : 0, NAN)};
  SlBatch batch{};
  batch.rows = B;
  batch.tokens = x_in ? nullptr : tokens.data();
  batch.positions = positions.data();
  batch.sequences = batch.settings = zeros.data();
  if (last) batch.logits = wanted.data();
  batch.from_layer = from, batch.to_layer = to;
  if (x_in) batch.x_in = x_in->data();
  SlSinks sinks{};
  sinks.zeros_mid = counts.data();
  sinks.zeros_gate = counts.data() + shape.layers * B;
  sinks.rows_read = counts.data() + 2 * shape.layers * B;
  if (last) sinks.logits = out.logits.data();
  sinks.x_out = out.stream.data();
  SlControl control{};
  Program::call([&](SlError* e) { return p.m.backend.forward(p.program, &batch, &sinks, &control, e); });
  // Layers outside of the range count nothing.
  for (uint32_t l = 0; l < shape.layers; l++)
    for (uint32_t b = 0; b < B; b++) CHECK((counts[2 * shape.layers * B + l * B + b] != 0) == (l >= from && (to == 0 || l < to)));
  return out;
}

}  // namespace

BACKEND_TEST("set: another activation, threshold, strategy and intervention without compiling") {
  std::mt19937_64 r(fresh_seed());
  const RandomModel m(r(), small_shape(), {F32, Q8_0}, false);
  const std::vector<int32_t> tokens = random_tokens(r, m.shape, 5);
  const std::vector<float> zero(m.shape.layers, 0.0f), t{0.1f, 0.3f};
  SlIntervention zeroed{};
  zeroed.point = SL_FFN_OUT, zeroed.kind = SL_ZERO, zeroed.from = 1, zeroed.to = 2;
  SlSetting changed = setting_of(SL_FATRELU, t, SL_DENSE);
  changed.interventions = &zeroed, changed.intervention_count = 1;
  SlSetting by_policy = setting_of(SL_RELU, zero);
  by_policy.policy = {SL_POLICY_FATRELU, t.data()};

  const std::vector<float> first = Program(m, setting_of(SL_RELU, zero)).go(tokens).logits;
  for (const SlSetting& next : {changed, by_policy, setting_of(SL_FATRELU, t)}) {
    const std::vector<float> want = Program(m, next).go(tokens).logits;
    Program p(m, setting_of(SL_RELU, zero));
    CHECK(same_bits(p.go(tokens).logits, first));
    p.set(0, next);
    p.keep(0, 0, 0);
    CHECK(same_bits(p.go(tokens).logits, want) && !same_bits(want, first));
  }
  CHECK(same_bits(Program(m, by_policy).go(tokens).logits, Program(m, setting_of(SL_FATRELU, t)).go(tokens).logits));

  Program p(m, setting_of(SL_RELU, zero));
  CHECK_ERROR(p.set(1, changed), "invalid-option: setting 1; the plan has 1");
  const std::vector<float> negative{0.1f, -1.0f};
  CHECK_ERROR(p.set(0, setting_of(SL_FATRELU, negative)), "t of layer 1 is -1");
  by_policy.activation = SL_SILU;
  CHECK_ERROR(p.set(0, by_policy), "works with the activations relu and fatrelu, not with silu");
  CHECK(same_bits(p.go(tokens).logits, first));  // what was refused changed nothing
}

BACKEND_TEST("keep: a prefix of a sequence, or of another one, goes on as if it had been computed") {
  std::mt19937_64 r(fresh_seed());
  const RandomModel m(r(), small_shape(), {F32, F16}, true);
  const std::vector<float> t(m.shape.layers, 0.0f);
  const SlSetting setting = setting_of(SL_RELU, t);
  const std::vector<int32_t> tokens = random_tokens(r, m.shape, 6), other = random_tokens(r, m.shape, 3);
  std::vector<int32_t> joined(tokens.begin(), tokens.begin() + 4);
  joined.insert(joined.end(), other.begin(), other.end());
  Program fresh(m, setting);
  std::vector<float> want = fresh.go(joined).logits;
  want.erase(want.begin(), want.begin() + 4 * static_cast<ptrdiff_t>(m.shape.vocab));

  Program own(m, setting);
  own.go(tokens);
  CHECK(own.held() == 6);
  own.keep(0, 4, 0);
  CHECK(own.held() == 4 && same_bits(own.go(other, 4).logits, want));

  Program forked(m, setting, 3);
  forked.go(tokens, 0, 1);
  forked.go(other, 0, 2);
  forked.keep(2, 4, 1);  // longer than what it held
  CHECK(forked.held(1) == 6 && forked.held(2) == 4 && forked.held(0) == 0);
  CHECK(same_bits(forked.go(other, 4, 2).logits, want));
  const std::vector<float> after = forked.go({7}, 6, 1).logits;  // the sequence it came from goes on as well
  std::vector<int32_t> longer = tokens;
  longer.push_back(7);
  Program whole(m, setting);
  const std::vector<float> all = whole.go(longer).logits;
  CHECK(same_bits(after, {all.end() - static_cast<ptrdiff_t>(m.shape.vocab), all.end()}));

  CHECK_ERROR(forked.keep(0, 1, 0), "invalid-option: sequence 0 holds 0 positions; 1 are asked for");
  CHECK_ERROR(forked.keep(3, 0, 0), "sequence 3; the plan has 3");
  CHECK_ERROR(forked.keep(0, 0, 9), "sequence 9; the plan has 3");
}

BACKEND_TEST("stop: a stopped batch leaves the rows of earlier ones, and may be given again") {
  std::mt19937_64 r(fresh_seed());
  const RandomModel m(r(), small_shape(), {F32}, false);
  const std::vector<float> t(m.shape.layers, 0.0f);
  const SlSetting setting = setting_of(SL_RELU, t);
  const std::vector<int32_t> first = random_tokens(r, m.shape, 3), second = random_tokens(r, m.shape, 4);
  Program want(m, setting), p(m, setting, 1, {}, {SL_REDUCE_SPARSITY});
  want.go(first);
  p.go(first);
  SlControl stopped{1, 0};
  CHECK_ERROR(p.go(second, 3, 0, &stopped), "aborted");
  CHECK(p.held() == 3);
  uint64_t rows = 0;
  Program::call([&](SlError* e) { return m.backend.sums(p.program, SL_REDUCE_SPARSITY, 0, nullptr, &rows, e); });
  CHECK(rows == 3);
  CHECK(same_bits(p.go(second, 3).logits, want.go(second, 3).logits));
}

BACKEND_TEST("failure: a pass that fails in its last layer keeps and counts nothing") {
  std::mt19937_64 r(fresh_seed());
  const RandomModel m(r(), small_shape(), {F32, Q8_0}, false);
  const uint64_t L = m.shape.layers, F = m.shape.neurons;
  const std::vector<float> t(L, 0.0f);
  SlIntervention infinite{};
  infinite.point = SL_RESID_POST, infinite.kind = SL_SCALE, infinite.factor = INFINITY;
  infinite.from = static_cast<uint32_t>(L) - 1, infinite.to = static_cast<uint32_t>(L);
  SlSetting broken = setting_of(SL_RELU, t);
  broken.interventions = &infinite, broken.intervention_count = 1;
  const std::vector<int32_t> first = random_tokens(r, m.shape, 3), second = random_tokens(r, m.shape, 4);

  const std::vector<uint32_t> reducers{SL_REDUCE_SPARSITY, SL_REDUCE_FREQUENCY};
  Program want(m, setting_of(SL_RELU, t), 1, {}, reducers), p(m, setting_of(SL_RELU, t), 1, {}, reducers);
  auto sums = [&](Program& of) {
    std::vector<uint64_t> all(L + L * F + 1);
    Program::call([&](SlError* e) { return m.backend.sums(of.program, SL_REDUCE_SPARSITY, 0, all.data(), &all[L + L * F], e); });
    Program::call([&](SlError* e) { return m.backend.sums(of.program, SL_REDUCE_FREQUENCY, 0, &all[L], &all[L + L * F], e); });
    return all;
  };
  want.go(first);
  p.go(first);
  p.set(0, broken);
  CHECK_ERROR(p.go(second, 3), "not-finite");
  CHECK(p.held() == 3 && sums(p) == sums(want));
  p.set(0, setting_of(SL_RELU, t));
  CHECK(same_bits(p.go(second, 3).logits, want.go(second, 3).logits) && sums(p) == sums(want));
}

BACKEND_TEST("layers: some after others give the bits of all at once, each layer with its own keys and values") {
  std::mt19937_64 r(fresh_seed());
  Shape shape = small_shape();
  shape.layers = 3;
  const RandomModel m(r(), shape, {F32, Q8_0}, false);
  const std::vector<float> t(shape.layers, 0.0f);
  const SlSetting setting = setting_of(SL_RELU, t);
  const std::vector<int32_t> tokens = random_tokens(r, shape, 5), next = random_tokens(r, shape, 2);
  Program whole(m, setting), parts(m, setting);
  for (const auto& [list, at] : {std::pair{tokens, 0u}, std::pair{next, 5u}}) {
    const RangeResult want = run_range(whole, list, at, 0, 0, nullptr);
    RangeResult got = run_range(parts, list, at, 0, 1, nullptr);
    CHECK(parts.held() == at);  // of all layers
    got = run_range(parts, list, at, 1, 2, &got.stream);
    got = run_range(parts, list, at, 2, 3, &got.stream);
    CHECK(same_bits(got.stream, want.stream) && same_bits(got.logits, want.logits));
    CHECK(parts.held() == at + list.size());
  }
  const std::vector<float> x = random_floats(r, 2 * shape.hidden);
  const std::vector<float> changed = run_range(parts, next, 7, 1, 2, &x).stream;
  CHECK(!same_bits(changed, x));
  CHECK_ERROR(run_range(parts, next, 7, 2, 2, &x), "layers 2 to 2; expected within 0 to 3");
  CHECK_ERROR(run_range(parts, next, 7, 0, 4, nullptr), "layers 0 to 4; expected within 0 to 3");
  CHECK_ERROR(run_range(parts, next, 7, 1, 2, nullptr), "needs x_in");
}

BACKEND_TEST("sums: sparsity and frequency are those of the captured mid") {
  std::mt19937_64 r(fresh_seed());
  const RandomModel m(r(), small_shape(), {F32, F16}, false);
  const uint64_t L = m.shape.layers, F = m.shape.neurons;
  const std::vector<float> t(L, 0.0f);
  Program p(m, setting_of(SL_RELU, t), 1, {{SL_FFN_MID, 0, static_cast<uint32_t>(L)}}, {SL_REDUCE_SPARSITY, SL_REDUCE_FREQUENCY});
  std::vector<uint64_t> zeros(L, 0), active(L * F, 0);
  uint32_t at = 0;
  for (size_t n : {4, 1, 3}) {
    const Result out = p.go(random_tokens(r, m.shape, n), at);
    at += static_cast<uint32_t>(n);
    for (uint64_t l = 0; l < L; l++)
      for (uint64_t b = 0; b < n; b++)
        for (uint64_t i = 0; i < F; i++) {
          const bool zero = out.captures[0][(l * n + b) * F + i] == 0;
          zeros[l] += zero;
          active[l * F + i] += !zero;
        }
  }
  CHECK_ERROR(p.go({1}, 3), "position 3");  // fails, and adds nothing
  uint64_t rows = 0;
  std::vector<uint64_t> got(L), counts(L * F);
  Program::call([&](SlError* e) { return m.backend.sums(p.program, SL_REDUCE_SPARSITY, 0, got.data(), &rows, e); });
  CHECK(rows == 8 && got == zeros);
  Program::call([&](SlError* e) { return m.backend.sums(p.program, SL_REDUCE_FREQUENCY, 0, counts.data(), &rows, e); });
  CHECK(rows == 8 && counts == active);
  auto sums = [&](Program& of, uint32_t reducer, uint32_t i) {
    Program::call([&](SlError* e) { return m.backend.sums(of.program, reducer, i, got.data(), &rows, e); });
  };
  CHECK_ERROR(sums(p, SL_REDUCE_SPARSITY, 1), "setting 1; the plan has 1");
  Program none(m, setting_of(SL_RELU, t));
  CHECK_ERROR(sums(none, SL_REDUCE_SPARSITY, 0), "the plan has no reducer \"sparsity\"");
  CHECK_ERROR(sums(none, 99, 0), "reducer 99 does not exist");
}
