// What the boundary promises of a model: rows of its weights from any layout, an FFN over some neurons, every number of its
// record against the reference, and tensors that are views.
#include <algorithm>
#include <cmath>

#include "testing/driven_program.h"

using namespace sparselab;
using namespace sparselab::testing;

BACKEND_TEST("read: rows of every tensor as float32, from any layout") {
  std::mt19937_64 r(fresh_seed());
  for (TensorType type : kAllTypes)
    for (bool down_t : {true, false}) {
      const RandomModel m(r(), shape_of_blocks({type}), {type}, down_t);
      for (const SlTensor& t : m.tensors) {
        auto read = [&](uint32_t role, uint64_t first, uint64_t count, std::vector<float>& out) {
          Program::call([&](SlError* e) { return m.backend.read(m.model, role, t.layer, first, count, out.data(), nullptr, e); });
        };
        const uint64_t first = r() % t.rows, count = 1 + r() % (t.rows - first);
        std::vector<float> got(count * t.cols, NAN), want;
        for (uint64_t i = 0; i < count; i++)
          for (uint64_t c = 0; c < t.cols; c++) want.push_back(value_of(t, first + i, c));
        read(t.role, first, count, got);
        CHECK_MSG(same_bits(got, want), t.name);
        if (t.role != SL_TENSOR_DOWN && t.role != SL_TENSOR_DOWN_T) continue;
        // By the other role's name it is the same matrix, transposed.
        std::vector<float> turned(t.cols * t.rows, NAN);
        read(t.role == SL_TENSOR_DOWN ? SL_TENSOR_DOWN_T : SL_TENSOR_DOWN, 0, t.cols, turned);
        for (uint64_t i = 0; i < t.rows; i++)
          for (uint64_t c = 0; c < t.cols; c++) CHECK(turned[c * t.rows + i] == value_of(t, i, c));
      }
      std::vector<float> out(m.shape.hidden);
      auto read = [&](uint32_t role, uint32_t layer, uint64_t first, uint64_t count) {
        Program::call([&](SlError* e) { return m.backend.read(m.model, role, layer, first, count, out.data(), nullptr, e); });
      };
      const std::string all = text("of %u", m.shape.neurons);
      CHECK_ERROR(read(SL_TENSOR_UP, 0, m.shape.neurons, 1), all);
      CHECK_ERROR(read(SL_TENSOR_UP, 0, 1, ~uint64_t{0}), all);  // first + count overflows 64 bits
      CHECK_ERROR(read(SL_TENSOR_UP, 2, 0, 1), "layer 2");
      CHECK_ERROR(read(SL_TENSORS, 0, 0, 1), "does not exist");
    }
}

BACKEND_TEST("ffn: the neurons held count, too, and those of two halves add up to the whole") {
  std::mt19937_64 r(fresh_seed());
  const RandomModel m(r(), small_shape(), {F32, Q8_0}, false);
  const uint32_t F = m.shape.neurons, B = 3;
  const std::vector<float> t(m.shape.layers, 0.0f), x = random_floats(r, B * m.shape.hidden);
  const SlSetting setting = setting_of(SL_RELU, t);
  std::vector<uint32_t> some, others;
  for (uint32_t i = 0; i < F; i++) (r() % 3 ? some : others).push_back(i);
  std::vector<uint32_t> zeros(B, 0), read(B, 0);
  for (const std::vector<uint32_t>* ids : std::initializer_list<const std::vector<uint32_t>*>{nullptr, &some, &others}) {
    const uint64_t N = ids ? ids->size() : F;
    std::vector<float> y(B * m.shape.hidden), gate(B * N, NAN), mid(B * N, NAN);
    FfnCounts counts;
    ffn(m.shape, m.tensors, 1, B, x.data(), ids, setting, 2, y.data(), gate.data(), mid.data(), &counts);
    for (uint32_t b = 0; b < B; b++) {
      const auto of = [&](const std::vector<float>& v) {
        return static_cast<uint32_t>(
            std::count(v.begin() + static_cast<ptrdiff_t>(b * N), v.begin() + static_cast<ptrdiff_t>((b + 1) * N), 0.0f));
      };
      CHECK(counts.zeros_mid[b] == of(mid) && counts.zeros_gate[b] == of(gate) && counts.rows_read[b] == N - of(gate));
      if (!ids)
        zeros[b] = counts.zeros_mid[b], read[b] = counts.rows_read[b];
      else
        zeros[b] -= counts.zeros_mid[b], read[b] -= counts.rows_read[b];
    }
  }
  for (uint32_t b = 0; b < B; b++) CHECK(zeros[b] == 0 && read[b] == 0);
}

BACKEND_TEST("record: scales, rope kinds, windows and attention scales against the reference") {
  std::mt19937_64 r(fresh_seed());
  for (int round = 0; round < 12; round++) {
    Shape shape = small_shape(round % 4 != 3);
    shape.layers = 3;
    shape = with_layers(shape);
    auto some = [&](float low, float high) { return low + static_cast<float>(r() % 1000) * (high - low) / 1000; };
    shape.embedding_scale = some(0.5f, 12), shape.residual_scale = some(0.2f, 1.5f), shape.logit_scale = some(0.1f, 2);
    if (round % 2) shape.ffn.act_up = SL_UP_RELU;
    for (SlLayer& layer : shape.layer) {
      layer.rope = static_cast<uint32_t>(r() % 3);
      layer.rope_dims = 2 * static_cast<uint32_t>(1 + r() % 8);  // of 16
      layer.rope_base = r() % 2 ? 10000.0f : 500000.0f;
      layer.window = r() % 2 ? static_cast<uint32_t>(1 + r() % 6) : 0;
      layer.attention_scale = some(0.1f, 0.5f);
      layer.ffn = shape.ffn;
    }
    const RandomModel m(r(), shape, {F32, F16}, r() % 2);
    const std::vector<float> t(shape.layers, 0.0f);
    const std::vector<int32_t> tokens = random_tokens(r, shape, 10);
    Program p(m, setting_of(SL_RELU, t));
    const double error = relative_error(p.go(tokens).logits, reference(m, tokens).logits);
    CHECK_MSG(error < 1e-5, text("round %d: %g", round, error));
  }
}

BACKEND_TEST("tensors: a fused matrix as views of its rows, and rows that lie apart") {
  std::mt19937_64 r(fresh_seed());
  const uint64_t seed = r();
  for (TensorType type : {F32, Q8_0}) {
    const RandomModel m(seed, small_shape(), {type}, false);
    const std::vector<float> t(m.shape.layers, 0.0f);
    const std::vector<int32_t> tokens = random_tokens(r, m.shape, 4);
    const SlSetting setting = setting_of(SL_RELU, t);
    const std::vector<float> want = Program(m, setting).go(tokens).logits;
    // Every matrix with 24 poisoned bytes between its rows; q, k and v of a layer in one buffer.
    RandomModel views(seed, small_shape(), {type}, false);
    std::vector<std::vector<uint8_t>> buffers;
    constexpr uint64_t kGap = 24;
    auto append = [&](std::vector<uint8_t>& buffer, const SlTensor& tensor) {
      for (uint64_t row = 0; row < tensor.rows; row++) {
        buffer.insert(buffer.end(), tensor.data + row * tensor.stride, tensor.data + (row + 1) * tensor.stride);
        buffer.insert(buffer.end(), kGap, 0xff);
      }
    };
    buffers.reserve(views.tensors.size());
    for (SlTensor& tensor : views.tensors) {
      const bool fused = tensor.role == SL_TENSOR_K || tensor.role == SL_TENSOR_V;
      if (!fused) buffers.emplace_back().reserve(1 << 20);  // that it never moves
      const uint64_t at = buffers.back().size();
      append(buffers.back(), tensor);
      tensor.data = buffers.back().data() + at;
      tensor.stride += kGap;
      tensor.bytes = tensor.rows * tensor.stride - kGap;
      CHECK(buffers.back().size() <= 1 << 20);
    }
    views.backend.close(views.model);
    views.model = open_model(views.shape, views.tensors);
    CHECK(same_bits(Program(views, setting).go(tokens).logits, want));
    // One byte less than the last row needs is refused.
    std::vector<SlTensor> short_of = views.tensors;
    short_of[3].bytes--;
    CHECK_ERROR(open_model(views.shape, short_of), "do not lie in them");
  }
}
