#include "backend/program.h"

#include <algorithm>
#include <cstring>

#include "backend/sampling.h"
#include "backend/stop.h"
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
  for (uint32_t i = 0; i < plan.setting_count && plan.settings; i++) bytes += DeviceSetting::bytes(s, plan.settings[i]);
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

}  // namespace

SlBytes Program::bytes(const DeviceModel& model, const SlPlan& plan, uint64_t logit_rows) {
  const Extent extent = extent_of(model.shape(), plan, false);
  SlBytes out{};
  out.device_bytes = all_bytes(model, plan, extent);
  out.pinned_bytes = Buffers::pinned_bytes(model, extent);
  out.rotation_bytes = Rotation::bytes(model.shape(), model.host->partial ? 0 : plan.length);
  out.scratch_bytes =
      Reducers::bytes(model.shape(), plan.setting_count, plan.reducers, plan.reducer_count) +
      (model.host->partial ? 0 : Sampling::bytes(model.shape().vocab) + logit_rows * model.shape().vocab * sizeof(float));
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
