// How one row of logits compares with another. Backends that score on the host call this, and so does the lab where the two rows
// are of different models: the same bits either way.
#pragma once
#include <cstdint>

namespace sparselab {

// -ln of the probability of `target`, in nats, of finite logits q (V). The largest logit is taken off first: beside a large one
// the logarithm of the sum would be lost.
double surprisal(const float* q, uint64_t V, uint64_t target);

// KL(p || q) = sum of p (ln p - ln q) in nats, p and q given as finite logits (V). In float64, in 16 lanes and a tree as
// everywhere.
double divergence(const float* p, const float* q, uint64_t V);

// Whether the most likely tokens are the same; of equal logits the first counts, in both.
bool same_top(const float* p, const float* q, uint64_t V);

}  // namespace sparselab
