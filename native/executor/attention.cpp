#include "executor/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

#include "cpu/isa.h"
#include "error.h"

namespace sparselab {
namespace {

// The first `dims` channels of each head rotate in pairs: neighbours (2i, 2i + 1), as llama files have their q and k rows
// permuted for, or halves (i, i + dims/2).
void rotate(float* heads, uint32_t count, uint32_t K, const SlLayer& layer, const float* cos, const float* sin) {
  if (layer.rope == SL_ROPE_NONE) return;
  const uint32_t half = layer.rope_dims / 2;
  const uint32_t step = layer.rope == SL_ROPE_PAIRS ? 2 : 1, apart = layer.rope == SL_ROPE_PAIRS ? 1 : half;
  for (uint32_t h = 0; h < count; h++)
    for (uint32_t i = 0; i < half; i++) {
      float *first = heads + h * K + step * i, *second = first + apart;
      float a = *first, b = *second;
      *first = a * cos[i] - b * sin[i];
      *second = a * sin[i] + b * cos[i];
    }
}

// Scores and softmax of one head in float64, for scores that overflow float32. q (K), keys: K rows of positions `stride` apart.
void wide_softmax(const float* q, const float* keys, uint64_t stride, uint64_t count, uint32_t K, double scale, float* p) {
  std::vector<double> s(count);
  for (uint64_t j = 0; j < count; j++) {
    for (uint32_t c = 0; c < K; c++) s[j] += static_cast<double>(q[c]) * static_cast<double>(keys[c * stride + j]);
    s[j] *= scale;
  }
  const double most = *std::max_element(s.begin(), s.end());
  double sum = 0;
  for (double& v : s) v -= most;
  cpu::kernels().exp64(s.data(), count, s.data());
  for (double v : s) sum += v;
  for (uint64_t j = 0; j < count; j++) p[j] = static_cast<float>(s[j] / sum);
}

}  // namespace

uint64_t KvCache::bytes(const CpuModel& model, uint64_t sequences, uint64_t length) {
  return 2 * sizeof(float) * model.shape.layers * sequences * rounded(length) * model.kv_width();
}

KvCache::KvCache(const CpuModel& model, uint32_t sequences, uint32_t length)
    : layers_(model.shape.layers), sequences_(sequences), length_(rounded(length)), width_(model.kv_width()) {
  uint64_t n = bytes(model, sequences, length) / 2 / sizeof(float);
  try {
    k_.resize(n);
    v_.resize(n);
  } catch (const std::exception&) {  // bad_alloc, or length_error
    throw Error(Code::out_of_memory, text("out of memory: the KV cache of %u sequences of %u positions needs %llu bytes",
                                          sequences, length, (unsigned long long)(2 * n * sizeof(float))));
  }
}

void KvCache::copy(uint32_t from, uint32_t to, uint32_t positions) {
  for (uint32_t l = 0; l < layers_; l++) {
    std::memcpy(values(l, to), values(l, from), positions * width_ * sizeof(float));
    for (uint64_t c = 0; c < width_; c++)
      std::memcpy(keys(l, to) + c * length_, keys(l, from) + c * length_, positions * sizeof(float));
  }
}

namespace {

// What a table of rotations depends on.
struct Turns {
  uint32_t dims;
  float base, factor, magnitude;
  uint32_t yarn;
  float fast, slow;
  uint32_t context;
  bool operator==(const Turns&) const = default;
};
Turns turns_of(const SlLayer& l) {
  const float factor = l.rope_factor == 0 ? 1 : l.rope_factor, magnitude = l.rope_magnitude == 0 ? 1 : l.rope_magnitude;
  if (!l.yarn) return {l.rope == SL_ROPE_NONE ? 0 : l.rope_dims, l.rope_base, factor, magnitude, 0, 0, 0, 0};
  return {l.rope == SL_ROPE_NONE ? 0 : l.rope_dims, l.rope_base, factor, magnitude, 1, l.yarn_fast, l.yarn_slow, l.yarn_context};
}

// The number of each layer's table among the distinct ones.
std::vector<Turns> distinct(const Shape& shape, std::vector<size_t>& of_layer) {
  std::vector<Turns> tables;
  for (const SlLayer& layer : shape.layer) {
    const Turns one = turns_of(layer);
    auto it = std::find(tables.begin(), tables.end(), one);
    of_layer.push_back(static_cast<size_t>(it - tables.begin()));
    if (it == tables.end()) tables.push_back(one);
  }
  return tables;
}

double logarithm(double x) {
  cpu::kernels().log64(&x, 1, &x);
  return x;
}
// The pair (a fraction) that turns so many times over the context: context / (2π base^(2i/dims)) = turns.
double pair_of_turns(const Turns& t, double turns) {
  return t.dims * logarithm(t.context / (turns * 2 * 3.14159265358979323846)) / (2 * logarithm(static_cast<double>(t.base)));
}

// How far pair i turns from position to position.
std::vector<double> rates_of(const Turns& t, const std::vector<float>& freqs) {
  std::vector<double> rates;
  double first = 0, last = 0;
  if (t.yarn) {
    first = std::max(0.0, std::floor(pair_of_turns(t, static_cast<double>(t.fast))));
    last = std::min(t.dims - 1.0, std::ceil(pair_of_turns(t, static_cast<double>(t.slow))));
  }
  for (uint32_t i = 0; i < t.dims / 2; i++) {
    double rate = cpu::kernels().pow64(static_cast<double>(t.base), -2.0 * i / t.dims);
    if (!freqs.empty()) rate /= static_cast<double>(freqs[i]);
    const double scaled = rate / static_cast<double>(t.factor);
    // Pairs before the first keep their rate, from the last on they are scaled, with a straight line between.
    const double as_is = t.yarn ? 1 - std::clamp((i - first) / std::max(0.001, last - first), 0.0, 1.0) : 0;
    rates.push_back(t.factor == 1 ? rate : scaled * (1 - as_is) + rate * as_is);
  }
  return rates;
}

}  // namespace

uint64_t Rotation::bytes(const Shape& shape, uint64_t length) {
  std::vector<size_t> of_layer;
  uint64_t bytes = 0;
  for (const Turns& one : distinct(shape, of_layer)) bytes += 2 * sizeof(float) * length * (one.dims / 2);
  return bytes;
}

Rotation::Rotation(const Shape& shape, uint32_t length) {
  for (const Turns& one : distinct(shape, of_layer_)) {
    Table t;
    t.rates = rates_of(one, shape.rope_freqs);
    t.magnitude = static_cast<double>(one.magnitude);
    const uint64_t n = uint64_t{length} * t.rates.size();
    t.cos.reset(new (std::nothrow) float[n]);
    t.sin.reset(new (std::nothrow) float[n]);
    if (!t.cos || !t.sin)
      throw Error(Code::out_of_memory, text("out of memory: the rotation table of %u positions needs %llu bytes", length,
                                            (unsigned long long)bytes(shape, length)));
    tables_.push_back(std::move(t));
  }
}

void Rotation::fill(const Pass& pass, uint32_t positions) {
  if (positions <= filled_) return;
  constexpr uint32_t kPositions = 16, kCost = 40;  // of one chunk; a cosine and a sine, in multiplications
  const uint32_t from = filled_;
  for (Table& t : tables_) {
    const uint64_t half = t.rates.size();
    pass.parallel((positions - from + kPositions - 1) / kPositions, kPositions * half * kCost, [&](size_t chunk) {
      const uint32_t first = from + static_cast<uint32_t>(chunk) * kPositions;
      for (uint32_t p = first; p < positions && p < first + kPositions; p++)
        for (uint64_t i = 0; i < half; i++) {
          double sine, cosine;
          cpu::kernels().sincos64(p * t.rates[i], &sine, &cosine);
          t.cos[p * half + i] = static_cast<float>(t.magnitude * cosine);
          t.sin[p * half + i] = static_cast<float>(t.magnitude * sine);
        }
    });
  }
  filled_ = positions;
}

AttentionScratch::AttentionScratch(const CpuModel& m, uint64_t B)
    : q(B * m.q_width()), k(B * m.kv_width()), v(B * m.kv_width()), z(B * m.q_width()) {}

uint64_t AttentionScratch::bytes(const CpuModel& m, uint64_t B) { return B * 2 * (m.q_width() + m.kv_width()) * sizeof(float); }

uint64_t AttentionScratch::thread_bytes(const CpuModel& m, uint64_t length) {
  return KvCache::rounded(length) * (m.shape.heads / m.shape.kv_heads * sizeof(float) + sizeof(double));  // and wide_softmax's
}

void attend(Pass& pass, uint32_t layer, const float* h, KvCache& cache, const Rotation& rotation, AttentionScratch& s,
            float* out) {
  const Shape& shape = pass.model.shape;
  const LayerWeights& weights = pass.model.layers[layer];
  const SlLayer& record = shape.layer[layer];
  const uint32_t K = shape.head_size, H = shape.heads, share = shape.heads / shape.kv_heads;
  const uint64_t B = pass.B(), qw = pass.model.q_width(), kvw = pass.model.kv_width();
  pass.multiply({{&weights.q, s.q.data()}, {&weights.k, s.k.data()}, {&weights.v, s.v.data()}}, h, B);
  // All keys and values of the batch are in the cache before any row reads it.
  pass.parallel(B, 2 * (qw + kvw), [&](size_t b) {
    const Row& row = pass.rows[b];
    add_bias(weights.q_bias, s.q.data() + b * qw, 1);
    add_bias(weights.k_bias, s.k.data() + b * kvw, 1);
    add_bias(weights.v_bias, s.v.data() + b * kvw, 1);
    if (record.qk_norm) {
      auto norm = [&](float* head, const std::vector<float>& weight) {
        rms_norm(head, weight.data(), K, shape.norm_epsilon, head);
      };
      for (uint32_t head = 0; head < H; head++) norm(s.q.data() + b * qw + head * K, weights.q_norm);
      for (uint32_t head = 0; head < shape.kv_heads; head++) norm(s.k.data() + b * kvw + head * K, weights.k_norm);
    }
    const float *cos = rotation.cos(layer, row.position), *sin = rotation.sin(layer, row.position);
    rotate(s.q.data() + b * qw, H, K, record, cos, sin);
    rotate(s.k.data() + b * kvw, shape.kv_heads, K, record, cos, sin);
    float* keys = cache.keys(layer, row.sequence) + row.position;
    for (uint64_t c = 0; c < kvw; c++) keys[c * cache.length()] = s.k[b * kvw + c];
    std::memcpy(cache.values(layer, row.sequence) + row.position * kvw, s.v.data() + b * kvw, kvw * sizeof(float));
  });
  const float scale = record.attention_scale;
  // The query heads of a kv head go together: its keys and values are read once for all of them.
  pass.parallel(B * shape.kv_heads, uint64_t{share} * K * 2 * (pass.rows.back().position + 1), [&](size_t chunk) {
    const uint64_t b = chunk / shape.kv_heads, kv = chunk % shape.kv_heads;
    const Row& row = pass.rows[b];
    // A window holds the last positions, the row's own among them.
    const uint64_t held = row.position + 1, count = record.window ? std::min<uint64_t>(record.window, held) : held;
    const float* q = s.q.data() + b * qw + kv * share * K;
    const float* keys = cache.keys(layer, row.sequence) + kv * K * cache.length() + (held - count);
    const float* values = cache.values(layer, row.sequence) + (held - count) * kvw + kv * K;
    thread_local Floats p;  // (share, count), with room for all positions
    make_room(p, share * cache.length());
    cpu::kernels().scores(q, share, keys, cache.length(), count, K, scale, p.data(), count);
    for (uint64_t head = 0; head < share; head++) {
      float* own = p.data() + head * count;
      if (all_finite(own, count))
        cpu::kernels().softmax(own, count);
      else
        wide_softmax(q + head * K, keys, cache.length(), count, K, scale, own);
    }
    cpu::kernels().weighted_sum(p.data(), count, share, values, kvw, count, K, s.z.data() + b * qw + kv * share * K);
  });
  pass.multiply({{&weights.o, out}}, s.z.data(), B);
  add_bias(weights.o_bias, out, B);
}

}  // namespace sparselab
