// What a pass does at a hook point and with positions: a stop ends a long list of interventions, an entry listed twice counts
// once, and the rotation table is the same however it is filled.
#include "executor/pass.h"

#include <cmath>

#include "executor/attention.h"
#include "testing/backends.h"
#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

SlIntervention at(SlPoint point, SlIntervene kind, float factor = 1) {
  SlIntervention i{};
  i.point = point;
  i.kind = kind;
  i.to = 1;
  i.factor = factor;
  return i;
}
Plan plan_of(const Shape& shape, const std::vector<SlIntervention>& list) {
  std::vector<float> t(shape.layers, 0.0f);
  SlSetting setting{SL_RELU, SL_EXACT, t.data(), list.data(), list.size()};
  return copy_plan(shape, {&setting, 1, nullptr, 0, 1, 8, 1});
}

}  // namespace

TEST("pass: a stop between two of 300 added vectors at one hook ends the pass") {
  CpuModel m;
  m.shape = small_shape();
  const uint64_t D = m.shape.hidden, B = 4;
  auto one = std::vector<float>(D, 1.0f);
  SlIntervention add = at(SL_RESID_PRE, SL_ADD);
  add.values = one.data();
  Plan plan = plan_of(m.shape, std::vector<SlIntervention>(300, add));
  std::vector<float> x(B * D, 0.0f);
  // The stop flag lies in the stream itself: the first vector added to row 0 raises it.
  auto* control = reinterpret_cast<SlControl*>(&x[8]);
  cpu::Pool pool(1);
  Pass pass(m, &plan, pool, *control);
  for (uint32_t b = 0; b < B; b++) pass.rows.push_back({b, 0, &plan.settings[0], 0});
  CHECK_ERROR(pass.hook(SL_RESID_PRE, 0, x.data()), "aborted");
  for (uint64_t i = 0; i < B * D; i++) CHECK_MSG(x[i] == (i < D ? 1.0f : 0.0f), text("%g at %llu", x[i], (unsigned long long)i));
}

TEST("pass: many rows with many interventions give the same bits on any number of threads") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  CpuModel m;
  m.shape = small_shape();
  const uint64_t D = m.shape.hidden, B = 100;
  std::vector<std::vector<float>> values;
  std::vector<SlIntervention> list;
  for (int i = 0; i < 40; i++) {
    values.push_back(random_floats(r, D));
    list.push_back(at(SL_RESID_PRE, i % 5 ? SL_ADD : SL_SCALE, 1 + static_cast<float>(i % 3) / 8));
  }
  for (size_t i = 0; i < list.size(); i++) list[i].values = list[i].kind == SL_ADD ? values[i].data() : nullptr;
  Plan plan = plan_of(m.shape, list);
  const std::vector<float> before = random_floats(r, B * D);
  const SlControl control{};
  std::vector<float> results[3];
  for (size_t i = 0; i < 3; i++) {
    cpu::Pool pool(i + 1);
    Pass pass(m, &plan, pool, control);
    for (uint32_t b = 0; b < B; b++) pass.rows.push_back({b, 0, &plan.settings[0], 0});
    results[i] = before;
    pass.hook(SL_RESID_PRE, 0, results[i].data());
  }
  CHECK(!same_bits(results[0], before));
  CHECK_MSG(same_bits(results[0], results[1]) && same_bits(results[0], results[2]), text("seed %llu", (unsigned long long)seed));
}

TEST("pass: a neuron or a position that is listed twice counts once") {
  const Shape shape = small_shape();
  const uint32_t channels[] = {7, 3, 7, 3, 7}, positions[] = {2, 0, 2};
  SlIntervention twice = at(SL_FFN_MID, SL_SCALE, 2);
  twice.channels = channels;
  twice.channel_count = 5;
  twice.positions = positions;
  twice.position_count = 3;
  Plan plan = plan_of(shape, {twice});
  CpuModel m;
  m.shape = shape;
  const SlControl control{};
  cpu::Pool pool(1);
  Pass pass(m, &plan, pool, control);
  for (uint32_t b = 0; b < 3; b++) pass.rows.push_back({b, 0, &plan.settings[0], 0});
  std::vector<float> x(3 * shape.neurons, 1.0f);
  pass.hook(SL_FFN_MID, 0, x.data());
  for (uint64_t i = 0; i < x.size(); i++) {
    const uint64_t row = i / shape.neurons, k = i % shape.neurons;
    CHECK_MSG(x[i] == (row != 1 && (k == 3 || k == 7) ? 2.0f : 1.0f), text("%g at %llu", x[i], (unsigned long long)i));
  }
}

TEST("pass: the values of an intervention are used where they lie") {
  const Shape shape = small_shape();
  std::vector<float> values(shape.hidden, 1.0f);
  SlIntervention add = at(SL_RESID_PRE, SL_ADD);
  add.values = values.data();
  Plan plan = plan_of(shape, {add});
  CHECK(plan.settings[0].interventions[0].values == values.data());
}

TEST("rotation: the same values in one go and in pieces, by their definition") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  CpuModel m;
  m.shape = small_shape();
  m.shape.rope_base = 500.0f + static_cast<float>(r() % 100000);
  m.shape = with_layers(m.shape);
  const uint32_t length = 500, half = m.shape.head_size / 2;
  const SlControl control{};
  for (size_t threads : {1, 3}) {
    cpu::Pool pool(threads);
    Pass pass(m, nullptr, pool, control);
    Rotation table(m.shape, length);
    for (uint32_t to = 0; to < length; to = std::min<uint32_t>(length, to + 1 + r() % 90)) table.fill(pass, to);
    table.fill(pass, length);
    for (uint32_t p = 0; p < length; p++)
      for (uint32_t i = 0; i < half; i++) {
        const double angle = p * std::pow(static_cast<double>(m.shape.rope_base), -2.0 * i / m.shape.head_size);
        CHECK_MSG(table.cos(0, p)[i] == static_cast<float>(std::cos(angle)) &&
                      table.sin(0, p)[i] == static_cast<float>(std::sin(angle)),
                  text("position %u, pair %u, seed %llu", p, i, (unsigned long long)seed));
      }
  }
}

TEST("rotation: nothing is computed before a forward, which may be stopped there") {
  CpuModel m;
  m.shape = with_layers(small_shape());
  SlControl control{};
  cpu::Pool pool(2);
  Pass pass(m, nullptr, pool, control);
  // 2^26 positions: computing them would take half a minute.
  Rotation table(m.shape, 1u << 26);
  CHECK(Rotation::bytes(m.shape, 1u << 26) == uint64_t{1} << 32);
  table.fill(pass, 40);
  CHECK(table.cos(0, 0)[0] == 1.0f && table.sin(0, 39)[0] == static_cast<float>(std::sin(39.0)));
  control.stop = 1;
  CHECK_ERROR(table.fill(pass, 1u << 26), "aborted");
  control.stop = 0;
  table.fill(pass, 41);
  CHECK(table.sin(0, 40)[0] == static_cast<float>(std::sin(40.0)));
}

TEST("open: regrouping is held against the budget before it begins") {
  RandomModel m(fresh_seed(), small_shape(), {F32}, false);
  const uint64_t copies = uint64_t{m.shape.layers} * m.shape.neurons * m.shape.hidden * 4;
  auto open = [&](const RandomModel& of, uint64_t budget) {
    SlOpened opened{};
    SlOpenOptions options{};
    options.host_budget = budget;
    const std::string said = message_of([&] { backend().close(open_model(of.shape, of.tensors, options, &opened)); });
    return said != "no error" ? said : text("%llu bytes", (unsigned long long)opened.host_bytes);
  };
  CHECK(open(m, copies) == text("%llu bytes", (unsigned long long)copies));
  CHECK(open(m, copies - 1)
            .find(text("out-of-memory: ffn_down is copied into rows by neuron when the model is loaded: %llu bytes, and %llu",
                       (unsigned long long)copies, (unsigned long long)copies - 1)) == 0);
  RandomModel by_neuron(fresh_seed(), small_shape(), {F32}, true);
  CHECK(open(by_neuron, 1) == "0 bytes");
}
