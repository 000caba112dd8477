// A forward of a program: rows in chunks, each row a graph; what a chunk leaves on the device goes to the sinks.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/program.h"
#include "backend/sampling.h"
#include "backend/scores.h"
#include "backend/stop.h"
#include "executor/failures.h"

namespace sparselab::cuda {

constexpr uint32_t kNone = 0xffffffff;

// Rows first to first + count of a batch.
struct Program::Chunk {
  uint32_t first, count;
};

// What a batch wants of its rows.
struct Program::Wanted {
  uint32_t from = 0, to = 0;
  bool captures = false, misses = false;
  bool host_logits = false;          // the host needs logits
  bool head = false;                 // the device makes log-sum-exp or most likely tokens
  bool greedy = true;                // all samplers take the most likely token
  bool all_logits = false;           // a capture holds every row's
  uint32_t top = 0;                  // most likely tokens that the device finds
  std::vector<uint32_t> place;       // of a row that wants logits among those; kNone: it wants none
  std::vector<float> kept;           // logits that the host needs: (rows that have logits, V)
  std::vector<uint32_t> kept_place;  // of a row among these
  uint64_t bytes = 0;
};

void Program::start(const SlBatch& batch, const Chunk& chunk) {
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

// What is made of logits on the host.
void Program::score(const SlBatch& batch, SlSinks& sinks, const Wanted& wanted, const SlControl& control) const {
  if (wanted.host_logits) {
    const uint64_t V = model_->shape().vocab;
    auto row = [&](uint32_t b) { return wanted.kept.data() + wanted.kept_place[b] * V; };
    Sampling sampling;
    for (uint32_t b = 0; b < batch.rows; b++) {
      if (stop_asked(control)) throw stopped();
      const uint32_t i = wanted.place[b];
      if (i != kNone && sinks.logits) std::memcpy(sinks.logits + i * V, row(b), V * sizeof(float));
      if (i != kNone && batch.samplers && !wanted.greedy)
        sinks.sampled[i] = static_cast<int32_t>(sampling.draw(batch.samplers[i], row(b), V));
      if (i != kNone && batch.top > kMostTop) {
        auto* tokens = reinterpret_cast<uint32_t*>(sinks.top_tokens + uint64_t{i} * batch.top);
        sampling.ranking().largest(row(b), V, batch.top, tokens);
        for (uint32_t k = 0; k < batch.top && sinks.top_logits; k++)
          sinks.top_logits[uint64_t{i} * batch.top + k] = row(b)[tokens[k]];
      }
      const bool scored = i != kNone && batch.targets && batch.targets[b] >= 0;
      if (sinks.nll) sinks.nll[b] = scored ? surprisal(row(b), V, static_cast<uint64_t>(batch.targets[b])) : NAN;
      const float* p =
          i != kNone && batch.references && batch.references[b] >= 0 ? row(static_cast<uint32_t>(batch.references[b])) : nullptr;
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

  Wanted wanted;
  wanted.from = batch.from_layer;
  wanted.to = last_layer(s, batch);
  wanted.captures = sinks.captures != nullptr;
  wanted.misses = sinks.active != nullptr;
  const bool to_logits = wanted.to == s.layers;
  wanted.all_logits = to_logits && wanted.captures && plan_.captures_at(SL_LOGITS, 0);
  auto greedy = [&](const SlSampler& sampler) {
    return sampler.temperature == 0 && (sampler.repeat_penalty == 1 || sampler.recent_count == 0);
  };
  uint32_t n = 0, kept = 0;

  for (uint32_t b = 0; b < batch.rows; b++) {
    const bool own = batch.logits && batch.logits[b];
    if (own && batch.samplers) wanted.greedy = wanted.greedy && greedy(batch.samplers[n]);
    wanted.place.push_back(own ? n++ : kNone);
    wanted.kept_place.push_back(own || wanted.all_logits ? kept++ : kNone);
  }
  wanted.host_logits =
      to_logits && kept > 0 && (sinks.logits || batch.targets || batch.references || batch.top > kMostTop || !wanted.greedy);
  wanted.top = std::max(batch.top > kMostTop ? 0 : batch.top, batch.samplers ? 1u : 0u);
  wanted.head = to_logits && n > 0 && (wanted.top > 0 || sinks.log_total);
  if (wanted.host_logits) wanted.kept.resize(uint64_t{kept} * s.vocab);

  reducers_.begin();
  for (DeviceArray<uint32_t>* now : {&buffers_.zeros, &buffers_.active})
    if (now->size()) stream_.zero(now->data(), now->size());
  for (uint32_t* counts : {sinks.zeros_mid, sinks.zeros_gate, sinks.rows_read, sinks.predicted, sinks.active, sinks.missed})
    if (counts) std::fill_n(counts, uint64_t{s.layers} * batch.rows, 0);

  for (uint32_t first = 0; first < batch.rows; first += buffers_.chunk) {
    const Chunk chunk{first, std::min(buffers_.chunk, batch.rows - first)};
    start(batch, chunk);
    for (uint32_t i = 0; i < chunk.count; i++) {
      if (stop_asked(control)) {
        stream_.wait();
        throw stopped();
      }
      const uint32_t b = chunk.first + i;
      const bool logits = to_logits && wanted.kept_place[b] != kNone;
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

  score(batch, sinks, wanted, control);

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
void Program::take(const SlBatch& batch, SlSinks& sinks, Wanted& wanted, const Chunk& chunk) {
  const Shape& s = model_->shape();
  stream_.to_host(buffers_.host_batch.data(), buffers_.batch.data(), 1);
  stream_.to_host(buffers_.host_counts.data(), buffers_.counts.data(), buffers_.counts.size());
  if (wanted.head) {
    stream_.to_host(buffers_.host_log_total.data(), buffers_.log_total.data(), buffers_.chunk);
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
                         wanted.to == s.layers && wanted.kept_place[b] != kNone,
                         wanted.misses,
                         wanted.captures,
                         0,
                         false};
    wanted.bytes += bytes_of_row(shape, buffers_.host_counts.data() + uint64_t{i} * s.layers * kCounts);
    const uint32_t place = wanted.place[b];
    if (!wanted.head || place == kNone) continue;
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
      if (const uint32_t kept = wanted.kept_place[chunk.first + i]; kept != kNone)
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
  const uint64_t row_floats = buffers_.capture_row, B = batch.rows;
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

}  // namespace sparselab::cuda
