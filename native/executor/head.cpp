#include "executor/head.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "backend/ranking.h"
#include "backend/sampling.h"
#include "backend/scores.h"
#include "cpu/aligned.h"
#include "cpu/isa.h"
#include "error.h"
#include "executor/failures.h"

namespace sparselab {
namespace {

void check_finite(Pass& pass, const float* x, uint64_t width, const std::vector<uint32_t>& rows, const char* what) {
  std::vector<uint8_t> bad(rows.size());
  pass.parallel(rows.size(), width, [&](size_t i) {
    bad[i] = !std::all_of(x + i * width, x + (i + 1) * width, [](float v) { return std::isfinite(v); });
  });
  for (size_t i = 0; i < rows.size(); i++)
    if (bad[i]) throw not_finite(what, pass.rows[rows[i]].token, pass.rows[rows[i]].position);
}

// Each asked row of logits (V) into the sinks: itself, its log-sum-exp, its most likely tokens, the token drawn.
void give_rows(Pass& pass, const SlBatch& batch, const std::vector<const float*>& asked) {
  const uint64_t V = pass.model.shape.vocab, top = batch.top;
  const SlSinks& sinks = pass.sinks;
  pass.parallel(asked.size(), 20 * V, [&](size_t i) {
    if (sinks.logits) std::memcpy(sinks.logits + i * V, asked[i], V * sizeof(float));
    double most;
    if (sinks.log_total) sinks.log_total[i] = cpu::kernels().log_total(asked[i], V, &most);
    if (top <= kFewLargest && top > 0) largest(asked[i], V, top, reinterpret_cast<uint32_t*>(sinks.top_tokens + i * top));
  });
  // One row after the other: the scratch is several vocabularies.
  Sampling sampling;
  for (size_t i = 0; i < asked.size() && (batch.samplers || top > kFewLargest); i++) {
    if (pass.stop.asked()) throw stopped();
    if (batch.samplers) sinks.sampled[i] = static_cast<int32_t>(sampling.draw(batch.samplers[i], asked[i], V));
    if (top > kFewLargest) sampling.ranking().largest(asked[i], V, top, reinterpret_cast<uint32_t*>(sinks.top_tokens + i * top));
  }
  for (size_t i = 0; i < asked.size() && sinks.top_logits; i++)
    for (uint64_t k = i * top; k < (i + 1) * top; k++) sinks.top_logits[k] = asked[i][sinks.top_tokens[k]];
}

}  // namespace

std::vector<uint32_t> logit_rows(const Pass& pass, const SlBatch& batch) {
  const bool all = pass.plan->captures_at(SL_LOGITS, 0);  // a capture holds every row
  std::vector<uint32_t> rows;
  for (uint32_t b = 0; b < batch.rows; b++)
    if (all || (batch.logits && batch.logits[b])) rows.push_back(b);
  return rows;
}

uint64_t unembed_bytes(const Shape& shape, uint64_t B, uint64_t n) {
  // Of each row four numbers, of which one is in a list that grows and is held up to three times, a pointer and a byte.
  return B * (uint64_t{shape.hidden} * sizeof(float) + 6 * sizeof(uint32_t) + sizeof(float*) + 1) +
         n * (uint64_t{shape.hidden} + shape.vocab) * sizeof(float) + Sampling::bytes(shape.vocab);
}

void unembed(Pass& pass, const SlBatch& batch, const float* x) {
  const uint64_t D = pass.model.shape.hidden, V = pass.model.shape.vocab, B = pass.B();
  Floats h(B * D);
  pass.normalise(x, pass.model.norm, pass.model.norm_bias, h.data());
  pass.hook(SL_FINAL_NORM, 0, h.data());
  std::vector<uint32_t> everyone(B);
  for (uint32_t b = 0; b < B; b++) everyone[b] = b;
  check_finite(pass, h.data(), D, everyone, kFinalNormValues);

  const std::vector<uint32_t> rows = logit_rows(pass, batch);
  const uint64_t n = rows.size();
  if (n == 0) return;
  Floats wanted(n * D), logits(n * V);
  for (uint64_t i = 0; i < n; i++) std::memcpy(wanted.data() + i * D, h.data() + rows[i] * D, D * sizeof(float));
  pass.multiply({{&pass.model.output, logits.data()}}, wanted.data(), n);
  if (const float scale = pass.model.shape.logit_scale; scale != 1)
    for (float& logit : logits) logit *= scale;
  pass.hook_rows(SL_LOGITS, 0, logits.data(), rows);
  check_finite(pass, logits.data(), V, rows, kTheLogits);

  std::vector<uint32_t> place(B, std::numeric_limits<uint32_t>::max());  // of a row among `rows`
  for (uint32_t i = 0; i < n; i++) place[rows[i]] = i;
  std::vector<const float*> asked;  // rows of logits (V) that the batch asks for
  asked.reserve(n);
  for (uint32_t b = 0; b < B; b++)
    if (batch.logits && batch.logits[b]) asked.push_back(logits.data() + place[b] * V);
  give_rows(pass, batch, asked);
  pass.parallel(B, 20 * V, [&](size_t b) {
    const float* q = place[b] < n ? logits.data() + place[b] * V : nullptr;
    const bool scored = q && batch.targets && batch.targets[b] >= 0;
    if (pass.sinks.nll) pass.sinks.nll[b] = scored ? surprisal(q, V, static_cast<uint64_t>(batch.targets[b])) : NAN;
    const float* p = q && batch.references && batch.references[b] >= 0 ? logits.data() + place[batch.references[b]] * V : nullptr;
    if (pass.sinks.kl) pass.sinks.kl[b] = p ? divergence(p, q, V) : NAN;
    if (pass.sinks.top1) pass.sinks.top1[b] = p && same_top(p, q, V);
  });
}

}  // namespace sparselab
