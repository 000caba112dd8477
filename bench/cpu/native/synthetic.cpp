// How a share of neurons is silent: the first channels of the residual stream hold the constant 1. No layer writes to them (their
// rows of attn_output and ffn_down are 0, their norm weights 1), so after a norm they still are about 1 and act as a bias: the
// gate's row of neuron i holds -b[i] / channels there. The rest of the row is random with norm 1, so that x·gate is about
// normal(0, 1) - b[i], and b[i] is the quantile at which the neuron fires with probability p[i]. p is Beta distributed: some
// neurons are hot, most are cold.
#include "synthetic.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

namespace bench {
namespace {

enum Type : uint32_t { kF32 = 0, kF16 = 1, kQ8_0 = 8 };
constexpr uint64_t kAlignment = 32;

double quantile(double p) {  // of the normal distribution
  double low = -9, high = 9;
  for (int i = 0; i < 60; i++) {
    const double mid = (low + high) / 2;
    (0.5 * std::erfc(-mid / std::sqrt(2.0)) < p ? low : high) = mid;
  }
  return (low + high) / 2;
}

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {  // splitmix64
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  // n normal numbers times `std`, of 65536 levels
  void normal(float* out, uint64_t n, float std) {
    static const std::vector<float> table = [] {
      std::vector<float> t(65536);
      for (size_t i = 0; i < t.size(); i++) t[i] = static_cast<float>(quantile((static_cast<double>(i) + 0.5) / 65536));
      return t;
    }();
    for (uint64_t i = 0; i < n;) {
      uint64_t r = bits();
      for (int k = 0; k < 4 && i < n; k++, i++, r >>= 16) out[i] = table[r & 0xffff] * std;
    }
  }
  double uniform() { return (static_cast<double>(bits() >> 11) + 0.5) * 0x1p-53; }
  // Beta(k·m, k·(1 - m)): from gamma numbers by Marsaglia and Tsang
  double beta(double a, double b) {
    const double x = gamma(a), y = gamma(b);
    return x / (x + y);
  }

 private:
  double gamma(double a) {
    if (a < 1) return gamma(a + 1) * std::pow(uniform(), 1 / a);
    const double d = a - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (;;) {
      float z;
      normal(&z, 1, 1);
      const double v = std::pow(1 + c * static_cast<double>(z), 3), x = static_cast<double>(z);
      if (v > 0 && std::log(uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
    }
  }
  uint64_t state_;
};

// To the nearest half, ties to even; the numbers here are far from the largest half.
uint16_t half_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000u;
  bits &= 0x7fffffffu;
  if (bits < 0x38800000u) {  // subnormal: add a number whose last bit is worth the smallest half
    float magnitude;
    std::memcpy(&magnitude, &bits, sizeof magnitude);
    magnitude += 0.5f;
    std::memcpy(&bits, &magnitude, sizeof bits);
    return static_cast<uint16_t>(sign | (bits - 0x3f000000u));
  }
  bits += 0xc8000fffu + (bits >> 13 & 1);
  return static_cast<uint16_t>(sign | bits >> 13);
}

uint64_t row_bytes(Type type, uint64_t n) { return type == kQ8_0 ? n / 32 * 34 : type == kF16 ? n * 2 : n * 4; }

void encode(Type type, const float* row, uint64_t n, uint8_t* out) {
  if (type == kF32) {
    std::memcpy(out, row, n * sizeof(float));
  } else if (type == kF16) {
    for (uint64_t i = 0; i < n; i++) {
      const uint16_t h = half_of(row[i]);
      std::memcpy(out + 2 * i, &h, 2);
    }
  } else {
    for (uint64_t b = 0; b < n / 32; b++, row += 32, out += 34) {
      float most = 0;
      for (int i = 0; i < 32; i++) most = std::max(most, std::fabs(row[i]));
      const float scale = most / 127, inverse = scale > 0 ? 1 / scale : 0;
      const uint16_t h = half_of(scale);
      std::memcpy(out, &h, 2);
      for (int i = 0; i < 32; i++) out[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(std::lrintf(row[i] * inverse)));
    }
  }
}

// The header's values, little endian.
class Bytes {
 public:
  template <class T>
  void number(T value) {
    data.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void string(const std::string& text) {
    number<uint64_t>(text.size());
    data += text;
  }
  void key(const std::string& name, uint32_t value) { string(name), number<uint32_t>(4), number(value); }
  void key(const std::string& name, float value) { string(name), number<uint32_t>(6), number(value); }
  void key(const std::string& name, const std::string& value) { string(name), number<uint32_t>(8), string(value); }
  std::string data;
};

struct Tensor {
  std::string name;
  Type type;
  uint64_t cols, rows;
  float std;               // of its random numbers; 0: all are 1
  uint32_t zero_rows = 0;  // the first rows are 0
  float ones = 0;          // the first `channels` numbers of a row are this
  bool gate = false;       // the first `channels` numbers of a row are its bias
};

std::vector<Tensor> tensors_of(const Shape& s, uint32_t channels) {
  const Type type = s.type == "q8_0" ? kQ8_0 : kF16;
  const uint64_t D = s.hidden, F = s.neurons, KV = D / s.heads * s.kv_heads;
  const auto inverse_root = [](double n) { return static_cast<float>(1 / std::sqrt(n)); };
  const float d = inverse_root(static_cast<double>(D));
  // What all layers together add to the residual stream has a root mean square of 0.3.
  const double L = s.layers, active = std::max(1 - s.sparsity, 0.01);
  std::vector<Tensor> out = {{"token_embd.weight", type, D, s.vocab, 1, 0, 1, false},
                             {"output_norm.weight", kF32, D, 1, 0},
                             {"output.weight", type, D, s.vocab, d}};
  for (uint32_t l = 0; l < s.layers; l++) {
    const std::string b = "blk." + std::to_string(l) + ".";
    out.push_back({b + "attn_norm.weight", kF32, D, 1, 0});
    out.push_back({b + "attn_q.weight", type, D, D, d});
    out.push_back({b + "attn_k.weight", type, D, KV, d});
    out.push_back({b + "attn_v.weight", type, D, KV, d});
    out.push_back({b + "attn_output.weight", type, D, D, 0.3f * inverse_root(static_cast<double>(D) * L), channels});
    out.push_back({b + "ffn_norm.weight", kF32, D, 1, 0});
    out.push_back({b + "ffn_gate.weight", type, D, F, inverse_root(static_cast<double>(D - channels)), 0, 0, true});
    out.push_back({b + "ffn_up.weight", type, D, F, d});
    out.push_back({b + "ffn_down.weight", type, F, D, 0.3f * inverse_root(static_cast<double>(F) * active * L), channels});
  }
  return out;
}

std::string header_of(const Shape& s, const std::vector<Tensor>& tensors) {
  Bytes keys;
  uint64_t count = 0;
  const auto key = [&](const char* name, auto value) { keys.key(name, value), count++; };
  key("general.architecture", std::string("llama"));
  key("general.name", std::string("synthetic"));
  key("general.alignment", static_cast<uint32_t>(kAlignment));
  key("general.file_type", s.type == "q8_0" ? 7u : 1u);
  key("llama.context_length", s.context);
  key("llama.embedding_length", s.hidden);
  key("llama.block_count", s.layers);
  key("llama.feed_forward_length", s.neurons);
  key("llama.rope.dimension_count", s.hidden / s.heads);
  key("llama.attention.head_count", s.heads);
  key("llama.attention.head_count_kv", s.kv_heads);
  key("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  key("llama.rope.freq_base", 10000.0f);
  key("llama.vocab_size", s.vocab);
  key("tokenizer.ggml.model", std::string("no_vocab"));

  Bytes out;
  out.data = "GGUF";
  out.number<uint32_t>(3);
  out.number<uint64_t>(tensors.size());
  out.number<uint64_t>(count);
  out.data += keys.data;
  uint64_t offset = 0;
  for (const Tensor& t : tensors) {
    out.string(t.name);
    out.number<uint32_t>(t.rows == 1 ? 1 : 2);
    out.number(t.cols);
    if (t.rows != 1) out.number(t.rows);
    out.number<uint32_t>(t.type);
    out.number(offset);
    offset += (row_bytes(t.type, t.cols) * t.rows + kAlignment - 1) / kAlignment * kAlignment;
  }
  out.data.resize((out.data.size() + kAlignment - 1) / kAlignment * kAlignment);
  return out.data;
}

}  // namespace

void write_synthetic(const Shape& s, const std::string& path) {
  if (s.type != "f16" && s.type != "q8_0") throw std::runtime_error("type " + s.type + "; expected f16 or q8_0");
  if (!s.heads || !s.kv_heads || s.hidden % s.heads || s.heads % s.kv_heads || s.hidden % 32 || s.neurons % 32 || !s.layers ||
      !s.vocab)
    throw std::runtime_error("this shape is not possible: hidden and neurons are multiples of 32, heads divide hidden");
  const uint32_t channels = std::min(64u, s.hidden / 4);
  const std::vector<Tensor> tensors = tensors_of(s, channels);
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "wb"), std::fclose);
  const auto fail = [&] { throw std::runtime_error("cannot write " + path + ": " + std::strerror(errno)); };
  if (!file) fail();
  std::vector<char> buffer(4 << 20);
  std::setvbuf(file.get(), buffer.data(), _IOFBF, buffer.size());
  const auto put = [&](const void* data, size_t n) {
    if (std::fwrite(data, 1, n, file.get()) != n) fail();
  };

  const std::string header = header_of(s, tensors);
  put(header.data(), header.size());
  const uint8_t padding[kAlignment] = {};
  for (size_t k = 0; k < tensors.size(); k++) {
    const Tensor& t = tensors[k];
    Random random(k + 1);
    std::vector<float> row(t.cols);
    std::vector<uint8_t> encoded(row_bytes(t.type, t.cols));
    for (uint64_t r = 0; r < t.rows; r++) {
      random.normal(row.data(), t.cols, t.std);
      if (t.std == 0) std::fill(row.begin(), row.end(), 1.0f);
      if (r < t.zero_rows) std::fill(row.begin(), row.end(), 0.0f);
      if (t.ones != 0) std::fill_n(row.begin(), channels, t.ones);
      if (t.gate) {
        const double fires = std::clamp(random.beta(5 * (1 - s.sparsity), 5 * s.sparsity), 1e-4, 0.98);
        std::fill_n(row.begin(), channels, static_cast<float>(-quantile(1 - fires) / channels));
      }
      encode(t.type, row.data(), t.cols, encoded.data());
      put(encoded.data(), encoded.size());
    }
    put(padding, (kAlignment - encoded.size() * t.rows % kAlignment) % kAlignment);
  }
  if (std::fclose(file.release()) != 0) fail();
}

}  // namespace bench
