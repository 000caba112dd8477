#include "backend/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cpu/isa.h"
#include "error.h"

namespace sparselab {

void largest(const float* x, uint64_t n, uint64_t k, uint32_t* places) {
  if (k == 0) return;
  auto before = [x](uint32_t a, uint32_t b) {
    const bool nan_a = std::isnan(x[a]), nan_b = std::isnan(x[b]);
    if (nan_a != nan_b) return nan_a;
    return nan_a || x[a] == x[b] ? a < b : x[a] > x[b];
  };
  // A heap of the best so far, the worst of them in front.
  uint64_t count = 0;
  for (uint64_t i = 0; i < n; i++) {
    const auto place = static_cast<uint32_t>(i);
    if (count < k) {
      places[count++] = place;
      std::push_heap(places, places + count, before);
    } else if (!(x[i] <= x[places[0]]) && before(place, places[0])) {
      std::pop_heap(places, places + k, before);
      places[k - 1] = place;
      std::push_heap(places, places + k, before);
    }
  }
  std::sort_heap(places, places + k, before);
}

void check_sampler(const SlSampler& s, uint64_t V) {
  auto refuse = [](const char* what, double value, const char* expected) {
    throw Error(Code::invalid_option, text("%s of a sampler is %g; expected %s", what, value, expected));
  };
  if (!(s.temperature >= 0) || std::isinf(s.temperature)) refuse("temperature", s.temperature, "a number >= 0");
  if (!(s.top_p > 0 && s.top_p <= 1)) refuse("top_p", s.top_p, "above 0, at most 1");
  if (!(s.min_p >= 0 && s.min_p <= 1)) refuse("min_p", s.min_p, "0 to 1");
  if (!(s.repeat_penalty > 0) || std::isinf(s.repeat_penalty)) refuse("repeat_penalty", s.repeat_penalty, "a number > 0");
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
  // All tokens below this weigh less than 1 - top_p together, so only the others are sorted.
  const double least = (1 - top_p) * total / static_cast<double>(kept_.size());
  keep_if([&](size_t i) { return weight_[i] >= least; });
  std::sort(kept_.begin(), kept_.end(),
            [&](uint32_t a, uint32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  weigh(logits, most, 1);
  double sum = 0;
  size_t count = 0;
  while (count < kept_.size() && sum < top_p * total) sum += weight_[count++];
  kept_.resize(std::max<size_t>(count, 1));
}

uint32_t Sampling::draw(const SlSampler& s, const float* logits, uint64_t V) {
  // Repeat penalty: towards less likely, whatever the sign.
  if (s.repeat_penalty != 1 && s.recent_count) {
    penalised_.assign(logits, logits + V);
    for (uint64_t i = 0; i < s.recent_count; i++) {
      const double x = static_cast<double>(logits[s.recent[i]]);
      penalised_[static_cast<size_t>(s.recent[i])] = static_cast<float>(x > 0 ? x / s.repeat_penalty : x * s.repeat_penalty);
    }
    logits = penalised_.data();
  }
  const auto best = static_cast<uint32_t>(std::max_element(logits, logits + V) - logits);  // the first of equal ones
  if (s.temperature == 0) return best;

  // The tokens that are possible.
  kept_.resize(s.top_k ? std::min<uint64_t>(s.top_k, V) : V);
  if (s.top_k)
    largest(logits, V, kept_.size(), kept_.data());
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
