// What the executor promises whatever the numbers are (fresh ones in every run): the same bits at any thread count, token by
// token or at once, alone or in company, exact or dense, in any weight type that holds the same values; and a layer's parts are
// the layer.
#include <cmath>

#include "backend/backend.h"
#include "executor/model.h"
#include "testing/backends.h"
#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

// Each weight type alone, then all of them.
const std::vector<std::vector<TensorType>> kTypeMixes = [] {
  std::vector<std::vector<TensorType>> mixes;
  for (TensorType type : kAllTypes) mixes.push_back({type});
  mixes.push_back(kAllTypes);
  return mixes;
}();

// A plan with one setting for each (activation, strategy, t), that captures mid and gate of all layers.
struct TestPlan {
  std::vector<std::vector<float>> t;
  std::vector<SlSetting> settings;
  std::vector<SlCapture> captures;
  SlPlan plan{};
  void setting(const Shape& m, SlActivation a, SlStrategy s, float threshold = 0) {
    t.emplace_back(m.layers, threshold);
    settings.push_back({static_cast<uint32_t>(a), static_cast<uint32_t>(s), nullptr, nullptr, 0});
  }
  void capture(SlPoint point, uint32_t from, uint32_t to) { captures.push_back({static_cast<uint32_t>(point), from, to}); }
  const SlPlan& make(uint32_t sequences, uint32_t length, uint32_t threads) {
    for (size_t i = 0; i < settings.size(); i++) settings[i].t = t[i].data();
    plan = {settings.data(), static_cast<uint32_t>(settings.size()),
            captures.data(), static_cast<uint32_t>(captures.size()),
            sequences,       length,
            threads};
    return plan;
  }
};

struct Program {
  Program(const RandomModel& m, const SlPlan& p) : program(compile(m, p)) {}
  ~Program() { backend().close_program(program); }
  SlProgram* program;
};

std::vector<int32_t> random_tokens(std::mt19937_64& r, const Shape& m, size_t n) {
  std::vector<int32_t> out(n);
  for (int32_t& t : out) t = static_cast<int32_t>(r() % m.vocab);
  return out;
}

// All tokens at once, one setting.
Result prefill(const RandomModel& m, SlActivation a, SlStrategy s, float t, const std::vector<int32_t>& tokens,
               uint32_t threads) {
  TestPlan p;
  p.setting(m.shape, a, s, t);
  for (SlPoint point : {SL_FFN_MID, m.shape.ffn.has_gate ? SL_FFN_GATE : SL_FFN_UP_PRE, SL_RESID_POST})
    p.capture(point, 0, m.shape.layers);
  const SlPlan& plan = p.make(1, static_cast<uint32_t>(tokens.size()), threads);
  Program program(m, plan);
  Rows rows;
  for (size_t i = 0; i < tokens.size(); i++) rows.add(tokens[i], static_cast<int32_t>(i));
  return forward(m, program.program, plan, rows);
}

void same(const Result& a, const Result& b, const std::string& what, uint64_t seed) {
  CHECK_MSG(same_bits(a.logits, b.logits), what + text(": logits, seed %llu", (unsigned long long)seed));
  for (size_t c = 0; c < a.captures.size(); c++)
    CHECK_MSG(same_bits(a.captures[c], b.captures[c]), what + text(": capture %zu, seed %llu", c, (unsigned long long)seed));
  CHECK_MSG(a.zeros_mid == b.zeros_mid && a.zeros_gate == b.zeros_gate, what + ": counts");
}

}  // namespace

BACKEND_TEST("invariant: any thread count gives the same bits") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (const auto& types : kTypeMixes) {
    RandomModel m(r(), shape_of_blocks(types), types, r() % 2);
    auto tokens = random_tokens(r, m.shape, 21);
    Result one = prefill(m, SL_FATRELU, SL_EXACT, 0.1f, tokens, 1);
    for (uint32_t threads : {2u, 3u, 8u})
      same(one, prefill(m, SL_FATRELU, SL_EXACT, 0.1f, tokens, threads), text("%u threads", threads), seed);
  }
}

BACKEND_TEST("invariant: exact gives the bits of dense and reads less") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (const auto& types : kTypeMixes)
    for (SlActivation a : {SL_RELU, SL_FATRELU, SL_RELU2, SL_SILU, SL_GELU, SL_GELU_TANH}) {
      RandomModel m(r(), shape_of_blocks(types), types, r() % 2);
      auto tokens = random_tokens(r, m.shape, 1 + r() % 9);
      Result dense = prefill(m, a, SL_DENSE, 0.3f, tokens, 2), exact = prefill(m, a, SL_EXACT, 0.3f, tokens, 2);
      same(dense, exact, text("activation %d", a), seed);
      CHECK(exact.bytes <= dense.bytes);
      const bool sparse = a == SL_RELU || a == SL_FATRELU || a == SL_RELU2;
      for (size_t i = 0; i < exact.rows_read.size(); i++) {
        CHECK(exact.rows_read[i] == m.shape.neurons - exact.zeros_gate[i]);
        CHECK(dense.rows_read[i] == m.shape.neurons);
        CHECK(exact.zeros_mid[i] >= exact.zeros_gate[i]);
        if (sparse) CHECK(exact.zeros_gate[i] > 0);
      }
    }
}

BACKEND_TEST("invariant: a down that is used as it lies gives the bits of one by neuron, and copies nothing") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (const auto& types : kTypeMixes)
    for (SlActivation a : {SL_RELU, SL_SILU}) {
      RandomModel m(r(), shape_of_blocks(types), types, false);
      auto tokens = random_tokens(r, m.shape, r() % 2 ? 1 : 1 + r() % 30);
      const Result by_neuron = prefill(m, a, SL_EXACT, 0, tokens, 2);
      backend().close(m.model);
      SlOpenOptions options{};
      options.down = SL_DOWN_AS_STORED;
      SlOpened opened{};
      m.model = open_model(m.shape, m.tensors, options, &opened);
      CHECK(opened.down_native == 0 && opened.host_bytes == 0);
      CHECK(opened.down_by_channel == (defines_the_bits() ? m.shape.layers : 0));
      for (SlStrategy strategy : {SL_DENSE, SL_EXACT})
        same(by_neuron, prefill(m, a, strategy, 0, tokens, 3), text("activation %d, strategy %d", a, strategy), seed);
    }
}

BACKEND_TEST("invariant: token by token gives the bits of all at once") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (const auto& types : kTypeMixes)
    for (SlStrategy strategy : {SL_DENSE, SL_EXACT}) {
      RandomModel m(r(), shape_of_blocks(types), types, r() % 2);
      auto tokens = random_tokens(r, m.shape, 17);
      Result all = prefill(m, SL_FATRELU, strategy, 0.05f, tokens, 2);
      TestPlan p;
      p.setting(m.shape, SL_FATRELU, strategy, 0.05f);
      const SlPlan& plan = p.make(1, 17, 2);
      Program program(m, plan);
      size_t at = 0;
      while (at < tokens.size()) {  // in pieces of one to four
        Rows rows;
        size_t n = std::min<size_t>(1 + r() % 4, tokens.size() - at);
        for (size_t i = 0; i < n; i++) rows.add(tokens[at + i], static_cast<int32_t>(at + i));
        Result piece = forward(m, program.program, plan, rows);
        for (size_t i = 0; i < n * m.shape.vocab; i++)
          CHECK_MSG(piece.logits[i] == all.logits[at * m.shape.vocab + i],
                    text("position %zu seed %llu", at, (unsigned long long)seed));
        at += n;
      }
    }
}

BACKEND_TEST("invariant: whatever the shape, exact is dense and token by token is all at once") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  auto one_of = [&](std::vector<uint32_t> list) { return list[r() % list.size()]; };
  for (int round = 0; round < 16; round++) {
    Shape shape = small_shape(round % 4 != 0);
    shape.layers = one_of({1, 2});
    shape.hidden = one_of({32, 34, 96, 250, 288, 352});
    shape.neurons = one_of({1, 15, 17, 96, 97, 160});
    shape.kv_heads = one_of({1, 2, 3});
    shape.heads = shape.kv_heads * one_of({1, 3, 5, 8});
    shape.head_size = one_of({2, 6, 16, 34, 128});
    shape.vocab = 33;
    if (round % 3 == 0) shape.ffn.act_up = SL_UP_RELU;
    const bool blocks = shape.hidden % 32 == 0 && shape.neurons % 32 == 0 && shape.heads * shape.head_size % 32 == 0;
    const std::vector<TensorType> types = blocks ? kTypeMixes[r() % kTypeMixes.size()] : std::vector<TensorType>{F32, F16, BF16};
    shape = shape_of_blocks(types, shape);
    RandomModel m(r(), shape, types, r() % 2);
    auto tokens = random_tokens(r, shape, one_of({1, 2, 5, 16, 63}));
    const auto T = static_cast<uint32_t>(tokens.size());
    const std::string what =
        text("hidden %u, neurons %u, heads %u of %u, %u tokens", shape.hidden, shape.neurons, shape.heads, shape.head_size, T);
    Result dense = prefill(m, SL_FATRELU, SL_DENSE, 0.2f, tokens, 3), exact = prefill(m, SL_FATRELU, SL_EXACT, 0.2f, tokens, 2);
    same(dense, exact, what, seed);
    TestPlan p;
    p.setting(shape, SL_FATRELU, SL_EXACT, 0.2f);
    const SlPlan& plan = p.make(1, T, 2);
    Program program(m, plan);
    std::vector<float> logits;
    for (uint32_t i = 0; i < T; i++) {
      Rows rows;
      rows.add(tokens[i], static_cast<int32_t>(i));
      const Result one = forward(m, program.program, plan, rows);
      logits.insert(logits.end(), one.logits.begin(), one.logits.end());
    }
    CHECK_MSG(same_bits(logits, dense.logits), what + text(", seed %llu", (unsigned long long)seed));
  }
}

BACKEND_TEST("invariant: a row does not depend on its company") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  RandomModel m(r(), small_shape(), {F32, F16, Q8_0}, false);
  const size_t T = 9;
  auto first = random_tokens(r, m.shape, T), second = random_tokens(r, m.shape, T);
  Result alone = prefill(m, SL_FATRELU, SL_EXACT, 0.2f, first, 2), other = prefill(m, SL_RELU, SL_DENSE, 0, second, 2);
  TestPlan p;
  p.setting(m.shape, SL_FATRELU, SL_EXACT, 0.2f);
  p.setting(m.shape, SL_RELU, SL_DENSE);
  const SlPlan& plan = p.make(3, T, 2);
  Program program(m, plan);
  Rows rows;  // three sequences, token by token side by side
  for (size_t i = 0; i < T; i++) {
    rows.add(first[i], static_cast<int32_t>(i), 0, 0);
    rows.add(second[i], static_cast<int32_t>(i), 1, 1);
    rows.add(first[i], static_cast<int32_t>(i), 2, 1);
  }
  Result together = forward(m, program.program, plan, rows);
  const size_t V = m.shape.vocab;
  for (size_t i = 0; i < T; i++)
    for (size_t v = 0; v < V; v++) {
      CHECK_MSG(together.logits[3 * i * V + v] == alone.logits[i * V + v], text("first, seed %llu", (unsigned long long)seed));
      CHECK_MSG(together.logits[(3 * i + 1) * V + v] == other.logits[i * V + v],
                text("second, seed %llu", (unsigned long long)seed));
    }
}

BACKEND_TEST("invariant: FATReLU at t = 0 is ReLU") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  RandomModel m(r(), small_shape(), {F32, Q8_0}, true);
  auto tokens = random_tokens(r, m.shape, 11);
  same(prefill(m, SL_RELU, SL_EXACT, 0, tokens, 2), prefill(m, SL_FATRELU, SL_EXACT, 0, tokens, 2), "t = 0", seed);
}

BACKEND_TEST("invariant: the values count, not the type they are stored in") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  // The same numbers as Q8_0 and, dequantised, as F32: a FFN gives the same bits.
  RandomModel q(r(), small_shape(), {Q8_0}, false);
  std::vector<std::vector<float>> values;
  std::vector<SlTensor> tensors = q.tensors;
  for (SlTensor& t : tensors) {
    if (t.type != Q8_0) continue;
    values.emplace_back(t.cols * t.rows);
    for (uint64_t row = 0; row < t.rows; row++) {
      const uint8_t* p = t.data + row * t.cols / 32 * 34;
      for (uint64_t j = 0; j < t.cols; j++) {
        uint16_t h;
        std::memcpy(&h, p + j / 32 * 34, 2);
        int sign = h >> 15 ? -1 : 1, e = (h >> 10) & 31, f = h & 1023;
        float d = static_cast<float>(sign * (e ? std::ldexp(1024 + f, e - 25) : std::ldexp(f, -24)));
        values.back()[row * t.cols + j] = d * static_cast<float>(static_cast<int8_t>(p[j / 32 * 34 + 2 + j % 32]));
      }
    }
    t.type = F32;
    t.data = reinterpret_cast<const uint8_t*>(values.back().data());
    t.bytes = values.back().size() * 4;
    t.stride = t.cols * 4;
  }
  std::vector<float> t(q.shape.layers, 0.1f), x = random_floats(r, 3 * q.shape.hidden), y1(x.size(), NAN), y2(x.size(), NAN);
  SlSetting setting{SL_FATRELU, SL_EXACT, t.data(), nullptr, 0};
  ffn(q.shape, q.tensors, 1, 3, x.data(), nullptr, setting, 2, y1.data());
  ffn(q.shape, tensors, 1, 3, x.data(), nullptr, setting, 2, y2.data());
  CHECK_MSG(same_sums(y1, y2), text("seed %llu", (unsigned long long)seed));
}

BACKEND_TEST("invariant: even and odd neurons add up to the layer bit for bit") {
  // The lanes of the sum (neuron mod 16) are added by 8, 4, 2 and 1: the even ones and the odd ones meet last.
  std::mt19937_64 r(fresh_seed());
  for (const auto& types : kTypeMixes)
    for (SlStrategy strategy : {SL_DENSE, SL_EXACT}) {
      RandomModel m(r(), shape_of_blocks(types), types, r() % 2);
      const uint64_t B = 3, D = m.shape.hidden;
      std::vector<float> t(m.shape.layers, 0.0f), x = random_floats(r, B * D), whole(B * D, NAN), even(B * D, NAN),
                                                  odd(B * D, NAN);
      SlSetting setting{SL_RELU, static_cast<uint32_t>(strategy), t.data(), nullptr, 0};
      std::vector<uint32_t> ids[2];
      for (uint32_t i = 0; i < m.shape.neurons; i++) ids[i % 2].push_back(i);
      ffn(m.shape, m.tensors, 1, B, x.data(), nullptr, setting, 2, whole.data());
      ffn(m.shape, m.tensors, 1, B, x.data(), &ids[0], setting, 1, even.data());
      ffn(m.shape, m.tensors, 1, B, x.data(), &ids[1], setting, 2, odd.data());
      for (uint64_t i = 0; i < B * D; i++) even[i] += odd[i];
      CHECK(same_sums(even, whole));
    }
}

BACKEND_TEST("invariant: two random neuron sets add up to the layer") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (bool gate : {true, false})
    for (const auto& types : kTypeMixes) {
      RandomModel m(r(), shape_of_blocks(types, small_shape(gate)), types, r() % 2);
      const uint64_t B = 3, D = m.shape.hidden, F = m.shape.neurons;
      std::vector<float> t(m.shape.layers, 0.1f), x = random_floats(r, B * D);
      SlSetting setting{gate ? SL_FATRELU : SL_RELU2, SL_EXACT, t.data(), nullptr, 0};
      auto part = [&](const std::vector<uint32_t>* ids, std::vector<float>& y, std::vector<float>& mid) {
        uint64_t n = ids ? ids->size() : F;
        y.assign(B * D, NAN);
        mid.assign(B * n, NAN);
        ffn(m.shape, m.tensors, 1, B, x.data(), ids, setting, 2, y.data(), nullptr, mid.data());
      };
      std::vector<uint32_t> hot, cold;
      for (uint32_t i = 0; i < F; i++) (r() % 3 ? cold : hot).push_back(i);
      std::vector<float> whole, y1, y2, mid, mid1, mid2;
      part(nullptr, whole, mid);
      part(&hot, y1, mid1);
      part(&cold, y2, mid2);
      double error = 0, size = 0;
      for (size_t i = 0; i < whole.size(); i++) {
        error += std::pow(static_cast<double>(y1[i]) + y2[i] - whole[i], 2);
        size += std::pow(static_cast<double>(whole[i]), 2);
      }
      CHECK_MSG(std::sqrt(error / size) <= 1e-6, text("%g, seed %llu", std::sqrt(error / size), (unsigned long long)seed));
      for (uint64_t b = 0; b < B; b++) {
        for (size_t k = 0; k < hot.size(); k++) CHECK(mid1[b * hot.size() + k] == mid[b * F + hot[k]]);
        for (size_t k = 0; k < cold.size(); k++) CHECK(mid2[b * cold.size() + k] == mid[b * F + cold[k]]);
      }
    }
}
