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
void check_misses(const SlSinks& sinks) {
  if (!sinks.active != !sinks.missed) throw Error(Code::invalid_option, "the sinks `active` and `missed` go together");
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
      held_(uint64_t{plan_.sequences} * model_->shape.layers, 0) {
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

uint32_t Program::last_layer(const SlBatch& batch) const { return batch.to_layer ? batch.to_layer : model_->shape.layers; }

// Which layers, and whether what goes in and comes out is there.
void Program::check_range(const SlBatch& batch, const SlSinks& sinks) const {
  const uint32_t L = model_->shape.layers, to = last_layer(batch);
  if (model_->partial)
    throw Error(Code::invalid_option, "this model holds only some neurons of each layer: it computes ffn, and no whole layers");
  if (batch.from_layer >= to || to > L)
    throw Error(Code::invalid_option, text("layers %u to %u; expected within 0 to %u", batch.from_layer, to, L));
  if (batch.from_layer && !batch.x_in)
    throw Error(Code::invalid_option, text("a batch that begins at layer %u needs x_in, the stream before it", batch.from_layer));
  if (!batch.x_in && !batch.tokens) throw Error(Code::invalid_option, "a batch needs tokens or x_in");
  if (to < L && (batch.logits || sinks.logits))
    throw Error(Code::invalid_option, text("logits need the last layer; this batch ends before layer %u of %u", to, L));
}

// Samplers and most likely tokens: of rows that want logits, and with a place for what comes out.
void Program::check_head(const SlBatch& batch, const SlSinks& sinks) const {
  uint64_t rows = 0;
  for (uint32_t b = 0; batch.logits && b < batch.rows; b++) rows += batch.logits[b] != 0;
  if (!batch.samplers != !sinks.sampled) throw Error(Code::invalid_option, "samplers and the sink `sampled` go together");
  if (!batch.top != !sinks.top_tokens || (!batch.top && sinks.top_logits))
    throw Error(Code::invalid_option, text("top is %u, and its sink is %s", batch.top, batch.top ? "missing" : "there"));
  if (batch.top > model_->shape.vocab)
    throw Error(Code::invalid_option, text("top is %u; the vocabulary has %u tokens", batch.top, model_->shape.vocab));
  if (rows == 0 && (batch.samplers || batch.top || sinks.log_total))
    throw Error(Code::invalid_option, "tokens and log-sum-exp are those of rows that want logits, and no row wants them");
  for (uint64_t i = 0; batch.samplers && i < rows; i++) check_sampler(batch.samplers[i], model_->shape.vocab);
}

void Program::check(const SlBatch& batch, const SlSinks& sinks) const {
  if (batch.rows < 1) throw Error(Code::invalid_option, "a batch needs at least one row");
  if (!sinks.zeros_mid || !sinks.zeros_gate || !sinks.rows_read)
    throw Error(Code::invalid_option, "the sinks of the counts are missing");
  check_misses(sinks);
  check_range(batch, sinks);
  check_head(batch, sinks);
  auto wants = [&](uint32_t b) { return batch.logits && batch.logits[b]; };
  for (uint32_t b = 0; b < batch.rows; b++) {
    if (!batch.x_in && (batch.tokens[b] < 0 || static_cast<uint32_t>(batch.tokens[b]) >= model_->shape.vocab))
      throw Error(Code::invalid_option,
                  text("token %d of row %u; expected 0 to %u", batch.tokens[b], b, model_->shape.vocab - 1));
    if (batch.settings[b] < 0 || static_cast<size_t>(batch.settings[b]) >= plan_.settings.size())
      throw Error(Code::invalid_option,
                  text("setting %d of row %u; the plan has %zu", batch.settings[b], b, plan_.settings.size()));
    if (batch.targets && (batch.targets[b] >= 0) && (static_cast<uint32_t>(batch.targets[b]) >= model_->shape.vocab || !wants(b)))
      throw Error(Code::invalid_option, text("target %d of row %u; expected 0 to %u, and a row that wants logits",
                                             batch.targets[b], b, model_->shape.vocab - 1));
    if (batch.references && batch.references[b] >= 0 &&
        (static_cast<uint32_t>(batch.references[b]) >= batch.rows || !wants(b) ||
         !wants(static_cast<uint32_t>(batch.references[b]))))
      throw Error(Code::invalid_option, text("reference %d of row %u; expected a row of the batch, and both rows to want logits",
                                             batch.references[b], b));
  }
}

// Positions that each layer of each sequence will hold. Throws Error where the rows do not go on from what is held.
std::vector<uint32_t> Program::held_after(const SlBatch& batch) const {
  const uint32_t L = model_->shape.layers, to = last_layer(batch);
  std::vector<uint32_t> held = held_;
  for (uint32_t b = 0; b < batch.rows; b++) {
    if (batch.sequences[b] < 0 || static_cast<uint32_t>(batch.sequences[b]) >= plan_.sequences)
      throw Error(Code::invalid_option, text("sequence %d of row %u; the plan has %u", batch.sequences[b], b, plan_.sequences));
    uint32_t* layers = held.data() + static_cast<size_t>(batch.sequences[b]) * L;
    for (uint32_t l = batch.from_layer; l < to; l++) {
      uint32_t& n = layers[l];
      if (n >= plan_.length)
        throw Error(Code::context_full,
                    text("sequence %d holds %u positions, all that this run was made for", batch.sequences[b], n));
      if (static_cast<int64_t>(batch.positions[b]) != n)
        throw Error(Code::invalid_option, text("position %d of row %u; sequence %d holds %u positions, so %u is next",
                                               batch.positions[b], b, batch.sequences[b], n, n));
      n++;
    }
  }
  return held;
}

void Program::forward(const SlBatch& batch, SlSinks& sinks, SlControl& control) {
  check(batch, sinks);
  std::vector<uint32_t> held = held_after(batch);

  // The rows, and the rotation of their positions.
  const Shape& shape = model_->shape;
  const uint64_t B = batch.rows, D = shape.hidden;
  const uint32_t from = batch.from_layer, to = last_layer(batch);
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
  held_ = std::move(held);
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
  if (layer >= shape.layers) throw Error(Code::invalid_option, text("layer %u; expected 0 to %u", layer, shape.layers - 1));
  if (batch.rows < 1) throw Error(Code::invalid_option, "a batch needs at least one row");
  Pass pass(*model_, nullptr, *pool_, control);
  pass.int8 = plan_.arithmetic == SL_ARITHMETIC_INT8;
  for (uint32_t b = 0; b < batch.rows; b++) {
    const int32_t i = batch.settings[b];
    if (i < 0 || static_cast<size_t>(i) >= plan_.settings.size())
      throw Error(Code::invalid_option, text("setting %d of row %u; the plan has %zu", i, b, plan_.settings.size()));
    const Setting& setting = plan_.settings[static_cast<size_t>(i)];
    if (!setting.interventions.empty()) throw Error(Code::invalid_option, "a single FFN call takes no interventions");
    pass.rows.push_back({b, 0, &setting, -1, static_cast<uint32_t>(i)});
  }
  pass.sinks.zeros_mid = sinks.zeros_mid;
  pass.sinks.zeros_gate = sinks.zeros_gate;
  pass.sinks.rows_read = sinks.rows_read;
  pass.sinks.predicted = sinks.predicted;
  pass.sinks.active = sinks.active;
  pass.sinks.missed = sinks.missed;
  check_misses(pass.sinks);
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

uint32_t Program::held(uint32_t sequence) const {
  const uint32_t L = model_->shape.layers;
  if (sequence >= plan_.sequences)
    throw Error(Code::invalid_option, text("sequence %u; the plan has %u", sequence, plan_.sequences));
  const auto first = held_.begin() + static_cast<ptrdiff_t>(uint64_t{sequence} * L);
  return *std::min_element(first, first + L);
}

void Program::keep(uint32_t sequence, uint32_t positions, const Program& source, uint32_t from, const SlControl& control) {
  const uint32_t L = model_->shape.layers;
  held(sequence);
  if (source.model_ != model_) throw Error(Code::invalid_option, "the positions to keep are those of another model");
  if (source.plan_.kv != plan_.kv) throw Error(Code::invalid_option, "the positions to keep are in a KV cache of another type");
  if (positions > source.held(from))
    throw Error(Code::invalid_option,
                text("sequence %u holds %u positions; %u are asked for", from, source.held(from), positions));
  if (positions > plan_.length)
    throw Error(Code::context_full, text("%u positions to keep; this run was made for %u", positions, plan_.length));
  const auto layers = held_.begin() + static_cast<ptrdiff_t>(uint64_t{sequence} * L);
  if (&source != this || sequence != from) {
    std::fill_n(layers, L, 0);  // a stop leaves a part
    cache_.copy(source.cache_, from, sequence, positions, control);
  }
  std::fill_n(layers, L, positions);
}

}  // namespace sparselab
