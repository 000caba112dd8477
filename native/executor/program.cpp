#include "executor/program.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "backend/sampling.h"
#include "cpu/aligned.h"
#include "cpu/isa.h"
#include "error.h"
#include "executor/head.h"
#include "executor/pass.h"
#include "ffn/ffn.h"

namespace sparselab {
namespace {

// Under int8 a block of activations spans neurons, so down must lie as in the file, and no neurons may be missing.
void check_int8(const CpuModel& model) {
  if (model.partial)
    throw Error(Code::invalid_option, "arithmetic \"int8\" needs all neurons of a layer; use \"float\" where only some are held");
  for (const LayerWeights& layer : model.layers)
    if (layer.down.owned && cpu::int8_form(layer.down.by_neuron.type) != cpu::Int8Form::none)
      throw Error(
          Code::invalid_option,
          "arithmetic \"int8\" needs ffn_down as it lies in the file, and this model was opened with rows by neuron; open "
          "it with down \"as-stored\"");
}

void embed(Pass& pass, float* x) {
  const Matrix& w = pass.model.embed;
  const float scale = pass.model.shape.embedding_scale;
  std::set<int32_t> tokens;
  for (uint64_t b = 0; b < pass.B(); b++) {
    cpu::kernels_of(w.type).dequantise(w.row(static_cast<uint64_t>(pass.rows[b].token)), w.cols, x + b * w.cols);
    if (scale != 1)
      for (uint64_t d = 0; d < w.cols; d++) x[b * w.cols + d] *= scale;
    tokens.insert(pass.rows[b].token);
  }
  pass.bytes_read += tokens.size() * w.stride;
}

// y · scale, which is then added to the stream: so what a hook sees is what is added, bit for bit.
void scale_by(Floats& y, float scale) {
  if (scale == 1) return;
  for (float& v : y) v *= scale;
}

void add(Floats& x, const Floats& y) {
  for (size_t i = 0; i < x.size(); i++) x[i] += y[i];
}

}  // namespace

// What one forward of B rows works in.
struct ForwardScratch {
  ForwardScratch(const CpuModel& model, uint64_t B)
      : h(B * model.shape.hidden), out(B * model.shape.hidden), attention(model, B), ffn(B, model.shape.neurons) {}
  Floats h, out;  // (B, D)
  AttentionScratch attention;
  FfnScratch ffn;
};

Program::Program(std::shared_ptr<const CpuModel> model, Plan plan)
    : model_(std::move(model)),
      plan_(std::move(plan)),
      pool_(cpu::Pool::of(plan_.threads)),
      cache_(*model_, model_->partial ? 0 : plan_.sequences, plan_.length, plan_.kv),
      rotation_(model_->shape, model_->partial ? 0 : plan_.length),
      reducers_(model_->shape, plan_),
      held_(model_->shape.layers, plan_.sequences, plan_.length) {
  if (plan_.arithmetic == SL_ARITHMETIC_INT8) check_int8(*model_);
}

uint64_t Program::scratch_bytes(const CpuModel& m, uint64_t rows, uint64_t logit_rows, uint64_t length, uint64_t threads,
                                uint32_t kv, uint32_t arithmetic) {
  const Shape& shape = m.shape;
  const uint64_t D = shape.hidden;
  const uint64_t rank = shape.largest_rank();
  const bool by_neuron = m.down_by_channel < shape.layers;  // in some layer
  // The products' rows: of the stream, of all heads, of predictors and, where down lies by channel, of neurons.
  auto most_of = [&](auto bytes) {
    const uint64_t most = std::max({bytes(D), bytes(m.q_width()), rank ? bytes(rank) : 0});
    return m.down_by_channel ? std::max(most, bytes(shape.neurons)) : most;
  };
  // Of a row beside its numbers: Row, and its token in a set, a node of at most 64 bytes.
  const uint64_t batch =
      rows * (sizeof(Row) + 64 + 3 * D * sizeof(float)) + AttentionScratch::bytes(m, rows) +
      FfnScratch::bytes(rows, shape.neurons, D, rank, by_neuron) + unembed_bytes(shape, rows, logit_rows) +
      most_of([&](uint64_t cols) { return Pass::multiply_bytes(rows, cols, arithmetic == SL_ARITHMETIC_INT8); }) +
      (m.partial && m.down_by_channel ? rows * shape.neurons * sizeof(float) : 0);
  const uint64_t thread = most_of([&](uint64_t cols) { return Pass::multiply_thread_bytes(rows, cols); }) +
                          AttentionScratch::thread_bytes(m, length, kv) +
                          FfnScratch::thread_bytes(rows, shape.neurons, D, by_neuron);
  return batch + threads * thread;
}

void Program::forward(const SlBatch& batch, SlSinks& sinks, SlControl& control) {
  check_batch(model_->shape, plan_, model_->partial, batch, sinks);
  std::vector<uint32_t> held = held_.after(batch);

  // The rows, and the rotation of their positions.
  const Shape& shape = model_->shape;
  const uint64_t B = batch.rows, D = shape.hidden;
  const uint32_t from = batch.from_layer, to = last_layer(model_->shape, batch);
  Pass pass(*model_, &plan_, *pool_, control);
  pass.int8 = plan_.arithmetic == SL_ARITHMETIC_INT8;
  pass.sinks = sinks;
  pass.reducers = &reducers_;
  pass.rows.reserve(B);
  uint32_t positions = 0;
  for (uint32_t b = 0; b < batch.rows; b++) {
    const auto setting = static_cast<uint32_t>(batch.settings[b]);
    pass.rows.push_back({static_cast<uint32_t>(batch.positions[b]), static_cast<uint32_t>(batch.sequences[b]),
                         &plan_.settings[setting], batch.x_in ? -1 : batch.tokens[b], setting});
    positions = std::max(positions, pass.rows.back().position + 1);
  }
  pass.keys = batch.keys ? batch.keys : plan_.length;
  if (pass.keys < positions)
    throw Error(Code::invalid_option, text("keys is %u; this batch has rows up to position %u", batch.keys, positions - 1));
  rotation_.fill(pass, positions);
  reducers_.begin();
  for (uint32_t* counts : {sinks.zeros_mid, sinks.zeros_gate, sinks.rows_read, sinks.predicted, sinks.active, sinks.missed})
    if (counts) std::fill_n(counts, uint64_t{shape.layers} * B, 0);

  // The stream: from the embedding or from x_in, through the layers, to the logits or to x_out.
  Floats x(B * D);
  if (batch.x_in)
    std::memcpy(x.data(), batch.x_in, B * D * sizeof(float));
  else
    embed(pass, x.data());
  if (from == 0) pass.hook(SL_EMBED, 0, x.data());
  ForwardScratch scratch(*model_, B);
  for (uint32_t l = from; l < to; l++) {
    layer(pass, l, x, scratch);
    __atomic_store_n(&control.progress, 1000 * (l - from + 1) / (to - from + 1), __ATOMIC_RELAXED);
  }
  if (sinks.x_out) std::memcpy(sinks.x_out, x.data(), B * D * sizeof(float));
  if (to == shape.layers) unembed(pass, batch, x.data());

  // Only now is anything kept.
  sinks.weight_bytes_read = pass.bytes_read;
  reducers_.end();
  held_.take(std::move(held));
}

// Layer l of the stream x (B, D).
void Program::layer(Pass& pass, uint32_t l, Floats& x, ForwardScratch& s) {
  const float scale = model_->shape.residual_scale;
  const LayerWeights& weights = model_->layers[l];
  const bool post_norm = model_->shape.layer[l].post_norm;
  pass.hook(SL_RESID_PRE, l, x.data());
  pass.normalise(x.data(), weights.attn_norm, weights.attn_norm_bias, s.h.data());
  attend(pass, l, s.h.data(), cache_, rotation_, s.attention, s.out.data());
  if (post_norm) pass.normalise(s.out.data(), weights.attn_post_norm, {}, s.out.data());
  scale_by(s.out, scale);
  pass.hook(SL_ATTN_ADD, l, s.out.data());
  add(x, s.out);
  pass.hook(SL_RESID_MID, l, x.data());
  pass.normalise(x.data(), weights.ffn_norm, weights.ffn_norm_bias, s.h.data());
  pass.hook(SL_FFN_IN, l, s.h.data());
  feed_forward(pass, l, x.data(), s.h.data(), weights.held, s.ffn, s.out.data());
  add_bias(weights.down_bias, s.out.data(), pass.B());
  pass.hook(SL_FFN_OUT, l, s.out.data());
  if (post_norm) pass.normalise(s.out.data(), weights.ffn_post_norm, {}, s.out.data());
  scale_by(s.out, scale);
  pass.hook(SL_FFN_ADD, l, s.out.data());
  add(x, s.out);
  pass.hook(SL_RESID_POST, l, x.data());
}

void Program::ffn(uint32_t layer, const SlFfnBatch& batch, SlFfnSinks& sinks, const SlControl& control) {
  const Shape& shape = model_->shape;
  check_ffn(shape, plan_, layer, batch, sinks);
  Pass pass(*model_, nullptr, *pool_, control);
  pass.int8 = plan_.arithmetic == SL_ARITHMETIC_INT8;
  for (uint32_t b = 0; b < batch.rows; b++) {
    const auto i = static_cast<uint32_t>(batch.settings[b]);
    pass.rows.push_back({b, 0, &plan_.settings[i], -1, i});
  }
  pass.sinks.zeros_mid = sinks.zeros_mid;
  pass.sinks.zeros_gate = sinks.zeros_gate;
  pass.sinks.rows_read = sinks.rows_read;
  pass.sinks.predicted = sinks.predicted;
  pass.sinks.active = sinks.active;
  pass.sinks.missed = sinks.missed;
  const Neurons& held = model_->layers[layer].held;
  FfnScratch scratch(batch.rows, held.count());
  feed_forward(pass, layer, batch.stream, batch.x, held, scratch, sinks.y);
  const uint64_t bytes = batch.rows * held.count() * sizeof(float);
  if (sinks.gate && shape.ffn.has_gate) std::memcpy(sinks.gate, scratch.gate.data(), bytes);
  if (sinks.mid) std::memcpy(sinks.mid, scratch.mid.data(), bytes);
  sinks.weight_bytes_read = pass.bytes_read;
}

void Program::set(uint32_t i, const SlSetting& setting) {
  if (i >= plan_.settings.size())
    throw Error(Code::invalid_option, text("setting %u; the plan has %zu", i, plan_.settings.size()));
  plan_.settings[i] = copy_setting(model_->shape, setting);
}

void Program::keep(uint32_t sequence, uint32_t positions, const Program& source, uint32_t from, const SlControl& control) {
  held_.of(sequence);
  check_keep(source.model_ == model_, source.plan_.kv == plan_.kv, source.held_, from, positions, plan_.length);
  if (&source != this || sequence != from) {
    held_.set(sequence, 0);  // a stop leaves a part
    cache_.copy(source.cache_, from, sequence, positions, control);
  }
  held_.set(sequence, positions);
}

}  // namespace sparselab
