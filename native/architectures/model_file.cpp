#include "architectures/model_file.h"

#include <cmath>
#include <set>

#include "architectures/effects.h"
#include "architectures/keys.h"
#include "error.h"
#include "gguf/odd_files.h"
#include "quant/types.h"

namespace sparselab {
namespace {

std::string shape_text(const std::vector<uint64_t>& shape) {
  std::string out;
  for (uint64_t n : shape) out += (out.empty() ? "" : " x ") + std::to_string(n);
  return out;
}

std::string full_name(const TensorRule& rule, uint32_t layer) {
  return (rule.in_layer ? "blk." + std::to_string(layer) + "." : "") + rule.name;
}

// Checks off the tensors of the architecture. Any that are left in the end are an error.
class Tensors {
 public:
  Tensors(const Table& table, ModelSpec& spec) : table_(table), spec_(spec) {
    for (const TensorInfo& t : table.tensors) left_.insert(t.name);
  }
  bool has(const std::string& name) const { return table_.tensor(name) != nullptr; }

  // `rank`: the rank of this layer's predictor
  void need(const TensorRule& rule, uint32_t layer, uint64_t rank = 0) {
    const std::string name = full_name(rule, layer);
    const std::vector<uint64_t> shape = shape_of(rule, rank);
    const TensorInfo* t = table_.tensor(name);
    if (!t) throw Error(Code::bad_file, "tensor \"" + name + "\" is missing; expected one of shape " + shape_text(shape));
    left_.erase(name);
    std::vector<uint64_t> have = t->shape;
    while (have.size() > shape.size() && have.back() == 1) have.pop_back();  // trailing dimensions of 1 do not count
    if (have != shape)
      throw Error(Code::bad_file,
                  "tensor \"" + name + "\" has shape " + shape_text(t->shape) + "; expected " + shape_text(shape));
    use(rule, layer, *t);
  }
  // A tensor that changes nothing.
  void pass_over(const std::string& name) { left_.erase(name); }
  void finish() const {
    if (left_.empty()) return;
    const std::string& name = *left_.begin();
    std::string hint;
    if (name == "rope_freqs.weight") hint = ": it scales rotary frequencies, which this architecture does not do";
    if (name.size() > 5 && name.ends_with(".bias")) hint = ": this architecture has no such bias";
    throw Error(Code::unsupported_model, text("tensor \"%s\" does not belong to architecture \"%s\" (%zu such tensors)%s",
                                              name.c_str(), spec_.architecture->name, left_.size(), hint.c_str()));
  }

 private:
  uint64_t size(Dim dim, uint64_t rank) const {
    const SlLayer& layer = spec_.layer[0];
    switch (dim) {
      case Dim::one:
        return 1;
      case Dim::hidden:
        return spec_.model.hidden;
      case Dim::neurons:
        return layer.neurons;
      case Dim::vocab:
        return spec_.model.vocab;
      case Dim::q_width:
        return uint64_t{layer.heads} * layer.head_size;
      case Dim::kv_width:
        return uint64_t{layer.kv_heads} * layer.head_size;
      case Dim::rank:
        return rank;
      case Dim::head_size:
        return layer.head_size;
      case Dim::rope_pairs:
        return layer.rope_dims / 2;
    }
    return 0;
  }
  // In the file's order
  std::vector<uint64_t> shape_of(const TensorRule& rule, uint64_t rank) const {
    if (rule.rows == Dim::one) return {size(rule.cols, rank)};
    return {size(rule.cols, rank), size(rule.rows, rank)};
  }
  void use(const TensorRule& rule, uint32_t layer, const TensorInfo& t) {
    const TypeTraits* traits = type_traits(t.type);
    if (!traits || !traits->computed)
      throw Error(Code::unsupported_type,
                  "tensor \"" + t.name + "\" is stored as " + type_name(t.type) + "; supported are " + readable_types() +
                      ". Convert the model to one of these, best from its original (llama.cpp: llama-quantize "
                      "--allow-requantize FILE.gguf NEW.gguf Q8_0)");
    spec_.bytes_by_type[traits->name] += t.bytes;
    spec_.used_bytes += t.bytes;
    SlTensor out{};
    out.role = rule.role;
    out.layer = layer;
    out.type = t.type;
    out.cols = t.shape[0];
    out.rows = t.rows();
    out.stride = row_bytes(*traits, out.cols);
    out.bytes = t.bytes;
    out.name = t.name.c_str();
    SlLayer& record = spec_.layer[layer];
    if (rule.role >= SL_TENSOR_Q_BIAS && rule.role <= SL_TENSOR_O_BIAS) record.attention_biases = 1;
    if (rule.role == SL_TENSOR_UP_BIAS || rule.role == SL_TENSOR_DOWN_BIAS) record.ffn.biases = 1;
    spec_.tensors.push_back({&t, out, rule.needs_data});
  }

  const Table& table_;
  ModelSpec& spec_;
  std::set<std::string> left_;
};

// Scales of embedding, residual stream and logits: by key, else by the architecture's rule.
void read_scales(const Keys& keys, const std::string& arch, const Scales& rule, SlModel& m) {
  const float D = static_cast<float>(m.hidden), L = static_cast<float>(m.layers);
  const float embedding = rule.embedding_root ? std::sqrt(D) : rule.embedding;
  const float residual = rule.depth > 0 ? rule.depth / std::sqrt(L) : 1, divisor = rule.logit_base > 0 ? D / rule.logit_base : 1;
  auto value = [&](const char* key, float otherwise) {
    return rule.of_keys ? keys.real(arch + "." + key, 0, 1e6, &otherwise) : otherwise;
  };
  m.embedding_scale = value("embedding_scale", embedding);
  m.residual_scale = value("residual_scale", residual);
  m.logit_scale = 1 / value("logit_scale", divisor);
}

void use_scales(const GivenScales& given, const Architecture& architecture, SlModel& m) {
  if (!given.any()) return;
  if (!architecture.scales.of_keys)
    throw Error(Code::invalid_option,
                text("scales: models of architecture \"%s\" have none; leave the option out", architecture.name));
  auto use = [](const char* name, std::optional<float> value, float& out, bool divides) {
    if (!value) return;
    if (!(*value > 0 && *value < 1e6f))
      throw Error(Code::invalid_option,
                  text("scales.%s: expected a number above 0 and below 1000000, received %g", name, static_cast<double>(*value)));
    out = divides ? 1 / *value : *value;
  };
  use("embedding", given.embedding, m.embedding_scale, false);
  use("residual", given.residual, m.residual_scale, false);
  use("logits", given.logits, m.logit_scale, true);
}

// Layers with a window: the rope base is their own, and their positions are not scaled.
void read_windows(const Keys& keys, const std::string& arch, const Windows& rule, ModelSpec& spec) {
  const std::string key = arch + ".attention.sliding_window";
  const uint32_t window = keys.integer(key, 1, 1u << 30, rule.window ? &rule.window : nullptr);
  const uint32_t every = keys.integer(key + "_pattern", 1, 4096, &rule.every);
  const float base = keys.real(arch + ".rope.freq_base_swa", 0, 1e12, &rule.local_base);
  for (uint32_t l = 0; l < spec.model.layers; l++) {
    if (l % every == every - 1) continue;
    SlLayer& local = spec.layer[l];
    local.window = window;
    local.rope_base = base;
    local.rope_factor = 1;
    local.rope_magnitude = 1;
    local.yarn = 0;
  }
}

// The numbers of the file's keys, the same for all layers.
void read_numbers(const Table& table, ModelSpec& spec) {
  const Architecture& a = *spec.architecture;
  const Keys keys(table);
  const std::string arch = a.name;
  const uint64_t kMost = 1u << 24;
  SlModel& m = spec.model;
  SlLayer one{};
  m.layers = keys.integer(arch + ".block_count", 1, 4096);
  m.hidden = keys.integer(arch + ".embedding_length", 2, kMost);
  one.neurons = keys.integer(arch + ".feed_forward_length", 1, kMost);
  one.heads = keys.integer(arch + ".attention.head_count", 1, 65536);
  one.kv_heads = keys.integer(arch + ".attention.head_count_kv", 1, 65536, &one.heads);
  m.context = keys.integer(arch + ".context_length", 1, kMost);
  m.norm = a.norm;
  m.norm_epsilon = keys.real(arch + "." + a.epsilon_key, 0, 1);
  one.rope_base = keys.real(arch + ".rope.freq_base", 0, 1e12, a.rope_base > 0 ? &a.rope_base : nullptr);
  if (one.heads % one.kv_heads)
    throw Error(Code::bad_file, text("%u attention heads cannot share %u kv heads: expected a divisor", one.heads, one.kv_heads));
  const uint32_t fallback = m.hidden / one.heads;
  if (!table.find(arch + ".attention.key_length") && m.hidden % one.heads)
    throw Error(Code::bad_file, text("embedding length %u is not a multiple of %u attention heads", m.hidden, one.heads));
  one.head_size = keys.integer(arch + ".attention.key_length", 2, 65536, &fallback);
  const uint32_t value_size = keys.integer(arch + ".attention.value_length", 2, 65536, &one.head_size);
  if (value_size != one.head_size)
    throw Error(Code::unsupported_model,
                text("keys of %u and values of %u channels; only equal ones are supported", one.head_size, value_size));
  if (one.head_size % 2)
    throw Error(Code::bad_file,
                text("a head has %u channels; rotary positions rotate pairs, expected an even number", one.head_size));
  one.rope = a.rope;
  one.rope_dims = keys.integer(arch + ".rope.dimension_count", 1, 65536, &one.head_size);
  if (one.rope_dims % 2 || one.rope_dims > one.head_size)
    throw Error(Code::bad_file,
                text("key \"%s.rope.dimension_count\" is %u; expected an even number up to %u, the channels of a head",
                     arch.c_str(), one.rope_dims, one.head_size));
  if (one.rope_dims != one.head_size && !a.partial_rope)
    throw Error(Code::unsupported_model,
                text("key \"%s.rope.dimension_count\" is %u and a head has %u channels; only equal ones are supported",
                     arch.c_str(), one.rope_dims, one.head_size));
  const bool by_heads = a.scaled_by_heads && m.layers == a.scaled_by_heads;
  one.attention_scale = 1.0f / std::sqrt(by_heads ? static_cast<float>(m.hidden) / static_cast<float>(one.heads)
                                                  : static_cast<float>(one.head_size));
  one.qk_norm = a.qk_norm;
  one.post_norm = a.post_norm;
  one.ffn = a.ffn;
  read_scales(keys, arch, a.scales, m);
  read_scaled_positions(table, arch, m.context, one);
  spec.layer = std::make_unique<SlLayer[]>(m.layers);
  std::fill_n(spec.layer.get(), m.layers, one);
  m.layer = spec.layer.get();
  if (a.windows.every) read_windows(keys, arch, a.windows, spec);
}

// The architecture that a file names; null where it names none that is known.
const Architecture* architecture_of(const Table& table) {
  const Meta* key = table.find("general.architecture");
  return key && !key->is_array && key->type == MetaType::string ? find_architecture(key->string()) : nullptr;
}

const char* embedding_name(const Architecture& a) {
  for (const TensorRule& rule : a.tensors)
    if (rule.role == SL_TENSOR_EMBED) return rule.name;
  throw Error(Code::unsupported_model, text("architecture \"%s\" is described without an embedding", a.name));
}

// V, the rows of the embedding.
uint32_t vocabulary(const Table& table, const Architecture& a, uint32_t hidden) {
  const char* name = embedding_name(a);
  const TensorInfo* embed = table.tensor(name);
  if (!embed) throw Error(Code::bad_file, text("tensor \"%s\" is missing; expected one of shape %u x vocabulary", name, hidden));
  const uint64_t V = embed->rows();
  if (V > (1u << 24))
    throw Error(Code::bad_file,
                text("tensor \"%s\" has %llu rows; at most %u are supported", name, (unsigned long long)V, 1u << 24));
  return static_cast<uint32_t>(V);
}

// The tensors of one layer, or (layer null) those of the whole model.
void read_tensors(const Table& table, ModelSpec& spec, Tensors& tensors, const uint32_t* layer) {
  const uint32_t l = layer ? *layer : 0;
  const TensorRule *down = nullptr, *down_t = nullptr, *predictor[2] = {};
  for (const TensorRule& rule : spec.architecture->tensors) {
    if (rule.in_layer != (layer != nullptr)) continue;
    switch (rule.presence) {
      case Presence::needed:
        tensors.need(rule, l);
        break;
      case Presence::optional:
        if (tensors.has(full_name(rule, l)))
          tensors.need(rule, l);
        else if (rule.role == SL_TENSOR_OUTPUT)
          spec.tied = true;
        break;
      case Presence::down:
        down = &rule;
        break;
      case Presence::down_t:
        down_t = &rule;
        break;
      case Presence::predictor:
        predictor[rule.role == SL_TENSOR_PREDICTOR_2] = &rule;
        break;
    }
  }
  if (down && down_t) {
    const bool as_is = tensors.has(full_name(*down, l)), by_neuron = tensors.has(full_name(*down_t, l));
    if (as_is && by_neuron)
      throw Error(Code::bad_file, "both \"" + full_name(*down, l) + "\" and \"" + full_name(*down_t, l) +
                                      "\" are in the file; expected one of them");
    tensors.need(by_neuron || (table.powerinfer && !as_is) ? *down_t : *down, l);
  }
  if (!predictor[0] || !predictor[1]) return;
  const TensorInfo* first = table.tensor(full_name(*predictor[0], l));
  if (!first && !table.powerinfer && !tensors.has(full_name(*predictor[1], l))) return;
  // Each layer has its own rank, on which both matrices must agree.
  const uint64_t rank = first ? first->rows() : 0;
  for (const TensorRule* rule : predictor) tensors.need(*rule, l, rank);
  spec.predictors.push_back({l, rank});
}

}  // namespace

ModelSpec read_spec(const Table& table, const GivenScales& scales) {
  refuse_other_kinds(table);
  ModelSpec spec{};
  const std::string name = Keys(table).string("general.architecture");
  spec.architecture = find_architecture(name);
  if (const char* why = refusal_of(name))
    throw Error(Code::unsupported_model, "architecture \"" + name + "\" is not supported: " + why);
  if (!spec.architecture) {
    std::string known;
    for (const Architecture* one : architectures())
      known += (known.empty() ? "" : "; ") + text("\"%s\" (%s)", one->name, one->models);
    throw Error(Code::unsupported_model, "architecture \"" + name + "\" is not supported; supported is " + known);
  }
  read_numbers(table, spec);
  use_scales(scales, *spec.architecture, spec.model);
  refuse_effects(table, *spec.architecture, spec.model.context);
  spec.model.vocab = vocabulary(table, *spec.architecture, spec.model.hidden);
  Tensors tensors(table, spec);
  read_tensors(table, spec, tensors, nullptr);
  for (uint32_t l = 0; l < spec.model.layers; l++) read_tensors(table, spec, tensors, &l);
  if (neutral_frequencies(table, spec.layer[0].rope_dims)) tensors.pass_over("rope_freqs.weight");
  tensors.finish();
  refuse_missing_data(spec.tensors);
  return spec;
}

uint64_t embedding_rows(const Table& table) {
  const Architecture* a = architecture_of(table);
  const TensorInfo* embed = a ? table.tensor(embedding_name(*a)) : nullptr;
  return embed ? embed->rows() : 0;
}

uint64_t copied_bytes(const Table& table) {
  const Architecture* a = architecture_of(table);
  if (!a) return 0;
  uint64_t bytes = 0;
  for (const TensorRule& rule : a->tensors)
    if (rule.in_layer && rule.role == SL_TENSOR_DOWN)
      for (uint32_t l = 0; const TensorInfo* down = table.tensor(full_name(rule, l)); l++) {
        const TypeTraits* traits = type_traits(down->type);
        if (traits && traits->computed) bytes += transposed_bytes(weight_type(down->type), down->rows(), down->shape[0]);
      }
  return bytes;
}

std::unique_ptr<DefaultActivation> default_activation(const Table& table) {
  const Architecture* a = architecture_of(table);
  if (!a) return nullptr;
  if (table.powerinfer)
    return std::make_unique<DefaultActivation>(
        DefaultActivation{a->powerinfer_activation, "the rule of PowerInfer files, which have no key for it"});
  return std::make_unique<DefaultActivation>(DefaultActivation{static_cast<SlActivation>(a->ffn.activation),
                                                               text("the rule of GGUF %s files without a key for it", a->name)});
}

}  // namespace sparselab
