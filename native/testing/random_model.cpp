#include "testing/random_model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "error.h"
#include "quant/half.h"
#include "testing/backends.h"
#include "testing/encode_quants.h"
#include "testing/testing.h"

namespace sparselab::testing {
namespace {

void check(int failed, const SlError& e) {
  if (!failed) return;
  throw Error(code_of(e.code), e.message);
}

}  // namespace

uint16_t half_of(float value) {
  // The nearest of all halves, found by bisection over their order: slow and plain.
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  float magnitude = std::fabs(value);
  uint16_t low = 0, high = 0x7c00;
  while (high - low > 1) {
    uint16_t middle = static_cast<uint16_t>((low + high) / 2);
    (half_to_float(middle) <= magnitude ? low : high) = middle;
  }
  float below = half_to_float(low), above = half_to_float(high);
  bool up = magnitude - below > above - magnitude || (magnitude - below == above - magnitude && (low & 1));
  return static_cast<uint16_t>(sign | (up ? high : low));
}

std::vector<uint8_t> encode(TensorType type, const std::vector<float>& values) {
  std::vector<uint8_t> out;
  auto put = [&](const void* p, size_t n) {
    out.insert(out.end(), static_cast<const uint8_t*>(p), static_cast<const uint8_t*>(p) + n);
  };
  switch (type) {  // without a default: the compiler reports a type that is missing
    case F32:
      put(values.data(), values.size() * 4);
      return out;
    case F16:
      for (float v : values) {
        const uint16_t h = half_of(v);
        put(&h, 2);
      }
      return out;
    case BF16:
      for (float v : values) {  // finite ones: nearest, ties to even
        const auto bits = std::bit_cast<uint32_t>(v);
        const auto h = static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
        put(&h, 2);
      }
      return out;
    case Q8_0:
      for (size_t b = 0; b < values.size(); b += 32) {
        float most = 0;
        for (size_t j = 0; j < 32; j++) most = std::max(most, std::fabs(values[b + j]));
        const float d = most / 127, inverse = d ? 1 / d : 0;
        const uint16_t h = half_of(d);
        put(&h, 2);
        for (size_t j = 0; j < 32; j++) {
          const auto q = static_cast<int8_t>(std::round(values[b + j] * inverse));
          put(&q, 1);
        }
      }
      return out;
    case Q4_0:
    case Q4_1:
    case Q5_0:
    case Q5_1:
      return encode_small(type, values);
    case Q4_K:
    case Q5_K:
      return encode_groups(type, values);
    case Q6_K:
      return encode_q6_k(values);
  }
  throw Failure("no encoding of " + type_name(type));
}

Shape small_shape(bool gate) {
  Shape m{};
  m.layers = 2;
  m.hidden = 64;
  m.neurons = 160;
  m.heads = 4;
  m.kv_heads = 2;
  m.head_size = 16;
  m.vocab = 96;
  m.context = 64;
  m.rope_base = 10000;
  m.norm_epsilon = 1e-5f;
  m.ffn = {gate ? 1u : 0u, SL_SILU, SL_UP_AS_IS};
  return m;
}

Shape shape_of_blocks(const std::vector<TensorType>& types, Shape shape) {
  uint32_t block = 1;
  for (TensorType type : types) block = std::max(block, weight_type(type).traits.block);
  auto whole = [block](uint32_t n) { return (n + block - 1) / block * block; };
  shape.hidden = whole(shape.hidden);
  shape.neurons = whole(shape.neurons);
  while (shape.heads * shape.head_size % block) shape.head_size += 2;
  return shape;
}

void RandomModel::add(std::mt19937_64& r, const std::string& name, uint64_t rows, uint64_t cols, TensorType type, float scale,
                      float mean) {
  std::vector<float> values = random_floats(r, rows * cols, scale);
  for (float& v : values) v += mean;
  data_.push_back(encode(type, values));
  names_.push_back(name);
  static constexpr std::pair<const char*, SlTensorRole> kRoles[] = {{"token_embd", SL_TENSOR_EMBED},
                                                                    {"output_norm", SL_TENSOR_OUTPUT_NORM},
                                                                    {"output", SL_TENSOR_OUTPUT},
                                                                    {"attn_norm", SL_TENSOR_ATTN_NORM},
                                                                    {"ffn_norm", SL_TENSOR_FFN_NORM},
                                                                    {"attn_q", SL_TENSOR_Q},
                                                                    {"attn_k", SL_TENSOR_K},
                                                                    {"attn_v", SL_TENSOR_V},
                                                                    {"attn_output", SL_TENSOR_O},
                                                                    {"ffn_gate", SL_TENSOR_GATE},
                                                                    {"ffn_up", SL_TENSOR_UP},
                                                                    {"ffn_down_t", SL_TENSOR_DOWN_T},
                                                                    {"ffn_down", SL_TENSOR_DOWN},
                                                                    {"attn_q_norm", SL_TENSOR_Q_NORM},
                                                                    {"attn_k_norm", SL_TENSOR_K_NORM},
                                                                    {"post_attention_norm", SL_TENSOR_ATTN_POST_NORM},
                                                                    {"post_ffw_norm", SL_TENSOR_FFN_POST_NORM},
                                                                    {"rope_freqs", SL_TENSOR_ROPE_FREQS},
                                                                    {"fc1", SL_TENSOR_PREDICTOR_1},
                                                                    {"fc2", SL_TENSOR_PREDICTOR_2}};
  const bool in_layer = name.starts_with("blk.");
  const std::string what = in_layer ? name.substr(name.find('.', 4) + 1) : name;
  SlTensor t{};
  t.layer = in_layer ? static_cast<uint32_t>(std::stoul(name.substr(4))) : 0;
  static constexpr std::pair<const char*, SlTensorRole> kBiases[] = {{"output_norm", SL_TENSOR_OUTPUT_NORM_BIAS},
                                                                     {"attn_norm", SL_TENSOR_ATTN_NORM_BIAS},
                                                                     {"ffn_norm", SL_TENSOR_FFN_NORM_BIAS},
                                                                     {"attn_q", SL_TENSOR_Q_BIAS},
                                                                     {"attn_k", SL_TENSOR_K_BIAS},
                                                                     {"attn_v", SL_TENSOR_V_BIAS},
                                                                     {"attn_output", SL_TENSOR_O_BIAS},
                                                                     {"ffn_up", SL_TENSOR_UP_BIAS},
                                                                     {"ffn_down", SL_TENSOR_DOWN_BIAS}};
  for (const auto& [stem, role] : kRoles)
    if (what == std::string(stem) + ".weight") t.role = role;
  for (const auto& [stem, role] : kBiases)
    if (what == std::string(stem) + ".bias") t.role = role;
  t.type = type;
  t.rows = rows;
  t.cols = cols;
  t.bytes = data_.back().size();
  t.stride = t.bytes / rows;
  tensors.push_back(t);
}

float value_of(const SlTensor& t, uint64_t row, uint64_t col) {
  const WeightType& type = weight_type(t.type);
  const uint64_t block = type.traits.block;
  std::vector<float> values(block);
  type.to_float(t.data + t.stride * row + col / block * type.traits.block_bytes, block, values.data());
  return values[col % block];
}

const SlTensor& RandomModel::tensor(const std::string& name) const {
  for (const SlTensor& t : tensors)
    if (name == t.name) return t;
  throw Failure("no tensor " + name);
}

RandomModel::RandomModel(uint64_t seed, Shape of, std::vector<TensorType> types, bool down_t)
    : shape(std::move(of)), backend(testing::backend()) {
  std::mt19937_64 r(seed);
  auto any = [&] { return types[r() % types.size()]; };
  const uint64_t D = shape.hidden, F = shape.neurons, Q = shape.heads * shape.head_size, KV = shape.kv_heads * shape.head_size;
  const float s = 1 / std::sqrt(static_cast<float>(D));
  add(r, "token_embd.weight", shape.vocab, D, any(), 1);
  add(r, "output_norm.weight", 1, D, F32, 0.1f, 1);
  add(r, "output.weight", shape.vocab, D, any(), s);
  for (uint32_t l = 0; l < shape.layers; l++) {
    std::string b = "blk." + std::to_string(l) + ".";
    add(r, b + "attn_norm.weight", 1, D, F32, 0.1f, 1);
    add(r, b + "ffn_norm.weight", 1, D, F32, 0.1f, 1);
    add(r, b + "attn_q.weight", Q, D, any(), s);
    add(r, b + "attn_k.weight", KV, D, any(), s);
    add(r, b + "attn_v.weight", KV, D, any(), s);
    add(r, b + "attn_output.weight", D, Q, any(), s);
    if (shape.ffn.has_gate) add(r, b + "ffn_gate.weight", F, D, any(), s, -0.5f * s);
    add(r, b + "ffn_up.weight", F, D, any(), s);
    if (down_t)
      add(r, b + "ffn_down_t.weight", F, D, any(), s);
    else
      add(r, b + "ffn_down.weight", D, F, any(), s);
  }
  add_features(r);
  add_predictors(r, types);
  for (size_t i = 0; i < tensors.size(); i++) {
    tensors[i].name = names_[i].c_str();
    tensors[i].data = data_[i].data();
  }
  model = open_model(shape, tensors);
}

// What a plain llama does not have.
void RandomModel::add_features(std::mt19937_64& r) {
  std::vector<SlLayer> layers;
  record_of(shape, layers);
  const uint64_t D = shape.hidden, F = shape.neurons, Q = shape.q_width(), KV = shape.kv_width();
  auto bias = [&](const std::string& name, uint64_t n) { add(r, name + ".bias", 1, n, F32, 0.5f); };
  auto norm = [&](const std::string& name, uint64_t n) { add(r, name + ".weight", 1, n, F32, 0.2f, 1); };
  if (shape.norm == SL_NORM_LAYER) bias("output_norm", D);
  if (!shape.rope_freqs.empty()) add(r, "rope_freqs.weight", 1, layers[0].rope_dims / 2, F32, 0.2f, 3);
  for (uint32_t l = 0; l < shape.layers; l++) {
    const std::string b = "blk." + std::to_string(l) + ".";
    if (shape.norm == SL_NORM_LAYER) {
      bias(b + "attn_norm", D);
      bias(b + "ffn_norm", D);
    }
    if (layers[l].attention_biases) {
      bias(b + "attn_q", Q);
      bias(b + "attn_k", KV);
      bias(b + "attn_v", KV);
      bias(b + "attn_output", D);
    }
    if (layers[l].ffn.biases) {
      bias(b + "ffn_up", F);
      bias(b + "ffn_down", D);
    }
    if (layers[l].qk_norm) {
      norm(b + "attn_q_norm", shape.head_size);
      norm(b + "attn_k_norm", shape.head_size);
    }
    if (layers[l].post_norm) {
      norm(b + "post_attention_norm", D);
      norm(b + "post_ffw_norm", D);
    }
  }
}

// Of the ranks that the shape has, in a type whose blocks fit.
void RandomModel::add_predictors(std::mt19937_64& r, const std::vector<TensorType>& types) {
  const uint64_t D = shape.hidden, F = shape.neurons;
  for (uint32_t l = 0; l < shape.ranks.size(); l++) {
    const uint64_t rank = shape.ranks[l];
    if (rank == 0) continue;
    auto fitting = [&](uint64_t cols) {
      std::vector<TensorType> fit;
      for (TensorType type : types)
        if (cols % weight_type(type).traits.block == 0) fit.push_back(type);
      return fit.empty() ? F32 : fit[r() % fit.size()];
    };
    const std::string b = "blk." + std::to_string(l) + ".";
    add(r, b + "fc1.weight", rank, D, fitting(D), 1 / std::sqrt(static_cast<float>(D)));
    add(r, b + "fc2.weight", F, rank, fitting(rank), 1 / std::sqrt(static_cast<float>(rank)));
  }
}

SlModel record_of(const Shape& s, std::vector<SlLayer>& layers) {
  layers = s.layer;
  if (layers.empty()) {
    SlLayer one{};
    one.heads = s.heads;
    one.kv_heads = s.kv_heads;
    one.head_size = s.head_size;
    one.neurons = s.neurons;
    one.rope = SL_ROPE_PAIRS;
    one.rope_dims = s.head_size;
    one.rope_base = s.rope_base;
    one.attention_scale = 1.0f / std::sqrt(static_cast<float>(s.head_size));
    one.ffn = s.ffn;
    layers.assign(s.layers, one);
  }
  return {s.layers,       s.hidden,          s.vocab,          s.context,     s.norm,
          s.norm_epsilon, s.embedding_scale, s.residual_scale, s.logit_scale, layers.data()};
}

Shape with_layers(const Shape& shape) {
  std::vector<SlLayer> layers;
  return shape_of(record_of(shape, layers));
}

SlBackendModel* open_model(const Shape& shape, const std::vector<SlTensor>& tensors, SlOpenOptions options, SlOpened* opened) {
  std::vector<SlLayer> layers;
  const SlModel record = record_of(shape, layers);
  SlBackendModel* model = nullptr;
  SlOpened own{};
  SlError error{};
  check(backend().open(&record, tensors.data(), tensors.size(), &options, &model, opened ? opened : &own, &error), error);
  return model;
}

RandomModel::~RandomModel() { backend.close(model); }

void Rows::add(int32_t token, int32_t position, int32_t sequence, int32_t setting, int32_t target, int32_t reference) {
  tokens.push_back(token);
  positions.push_back(position);
  sequences.push_back(sequence);
  settings.push_back(setting);
  targets.push_back(target);
  references.push_back(reference);
  logits.push_back(1);
}

void ffn(const Shape& shape, const std::vector<SlTensor>& tensors, uint32_t layer, uint32_t rows, const float* x,
         const std::vector<uint32_t>* neurons, const SlSetting& setting, uint32_t threads, float* y, float* gate, float* mid,
         FfnCounts* counts_out, const float* stream) {
  static const uint32_t none = 0;
  const uint32_t* ids = !neurons || neurons->empty() ? &none : neurons->data();
  const std::vector<const uint32_t*> lists(shape.layers, ids);
  const std::vector<uint32_t> counts(shape.layers, neurons ? static_cast<uint32_t>(neurons->size()) : 0);
  const SlPlacement placement{shape.layers, lists.data(), counts.data()};
  SlOpenOptions options{};
  if (neurons) options.placement = &placement;
  SlBackendModel* model = open_model(shape, tensors, options);
  SlPlan plan{&setting, 1, nullptr, 0, 1, 1, threads};
  SlProgram* program = nullptr;
  SlError error{};
  int failed = backend().compile(model, &plan, &program, &error);
  if (!failed) {
    const std::vector<int32_t> settings(rows, 0);
    const SlFfnBatch batch{rows, settings.data(), x, stream};
    SlFfnSinks sinks{y, gate, mid};
    if (counts_out) {
      for (auto* one : {&counts_out->zeros_mid, &counts_out->zeros_gate, &counts_out->rows_read}) one->assign(rows, 0xffffffff);
      sinks.zeros_mid = counts_out->zeros_mid.data();
      sinks.zeros_gate = counts_out->zeros_gate.data();
      sinks.rows_read = counts_out->rows_read.data();
    }
    failed = backend().ffn(program, layer, &batch, &sinks, nullptr, &error);
    backend().close_program(program);
  }
  backend().close(model);
  check(failed, error);
}

SlProgram* compile(const RandomModel& m, const SlPlan& plan) {
  SlProgram* program = nullptr;
  SlError error{};
  check(m.backend.compile(m.model, &plan, &program, &error), error);
  return program;
}

Result forward(const RandomModel& m, SlProgram* program, const SlPlan& plan, const Rows& rows, SlControl* control, bool misses) {
  const auto B = static_cast<uint32_t>(rows.tokens.size());
  Result out;
  uint64_t wanted = 0;
  for (uint8_t w : rows.logits) wanted += w;
  out.logits.assign(wanted * m.shape.vocab, NAN);
  std::vector<float*> captures;
  for (uint32_t c = 0; c < plan.capture_count; c++)
    out.captures.emplace_back((plan.captures[c].to - plan.captures[c].from) * B *
                                  point_width(m.shape, static_cast<SlPoint>(plan.captures[c].point)) *
                                  (is_by_key(static_cast<SlPoint>(plan.captures[c].point)) ? plan.length : 1),
                              NAN);
  for (auto& c : out.captures) captures.push_back(c.data());
  for (auto* counts : {&out.zeros_mid, &out.zeros_gate, &out.rows_read}) counts->assign(m.shape.layers * B, 0xffffffff);
  out.nll.assign(B, -1);
  out.kl.assign(B, -1);
  out.top1.assign(B, 7);
  for (auto* counts : {&out.predicted, &out.active, &out.missed})
    if (misses) counts->assign(m.shape.layers * B, 0xffffffff);
  SlBatch batch{B,
                rows.tokens.data(),
                rows.positions.data(),
                rows.sequences.data(),
                rows.settings.data(),
                rows.logits.data(),
                rows.targets.data(),
                rows.references.data()};
  SlSinks sinks{captures.data(),       out.logits.data(),    out.zeros_mid.data(),
                out.zeros_gate.data(), out.rows_read.data(), out.nll.data(),
                out.kl.data(),         out.top1.data(),      0};
  if (misses) {
    sinks.predicted = out.predicted.data();
    sinks.active = out.active.data();
    sinks.missed = out.missed.data();
  }
  SlControl own{};
  SlError error{};
  check(m.backend.forward(program, &batch, &sinks, control ? control : &own, &error), error);
  out.bytes = sinks.weight_bytes_read;
  return out;
}

}  // namespace sparselab::testing
