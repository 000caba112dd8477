// Whole models with random weights, made on the card: tokens a second of each strategy, what captures cost, and where the time of
// a token goes, kernel by kernel.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>

#include "backend/program.h"
#include "bench/bench.h"
#include "bench/fill.h"
#include "bench/timing.h"

namespace sparselab::cuda::bench {
namespace {

constexpr uint32_t kRank = 1024, kLength = 256;

DeviceArray<float> ones(uint64_t n) { return DeviceArray<float>(std::vector<float>(n, 1.0f)); }

std::shared_ptr<const DeviceModel> synthetic(const Stream& stream, const Card& card, const Dimensions& of, Form form) {
  SlLayer record{};
  record.heads = of.heads, record.kv_heads = of.kv_heads, record.head_size = of.head_size, record.neurons = of.neurons;
  record.rope = SL_ROPE_PAIRS, record.rope_dims = of.head_size, record.rope_base = 10000;
  record.attention_scale = 1 / std::sqrt(static_cast<float>(of.head_size));
  record.ffn.has_gate = 1;
  record.ffn.activation = SL_FATRELU;
  const std::vector<SlLayer> layers(of.layers, record);
  SlModel model{};
  model.layers = of.layers, model.hidden = of.hidden, model.vocab = of.vocab, model.context = 4096;
  model.norm_epsilon = 1e-5f;
  model.embedding_scale = model.residual_scale = model.logit_scale = 1;
  model.layer = layers.data();
  auto host = std::make_shared<CpuModel>();
  host->shape = shape_of(model);
  host->shape.ranks.assign(of.layers, kRank);
  const uint64_t D = of.hidden, F = of.neurons, Q = host->shape.q_width(), KV = host->shape.kv_width();
  host->layers.resize(of.layers);
  for (LayerWeights& layer : host->layers) layer.held = Neurons(F);

  auto out = std::make_shared<DeviceModel>();
  uint64_t seed = 1;
  auto matrix = [&](uint64_t rows, uint64_t cols) {
    DeviceMatrix m = random_matrix(stream, form, rows, cols, 1 / std::sqrt(static_cast<float>(cols)), seed++);
    out->bytes += m.bytes();
    return m;
  };
  out->multiprocessors = card.multiprocessors;
  out->embed = matrix(of.vocab, D);
  out->output = matrix(of.vocab, D);
  out->norm = ones(D);
  for (uint32_t l = 0; l < of.layers; l++) {
    DeviceLayer layer;
    layer.q = matrix(Q, D);
    layer.k = matrix(KV, D);
    layer.v = matrix(KV, D);
    layer.o = matrix(D, Q);
    layer.gate = matrix(F, D);
    layer.up = matrix(F, D);
    layer.down = matrix(F, D);
    layer.predictor_1 = matrix(kRank, D);
    layer.predictor_2 = matrix(F, kRank);
    layer.attn_norm = ones(D);
    layer.ffn_norm = ones(D);
    out->layers.push_back(std::move(layer));
  }
  out->host = std::move(host);
  return out;
}

// A program of one setting and one sequence.
struct Run {
  std::vector<float> t, cutoff;
  std::vector<SlCapture> captures;
  SlSetting setting{};
  SlPlan plan{};
  std::unique_ptr<Program> program;

  Run(const std::shared_ptr<const DeviceModel>& model, SlStrategy strategy, std::vector<float> thresholds,
      std::vector<float> cutoffs, std::vector<SlCapture> with = {})
      : t(std::move(thresholds)), cutoff(std::move(cutoffs)), captures(std::move(with)) {
    setting = {SL_FATRELU, static_cast<uint32_t>(strategy), t.data(), nullptr, 0};
    setting.cutoff = strategy == SL_PREDICTED ? cutoff.data() : nullptr;
    plan = {&setting, 1, captures.data(), static_cast<uint32_t>(captures.size()), 1, kLength, 1};
    program = std::make_unique<Program>(model, plan);
  }

  struct Result {
    double seconds;
    std::vector<float> captured;
    double zeros, rows_read;  // shares of all neurons
    double bytes;
    std::vector<uint32_t> predicted;  // (L) of the last token
  };
  // Tokens one after the other, each with its most likely successor.
  Result decode(const Shape& shape, uint32_t tokens) {
    std::vector<uint32_t> mid(shape.layers), gate(shape.layers), rows(shape.layers), predicted(shape.layers);
    std::vector<std::vector<float>> room;
    std::vector<float*> pointers;
    for (const SlCapture& c : captures) {
      room.emplace_back((c.to - c.from) * point_width(shape, static_cast<SlPoint>(c.point)));
      pointers.push_back(room.back().data());
    }
    Result out{};
    int32_t token = 1;
    const int32_t zero = 0;
    const uint8_t wanted = 1;
    const auto start = std::chrono::steady_clock::now();
    for (uint32_t i = 0; i < tokens; i++) {
      const auto position = static_cast<int32_t>(program->held(0));
      SlSampler sampler{};
      sampler.top_p = 1, sampler.repeat_penalty = 1;
      int32_t next = 0;
      SlBatch batch{};
      batch.rows = 1;
      batch.tokens = &token, batch.positions = &position, batch.sequences = &zero, batch.settings = &zero, batch.logits = &wanted;
      batch.samplers = &sampler;
      SlSinks sinks{};
      sinks.zeros_mid = mid.data(), sinks.zeros_gate = gate.data(), sinks.rows_read = rows.data();
      sinks.sampled = &next;
      sinks.predicted = predicted.data();
      sinks.captures = captures.empty() ? nullptr : pointers.data();
      SlControl control{};
      program->forward(batch, sinks, control);
      token = next;
      out.bytes += static_cast<double>(sinks.weight_bytes_read) / tokens;
      for (uint32_t l = 0; l < shape.layers; l++) {
        const double all = static_cast<double>(shape.neurons) * shape.layers * tokens;
        out.zeros += mid[l] / all;
        out.rows_read += rows[l] / all;
      }
    }
    out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (!room.empty()) out.captured = room[0];
    out.predicted = predicted;
    return out;
  }
};

// The value that a share of each layer's numbers (L, n) is below.
std::vector<float> quantiles(const std::vector<float>& values, uint32_t layers, double share) {
  const size_t n = values.size() / layers;
  std::vector<float> out;
  for (uint32_t l = 0; l < layers; l++) {
    std::vector<float> own(values.begin() + static_cast<ptrdiff_t>(l * n), values.begin() + static_cast<ptrdiff_t>((l + 1) * n));
    const auto at = static_cast<ptrdiff_t>(std::min(static_cast<double>(n - 1), share * static_cast<double>(n)));
    std::nth_element(own.begin(), own.begin() + at, own.end());
    out.push_back(std::max(0.0f, own[static_cast<size_t>(at)]));
  }
  return out;
}

// Thresholds at which this share of the gate is silent, layer by layer: each changes what the next ones see.
std::vector<float> calibrated(const std::shared_ptr<const DeviceModel>& model, double sparsity) {
  const uint32_t L = model->shape().layers;
  std::vector<float> t(L, 0.0f);
  for (int round = 0; round < 3; round++) {
    Run look(model, SL_EXACT, t, {}, {{SL_FFN_GATE_PRE, 0, L}});
    t = quantiles(look.decode(model->shape(), 4).captured, L, sparsity);
  }
  return t;
}

// Cutoffs at which this share of the neurons is left out, layer by layer. Random predictors say nothing of the gate: what counts
// is how many neurons they let through.
std::vector<float> cutoffs(const std::shared_ptr<const DeviceModel>& model, double sparsity) {
  const Shape& shape = model->shape();
  const uint32_t L = shape.layers;
  const auto wanted = static_cast<uint32_t>((1 - sparsity) * shape.neurons);
  std::vector<float> low(L, 0.0f), high(L, 64.0f), middle(L);
  for (int round = 0; round < 16; round++) {
    for (uint32_t l = 0; l < L; l++) middle[l] = (low[l] + high[l]) / 2;
    const Run::Result seen = Run(model, SL_PREDICTED, std::vector<float>(L, 0.0f), middle).decode(shape, 1);
    for (uint32_t l = 0; l < L; l++) (seen.predicted[l] > wanted ? low : high)[l] = middle[l];
  }
  return middle;
}

// One kernel after the other over all layers: microseconds of one, and what it reads.
void measure_kernels(const Stream& stream, const Card& card, const DeviceModel& model, const Dimensions& of, Report& report,
                     int runs) {
  const Launcher launch(stream, card.multiprocessors);
  const DeviceArray<float> x = random_vector(stream, std::max({of.hidden, of.neurons, kRank}), 1, 1),
                           y(std::max({of.vocab, of.neurons, kRank})), ones_ = ones(of.hidden);
  struct One {
    const char* name;
    DeviceMatrix DeviceLayer::* matrix;
  };
  for (const One& one :
       {One{"q", &DeviceLayer::q}, One{"k", &DeviceLayer::k}, One{"o", &DeviceLayer::o}, One{"gate", &DeviceLayer::gate},
        One{"predictor_1", &DeviceLayer::predictor_1}, One{"predictor_2", &DeviceLayer::predictor_2}}) {
    const double us = time_each(
        stream, model.layers.size(),
        [&] {
          for (const DeviceLayer& layer : model.layers)
            launch.product({(layer.*one.matrix).weights(), x.data(), y.data(), nullptr, 1, nullptr, nullptr, nullptr, 0});
        },
        runs);
    const auto bytes = static_cast<double>((model.layers[0].*one.matrix).bytes());
    report.add("kernels", Entry()
                              .set("model", of.name)
                              .set("kernel", one.name)
                              .set("us", us)
                              .set("bytes", bytes)
                              .set("of_ceiling", bytes / us / card.read_bytes_per_us));
  }
  const int D = static_cast<int>(of.hidden);
  const double us = time_each(
      stream, 64,
      [&] {
        for (int i = 0; i < 64; i++) launch.norm({x.data(), ones_.data(), nullptr, y.data(), D, 1e-5f, false});
      },
      runs);
  report.add("kernels", Entry().set("model", of.name).set("kernel", "norm").set("us", us));
}

}  // namespace

void measure_decode(const Card& card, const Dimensions& of, Form form, double sparsity, Report& report, bool dry) {
  const Stream stream;
  const std::shared_ptr<const DeviceModel> model = synthetic(stream, card, of, form);
  const Shape& shape = model->shape();
  const uint32_t L = shape.layers, tokens = dry ? 3 : 48;
  const std::vector<float> t = calibrated(model, sparsity), zeros(L, 0.0f);
  const std::vector<float> cutoff = cutoffs(model, sparsity);
  struct Way {
    const char* name;
    SlStrategy strategy;
    bool captures;
  };
  double dense = NAN, exact = NAN;
  for (const Way& way : {Way{"dense", SL_DENSE, false}, Way{"exact", SL_EXACT, false}, Way{"exact, FFN captured", SL_EXACT, true},
                         Way{"predicted", SL_PREDICTED, false}}) {
    std::vector<SlCapture> captures;
    if (way.captures) captures = {{SL_FFN_GATE, 0, L}, {SL_FFN_MID, 0, L}};
    std::vector<double> rates;
    Run::Result last{};
    for (int round = 0; round < (dry ? 1 : 4); round++) {
      Run run(model, way.strategy, way.strategy == SL_PREDICTED ? zeros : t, cutoff, captures);
      run.decode(shape, 2);  // not counted: the graph is made
      last = run.decode(shape, tokens);
      rates.push_back(tokens / last.seconds);
    }
    const double rate = median(rates);
    if (way.strategy == SL_DENSE) dense = rate;
    if (way.strategy == SL_EXACT && !way.captures) exact = rate;
    Entry entry;
    entry.set("model", of.name)
        .set("strategy", way.name)
        .set("tokens_per_s", rate)
        .set("zeros_in_mid", last.zeros)
        .set("up_rows_read", last.rows_read);
    double said = 0;
    for (const uint32_t n : last.predicted) said += static_cast<double>(n) / shape.neurons / L;
    entry.set("predicted", said);
    entry.set("weight_gb_per_token", last.bytes / 1e9)
        .set("floor_ms", last.bytes / card.read_bytes_per_us / 1000)
        .set("ms", 1000 / rate);
    entry.set("over_dense", rate / dense);
    if (way.captures) entry.set("cost_of_captures", exact / rate - 1);
    report.add("decode", entry);
  }
  measure_kernels(stream, card, *model, of, report, dry ? 1 : 10);
}

}  // namespace sparselab::cuda::bench
