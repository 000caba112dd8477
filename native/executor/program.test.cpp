// Captures, interventions, scores and refusals of a forward pass.
#include "executor/program.h"

#include <chrono>
#include <cmath>
#include <thread>

#include "testing/backends.h"
#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

struct Run {
  explicit Run(const RandomModel& on) : m(on), t(on.shape.layers, 0.0f) {}
  ~Run() {
    if (program) backend().close_program(program);
  }
  const RandomModel& m;
  std::vector<float> t;
  std::vector<std::vector<SlIntervention>> interventions;
  std::vector<SlSetting> settings;
  std::vector<SlCapture> captures;
  SlPlan plan{};
  SlProgram* program = nullptr;

  void setting(std::vector<SlIntervention> list = {}, SlActivation a = SL_RELU, SlStrategy s = SL_EXACT) {
    interventions.push_back(std::move(list));
    settings.push_back({static_cast<uint32_t>(a), static_cast<uint32_t>(s), t.data(), nullptr, 0});
  }
  void start(uint32_t sequences = 1, uint32_t length = 8) {
    for (size_t i = 0; i < settings.size(); i++) {
      settings[i].interventions = interventions[i].data();
      settings[i].intervention_count = interventions[i].size();
    }
    plan = {settings.data(),
            static_cast<uint32_t>(settings.size()),
            captures.data(),
            static_cast<uint32_t>(captures.size()),
            sequences,
            length,
            2};
    program = compile(m, plan);
  }
  Result go(const Rows& rows, SlControl* control = nullptr) { return forward(m, program, plan, rows, control); }
};

Rows text_of(std::vector<int32_t> tokens) {
  Rows rows;
  for (size_t i = 0; i < tokens.size(); i++) rows.add(tokens[i], static_cast<int32_t>(i));
  return rows;
}

SlIntervention at(SlPoint point, SlIntervene kind, uint32_t from, uint32_t to, float factor = 1) {
  SlIntervention i{};
  i.point = static_cast<uint32_t>(point);
  i.kind = static_cast<uint32_t>(kind);
  i.from = from;
  i.to = to;
  i.factor = factor;
  return i;
}

}  // namespace

BACKEND_TEST("forward: captured points agree with each other") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (SlStrategy strategy : {SL_DENSE, SL_EXACT}) {
    RandomModel m(r(), small_shape(), {F32, F16, Q8_0}, r() % 2);
    const uint64_t D = m.shape.hidden, F = m.shape.neurons, V = m.shape.vocab, L = m.shape.layers, B = 5;
    Run run(m);
    run.setting({}, SL_RELU, strategy);
    const SlPoint points[] = {SL_RESID_PRE, SL_RESID_MID,  SL_RESID_POST, SL_FFN_OUT, SL_FFN_GATE_PRE,
                              SL_FFN_GATE,  SL_FFN_UP_PRE, SL_FFN_UP,     SL_FFN_MID};
    for (SlPoint p : points) run.captures.push_back({static_cast<uint32_t>(p), 0, static_cast<uint32_t>(L)});
    run.captures.push_back({SL_EMBED, 0, 1});
    run.captures.push_back({SL_LOGITS, 0, 1});
    run.captures.push_back({SL_FINAL_NORM, 0, 1});
    run.start();
    Rows rows = text_of({3, 1, 4, 1, 5});
    for (size_t b = 0; b < 4; b++) rows.logits[b] = 0;
    Result out = run.go(rows);
    auto& c = out.captures;
    for (uint64_t i = 0; i < B * D; i++) {
      CHECK(c[9][i] == c[0][i]);          // embed is the first layer's resid_pre
      CHECK(c[2][i] == c[0][B * D + i]);  // resid_post of a layer is resid_pre of the next
    }
    for (uint64_t i = 0; i < L * B * D; i++) CHECK(c[1][i] + c[3][i] == c[2][i]);
    for (uint64_t i = 0; i < L * B * F; i++) {
      CHECK(c[5][i] == std::max(c[4][i], 0.0f));
      CHECK(c[7][i] == c[6][i] && std::isfinite(c[6][i]));
      CHECK(c[8][i] == (c[5][i] == 0 ? 0 : c[5][i] * c[7][i]));
    }
    for (uint64_t l = 0; l < L; l++)
      for (uint64_t b = 0; b < B; b++) {
        uint32_t zeros = 0;
        for (uint64_t k = 0; k < F; k++) zeros += c[8][(l * B + b) * F + k] == 0;
        CHECK(zeros == out.zeros_mid[l * B + b]);
        CHECK(out.rows_read[l * B + b] == F);  // up is captured: all of it was computed
      }
    for (uint64_t v = 0; v < V; v++) CHECK(out.logits[v] == c[10][(B - 1) * V + v]);
    for (float x : c[11]) CHECK(std::isfinite(x));
  }
}

BACKEND_TEST("forward: interventions do what they say, and exact stays dense") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  RandomModel m(r(), small_shape(), {F32, Q8_0}, true);
  const uint64_t F = m.shape.neurons, D = m.shape.hidden, B = 4;
  std::vector<float> vector = random_floats(r, F), wide = random_floats(r, D), rows2 = random_floats(r, 2 * F);
  const uint32_t channels[] = {7, 33}, positions[] = {1, 3};
  std::vector<std::vector<SlIntervention>> lists;
  auto zero = at(SL_FFN_MID, SL_ZERO, 0, 1);
  zero.channels = channels;
  zero.channel_count = 2;
  lists.push_back({zero});
  auto scale = at(SL_FFN_GATE, SL_SCALE, 0, 2, -2.0f);
  scale.positions = positions;
  scale.position_count = 2;
  lists.push_back({scale});
  auto add_mid = at(SL_FFN_MID, SL_ADD, 1, 2, 0.5f);
  add_mid.values = vector.data();
  lists.push_back({add_mid});
  auto replace = at(SL_FFN_GATE, SL_REPLACE, 0, 1);  // positions 0 and 1 only
  replace.values = rows2.data();
  replace.value_rows = 2;
  lists.push_back({replace, zero});
  auto steer = at(SL_RESID_MID, SL_ADD, 1, 2, 3.0f);
  steer.values = wide.data();
  lists.push_back({steer});
  for (auto& list : lists) {
    std::vector<Result> out;
    for (SlStrategy strategy : {SL_DENSE, SL_EXACT}) {
      Run run(m);
      run.captures = {{SL_FFN_MID, 0, 2}, {SL_FFN_GATE, 0, 2}, {SL_RESID_MID, 0, 2}};
      run.setting(list, SL_RELU, strategy);
      run.start();
      out.push_back(run.go(text_of({9, 8, 7, 6})));
    }
    CHECK_MSG(same_bits(out[0].logits, out[1].logits), text("seed %llu", (unsigned long long)seed));
    for (size_t c = 0; c < 3; c++) CHECK(same_bits(out[0].captures[c], out[1].captures[c]));
    Run bare(m);
    bare.captures = {{SL_FFN_MID, 0, 2}, {SL_FFN_GATE, 0, 2}, {SL_RESID_MID, 0, 2}};
    bare.setting();
    bare.start();
    Result base = bare.go(text_of({9, 8, 7, 6}));
    const Result& got = out[1];
    const bool silent = &list == &lists[0] && same_bits(base.captures[0], got.captures[0]);  // the two neurons were 0 already
    CHECK(silent || !same_bits(base.logits, out[0].logits));
    if (&list == &lists[0])
      for (uint64_t i = 0; i < B * F; i++) CHECK(got.captures[0][i] == (i % F == 7 || i % F == 33 ? 0 : base.captures[0][i]));
    if (&list == &lists[1])
      for (uint64_t i = 0; i < B * F; i++)
        CHECK(got.captures[1][i] == (i / F % 2 ? base.captures[1][i] * -2 : base.captures[1][i]));
    if (&list == &lists[2])
      for (uint64_t i = 0; i < B * F; i++)
        CHECK(got.captures[0][B * F + i] == std::fma(0.5f, vector[i % F], base.captures[0][B * F + i]));
    if (&list == &lists[3])
      for (uint64_t i = 0; i < B * F; i++) CHECK(got.captures[1][i] == (i < 2 * F ? rows2[i] : base.captures[1][i]));
    if (&list == &lists[4])
      for (uint64_t i = 0; i < B * D; i++)
        CHECK(got.captures[2][B * D + i] == std::fma(3.0f, wide[i % D], base.captures[2][B * D + i]));
  }
}

BACKEND_TEST("forward: nll, KL and top-1 against their definitions") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  RandomModel m(r(), small_shape(), {F32}, true);
  Run run(m);
  auto noise = at(SL_RESID_POST, SL_SCALE, 1, 2, 0.7f);
  auto shift = at(SL_FFN_MID, SL_ZERO, 0, 2);
  run.setting();
  run.setting({shift, noise});
  run.start(2, 4);
  Rows rows;
  for (int32_t i = 0; i < 4; i++) {
    rows.add(10 + i, i, 0, 0, 11 + i, -1);
    rows.add(10 + i, i, 1, 1, i == 3 ? -1 : 11 + i, 2 * i);
  }
  Result out = run.go(rows);
  const uint64_t V = m.shape.vocab;
  auto log_p = [&](size_t b, size_t v) {
    double sum = 0;
    for (uint64_t k = 0; k < V; k++) sum += std::exp(static_cast<double>(out.logits[b * V + k]));
    return out.logits[b * V + v] - std::log(sum);
  };
  for (size_t b = 0; b < 8; b++) {
    if (rows.targets[b] >= 0)
      CHECK(std::fabs(out.nll[b] + log_p(b, static_cast<size_t>(rows.targets[b]))) < 1e-10);
    else
      CHECK(std::isnan(out.nll[b]));
    if (b % 2 == 0) {
      CHECK(std::isnan(out.kl[b]));
      continue;
    }
    double kl = 0;
    size_t best_p = 0, best_q = 0;
    for (size_t v = 0; v < V; v++) {
      kl += std::exp(log_p(b - 1, v)) * (log_p(b - 1, v) - log_p(b, v));
      if (out.logits[(b - 1) * V + v] > out.logits[(b - 1) * V + best_p]) best_p = v;
      if (out.logits[b * V + v] > out.logits[b * V + best_q]) best_q = v;
    }
    CHECK_MSG(kl > 1e-6 && std::fabs(out.kl[b] - kl) < 1e-9,
              text("%g, not %g, seed %llu", out.kl[b], kl, (unsigned long long)seed));
    CHECK(out.top1[b] == (best_p == best_q));
  }
}

BACKEND_TEST("forward: of equal logits the first is the most likely token, of the row and of its reference") {
  RandomModel m(fresh_seed(), small_shape(), {F32}, true);
  const uint64_t V = m.shape.vocab;
  struct Tie {
    std::vector<uint64_t> p, q;  // where the largest logits are
    bool same;
  };
  const std::vector<Tie> ties = {{{3, 70}, {3}, true},      {{3, 70}, {70}, false},      {{3}, {3, 70}, true},
                                 {{70}, {3, 70}, false},    {{3, 70}, {3, 4, 95}, true}, {{0, 95}, {95}, false},
                                 {{17, 33}, {17, 33}, true}};
  const auto T = static_cast<uint32_t>(ties.size());
  std::vector<float> logits[2];
  Run run(m);
  for (int side = 0; side < 2; side++) {
    logits[side].assign(T * V, -1.0f);
    for (uint32_t i = 0; i < T; i++)
      for (uint64_t v : side ? ties[i].q : ties[i].p) logits[side][i * V + v] = 2.5f;
    auto put = at(SL_LOGITS, SL_REPLACE, 0, 1);
    put.values = logits[side].data();
    put.value_rows = T;
    run.setting({put});
  }
  run.start(2, T);
  Rows rows;
  for (uint32_t i = 0; i < T; i++) {
    const auto position = static_cast<int32_t>(i);
    rows.add(5, position, 0, 0);
    rows.add(5, position, 1, 1, -1, 2 * position);
  }
  Result out = run.go(rows);
  for (uint32_t i = 0; i < T; i++) CHECK_MSG(out.top1[2 * i + 1] == ties[i].same, text("tie %u", i));
}

BACKEND_TEST("forward: six settings read less than 1.5 times the bytes of one") {
  RandomModel m(fresh_seed(), small_shape(), {Q8_0}, true);
  uint64_t bytes[2];
  for (uint32_t S : {1u, 6u}) {
    Run run(m);
    for (uint32_t s = 0; s < S; s++) run.setting();
    run.start(S, 8);
    Rows rows;
    for (int32_t i = 0; i < 8; i++)
      for (uint32_t s = 0; s < S; s++) rows.add(20 + i, i, static_cast<int32_t>(s), static_cast<int32_t>(s));
    bytes[S == 6] = run.go(rows).bytes;
  }
  if (!defines_the_bits()) {
    CHECK(bytes[1] == 6 * bytes[0]);
    return;
  }
  CHECK_MSG(bytes[1] * 2 < bytes[0] * 3, text("%llu against %llu", (unsigned long long)bytes[1], (unsigned long long)bytes[0]));
}

BACKEND_TEST("forward: refusals") {
  RandomModel m(1, small_shape(), {F32}, true);
  Run run(m);
  run.setting();
  run.start(1, 4);
  CHECK_ERROR(run.go(text_of({96})), "token 96 of row 0; expected 0 to 95");
  Rows gap;
  gap.add(1, 2);
  CHECK_ERROR(run.go(gap), "so 0 is next");
  CHECK_ERROR(run.go(text_of({1, 2, 3, 4, 5})), "context-full");
  Rows reference = text_of({1, 2});
  reference.references[1] = 5;
  CHECK_ERROR(run.go(reference), "reference 5");
  run.go(text_of({1, 2}));  // a refused batch leaves the cache as it was
  Run capture(m);
  capture.setting();
  capture.captures = {{SL_FFN_MID, 0, 3}};
  CHECK_ERROR(capture.start(), "layers 0 to 3; expected within 0 to 2");
  Run longer(m);
  longer.setting();
  CHECK_ERROR(longer.start(1, 65), "context has 64");
  RandomModel bare(1, small_shape(false), {F32}, true);
  Run gateless(bare);
  gateless.setting();
  gateless.captures = {{SL_FFN_GATE, 0, 2}};
  CHECK_ERROR(gateless.start(), "has no gate");
  Run negative(m);
  negative.t.assign(2, -0.1f);
  negative.setting();
  CHECK_ERROR(negative.start(), "expected a number >= 0");
}

BACKEND_TEST("forward: numbers that are not finite are an error, and nothing of the batch is kept") {
  RandomModel m(1, small_shape(), {F32}, true);
  Run run(m);
  run.setting({at(SL_RESID_POST, SL_SCALE, 1, 2, INFINITY)});
  run.start();
  CHECK_ERROR(run.go(text_of({1, 2})), "not-finite: ");
  CHECK_ERROR(run.go(text_of({1, 2})), "not-finite: ");
}

BACKEND_TEST("forward: stops when asked, and goes on from the batch before") {
  Shape shape = small_shape();
  shape.neurons = 4096;
  shape.hidden = 512;
  shape.heads = 8;
  shape.kv_heads = 8;
  shape.head_size = 64;
  shape.context = 2048;
  RandomModel m(1, shape, {F32}, true);
  Run run(m);
  run.setting({}, SL_SILU, SL_DENSE);
  run.start(1, 2048);
  run.go(text_of({3, 4}));
  Rows rows;
  for (int32_t position = 2; position < 2048; position++) {
    rows.add(5, position);
    rows.logits.back() = position == 2;
  }
  SlControl control{};
  std::thread stopper([&] {
    while (__atomic_load_n(&control.progress, __ATOMIC_RELAXED) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    __atomic_store_n(&control.stop, 1u, __ATOMIC_RELAXED);
  });
  CHECK_ERROR(run.go(rows, &control), "aborted");
  stopper.join();
  CHECK(control.progress > 0 && control.progress < 1000);
  // It goes on from the rows of the batch before.
  Run fresh(m);
  fresh.setting({}, SL_SILU, SL_DENSE);
  fresh.start(1, 3);
  fresh.go(text_of({3, 4}));
  Rows next;
  next.add(7, 2);
  CHECK(same_bits(run.go(next).logits, fresh.go(next).logits));
}
