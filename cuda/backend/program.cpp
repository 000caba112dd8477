#include "backend/program.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/sampling.h"
#include "backend/scores.h"
#include "executor/failures.h"

namespace sparselab::cuda {
namespace {

void check_plan(const SlPlan& plan) {
  if (plan.arithmetic != SL_ARITHMETIC_FLOAT)
    throw Error(Code::invalid_option, "the CUDA backend computes in float; arithmetic \"int8\" is the CPU's: use device \"cpu\"");
}

// Device bytes of a plan, with its interventions' values.
uint64_t all_bytes(const DeviceModel& model, const SlPlan& plan, const Extent& extent) {
  const Shape& s = model.shape();
  uint64_t bytes = Buffers::device_bytes(model, extent);
  for (uint32_t i = 0; i < plan.setting_count; i++) bytes += DeviceSetting::bytes(s, 0);
  return bytes + Rotation::bytes(s, model.host->partial ? 0 : plan.length);
}

// The plan, if it fits.
const SlPlan& checked(const DeviceModel& model, const SlPlan& plan) {
  check_plan(plan);
  use_device(model.device);
  const Extent extent = extent_of(model.shape(), plan, true);
  const uint64_t bytes = all_bytes(model, plan, extent), free = free_bytes(model, model.bytes);
  if (bytes <= free) return plan;
  // The longest that fits.
  uint32_t fits = 0;
  for (uint32_t from = 1, to = plan.length; from <= to;) {
    const uint32_t middle = from + (to - from) / 2;
    SlPlan shorter = plan;
    shorter.length = middle;
    if (all_bytes(model, shorter, extent_of(model.shape(), shorter, true)) <= free) {
      fits = middle;
      from = middle + 1;
    } else {
      to = middle - 1;
    }
  }
  const std::string way = fits ? text("%u positions would fit; ", fits) : std::string();
  throw Error(Code::out_of_memory,
              text("a run of %u sequences of %u positions takes %llu bytes on the device, and %llu are free: %suse fewer "
                   "positions or sequences, kv \"f16\", or device \"cpu\"",
                   plan.sequences, plan.length, (unsigned long long)bytes, (unsigned long long)free, way.c_str()));
}

bool stop_asked(const SlControl& control) { return __atomic_load_n(&control.stop, __ATOMIC_RELAXED) != 0; }

}  // namespace

SlBytes Program::bytes(const DeviceModel& model, const SlPlan& plan) {
  const Extent extent = extent_of(model.shape(), plan, false);
  SlBytes out{};
  out.device_bytes = all_bytes(model, plan, extent);
  out.pinned_bytes = Buffers::pinned_bytes(model, extent);
  out.rotation_bytes = Rotation::bytes(model.shape(), model.host->partial ? 0 : plan.length);
  out.scratch_bytes = Reducers::bytes(model.shape(), plan.setting_count, plan.reducers, plan.reducer_count) +
                      (model.host->partial ? 0 : Sampling::bytes(model.shape().vocab));
  return out;
}

Program::Program(std::shared_ptr<const DeviceModel> model, const SlPlan& plan)
    : model_(std::move(model)),
      plan_(copy_plan(model_->shape(), checked(*model_, plan))),
      buffers_(*model_, extent_of(model_->shape(), plan, true)),
      launch_(stream_, model_->multiprocessors),
      pool_(cpu::Pool::of(plan_.threads)),
      rotation_(model_->shape(), model_->host->partial ? 0 : plan_.length),
      row_(*model_, plan_, settings_, buffers_, turns_, launch_, static_cast<int>(plan_.length)),
      reducers_(model_->shape(), plan_),
      held_(model_->shape().layers, plan_.sequences, plan_.length) {
  const Shape& s = model_->shape();
  for (const Setting& setting : plan_.settings) settings_.emplace_back(s, setting);
  for (uint32_t l = 0; l < s.layers; l++) {
    const float* cos = rotation_.cos(l, 0);
    auto same = std::find_if(tables_.begin(), tables_.end(), [&](const Table& t) { return t.cos == cos; });
    if (same == tables_.end()) {
      const uint64_t half = static_cast<uint64_t>(rotation_.cos(l, 1) - cos);
      tables_.push_back(
          {cos, rotation_.sin(l, 0), DeviceArray<float>(model_->host->partial ? 0 : 2 * plan_.length * half), half});
      same = tables_.end() - 1;
    }
    turns_.push_back({same->on_device.data(), same->on_device.data() + plan_.length * same->half});
  }
  stream_.zero(buffers_.done.data(), buffers_.done.size());
  stream_.wait();
}

// Rotary tables of the first positions.
void Program::turn(uint32_t positions, const SlControl& control) {
  if (positions <= turned_) return;
  // Some more than asked for, so that decoding does not copy at each token.
  positions = std::min(plan_.length, std::max(positions, turned_ + 256));
  const Pass pass(*model_->host, &plan_, *pool_, control);
  rotation_.fill(pass, positions);
  for (Table& t : tables_) {
    const size_t from = turned_ * t.half, n = (positions - turned_) * t.half;
    if (n == 0) continue;
    t.on_device.upload(t.cos + from, n, from);
    t.on_device.upload(t.sin + from, n, plan_.length * t.half + from);
  }
  turned_ = positions;
}

void Program::set(uint32_t i, const SlSetting& setting) {
  if (i >= settings_.size()) throw Error(Code::invalid_option, text("setting %u; the plan has %zu", i, settings_.size()));
  use_device(model_->device);
  plan_.settings[i] = copy_setting(model_->shape(), setting);
  if (!settings_[i].set(model_->shape(), plan_.settings[i]))
    std::erase_if(graphs_, [&](const auto& graph) { return graph.first.setting == i; });
}

void Program::run_row(const RowShape& shape, const Call* call) {
  if (call) return row_.run(shape, call);
  auto found = graphs_.find(shape);
  if (found == graphs_.end()) found = graphs_.emplace(shape, Graph(stream_, [&] { row_.run(shape, nullptr); })).first;
  found->second.launch(stream_);
}

// Rows first to first + count of a batch.
struct Program::Chunk {
  uint32_t first, count;
};

// What a batch wants of its rows.
struct Program::Wanted {
  uint32_t from, to;
  bool captures, misses, host_logits, head;
  uint32_t top;                      // that the device finds
  bool all_logits;                   // a capture holds every row's
  std::vector<uint32_t> place;       // of a row that wants logits among those
  std::vector<float> kept;           // their logits, where the host needs them: (rows that have logits, V)
  std::vector<uint32_t> kept_place;  // of a row among these
  uint64_t bytes = 0;
};

void Program::start(const SlBatch& batch, const SlSinks&, const Wanted&, const Chunk& chunk) {
  const uint64_t D = model_->shape().hidden;
  Batch& steps = buffers_.host_batch[0];
  steps = {};
  for (uint32_t i = 0; i < chunk.count; i++) {
    const uint32_t b = chunk.first + i;
    steps.steps[i] = {batch.x_in ? 0 : batch.tokens[b], batch.positions[b], batch.sequences[b], static_cast<int>(i)};
  }
  stream_.to_device(buffers_.batch.data(), &steps, 1);
  stream_.zero(buffers_.counts.data(), buffers_.counts.size());
  if (!batch.x_in) return;
  std::memcpy(buffers_.host_rows.data(), batch.x_in + chunk.first * D, chunk.count * D * sizeof(float));
  stream_.to_device(buffers_.x_in.data(), buffers_.host_rows.data(), chunk.count * D);
}

void Program::call_back(const sparselab::Intervention& i, uint32_t layer, uint32_t position, float* x, uint64_t width) const {
  float* const on_host = buffers_.host_rows.data();
  stream_.to_host(on_host, x, width);
  stream_.wait();
  SlError error{};
  if (i.kind == SL_CALL && (i.all_positions || std::binary_search(i.positions.begin(), i.positions.end(), position)))
    if (i.call(i.context, i.point, layer, position, on_host, width, &error)) throw Error(code_of(error.code), error.message);
  stream_.to_device(x, on_host, width);
  stream_.wait();
}

void Program::forward(const SlBatch& batch, SlSinks& sinks, SlControl& control) {
  const Shape& s = model_->shape();
  check_batch(s, plan_, model_->host->partial, batch, sinks);
  std::vector<uint32_t> held = held_.after(batch);
  use_device(model_->device);
  uint32_t positions = 0;
  for (uint32_t b = 0; b < batch.rows; b++) positions = std::max(positions, static_cast<uint32_t>(batch.positions[b]) + 1);
  if (batch.keys && batch.keys < positions)
    throw Error(Code::invalid_option, text("keys is %u; this batch has rows up to position %u", batch.keys, positions - 1));
  turn(positions, control);

  Wanted wanted{batch.from_layer,
                last_layer(s, batch),
                sinks.captures != nullptr,
                sinks.active != nullptr,
                false,
                false,
                0,
                false,
                {},
                {},
                {}};
  const bool to_logits = wanted.to == s.layers;
  wanted.all_logits = to_logits && wanted.captures && plan_.captures_at(SL_LOGITS, 0);
  auto greedy = [&](const SlSampler& sampler) {
    return sampler.temperature == 0 && (sampler.repeat_penalty == 1 || sampler.recent_count == 0);
  };
  uint32_t n = 0, kept = 0;
  bool all_greedy = true;
  for (uint32_t b = 0; b < batch.rows; b++) {
    const bool own = batch.logits && batch.logits[b];
    if (own && batch.samplers) all_greedy = all_greedy && greedy(batch.samplers[n]);
    wanted.place.push_back(own ? n++ : ~0u);
    wanted.kept_place.push_back(own || wanted.all_logits ? kept++ : ~0u);
  }
  wanted.host_logits =
      to_logits && kept > 0 && (sinks.logits || batch.targets || batch.references || batch.top > kMostTop || !all_greedy);
  wanted.top = std::max(batch.top > kMostTop ? 0 : batch.top, batch.samplers ? 1u : 0u);
  wanted.head = to_logits && n > 0 && (wanted.top > 0 || sinks.log_total);
  if (wanted.host_logits) wanted.kept.resize(uint64_t{kept} * s.vocab);

  reducers_.begin();
  for (DeviceArray<uint32_t>* now : {&buffers_.zeros, &buffers_.active})
    if (now->size()) stream_.zero(now->data(), now->size());
  for (uint32_t* counts : {sinks.zeros_mid, sinks.zeros_gate, sinks.rows_read, sinks.predicted, sinks.active, sinks.missed})
    if (counts) std::fill_n(counts, uint64_t{s.layers} * batch.rows, 0);

  for (uint32_t first = 0; first < batch.rows; first += kChunk) {
    const Chunk chunk{first, std::min<uint32_t>(kChunk, batch.rows - first)};
    start(batch, sinks, wanted, chunk);
    for (uint32_t i = 0; i < chunk.count; i++) {
      if (stop_asked(control)) {
        stream_.wait();
        throw stopped();
      }
      const uint32_t b = chunk.first + i;
      const bool logits = to_logits && wanted.kept_place[b] != ~0u;
      const RowShape shape{static_cast<uint32_t>(batch.settings[b]),
                           wanted.from,
                           wanted.to,
                           batch.x_in != nullptr,
                           sinks.x_out != nullptr,
                           logits,
                           wanted.misses,
                           wanted.captures,
                           logits ? wanted.top : 0,
                           logits && wanted.head};
      const auto position = static_cast<uint32_t>(batch.positions[b]);
      const Call call = [&](const sparselab::Intervention& by, uint32_t layer, float* x, uint64_t width) {
        if (by.point == SL_LOGITS) x += i * uint64_t{s.vocab};
        call_back(by, layer, position, x, width);
      };
      const std::vector<sparselab::Intervention>& all = plan_.settings[shape.setting].interventions;
      const bool calls = std::any_of(all.begin(), all.end(), [](const auto& by) { return by.kind == SL_CALL; });
      run_row(shape, calls ? &call : nullptr);
      stream_.wait();
      __atomic_store_n(&control.progress, 1000 * (b + 1) / (batch.rows + 1), __ATOMIC_RELAXED);
    }
    take(batch, sinks, wanted, chunk);
  }

  // What is made of logits on the host.
  if (wanted.host_logits) {
    const uint64_t V = s.vocab;
    auto row = [&](uint32_t b) { return wanted.kept.data() + wanted.kept_place[b] * V; };
    Sampling sampling;
    for (uint32_t b = 0; b < batch.rows; b++) {
      if (stop_asked(control)) throw stopped();
      const uint32_t i = wanted.place[b];
      if (i != ~0u && sinks.logits) std::memcpy(sinks.logits + i * V, row(b), V * sizeof(float));
      if (i != ~0u && batch.samplers && !all_greedy)
        sinks.sampled[i] = static_cast<int32_t>(sampling.draw(batch.samplers[i], row(b), V));
      if (i != ~0u && batch.top > kMostTop) {
        auto* tokens = reinterpret_cast<uint32_t*>(sinks.top_tokens + uint64_t{i} * batch.top);
        sampling.ranking().largest(row(b), V, batch.top, tokens);
        for (uint32_t k = 0; k < batch.top && sinks.top_logits; k++)
          sinks.top_logits[uint64_t{i} * batch.top + k] = row(b)[tokens[k]];
      }
      const bool scored = i != ~0u && batch.targets && batch.targets[b] >= 0;
      if (sinks.nll) sinks.nll[b] = scored ? surprisal(row(b), V, static_cast<uint64_t>(batch.targets[b])) : NAN;
      const float* p =
          i != ~0u && batch.references && batch.references[b] >= 0 ? row(static_cast<uint32_t>(batch.references[b])) : nullptr;
      if (sinks.kl) sinks.kl[b] = p ? divergence(p, row(b), V) : NAN;
      if (sinks.top1) sinks.top1[b] = p && same_top(p, row(b), V);
    }
  } else {
    for (uint32_t b = 0; b < batch.rows; b++) {
      if (sinks.nll) sinks.nll[b] = NAN;
      if (sinks.kl) sinks.kl[b] = NAN;
      if (sinks.top1) sinks.top1[b] = 0;
    }
  }

  // Only now is anything kept.
  sinks.weight_bytes_read = wanted.bytes;
  if (buffers_.zeros.size() + buffers_.active.size()) {
    std::vector<uint32_t> zeros(buffers_.zeros.size()), active(buffers_.active.size());
    if (!zeros.empty())
      check(cudaMemcpy(zeros.data(), buffers_.zeros.data(), zeros.size() * 4, cudaMemcpyDeviceToHost), "copying");
    if (!active.empty())
      check(cudaMemcpy(active.data(), buffers_.active.data(), active.size() * 4, cudaMemcpyDeviceToHost), "copying");
    reducers_.take(zeros, active);
    for (uint32_t b = 0; b < batch.rows && wanted.from == 0; b++) reducers_.count_row(static_cast<uint32_t>(batch.settings[b]));
  }
  reducers_.end();
  held_.take(std::move(held));
}

void Program::throw_failure(const SlBatch& batch, const Chunk& chunk) const {
  const Batch& after = buffers_.host_batch[0];
  const uint32_t b = chunk.first + static_cast<uint32_t>(after.failed_row);
  const auto layer = static_cast<uint32_t>(after.failed_layer), position = static_cast<uint32_t>(batch.positions[b]);
  switch (static_cast<Failure>(after.failure)) {
    case Failure::none:
      return;
    case Failure::not_finite:
      throw not_finite(after.failed_what ? kTheLogits : kFinalNormValues, batch.x_in ? -1 : batch.tokens[b], position);
    case Failure::beyond_half:
      throw beyond_half(layer, position);
    case Failure::beyond_scores:
      throw scores_beyond(layer, position);
  }
}

// What a chunk left on the device.
void Program::take(const SlBatch& batch, SlSinks& sinks, const Wanted& wanted_const, const Chunk& chunk) {
  Wanted& wanted = const_cast<Wanted&>(wanted_const);
  const Shape& s = model_->shape();
  stream_.to_host(buffers_.host_batch.data(), buffers_.batch.data(), 1);
  stream_.to_host(buffers_.host_counts.data(), buffers_.counts.data(), buffers_.counts.size());
  if (wanted.head) {
    stream_.to_host(buffers_.host_log_total.data(), buffers_.log_total.data(), kChunk);
    stream_.to_host(buffers_.host_top_tokens.data(), buffers_.top_tokens.data(), buffers_.top_tokens.size());
    stream_.to_host(buffers_.host_top_values.data(), buffers_.top_values.data(), buffers_.top_values.size());
  }
  stream_.wait();
  throw_failure(batch, chunk);
  take_counts(batch, sinks, chunk);
  for (uint32_t i = 0; i < chunk.count; i++) {
    const uint32_t b = chunk.first + i;
    const RowShape shape{static_cast<uint32_t>(batch.settings[b]),
                         wanted.from,
                         wanted.to,
                         batch.x_in != nullptr,
                         false,
                         wanted.to == s.layers && wanted.kept_place[b] != ~0u,
                         wanted.misses,
                         wanted.captures,
                         0,
                         false};
    wanted.bytes += bytes_of_row(shape, buffers_.host_counts.data() + uint64_t{i} * s.layers * kCounts);
    const uint32_t place = wanted.place[b];
    if (!wanted.head || place == ~0u) continue;
    if (sinks.log_total) sinks.log_total[place] = buffers_.host_log_total[i];
    const int32_t* tokens = buffers_.host_top_tokens.data() + uint64_t{i} * wanted.top;
    if (batch.samplers) sinks.sampled[place] = tokens[0];
    for (uint32_t k = 0; k < batch.top && batch.top <= kMostTop; k++) {
      sinks.top_tokens[uint64_t{place} * batch.top + k] = tokens[k];
      if (sinks.top_logits)
        sinks.top_logits[uint64_t{place} * batch.top + k] = buffers_.host_top_values[uint64_t{i} * wanted.top + k];
    }
  }
  float* const rows = buffers_.host_rows.data();
  if (sinks.x_out) {
    stream_.to_host(rows, buffers_.x_out.data(), uint64_t{chunk.count} * s.hidden);
    stream_.wait();
    std::memcpy(sinks.x_out + uint64_t{chunk.first} * s.hidden, rows, uint64_t{chunk.count} * s.hidden * sizeof(float));
  }
  if (wanted.host_logits) {
    stream_.to_host(rows, buffers_.logits.data(), uint64_t{chunk.count} * s.vocab);
    stream_.wait();
    for (uint32_t i = 0; i < chunk.count; i++)
      if (const uint32_t kept = wanted.kept_place[chunk.first + i]; kept != ~0u)
        std::memcpy(wanted.kept.data() + uint64_t{kept} * s.vocab, rows + uint64_t{i} * s.vocab, s.vocab * sizeof(float));
  }
  if (wanted.captures && buffers_.captured.size()) take_captures(batch, sinks, chunk);
}

void Program::take_counts(const SlBatch& batch, SlSinks& sinks, const Chunk& chunk) {
  const uint32_t L = model_->shape().layers, to = last_layer(model_->shape(), batch);
  for (uint32_t i = 0; i < chunk.count; i++)
    for (uint32_t l = batch.from_layer; l < to; l++) {
      const uint32_t* own = buffers_.host_counts.data() + (uint64_t{i} * L + l) * kCounts;
      const uint64_t at = uint64_t{l} * batch.rows + chunk.first + i;
      sinks.zeros_mid[at] = own[kZerosMid];
      sinks.zeros_gate[at] = own[kZerosGate];
      sinks.rows_read[at] = own[kRowsRead];
      if (sinks.predicted) sinks.predicted[at] = own[kPredicted];
      if (sinks.active) sinks.active[at] = own[kActive];
      if (sinks.missed) sinks.missed[at] = own[kMissed];
    }
}

void Program::take_captures(const SlBatch& batch, SlSinks& sinks, const Chunk& chunk) {
  const Shape& s = model_->shape();
  const uint64_t row_floats = buffers_.captured.size() / kChunk, B = batch.rows;
  const float* rows = buffers_.host_rows.data();
  stream_.to_host(buffers_.host_rows.data(), buffers_.captured.data(), chunk.count * row_floats);
  stream_.wait();
  for (size_t c = 0; c < plan_.captures.size(); c++) {
    const SlCapture& capture = plan_.captures[c];
    const auto point = static_cast<SlPoint>(capture.point);
    const uint64_t width = point_width(s, point), offset = capture_offset(s, plan_, c);
    const uint64_t keys = batch.keys ? batch.keys : plan_.length;
    for (uint32_t i = 0; i < chunk.count; i++)
      for (uint32_t l = capture.from; l < capture.to; l++) {
        if (kPoints[point].in_layer && (l < batch.from_layer || l >= last_layer(s, batch))) continue;
        if (point == SL_EMBED && batch.from_layer) continue;
        if ((point == SL_FINAL_NORM || point == SL_LOGITS) && last_layer(s, batch) < s.layers) continue;
        const uint64_t b = chunk.first + i, layer = l - capture.from;
        if (!is_by_key(point)) {
          std::memcpy(sinks.captures[c] + (layer * B + b) * width, rows + i * row_floats + offset + layer * width,
                      width * sizeof(float));
          continue;
        }
        const float* from = rows + i * row_floats + offset + layer * width * plan_.length;
        for (uint64_t h = 0; h < width; h++)
          std::memcpy(sinks.captures[c] + ((layer * width + h) * B + b) * keys, from + h * plan_.length, keys * sizeof(float));
      }
  }
}

uint64_t Program::bytes_of_ffn(uint32_t l, uint32_t setting, bool misses, const uint32_t* counts) const {
  const DeviceLayer& w = model_->layers[l];
  const bool gated = model_->shape().ffn.has_gate, dense = plan_.settings[setting].strategy == SL_DENSE;
  const uint64_t N = model_->held(l);
  const bool predicted = plan_.settings[setting].strategy == SL_PREDICTED && !w.predictor_1.empty();
  const uint64_t first = predicted && !misses ? counts[kPredicted] : N;
  uint64_t bytes = gated ? first * w.gate.row_bytes() + counts[kRowsRead] * w.up.row_bytes() : first * w.up.row_bytes();
  if (predicted)
    bytes += static_cast<uint64_t>(w.predictor_1.weights().rows) * w.predictor_1.row_bytes() + N * w.predictor_2.row_bytes();
  return bytes + (dense ? N : N - counts[kZerosMid]) * w.down.row_bytes();
}

uint64_t Program::bytes_of_row(const RowShape& shape, const uint32_t* counts) const {
  auto whole = [](const DeviceMatrix& m) { return static_cast<uint64_t>(m.weights().rows) * m.row_bytes(); };
  uint64_t bytes = shape.x_in ? 0 : model_->embed.row_bytes();
  for (uint32_t l = shape.from; l < shape.to; l++) {
    const DeviceLayer& w = model_->layers[l];
    bytes += whole(w.q) + whole(w.k) + whole(w.v) + whole(w.o);
    bytes += bytes_of_ffn(l, shape.setting, shape.misses, counts + uint64_t{l} * kCounts);
  }
  if (shape.logits) bytes += model_->output.empty() ? whole(model_->embed) : whole(model_->output);
  return bytes;
}

void Program::ffn(uint32_t layer, const SlFfnBatch& batch, SlFfnSinks& sinks, const SlControl& control) {
  const Shape& s = model_->shape();
  check_ffn(s, plan_, layer, batch, sinks);
  use_device(model_->device);
  const uint64_t D = s.hidden, N = model_->held(layer);
  float* const rows = buffers_.host_rows.data();
  uint64_t bytes = 0;
  for (uint32_t b = 0; b < batch.rows; b++) {
    if (stop_asked(control)) throw stopped();
    const auto setting = static_cast<uint32_t>(batch.settings[b]);
    const Setting& own = plan_.settings[setting];
    if (own.strategy == SL_PREDICTED && !model_->layers[layer].predictor_1.empty() && !batch.stream)
      throw Error(Code::invalid_option, "strategy \"predicted\" needs the stream before the FFN's norm");
    buffers_.host_batch[0] = {};
    stream_.to_device(buffers_.batch.data(), buffers_.host_batch.data(), 1);
    stream_.zero(buffers_.counts.data(), kCounts);
    buffers_.h.upload(batch.x + b * D, D);
    if (batch.stream) buffers_.x.upload(batch.stream + b * D, D);
    row_.ffn(layer, setting, buffers_.x.data(), sinks.active != nullptr);
    stream_.to_host(buffers_.host_counts.data(), buffers_.counts.data(), kCounts);
    stream_.to_host(rows, buffers_.out.data(), D);
    stream_.wait();
    std::memcpy(sinks.y + b * D, rows, D * sizeof(float));
    auto values = [&](float* to, const DeviceArray<float>& from) {
      if (to && N)
        check(cudaMemcpy(to + b * N, from.data(), N * sizeof(float), cudaMemcpyDeviceToHost), "copying from the device");
    };
    if (s.ffn.has_gate) values(sinks.gate, buffers_.gate);
    values(sinks.mid, buffers_.mid);
    uint32_t* counts = buffers_.host_counts.data();
    if (N == 0) std::fill_n(counts, static_cast<size_t>(kCounts), 0u);
    if (sinks.zeros_mid) sinks.zeros_mid[b] = counts[kZerosMid];
    if (sinks.zeros_gate) sinks.zeros_gate[b] = counts[kZerosGate];
    if (sinks.rows_read) sinks.rows_read[b] = counts[kRowsRead];
    if (sinks.predicted) sinks.predicted[b] = counts[kPredicted];
    if (sinks.active) sinks.active[b] = counts[kActive], sinks.missed[b] = counts[kMissed];
    bytes += N ? bytes_of_ffn(layer, setting, sinks.active != nullptr, counts) : 0;
  }
  sinks.weight_bytes_read = bytes;
}

void Program::keep(uint32_t sequence, uint32_t positions, const Program& source, uint32_t from, const SlControl& control) {
  held_.of(sequence);
  check_keep(source.model_ == model_, source.plan_.kv == plan_.kv, source.held_, from, positions, plan_.length);
  if (&source != this || sequence != from) {
    use_device(model_->device);
    held_.set(sequence, 0);  // a stop leaves a part
    const Shape& s = model_->shape();
    const uint64_t position = s.head_size * (plan_.kv == SL_KV_F16 ? 2 : 4);
    for (uint32_t l = 0; l < s.layers && positions; l++) {
      if (stop_asked(control)) {
        stream_.wait();
        throw stopped();
      }
      auto each = [&](void* to, const void* of) {
        for (uint64_t g = 0; g < s.kv_heads; g++)
          check(cudaMemcpyAsync(static_cast<uint8_t*>(to) + (sequence * s.kv_heads + g) * plan_.length * position,
                                static_cast<const uint8_t*>(of) + (from * s.kv_heads + g) * source.plan_.length * position,
                                positions * position, cudaMemcpyDeviceToDevice, stream_),
                "copying a KV cache");
      };
      each(buffers_.keys(l), source.buffers_.keys(l));
      each(buffers_.values(l), source.buffers_.values(l));
    }
    stream_.wait();
  }
  held_.set(sequence, positions);
}

}  // namespace sparselab::cuda
