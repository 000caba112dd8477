#include "executor/attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <new>

#include "cpu/isa.h"
#include "error.h"
#include "executor/failures.h"
#include "quant/half.h"

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

uint64_t KvCache::bytes(const CpuModel& model, uint64_t sequences, uint64_t length, uint32_t kv) {
  const uint64_t each = kv == SL_KV_F16 ? sizeof(uint16_t) : sizeof(float);
  return 2 * each * model.shape.layers * sequences * rounded(length) * model.kv_width();
}

KvCache::KvCache(const CpuModel& model, uint32_t sequences, uint32_t length, uint32_t kv)
    : layers_(model.shape.layers),
      sequences_(sequences),
      length_(rounded(length)),
      width_(model.kv_width()),
      half_(kv == SL_KV_F16) {
  const uint64_t n = layers_ * sequences_ * length_ * width_;
  try {
    if (half_) {
      k16_.resize(n);
      v16_.resize(n);
    } else {
      k_.resize(n);
      v_.resize(n);
    }
  } catch (const std::exception&) {  // bad_alloc, or length_error
    throw Error(Code::out_of_memory, text("out of memory: the KV cache of %u sequences of %u positions needs %llu bytes",
                                          sequences, length, (unsigned long long)bytes(model, sequences, length, kv)));
  }
}

namespace {

// To the smaller of both, whatever other threads do.
void lower(std::atomic<uint64_t>& least, uint64_t value) {
  uint64_t before = least;
  while (value < before && !least.compare_exchange_weak(before, value)) continue;
}

void floats_of(const uint16_t* halves, uint64_t n, float* out) {
  cpu::kernels_of(F16).dequantise(reinterpret_cast<const uint8_t*>(halves), n, out);
}

}  // namespace

bool KvCache::round(float* x, uint64_t n) {
  bool fits = true;
  for (uint64_t i = 0; i < n; i++) {
    const uint16_t half = float_to_half(x[i]);
    fits = fits && ((half & 0x7fffu) != 0x7c00u || std::isinf(x[i]));
    floats_of(&half, 1, x + i);
  }
  return fits;
}

void KvCache::store(uint32_t layer, uint32_t sequence, uint32_t position, const float* k, const float* v) {
  const uint64_t from = at(layer, sequence);
  if (half_) {
    for (uint64_t c = 0; c < width_; c++) k16_[from + c * length_ + position] = float_to_half(k[c]);
    for (uint64_t c = 0; c < width_; c++) v16_[from + position * width_ + c] = float_to_half(v[c]);
    return;
  }
  for (uint64_t c = 0; c < width_; c++) k_[from + c * length_ + position] = k[c];
  std::memcpy(v_.data() + from + position * width_, v, width_ * sizeof(float));
}

void KvCache::read_keys(uint32_t layer, uint32_t sequence, uint64_t channel, uint64_t K, uint64_t first, uint64_t count,
                        float* out) const {
  for (uint64_t c = 0; c < K; c++)
    floats_of(k16_.data() + at(layer, sequence) + (channel + c) * length_ + first, count, out + c * length_);
}

void KvCache::read_values(uint32_t layer, uint32_t sequence, uint64_t channel, uint64_t K, uint64_t first, uint64_t count,
                          float* out) const {
  for (uint64_t p = 0; p < count; p++)
    floats_of(v16_.data() + at(layer, sequence) + (first + p) * width_ + channel, K, out + p * K);
}

void KvCache::copy(const KvCache& source, uint32_t from, uint32_t to, uint32_t positions, const SlControl& control) {
  const cpu::Stop stop(control.stop);
  for (uint32_t l = 0; l < layers_; l++) {
    if (stop.asked()) throw stopped();
    const uint64_t first = source.at(l, from), target = at(l, to);
    auto each = [&](const auto& k, const auto& v, auto& to_k, auto& to_v) {
      std::memcpy(to_v.data() + target, v.data() + first, positions * width_ * sizeof(v[0]));
      for (uint64_t c = 0; c < width_; c++)
        std::memcpy(to_k.data() + target + c * length_, k.data() + first + c * source.length_, positions * sizeof(k[0]));
    };
    if (half_)
      each(source.k16_, source.v16_, k16_, v16_);
    else
      each(source.k_, source.v_, k_, v_);
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

uint64_t AttentionScratch::thread_bytes(const CpuModel& m, uint64_t length, uint32_t kv) {
  const uint64_t widened = kv == SL_KV_F16 ? 2 * m.shape.head_size * sizeof(float) : 0;  // a head's keys and values
  return KvCache::rounded(length) * (m.shape.heads / m.shape.kv_heads * sizeof(float) + sizeof(double) + widened);
}

namespace {

// Scores or pattern of a layer, where they are asked for: who changes them, and where they are captured.
class ByKey {
 public:
  ByKey(const Pass& pass, SlPoint point, uint32_t layer) : pass_(pass), point_(point), layer_(layer) {
    if (!pass.plan || !pass.sinks.captures) return;
    for (size_t c = 0; c < pass.plan->captures.size(); c++) {
      const SlCapture& capture = pass.plan->captures[c];
      if (capture.point != static_cast<uint32_t>(point) || layer < capture.from || layer >= capture.to) continue;
      sinks_.push_back(pass.sinks.captures[c] + uint64_t{layer - capture.from} * pass.model.shape.heads * pass.B() * pass.keys);
    }
  }
  // own (count): of positions from `first` on. Whether anything may have changed.
  bool intervene(uint64_t b, uint32_t head, float* own, uint64_t count) const {
    bool changed = false;
    for (const Intervention& i : pass_.rows[b].setting->interventions) {
      if (i.point != point_ || layer_ < i.from || layer_ >= i.to) continue;
      if (!i.all_positions && !std::binary_search(i.positions.begin(), i.positions.end(), pass_.rows[b].position)) continue;
      if (!i.all_channels && !std::binary_search(i.channels.begin(), i.channels.end(), head)) continue;
      for (uint64_t j = 0; j < count; j++) own[j] = i.kind == SL_ZERO ? 0 : own[j] * i.factor;
      changed = true;
    }
    return changed;
  }
  // `absent` where the row does not look.
  void capture(uint64_t b, uint32_t head, const float* own, uint64_t first, uint64_t count, float absent) const {
    for (float* sink : sinks_) {
      float* row = sink + (head * pass_.B() + b) * pass_.keys;
      std::fill_n(row, pass_.keys, absent);
      std::memcpy(row + first, own, count * sizeof(float));
    }
  }

 private:
  const Pass& pass_;
  SlPoint point_;
  uint32_t layer_;
  std::vector<float*> sinks_;  // (H, B, keys) of this layer
};

}  // namespace

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
  });
  pass.hook(SL_ATTN_Q, layer, s.q.data());
  pass.intervene_at(SL_ATTN_K, layer, s.k.data());
  pass.intervene_at(SL_ATTN_V, layer, s.v.data());
  std::atomic<uint64_t> too_large{B};  // the first row with keys or values beyond float16
  pass.parallel(B, 2 * kvw, [&](size_t b) {
    const Row& row = pass.rows[b];
    if (cache.half()) {  // captured as they are stored
      const bool fits = KvCache::round(s.k.data() + b * kvw, kvw);
      if (!KvCache::round(s.v.data() + b * kvw, kvw) || !fits) lower(too_large, b);
    }
    cache.store(layer, row.sequence, row.position, s.k.data() + b * kvw, s.v.data() + b * kvw);
  });
  if (too_large < B) throw beyond_half(layer, pass.rows[too_large].position);
  pass.capture_at(SL_ATTN_K, layer, s.k.data());
  pass.capture_at(SL_ATTN_V, layer, s.v.data());
  const float scale = record.attention_scale;
  const ByKey scores(pass, SL_ATTN_SCORES, layer), pattern(pass, SL_ATTN_PATTERN, layer);
  std::atomic<uint64_t> infinite{B};  // the first row whose changed scores are not finite
  // The query heads of a kv head go together: its keys and values are read once for all of them.
  pass.parallel(B * shape.kv_heads, uint64_t{share} * K * 2 * (pass.rows.back().position + 1), [&](size_t chunk) {
    const uint64_t b = chunk / shape.kv_heads, kv = chunk % shape.kv_heads;
    const Row& row = pass.rows[b];
    // A window holds the last positions, the row's own among them.
    const uint64_t held = row.position + 1, count = record.window ? std::min<uint64_t>(record.window, held) : held;
    const float* q = s.q.data() + b * qw + kv * share * K;
    const uint64_t first = held - count, value_stride = cache.half() ? K : kvw;
    thread_local Floats wide;  // a head's keys and values, where the cache is of float16
    const float *keys, *values;
    if (cache.half()) {
      make_room(wide, 2 * K * cache.length());
      keys = wide.data();
      values = wide.data() + K * cache.length();
      cache.read_keys(layer, row.sequence, kv * K, K, first, count, wide.data());
      cache.read_values(layer, row.sequence, kv * K, K, first, count, wide.data() + K * cache.length());
    } else {
      keys = cache.keys(layer, row.sequence) + kv * K * cache.length() + first;
      values = cache.values(layer, row.sequence) + first * kvw + kv * K;
    }
    thread_local Floats p;  // (share, count), with room for all positions
    make_room(p, share * cache.length());
    cpu::kernels().scores(q, share, keys, cache.length(), count, K, scale, p.data(), count);
    for (uint64_t head = 0; head < share; head++) {
      float* own = p.data() + head * count;
      const auto of = static_cast<uint32_t>(kv * share + head);
      const bool changed = scores.intervene(b, of, own, count);
      scores.capture(b, of, own, first, count, -INFINITY);
      const bool finite = all_finite(own, count);
      if (changed && !finite) lower(infinite, b);
      if (finite)
        cpu::kernels().softmax(own, count);
      else
        wide_softmax(q + head * K, keys, cache.length(), count, K, scale, own);
      pattern.intervene(b, of, own, count);
      pattern.capture(b, of, own, first, count, 0);
    }
    cpu::kernels().weighted_sum(p.data(), count, share, values, value_stride, count, K, s.z.data() + b * qw + kv * share * K);
  });
  if (infinite < B) throw scores_beyond(layer, pass.rows[infinite].position);
  pass.hook(SL_ATTN_Z, layer, s.z.data());
  pass.multiply({{&weights.o, out}}, s.z.data(), B);
  add_bias(weights.o_bias, out, B);
  pass.hook(SL_ATTN_OUT, layer, out);
}

}  // namespace sparselab
