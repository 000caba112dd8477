// What `estimate` says that a forward allocates is what it allocates: never less, and not far more.
#if defined(__linux__)
#include <algorithm>
#include <thread>

#include "backend/backend.h"
#include "backend/sampling.h"
#include "testing/allocations.h"
#include "testing/backends.h"
#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

struct Case {
  const char* what;
  uint32_t hidden, neurons, heads, kv_heads, head_size, vocab, rows, held, threads;
};
// `held`: positions before the rows.
constexpr Case kCases[] = {
    {"small", 64, 160, 4, 2, 16, 96, 5, 0, 2},
    {"one row of many neurons", 512, 4096, 4, 2, 16, 96, 1, 3, 2},
    {"one row of few neurons", 2048, 64, 2, 2, 64, 33, 1, 0, 3},
    {"many rows", 64, 320, 4, 4, 16, 96, 300, 0, 3},
    {"many threads", 96, 96, 3, 1, 32, 33, 64, 0, 9},
    {"wide queries", 32, 32, 16, 2, 128, 33, 40, 0, 4},
    {"a long context", 32, 32, 8, 1, 8, 33, 2, 400, 4},
    {"a large vocabulary", 32, 32, 2, 1, 16, 20000, 20, 0, 2},
};

// The most that forwards allocate beside what its program holds. On a fresh thread with threads of a pool of its own, whose
// buffers are new and count from the first token on.
int64_t allocated(const RandomModel& m, const Case& c, SlStrategy strategy, SlArithmetic arithmetic, int64_t& estimated) {
  int64_t found = 0;
  std::string failed;
  std::thread([&] {
    failed = message_of([&] {
      std::vector<float> t(m.shape.layers, 1.5f);
      SlSetting setting{SL_FATRELU, static_cast<uint32_t>(strategy), t.data(), nullptr, 0};
      SlPlan plan{&setting, 1, nullptr, 0, 1, c.held + c.rows, c.threads};
      plan.arithmetic = arithmetic;
      SlProgram* program = compile(m, plan);
      int32_t at = 0;
      // Logits are made into all that is made of them. Samplers keep more and more tokens: scratch that grows would show.
      const uint32_t most = std::max(c.rows, 4u);
      const std::vector<int32_t> recent{1, 2, 3};
      std::vector<SlSampler> samplers(most, {0.8, 0.9, 0.01, 1.1, 0, 0.5, recent.data(), recent.size()});
      for (uint32_t i = 0; i < most; i++) samplers[i].top_k = i % 4 == 3 ? 0 : std::max(1u, c.vocab / 4 * (i % 4 + 1) - 1);
      std::vector<int32_t> sampled(most), top_tokens(uint64_t{most} * c.vocab);
      std::vector<double> log_total(most);
      auto step = [&](uint32_t rows) {
        std::vector<int32_t> tokens(rows, 7), positions(rows), sequences(rows, 0), settings(rows, 0);
        for (int32_t& p : positions) p = at++;
        std::vector<uint8_t> wanted(rows, 1);
        std::vector<uint32_t> counts(3 * m.shape.layers * rows);
        std::vector<double> nll(rows);
        SlBatch batch{rows, tokens.data(), positions.data(), sequences.data(), settings.data(), wanted.data(), nullptr, nullptr};
        SlSinks sinks{};
        sinks.zeros_mid = counts.data();
        sinks.zeros_gate = counts.data() + m.shape.layers * rows;
        sinks.rows_read = counts.data() + 2 * m.shape.layers * rows;
        sinks.nll = nll.data();
        batch.samplers = samplers.data();
        batch.top = c.vocab;
        sinks.sampled = sampled.data();
        sinks.top_tokens = top_tokens.data();
        sinks.log_total = log_total.data();
        SlControl control{};
        SlError error{};
        CHECK_MSG(!backend().forward(program, &batch, &sinks, &control, &error), error.message);
      };
      forget_most();
      const int64_t before = held_bytes();
      for (uint32_t left = c.held; left > 0;) {  // in small pieces, as a generation holds them
        const uint32_t rows = std::min(left, 4u);
        step(rows);
        left -= rows;
      }
      step(c.rows);
      found = most_bytes() - before;
      SlBytes bytes{};
      SlError error{};
      const uint32_t largest = std::max(c.rows, std::min(c.held, 4u));
      CHECK(!backend().estimate(m.model, &plan, largest, largest, &bytes, &error));
      estimated = static_cast<int64_t>(bytes.scratch_bytes);
      backend().close_program(program);
    });
  }).join();
  CHECK_MSG(failed == "no error", failed);
  return found;
}

}  // namespace

TEST("memory: a forward allocates no more than estimate says") {
  for (const Case& c : kCases) {
    Shape shape = small_shape();
    shape.hidden = c.hidden;
    shape.neurons = c.neurons;
    shape.heads = c.heads;
    shape.kv_heads = c.kv_heads;
    shape.head_size = c.head_size;
    shape.vocab = c.vocab;
    shape.context = 512;
    for (bool by_channel : {false, true}) {
      shape.ranks.assign(shape.layers, by_channel ? 40 : c.hidden + 9);  // more than the stream has channels, too
      RandomModel m(fresh_seed(), shape, {F32, Q8_0}, !by_channel);
      if (by_channel) {
        backend().close(m.model);
        SlOpenOptions options{};
        options.down = SL_DOWN_AS_STORED;
        m.model = open_model(m.shape, m.tensors, options);
      }
      for (SlStrategy strategy : {SL_DENSE, SL_EXACT, SL_PREDICTED})
        for (SlArithmetic arithmetic : {SL_ARITHMETIC_FLOAT, SL_ARITHMETIC_INT8}) {
          if (arithmetic == SL_ARITHMETIC_INT8 && !by_channel) continue;
          int64_t estimated = 0;
          const int64_t found = allocated(m, c, strategy, arithmetic, estimated);
          const std::string said = text("%s, %s, %s, down by %s: allocated %lld, estimated %lld", c.what, kStrategies[strategy],
                                        arithmetic == SL_ARITHMETIC_INT8 ? "int8" : "float", by_channel ? "channel" : "neuron",
                                        (long long)found, (long long)estimated);
          CHECK_MSG(found <= estimated, said);
          // Threads that find no work allocate nothing; with many rows all of them do, and the rows' own arrays outweigh.
          if (c.rows >= 20 && c.threads <= 3) CHECK_MSG(estimated <= (strategy == SL_PREDICTED ? 2 : 3) * found, said);
        }
    }
  }
}

TEST("memory: sampling holds no more than it says, however many tokens each row keeps") {
  std::mt19937_64 r(fresh_seed());
  constexpr uint64_t V = 20000;
  std::vector<float> logits(V);
  for (float& x : logits) x = static_cast<float>(r() % 1000) / 100;
  std::vector<uint32_t> places(V);
  const std::vector<int32_t> recent{1, 2, 3};
  forget_most();
  const int64_t before = held_bytes();
  {
    Sampling sampling;
    for (uint32_t top_k : {300u, 11000u, 15000u, 0u, 20000u}) {
      const SlSampler s{0.8, 0.999, 0.01, 1.1, top_k, 0.5, recent.data(), recent.size()};
      sampling.draw(s, logits.data(), V);
      sampling.ranking().largest(logits.data(), V, top_k, places.data());
    }
  }
  // The allocator gives whole pages for each of the five arrays.
  const int64_t found = most_bytes() - before, said = static_cast<int64_t>(Sampling::bytes(V));
  CHECK_MSG(found <= said + 5 * 4096 && said <= found + 4096, text("held %lld, said %lld", (long long)found, (long long)said));
}
#endif
