#include "executor/program.h"

#include <algorithm>
#include <set>

#include "cpu/aligned.h"
#include "cpu/isa.h"
#include "error.h"
#include "executor/head.h"
#include "executor/pass.h"
#include "ffn/ffn.h"

namespace sparselab {
namespace {

void embed(Pass& pass, float* x) {
  const Matrix& w = pass.model.embed;
  std::set<int32_t> tokens;
  for (uint64_t b = 0; b < pass.B(); b++) {
    cpu::kernels_of(w.type).dequantise(w.row(static_cast<uint64_t>(pass.rows[b].token)), w.cols, x + b * w.cols);
    tokens.insert(pass.rows[b].token);
  }
  pass.bytes_read += tokens.size() * w.stride;
  pass.hook(SL_EMBED, 0, x);
}

void add(Floats& x, const Floats& y) {
  for (size_t i = 0; i < x.size(); i++) x[i] += y[i];
}

}  // namespace

Program::Program(std::shared_ptr<const CpuModel> model, Plan plan)
    : model_(std::move(model)),
      plan_(std::move(plan)),
      pool_(cpu::Pool::of(plan_.threads)),
      cache_(*model_, plan_.sequences, plan_.length),
      rotation_(model_->shape, plan_.length),
      held_(plan_.sequences, 0) {}

uint64_t Program::scratch_bytes(const CpuModel& m, uint64_t rows, uint64_t logit_rows, uint64_t length, uint64_t threads) {
  const SlModel& shape = m.shape;
  const uint64_t D = shape.hidden;
  // Of a row beside its numbers: Row, and its token in a set, a node of at most 64 bytes.
  const uint64_t batch = rows * (sizeof(Row) + 64 + 3 * D * sizeof(float)) + AttentionScratch::bytes(m, rows) +
                         FfnScratch::bytes(rows, shape.neurons) + unembed_bytes(shape, rows, logit_rows) +
                         std::max(Pass::multiply_bytes(rows, D), Pass::multiply_bytes(rows, m.q_width()));
  const uint64_t thread = std::max(Pass::multiply_thread_bytes(rows, D), Pass::multiply_thread_bytes(rows, m.q_width())) +
                          AttentionScratch::thread_bytes(m, length) + FfnScratch::thread_bytes(rows, shape.neurons, D);
  return batch + threads * thread;
}

void Program::check(const SlBatch& batch, const SlSinks& sinks) const {
  if (batch.rows < 1) throw Error(Code::invalid_option, "a batch needs at least one row");
  if (!sinks.zeros_mid || !sinks.zeros_gate || !sinks.rows_read)
    throw Error(Code::invalid_option, "the sinks of the counts are missing");
  auto wants = [&](uint32_t b) { return batch.logits && batch.logits[b]; };
  for (uint32_t b = 0; b < batch.rows; b++) {
    if (batch.tokens[b] < 0 || static_cast<uint32_t>(batch.tokens[b]) >= model_->shape.vocab)
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

std::vector<uint32_t> Program::held_after(const SlBatch& batch) const {
  std::vector<uint32_t> held = held_;
  for (uint32_t b = 0; b < batch.rows; b++) {
    if (batch.sequences[b] < 0 || static_cast<uint32_t>(batch.sequences[b]) >= plan_.sequences)
      throw Error(Code::invalid_option, text("sequence %d of row %u; the plan has %u", batch.sequences[b], b, plan_.sequences));
    uint32_t& n = held[static_cast<size_t>(batch.sequences[b])];
    if (n >= plan_.length)
      throw Error(Code::context_full,
                  text("sequence %d holds %u positions, all that this run was made for", batch.sequences[b], n));
    if (static_cast<int64_t>(batch.positions[b]) != n)
      throw Error(Code::invalid_option, text("position %d of row %u; sequence %d holds %u positions, so %u is next",
                                             batch.positions[b], b, batch.sequences[b], n, n));
    n++;
  }
  return held;
}

void Program::forward(const SlBatch& batch, SlSinks& sinks, SlControl& control) {
  if (void_)
    throw Error(Code::disposed, "an earlier pass of this run was stopped or failed, and its cache is void; start a new run");
  check(batch, sinks);
  std::vector<uint32_t> held = held_after(batch);
  void_ = true;  // until all is done

  const SlModel& shape = model_->shape;
  const uint64_t B = batch.rows, D = shape.hidden;
  Pass pass(*model_, &plan_, *pool_, control);
  pass.sinks = sinks;
  pass.rows.reserve(B);
  for (uint32_t b = 0; b < B; b++)
    pass.rows.push_back({static_cast<uint32_t>(batch.positions[b]), static_cast<uint32_t>(batch.sequences[b]),
                         &plan_.settings[static_cast<size_t>(batch.settings[b])], batch.tokens[b]});

  uint32_t positions = 0;
  for (const Row& row : pass.rows) positions = std::max(positions, row.position + 1);
  rotation_.fill(pass, positions);
  Floats x(B * D), h(B * D), out(B * D);
  AttentionScratch attention(*model_, B);
  const Neurons neurons(shape.neurons);
  FfnScratch ffn(B, shape.neurons);
  embed(pass, x.data());
  for (uint32_t l = 0; l < shape.layers; l++) {
    pass.hook(SL_RESID_PRE, l, x.data());
    pass.normalise(x.data(), model_->blocks[l].attn_norm, h.data());
    attend(pass, l, h.data(), cache_, rotation_, attention, out.data());
    add(x, out);
    pass.hook(SL_RESID_MID, l, x.data());
    pass.normalise(x.data(), model_->blocks[l].ffn_norm, h.data());
    pass.hook(SL_FFN_IN, l, h.data());
    feed_forward(pass, l, h.data(), neurons, ffn, out.data());
    pass.hook(SL_FFN_OUT, l, out.data());
    add(x, out);
    pass.hook(SL_RESID_POST, l, x.data());
    __atomic_store_n(&control.progress, 1000 * (l + 1) / (shape.layers + 1), __ATOMIC_RELAXED);
  }
  unembed(pass, batch, x.data());
  sinks.weight_bytes_read = pass.bytes_read;
  held_ = std::move(held);
  void_ = false;
}

}  // namespace sparselab
