// From the residual stream to what was asked of the vocabulary: final norm, logits, and what is made of them without handing them
// out: nll, kl, top1, log-sum-exp, the most likely tokens, the token drawn. Non-finite numbers are errors: they never reach a
// result.
#pragma once
#include <vector>

#include "executor/pass.h"

namespace sparselab {

// x (B, D): the residual stream after the last layer. Writes the sinks of logits and of what is made of them as the batch asks
// for.
void unembed(Pass& pass, const SlBatch& batch, const float* x);

// Rows whose logits a batch computes, given the plan's hooks; ascending.
std::vector<uint32_t> logit_rows(const Pass& pass, const SlBatch& batch);

// What unembed allocates for B rows of which n have logits.
uint64_t unembed_bytes(const Shape& shape, uint64_t B, uint64_t n);

}  // namespace sparselab
