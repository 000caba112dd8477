#include "executor/batch.h"

#include <algorithm>

#include "backend/sampling.h"
#include "error.h"

namespace sparselab {
namespace {

void check_misses(const SlSinks& sinks) {
  if (!sinks.active != !sinks.missed) throw Error(Code::invalid_option, "the sinks `active` and `missed` go together");
}

// Which layers, and whether what goes in and comes out is there.
void check_range(const Shape& shape, bool partial, const SlBatch& batch, const SlSinks& sinks) {
  const uint32_t L = shape.layers, to = last_layer(shape, batch);
  if (partial)
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
void check_head(const Shape& shape, const SlBatch& batch, const SlSinks& sinks) {
  uint64_t rows = 0;
  for (uint32_t b = 0; batch.logits && b < batch.rows; b++) rows += batch.logits[b] != 0;
  if (!batch.samplers != !sinks.sampled) throw Error(Code::invalid_option, "samplers and the sink `sampled` go together");
  if (!batch.top != !sinks.top_tokens || (!batch.top && sinks.top_logits))
    throw Error(Code::invalid_option, text("top is %u, and its sink is %s", batch.top, batch.top ? "missing" : "there"));
  if (batch.top > shape.vocab)
    throw Error(Code::invalid_option, text("top is %u; the vocabulary has %u tokens", batch.top, shape.vocab));
  if (rows == 0 && (batch.samplers || batch.top || sinks.log_total))
    throw Error(Code::invalid_option, "tokens and log-sum-exp are those of rows that want logits, and no row wants them");
  for (uint64_t i = 0; batch.samplers && i < rows; i++) check_sampler(batch.samplers[i], shape.vocab);
}

}  // namespace

void check_batch(const Shape& shape, const Plan& plan, bool partial, const SlBatch& batch, const SlSinks& sinks) {
  if (batch.rows < 1) throw Error(Code::invalid_option, "a batch needs at least one row");
  if (!sinks.zeros_mid || !sinks.zeros_gate || !sinks.rows_read)
    throw Error(Code::invalid_option, "the sinks of the counts are missing");
  check_misses(sinks);
  check_range(shape, partial, batch, sinks);
  check_head(shape, batch, sinks);
  auto wants = [&](uint32_t b) { return batch.logits && batch.logits[b]; };
  for (uint32_t b = 0; b < batch.rows; b++) {
    if (!batch.x_in && (batch.tokens[b] < 0 || static_cast<uint32_t>(batch.tokens[b]) >= shape.vocab))
      throw Error(Code::invalid_option, text("token %d of row %u; expected 0 to %u", batch.tokens[b], b, shape.vocab - 1));
    if (batch.settings[b] < 0 || static_cast<size_t>(batch.settings[b]) >= plan.settings.size())
      throw Error(Code::invalid_option,
                  text("setting %d of row %u; the plan has %zu", batch.settings[b], b, plan.settings.size()));
    if (batch.targets && (batch.targets[b] >= 0) && (static_cast<uint32_t>(batch.targets[b]) >= shape.vocab || !wants(b)))
      throw Error(Code::invalid_option, text("target %d of row %u; expected 0 to %u, and a row that wants logits",
                                             batch.targets[b], b, shape.vocab - 1));
    if (batch.references && batch.references[b] >= 0 &&
        (static_cast<uint32_t>(batch.references[b]) >= batch.rows || !wants(b) ||
         !wants(static_cast<uint32_t>(batch.references[b]))))
      throw Error(Code::invalid_option, text("reference %d of row %u; expected a row of the batch, and both rows to want logits",
                                             batch.references[b], b));
  }
}

std::vector<uint32_t> Held::after(const SlBatch& batch) const {
  const uint32_t L = layers_, to = batch.to_layer ? batch.to_layer : L;
  std::vector<uint32_t> held = positions_;
  for (uint32_t b = 0; b < batch.rows; b++) {
    if (batch.sequences[b] < 0 || static_cast<uint32_t>(batch.sequences[b]) >= sequences_)
      throw Error(Code::invalid_option, text("sequence %d of row %u; the plan has %u", batch.sequences[b], b, sequences_));
    uint32_t* layers = held.data() + static_cast<size_t>(batch.sequences[b]) * L;
    for (uint32_t l = batch.from_layer; l < to; l++) {
      uint32_t& n = layers[l];
      if (n >= length_)
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

uint32_t Held::of(uint32_t sequence) const {
  if (sequence >= sequences_) throw Error(Code::invalid_option, text("sequence %u; the plan has %u", sequence, sequences_));
  const auto first = positions_.begin() + static_cast<ptrdiff_t>(uint64_t{sequence} * layers_);
  return *std::min_element(first, first + layers_);
}

void Held::set(uint32_t sequence, uint32_t positions) {
  std::fill_n(positions_.begin() + static_cast<ptrdiff_t>(uint64_t{sequence} * layers_), layers_, positions);
}

void check_ffn(const Shape& shape, const Plan& plan, uint32_t layer, const SlFfnBatch& batch, const SlFfnSinks& sinks) {
  if (layer >= shape.layers) throw Error(Code::invalid_option, text("layer %u; expected 0 to %u", layer, shape.layers - 1));
  if (batch.rows < 1) throw Error(Code::invalid_option, "a batch needs at least one row");
  for (uint32_t b = 0; b < batch.rows; b++) {
    const int32_t i = batch.settings[b];
    if (i < 0 || static_cast<size_t>(i) >= plan.settings.size())
      throw Error(Code::invalid_option, text("setting %d of row %u; the plan has %zu", i, b, plan.settings.size()));
    if (!plan.settings[static_cast<size_t>(i)].interventions.empty())
      throw Error(Code::invalid_option, "a single FFN call takes no interventions");
  }
  if (!sinks.active != !sinks.missed) throw Error(Code::invalid_option, "the sinks `active` and `missed` go together");
}

void check_keep(bool same_model, bool same_kv, const Held& source, uint32_t from, uint32_t positions, uint32_t length) {
  if (!same_model) throw Error(Code::invalid_option, "the positions to keep are those of another model");
  if (!same_kv) throw Error(Code::invalid_option, "the positions to keep are in a KV cache of another type");
  if (positions > source.of(from))
    throw Error(Code::invalid_option, text("sequence %u holds %u positions; %u are asked for", from, source.of(from), positions));
  if (positions > length)
    throw Error(Code::context_full, text("%u positions to keep; this run was made for %u", positions, length));
}

}  // namespace sparselab
