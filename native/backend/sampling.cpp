#include "backend/sampling.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <numeric>

#include "cpu/isa.h"
#include "error.h"

namespace sparselab {

void check_sampler(const SlSampler& s, uint64_t V) {
  auto refuse = [](const char* what, double value, const char* expected) {
    throw Error(Code::invalid_option, text("%s of a sampler is %g; expected %s", what, value, expected));
  };
  if (!(s.temperature >= 0) || std::isinf(s.temperature)) refuse("temperature", s.temperature, "a number >= 0");
  if (!(s.top_p > 0 && s.top_p <= 1)) refuse("top_p", s.top_p, "above 0, at most 1");
  if (!(s.min_p >= 0 && s.min_p <= 1)) refuse("min_p", s.min_p, "0 to 1");
  if (!(s.repeat_penalty > 0) || std::isinf(s.repeat_penalty)) refuse("repeatPenalty", s.repeat_penalty, "a number > 0");
  if (!(s.uniform >= 0 && s.uniform < 1)) refuse("uniform", s.uniform, "at least 0, below 1");
  if (s.recent_count && !s.recent) throw Error(Code::invalid_option, "a sampler's recent tokens are missing");
  for (uint64_t i = 0; i < s.recent_count; i++)
    if (s.recent[i] < 0 || static_cast<uint64_t>(s.recent[i]) >= V)
      throw Error(Code::invalid_option,
                  text("recent token %d of a sampler; expected 0 to %llu", s.recent[i], static_cast<unsigned long long>(V - 1)));
}

// weight_ = exp((logits[token] - most) / temperature) of the kept tokens
void Sampling::weigh(const float* logits, float most, double temperature) {
  weight_.resize(kept_.size());
  for (size_t i = 0; i < kept_.size(); i++)
    weight_[i] = (static_cast<double>(logits[kept_[i]]) - static_cast<double>(most)) / temperature;
  cpu::kernels().exp64(weight_.data(), weight_.size(), weight_.data());
}

// keep(i): whether the i-th of the kept tokens stays.
template <class Keep>
void Sampling::keep_if(Keep keep) {
  size_t count = 0;
  for (size_t i = 0; i < kept_.size(); i++)
    if (keep(i)) kept_[count++] = kept_[i];
  kept_.resize(count);
}

// Keeps the smallest set of most likely tokens with a share of at least top_p of the weight.
void Sampling::keep_nucleus(const float* logits, float most, double top_p) {
  weigh(logits, most, 1);
  const double total = std::accumulate(weight_.begin(), weight_.end(), 0.0);
  // All tokens below this weigh less than half of 1 - top_p together, so the set is found among the others, however sums round;
  // where 1 - top_p is as small as what rounding may do, all stay. Only those that stay are sorted.
  const double rest = 1 - top_p, least = rest < 1e-9 ? 0 : 0.5 * rest * total / static_cast<double>(kept_.size());
  keep_if([&](size_t i) { return weight_[i] >= least; });
  ranking_.sort(logits, kept_.data(), kept_.size());
  weigh(logits, most, 1);
  double sum = 0;
  size_t count = 0;
  while (count < kept_.size() && sum < top_p * total) sum += weight_[count++];
  kept_.resize(std::max<size_t>(count, 1));
}

// Recent tokens become less likely (with a penalty above 1), whatever the sign of their logit.
const float* Sampling::penalise(const SlSampler& s, const float* logits, uint64_t V) {
  penalised_.assign(logits, logits + V);
  for (uint64_t i = 0; i < s.recent_count; i++) {
    const double x = static_cast<double>(logits[s.recent[i]]), y = x > 0 ? x / s.repeat_penalty : x * s.repeat_penalty;
    if (!(std::fabs(y) <= static_cast<double>(FLT_MAX)))
      throw Error(Code::invalid_option, text("repeatPenalty %g takes the logit of token %d from %g to %g, which float32 does not "
                                             "hold; choose one nearer to 1",
                                             s.repeat_penalty, s.recent[i], x, y));
    penalised_[static_cast<size_t>(s.recent[i])] = static_cast<float>(y);
  }
  return penalised_.data();
}

uint32_t Sampling::draw(const SlSampler& s, const float* logits, uint64_t V) {
  if (s.repeat_penalty != 1 && s.recent_count) logits = penalise(s, logits, V);
  const auto best = static_cast<uint32_t>(std::max_element(logits, logits + V) - logits);  // the first of equal ones
  if (s.temperature == 0) return best;

  // The tokens that are possible. All scratch at once: a vector that grows would hold more than `bytes` says.
  kept_.reserve(V);
  weight_.reserve(V);
  ranking_.reserve(V);
  kept_.resize(s.top_k ? std::min<uint64_t>(s.top_k, V) : V);
  if (s.top_k)
    ranking_.largest(logits, V, kept_.size(), kept_.data());
  else
    std::iota(kept_.begin(), kept_.end(), 0u);
  if (s.top_p < 1) keep_nucleus(logits, logits[best], s.top_p);
  if (s.min_p > 0) {
    weigh(logits, logits[best], 1);
    keep_if([&](size_t i) { return weight_[i] >= s.min_p; });
  }

  // The draw, in the order of the tokens kept.
  weigh(logits, logits[best], s.temperature);
  double left = s.uniform * std::accumulate(weight_.begin(), weight_.end(), 0.0);
  for (size_t i = 0; i < kept_.size(); i++) {
    left -= weight_[i];
    if (left < 0) return kept_[i];
  }
  return kept_.back();
}

}  // namespace sparselab
