// What the backend suite does not see: graphs, the memory that was counted, conversions of weights, random schedules.
#include "backend/program.h"

#include <cmath>
#include <cstring>

#include "quant/half.h"
#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;
namespace cuda = sparselab::cuda;

namespace {

std::shared_ptr<const cuda::DeviceModel> on_device(const RandomModel& m, SlOpenOptions options = {}) {
  std::vector<SlLayer> layers;
  const SlModel record = record_of(m.shape, layers);
  return cuda::build_device_model(record, m.tensors.data(), m.tensors.size(), options);
}

// One setting of FATReLU, and a batch of one sequence.
struct Decode {
  std::vector<float> t;
  SlSetting setting{};
  SlPlan plan{};
  std::unique_ptr<cuda::Program> program;
  const std::shared_ptr<const cuda::DeviceModel> model;

  std::vector<uint32_t> zeros_gate, active, missed;  // (L, tokens) of the last call; active and missed where they are asked for

  explicit Decode(std::shared_ptr<const cuda::DeviceModel> of, float threshold = 0, std::vector<SlIntervention> changes = {},
                  uint32_t length = 40, SlStrategy strategy = SL_EXACT)
      : t(of->shape().layers, threshold), model(std::move(of)), changes_(std::move(changes)) {
    setting = {SL_FATRELU, static_cast<uint32_t>(strategy), t.data(), changes_.data(), changes_.size()};
    plan = {&setting, 1, nullptr, 0, 1, length, 1};
    program = std::make_unique<cuda::Program>(model, plan);
  }
  // Logits of the last of these tokens.
  std::vector<float> go(const std::vector<int32_t>& tokens, bool misses = false) {
    const auto n = static_cast<uint32_t>(tokens.size());
    std::vector<int32_t> positions, zeros(n, 0);
    std::vector<uint8_t> wanted(n, 0);
    wanted.back() = 1;
    for (uint32_t i = 0; i < n; i++) positions.push_back(static_cast<int32_t>(program->held(0) + i));
    const uint64_t L = model->shape().layers;
    std::vector<uint32_t> zeros_mid(L * n), rows_read(L * n);
    zeros_gate.assign(L * n, 0), active.assign(L * n, 0), missed.assign(L * n, 0);
    std::vector<float> logits(model->shape().vocab, NAN);
    SlBatch batch{};
    batch.rows = n;
    batch.tokens = tokens.data();
    batch.positions = positions.data();
    batch.sequences = batch.settings = zeros.data();
    batch.logits = wanted.data();
    SlSinks sinks{};
    sinks.logits = logits.data();
    sinks.zeros_mid = zeros_mid.data(), sinks.zeros_gate = zeros_gate.data(), sinks.rows_read = rows_read.data();
    if (misses) sinks.active = active.data(), sinks.missed = missed.data();
    SlControl control{};
    program->forward(batch, sinks, control);
    return logits;
  }

 private:
  std::vector<SlIntervention> changes_;
};

RandomModel model_of(std::vector<TensorType> types = {F32, F16}) { return {fresh_seed(), shape_of_blocks(types), types, false}; }

const std::vector<int32_t> kTokens = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4};  // more than a chunk

}  // namespace

TEST("cuda: each token is one graph, and a new threshold needs no new one") {
  const RandomModel m = model_of();
  Decode decode(on_device(m));
  const auto before = cuda::emulator::launched();
  const std::vector<float> first = decode.go(kTokens);
  auto now = cuda::emulator::launched();
  CHECK(now.directly == before.directly && now.graphs == before.graphs + kTokens.size());
  CHECK(now.captures == before.captures + 2);  // with logits and without
  // Other numbers.
  std::vector<float> vector(m.shape.hidden, 0.5f);
  const std::vector<float> higher(m.shape.layers, 0.3f);
  SlSetting changed = decode.setting;
  changed.t = higher.data();
  decode.program->set(0, changed);
  decode.program->keep(0, 0, *decode.program, 0, {});
  const std::vector<float> second = decode.go(kTokens);
  CHECK(cuda::emulator::launched().captures == now.captures);
  CHECK(!same_bits(first, second));
  Decode fresh(decode.model, 0.3f);
  CHECK(same_bits(second, fresh.go(kTokens)));
  // Another intervention is another graph; its vector may change without one.
  SlIntervention add{};
  add.point = SL_RESID_PRE;
  add.kind = SL_ADD;
  add.to = 1;
  add.factor = 1;
  add.values = vector.data();
  changed.interventions = &add;
  changed.intervention_count = 1;
  decode.program->set(0, changed);
  decode.program->keep(0, 0, *decode.program, 0, {});
  now = cuda::emulator::launched();
  const std::vector<float> third = decode.go(kTokens);
  CHECK(cuda::emulator::launched().captures == now.captures + 2 && !same_bits(second, third));
  vector[3] = 2;
  decode.program->set(0, changed);
  decode.program->keep(0, 0, *decode.program, 0, {});
  const std::vector<float> fourth = decode.go(kTokens);
  CHECK(cuda::emulator::launched().captures == now.captures + 2 && !same_bits(third, fourth));
}

TEST("cuda: the same bits in any order of threads and blocks") {
  const RandomModel m = model_of({F32, F16, Q8_0, Q4_0});
  const auto model = on_device(m);
  const std::vector<float> first = Decode(model, 0.1f).go(kTokens);
  for (int round = 0; round < 6; round++) {
    cuda::emulator::options().seed = fresh_seed() | 1;
    const std::vector<float> again = Decode(model, 0.1f).go(kTokens);
    // Without the fused kernels.
    const std::vector<float> dense = Decode(model, 0.1f, {}, 40, SL_DENSE).go(kTokens);
    cuda::emulator::options().seed = 0;
    CHECK(same_bits(first, again));
    CHECK(same_bits(first, dense));
  }
}

TEST("cuda: counts of a batch are those of each row, chunk after chunk") {
  const RandomModel m = model_of();
  Decode decode(on_device(m), 0.1f);
  decode.go(kTokens, true);
  for (size_t i = 0; i < decode.active.size(); i++) {
    CHECK(decode.active[i] == m.shape.neurons - decode.zeros_gate[i]);
    CHECK(decode.missed[i] == 0);
  }
}

TEST("cuda: attention over parts of a long context is that of one part") {
  // Keys of 600 positions are three parts; the window of 40 is one. A layer whose window covers all gives the same as none.
  Shape shape = small_shape();
  shape.context = 700;
  const RandomModel m(fresh_seed(), shape, {F32}, true);
  std::vector<int32_t> tokens;
  for (int i = 0; i < 600; i++) tokens.push_back(i * 7 % static_cast<int>(shape.vocab));
  Shape windowed = m.shape;
  for (SlLayer& layer : windowed.layer) layer.window = 650;
  std::vector<SlLayer> layers;
  const SlModel record = record_of(windowed, layers);
  const auto model = cuda::build_device_model(record, m.tensors.data(), m.tensors.size(), {});
  const std::vector<float> in_parts = Decode(on_device(m), 0, {}, 700).go(tokens);
  CHECK(same_bits(in_parts, Decode(model, 0, {}, 700).go(tokens)));
  // Scaling all scores by 1 takes the three steps instead of one pass.
  SlIntervention scale{};
  scale.point = SL_ATTN_SCORES;
  scale.kind = SL_SCALE;
  scale.to = m.shape.layers;
  scale.factor = 1;
  const std::vector<float> in_steps = Decode(on_device(m), 0, {scale}, 700).go(tokens);
  double error = 0, size = 0;
  for (size_t i = 0; i < in_steps.size(); i++) {
    error += std::pow(static_cast<double>(in_steps[i]) - static_cast<double>(in_parts[i]), 2);
    size += std::pow(static_cast<double>(in_parts[i]), 2);
  }
  CHECK_MSG(std::sqrt(error / size) < 1e-5, text("%g", std::sqrt(error / size)));
}

TEST("cuda: what is allocated is what was counted") {
  const RandomModel m = model_of({F32, F16, Q8_0, Q4_0, BF16});
  const size_t before = cuda::emulator::allocated();
  {
    const auto model = on_device(m);
    const size_t weights = cuda::emulator::allocated() - before;
    CHECK_MSG(weights == model->bytes, text("%zu bytes, counted %llu", weights, (unsigned long long)model->bytes));
    const Decode decode(model);
    const size_t all = cuda::emulator::allocated() - before - weights;
    const SlBytes counted = cuda::Program::bytes(*model, decode.plan);
    CHECK_MSG(all <= counted.device_bytes && counted.device_bytes < all + 256 * 40,
              text("%zu bytes, counted %llu", all, (unsigned long long)counted.device_bytes));
    CHECK(counted.pinned_bytes > 0);
  }
  CHECK(cuda::emulator::allocated() == before);
}

TEST("cuda: memory that does not fit is refused before it is allocated, with what would") {
  const RandomModel m = model_of();
  const auto all = on_device(m);
  SlOpenOptions options{};
  options.device_budget = all->bytes - 1;
  CHECK_ERROR(on_device(m, options), text("out-of-memory: the weights take %llu bytes on the device, and %llu are free",
                                          (unsigned long long)all->bytes, (unsigned long long)all->bytes - 1));
  Decode decode(all);
  SlPlan shorter = decode.plan;
  shorter.length = 17;
  options.device_budget = all->bytes + cuda::Program::bytes(*all, shorter).device_bytes;
  const auto tight = on_device(m, options);
  const size_t before = cuda::emulator::allocated();
  CHECK_ERROR(cuda::Program(tight, decode.plan), "17 positions would fit");
  CHECK(cuda::emulator::allocated() == before);
  cuda::Program(tight, shorter);
}

TEST("cuda: what it does not do is refused") {
  const RandomModel m = model_of();
  SlOpenOptions options{};
  options.device = 1;
  CHECK_ERROR(on_device(m, options), "no-device: CUDA device 1 does not exist; this machine has 1");
  options = {};
  options.layout = SL_LAYOUT_PACKED;
  CHECK_ERROR(on_device(m, options), "no packed layout");
  options = {};
  options.screen = 1;
  CHECK_ERROR(on_device(m, options), "no screen of the gate");
  Decode decode(on_device(m));
  SlPlan int8 = decode.plan;
  int8.arithmetic = SL_ARITHMETIC_INT8;
  CHECK_ERROR(cuda::Program(decode.model, int8), "arithmetic \"int8\" is the CPU's");
}

TEST("cuda: types without kernels become float16, or float32 where float16 cannot hold them") {
  std::mt19937_64 r(fresh_seed());
  for (TensorType type : kAllTypes) {
    const RandomModel m(r(), shape_of_blocks({type}), {type}, r() % 2);
    const auto model = on_device(m);
    const cuda::Form form = model->layers[0].up.weights().form;
    CHECK(form == cuda::form_of(type));
  }
  // A Q4_1 of scale 60000 has values up to 900000.
  const uint64_t rows = 3, cols = 64;
  std::vector<uint8_t> bytes(rows * cols / 32 * 20, 0xff);
  for (size_t block = 0; block < rows * cols / 32; block++) {
    const uint16_t scale = half_of(60000), minimum = half_of(0);
    std::memcpy(bytes.data() + block * 20, &scale, 2);
    std::memcpy(bytes.data() + block * 20 + 2, &minimum, 2);
  }
  const Matrix large{Q4_1, rows, cols, bytes.data(), cols / 32 * 20};
  const cuda::DeviceMatrix on(large, nullptr, rows);
  CHECK(on.weights().form == cuda::Form::f32);
  const auto* values = reinterpret_cast<const float*>(on.weights().values);
  CHECK(values[0] == half_to_float(half_of(60000)) * 15);
}
