// Sampling and the most likely tokens against plain twins, and through a forward.
#include "backend/sampling.h"

#include <cmath>
#include <map>
#include <numeric>

#include "cpu/isa.h"
#include "testing/backends.h"
#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

// The definition: everything sorted, in the stated order.
uint32_t twin(const SlSampler& s, std::vector<float> x) {
  std::map<int32_t, float> penalised;
  for (uint64_t i = 0; i < s.recent_count; i++) {
    const double v = static_cast<double>(x[static_cast<size_t>(s.recent[i])]);
    penalised[s.recent[i]] = static_cast<float>(v > 0 ? v / s.repeat_penalty : v * s.repeat_penalty);
  }
  for (auto [token, v] : penalised) x[static_cast<size_t>(token)] = v;
  std::vector<uint32_t> kept(x.size());
  std::iota(kept.begin(), kept.end(), 0u);
  auto sort = [&] { std::stable_sort(kept.begin(), kept.end(), [&](uint32_t a, uint32_t b) { return x[a] > x[b]; }); };
  const float most = *std::max_element(x.begin(), x.end());
  auto weights = [&](double temperature) {
    std::vector<double> w;
    for (uint32_t token : kept) w.push_back((static_cast<double>(x[token]) - static_cast<double>(most)) / temperature);
    cpu::kernels().exp64(w.data(), w.size(), w.data());
    return w;
  };
  if (s.temperature == 0) return sort(), kept[0];
  if (s.top_k) sort(), kept.resize(std::min<size_t>(s.top_k, kept.size()));
  if (s.top_p < 1) {
    double total = 0, sum = 0;
    for (double w : weights(1)) total += w;
    sort();
    const std::vector<double> w = weights(1);
    size_t count = 0;
    while (count < w.size() && sum < s.top_p * total) sum += w[count++];
    kept.resize(count);
  }
  const std::vector<double> unscaled = weights(1);
  size_t count = 0;
  for (size_t i = 0; i < kept.size(); i++)
    if (unscaled[i] >= s.min_p) kept[count++] = kept[i];
  kept.resize(count);
  const std::vector<double> w = weights(s.temperature);
  double left = s.uniform * std::accumulate(w.begin(), w.end(), 0.0);
  for (size_t i = 0; i < kept.size(); i++)
    if ((left -= w[i]) < 0) return kept[i];
  return kept.back();
}

// Logits with many equal ones in every third row.
std::vector<float> random_logits(std::mt19937_64& r, size_t V) {
  std::vector<float> x(V);
  const bool equal = r() % 3 == 0;
  for (float& v : x) v = equal ? static_cast<float>(r() % 5) : static_cast<float>(static_cast<double>(r()) * 0x1p-60 - 8);
  return x;
}

SlSampler random_sampler(std::mt19937_64& r, size_t V, std::vector<int32_t>& recent) {
  auto one_of = [&](std::vector<double> list) { return list[r() % list.size()]; };
  for (uint64_t n = r() % 5; n > 0; n--) recent.push_back(static_cast<int32_t>(r() % V));
  if (!recent.empty()) recent.push_back(recent[0]);  // a duplicate counts once
  SlSampler s{};
  s.temperature = one_of({0, 0.1, 0.7, 1, 2.5});
  s.top_p = one_of({1, 1e-9, 0.3, 0.9, 0.999, 1 - 1e-12, 1 - 0x1p-53});
  s.min_p = one_of({0, 0.05, 1});
  s.repeat_penalty = one_of({1, 1.1, 0.5, 2});
  s.top_k = static_cast<uint32_t>(one_of({0, 1, 5, 300, static_cast<double>(V), 1e6}));
  s.uniform = static_cast<double>(r() >> 11) * 0x1p-53;
  s.recent = recent.data();
  s.recent_count = recent.size();
  return s;
}

constexpr SlSampler kPlain{1, 1, 0, 1, 0, 0.5, nullptr, 0};

}  // namespace

TEST("sampling: the token of the definition, for any options") {
  std::mt19937_64 r(fresh_seed());
  Sampling sampling;
  for (int round = 0; round < 3000; round++) {
    const size_t V = 1 + r() % (round % 8 ? 200 : 2000);
    std::vector<int32_t> recent;
    const std::vector<float> logits = random_logits(r, V);
    const SlSampler s = random_sampler(r, V, recent);
    CHECK_MSG(sampling.draw(s, logits.data(), V) == twin(s, logits),
              text("V %zu, temperature %g, top_p %g, min_p %g, penalty %g, top_k %u", V, s.temperature, s.top_p, s.min_p,
                   s.repeat_penalty, s.top_k));
  }
}

TEST("sampling: a penalty that drives a logit out of float32 is an error with numbers, not a token") {
  const std::vector<float> logits{1, -2, 3, 0};
  const std::vector<int32_t> recent{2, 3};
  Sampling sampling;
  for (double temperature : {0.0, 1.0}) {
    SlSampler s = kPlain;
    s.temperature = temperature;
    s.recent = recent.data(), s.recent_count = recent.size();
    s.repeat_penalty = 1e-300;
    CHECK_ERROR(sampling.draw(s, logits.data(), 4), "repeatPenalty 1e-300 takes the logit of token 2 from 3 to");
    s.repeat_penalty = 1e-30;
    CHECK(sampling.draw(s, logits.data(), 4) == 2);
    s.repeat_penalty = 1e300;  // 3 becomes 0
    CHECK(sampling.draw(s, logits.data(), 4) == twin(s, logits));
  }
}

TEST("sampling: what a sampler refuses") {
  auto refuse = [](auto change, const char* expected) {
    SlSampler s = kPlain;
    change(s);
    CHECK_ERROR(check_sampler(s, 10), expected);
  };
  check_sampler(kPlain, 10);
  refuse([](SlSampler& s) { s.temperature = -1; }, "temperature of a sampler is -1");
  refuse([](SlSampler& s) { s.temperature = NAN; }, "temperature");
  refuse([](SlSampler& s) { s.top_p = 0; }, "top_p of a sampler is 0; expected above 0");
  refuse([](SlSampler& s) { s.min_p = 1.5; }, "min_p");
  refuse([](SlSampler& s) { s.repeat_penalty = 0; }, "repeatPenalty");
  refuse([](SlSampler& s) { s.uniform = 1; }, "uniform");
  refuse([](SlSampler& s) { s.recent_count = 1; }, "missing");
  static const int32_t token = 10;
  refuse([](SlSampler& s) { s.recent = &token, s.recent_count = 1; }, "recent token 10 of a sampler; expected 0 to 9");
}

BACKEND_TEST("forward: tokens, log-sum-exp and most likely tokens are those of the logits, which need not be asked for") {
  std::mt19937_64 r(fresh_seed());
  Shape shape = small_shape();
  shape.vocab = 600;
  const RandomModel m(r(), shape, {F32, Q8_0}, true);
  const uint64_t V = m.shape.vocab, L = m.shape.layers, B = 4;
  const SlBackend& table = backend();
  std::vector<float> t(L, 0.0f);
  SlSetting setting{SL_RELU, SL_EXACT, t.data(), nullptr, 0};
  const std::vector<int32_t> tokens{3, 1, 4, 1}, positions{0, 1, 2, 3}, zeros(B, 0);
  const std::vector<uint8_t> wanted{1, 0, 1, 1};
  std::vector<int32_t> recent[3];
  const SlSampler samplers[] = {random_sampler(r, V, recent[0]), random_sampler(r, V, recent[1]),
                                random_sampler(r, V, recent[2])};
  std::vector<float> first;
  for (uint32_t threads : {1u, 3u})
    for (uint64_t top : {uint64_t{7}, V}) {
      const bool with_logits = top == 7;
      const SlPlan plan{&setting, 1, nullptr, 0, 1, B, threads};
      SlProgram* program = compile(m, plan);
      std::vector<uint32_t> counts(3 * L * B);
      std::vector<float> logits(3 * V, NAN), top_logits(3 * top, NAN);
      std::vector<int32_t> sampled(3, -1), top_tokens(3 * top, -1);
      std::vector<double> log_total(3, NAN);
      SlBatch batch{};
      batch.rows = B;
      batch.tokens = tokens.data(), batch.positions = positions.data();
      batch.sequences = batch.settings = zeros.data();
      batch.logits = wanted.data();
      batch.samplers = samplers;
      batch.top = static_cast<uint32_t>(top);
      SlSinks sinks{};
      sinks.zeros_mid = counts.data(), sinks.zeros_gate = counts.data() + L * B, sinks.rows_read = counts.data() + 2 * L * B;
      if (with_logits) sinks.logits = logits.data();
      sinks.sampled = sampled.data();
      sinks.log_total = log_total.data();
      sinks.top_tokens = top_tokens.data(), sinks.top_logits = top_logits.data();
      SlControl control{};
      SlError error{};
      CHECK_MSG(!table.forward(program, &batch, &sinks, &control, &error), error.message);
      if (with_logits) first = logits;
      for (size_t i = 0; i < 3; i++) {
        const std::vector<float> row(first.begin() + static_cast<ptrdiff_t>(i * V),
                                     first.begin() + static_cast<ptrdiff_t>((i + 1) * V));
        CHECK(sampled[i] == static_cast<int32_t>(twin(samplers[i], row)));
        double most;
        CHECK(std::fabs(log_total[i] - cpu::kernels().log_total(row.data(), V, &most)) <= (defines_the_bits() ? 0 : 1e-12));
        std::vector<uint32_t> best(top);
        largest(row.data(), V, top, best.data());
        for (size_t k = 0; k < top; k++) {
          CHECK(top_tokens[i * top + k] == static_cast<int32_t>(best[k]));
          CHECK(top_logits[i * top + k] == row[best[k]]);
        }
      }
      table.close_program(program);
    }
}

BACKEND_TEST("forward: samplers and most likely tokens that it refuses") {
  const RandomModel m(1, small_shape(), {F32}, true);
  const uint64_t V = m.shape.vocab, L = m.shape.layers;
  std::vector<float> t(L, 0.0f);
  SlSetting setting{SL_RELU, SL_DENSE, t.data(), nullptr, 0};
  const SlPlan plan{&setting, 1, nullptr, 0, 1, 4, 1};
  SlProgram* program = compile(m, plan);
  auto refuse = [&](auto change, const char* expected) {
    const int32_t zero = 0;
    uint8_t wanted = 1;
    std::vector<uint32_t> counts(3 * L);
    std::vector<int32_t> tokens(V + 1);
    SlBatch batch{1, &zero, &zero, &zero, &zero, &wanted, nullptr, nullptr};
    SlSinks sinks{};
    sinks.zeros_mid = counts.data(), sinks.zeros_gate = counts.data() + L, sinks.rows_read = counts.data() + 2 * L;
    change(batch, sinks, tokens.data());
    SlControl control{};
    SlError error{};
    CHECK(backend().forward(program, &batch, &sinks, &control, &error));
    CHECK_MSG(std::string(error.message).find(expected) != std::string::npos, error.message);
  };
  using B = SlBatch&;
  using S = SlSinks&;
  refuse([](B b, S, int32_t*) { b.samplers = &kPlain; }, "samplers and the sink `sampled` go together");
  refuse([](B, S s, int32_t* out) { s.sampled = out; }, "samplers and the sink `sampled` go together");
  refuse([](B b, S, int32_t*) { b.top = 2; }, "top is 2, and its sink is missing");
  refuse([](B, S s, int32_t* out) { s.top_tokens = out; }, "top is 0, and its sink is there");
  refuse([&](B b, S s, int32_t* out) { b.top = static_cast<uint32_t>(V) + 1, s.top_tokens = out; }, "the vocabulary has");
  refuse([](B b, S s, int32_t* out) { b.logits = nullptr, b.samplers = &kPlain, s.sampled = out; }, "no row wants them");
  static const SlSampler bad{-1, 1, 0, 1, 0, 0, nullptr, 0};
  refuse([](B b, S s, int32_t* out) { b.samplers = &bad, s.sampled = out; }, "temperature of a sampler is -1");
  backend().close_program(program);
}
