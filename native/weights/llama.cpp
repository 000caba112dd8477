#include "weights/llama.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "error.h"
#include "quant/types.h"

namespace sparselab {
namespace {

// Keys of the architecture, without its name, that change what is computed: with any other value than these two the result would be
// silently wrong, so it is refused. The first is what the key is worth where it is absent; the second says the same in another way.
// (Logit soft caps stand in files that llama.cpp saved, with any value: no program computes them for "llama".)
struct Neutral {
  const char* key;
  double value, also;
};
constexpr Neutral kNeutral[] = {{"expert_count", 0, 0},
                                {"rope.scaling.attn_factor", 1, 1},
                                {"logit_scale", 1, 0},
                                {"residual_scale", 1, 0},
                                {"embedding_scale", 1, 0},
                                {"attention.causal", 1, 1},
                                {"attention.scale", 0, 0},
                                {"attention.clamp_kqv", 0, 0},
                                {"attention.max_alibi_bias", 0, 0},
                                {"attention.temperature_scale", 0, 0},
                                {"use_parallel_residual", 0, 0}};

class Keys {
 public:
  explicit Keys(const Table& table) : table_(table) {}

  std::string string(const std::string& key) const {
    const Meta* m = table_.find(key);
    if (!m) throw Error(Code::bad_file, "key \"" + key + "\" is missing; expected a string");
    if (m->is_array || m->type != MetaType::string) wrong(key, *m, "a string");
    return m->string();
  }
  // An integer from low to high, of any width. An array (a value for each block) counts where all its values are the same.
  uint32_t integer(const std::string& key, uint64_t low, uint64_t high, const uint32_t* otherwise = nullptr) const {
    const Meta* m = table_.find(key);
    if (!m) {
      if (otherwise) return *otherwise;
      throw Error(Code::bad_file, "key \"" + key + "\" is missing; expected an integer");
    }
    if (m->type == MetaType::string || m->type == MetaType::array || m->type == MetaType::f32 || m->type == MetaType::f64 ||
        m->type == MetaType::boolean)
      wrong(key, *m, "an integer");
    one_value(key, *m);
    int64_t v;
    if (!m->integer(v) || v < 0 || static_cast<uint64_t>(v) < low || static_cast<uint64_t>(v) > high)
      throw Error(Code::bad_file, text("key \"%s\" is %.17g; expected %llu to %llu", key.c_str(), m->number(),
                                       (unsigned long long)low, (unsigned long long)high));
    return static_cast<uint32_t>(v);
  }
  // A number of any type; with booleans, 0 and 1. An array counts where all its values are the same.
  double number(const std::string& key, const Meta& m, const char* expected, bool booleans = false) const {
    if (m.type == MetaType::string || m.type == MetaType::array || (m.type == MetaType::boolean && !booleans))
      wrong(key, m, expected);
    one_value(key, m);
    return m.number();
  }
  float real(const std::string& key, double low, double high, const float* otherwise = nullptr) const {
    const Meta* m = table_.find(key);
    if (!m) {
      if (otherwise) return *otherwise;
      throw Error(Code::bad_file, "key \"" + key + "\" is missing; expected a number");
    }
    double v = number(key, *m, "a number");
    if (!(v > low && v < high))
      throw Error(Code::bad_file, text("key \"%s\" is %g; expected a number between %g and %g", key.c_str(), v, low, high));
    return static_cast<float>(v);
  }
  // The number of an optional key, or `otherwise`.
  double number_or(const std::string& key, double otherwise) const {
    const Meta* m = table_.find(key);
    return m ? number(key, *m, "a number", true) : otherwise;
  }

 private:
  [[noreturn]] static void wrong(const std::string& key, const Meta& m, const char* expected) {
    throw Error(Code::bad_file, text("key \"%s\" is %s%s; expected %s", key.c_str(), m.is_array ? "an array of " : "of type ",
                                     meta_type_name(m.type), expected));
  }
  static void one_value(const std::string& key, const Meta& m) {
    if (!m.is_array) return;
    if (m.count == 0) throw Error(Code::bad_file, "key \"" + key + "\" is an array without a value; expected at least one");
    const uint64_t width = m.bytes / m.count;
    for (uint64_t i = 1; i < m.count; i++)
      if (std::memcmp(m.data, m.data + i * width, width) != 0)
        throw Error(Code::unsupported_model,
                    text("key \"%s\" differs from block to block (%g in block 0, %g in block %llu); only one value for all blocks is "
                         "supported",
                         key.c_str(), m.number(), m.number(i), (unsigned long long)i));
  }
  const Table& table_;
};

std::string shape_text(const std::vector<uint64_t>& shape) {
  std::string out;
  for (uint64_t n : shape) out += (out.empty() ? "" : " x ") + std::to_string(n);
  return out;
}

// Walks the tensors that the architecture asks for; what is left in the end should not be there.
class Tensors {
 public:
  Tensors(const Table& table, ModelSpec& spec) : table_(table), spec_(spec) {
    for (const TensorInfo& t : table.tensors) left_.insert(t.name);
  }
  bool has(const std::string& name) const { return table_.tensor(name) != nullptr; }

  const TensorInfo& need(const std::string& name, const std::vector<uint64_t>& shape, bool computed = true) {
    const TensorInfo* t = table_.tensor(name);
    if (!t) throw Error(Code::bad_file, "tensor \"" + name + "\" is missing; expected one of shape " + shape_text(shape));
    left_.erase(name);
    std::vector<uint64_t> have = t->shape;
    while (have.size() > shape.size() && have.back() == 1) have.pop_back();  // a trailing dimension of 1 says nothing
    if (have != shape)
      throw Error(Code::bad_file,
                  "tensor \"" + name + "\" has shape " + shape_text(t->shape) + "; expected " + shape_text(shape));
    const TypeTraits* traits = type_traits(t->type);
    if (computed) {
      if (!traits || !traits->readable)
        throw Error(Code::unsupported_type, "tensor \"" + name + "\" is stored as " + type_name(t->type) + "; supported are " +
                                                readable_types() +
                                                ". Convert the model to one of these, best from its original (llama.cpp: llama-quantize "
                                                "--allow-requantize FILE.gguf NEW.gguf Q8_0)");
      spec_.bytes_by_type[traits->name] += t->bytes;
      spec_.used_bytes += t->bytes;
      spec_.tensors.push_back(t);
    }
    return *t;
  }
  // A tensor that is there and changes nothing.
  void pass_over(const std::string& name) { left_.erase(name); }
  void finish() const {
    if (left_.empty()) return;
    const std::string& name = *left_.begin();
    std::string hint;
    if (name == "rope_freqs.weight") hint = ": it scales rotary frequencies (Llama 3.1), which is not supported yet";
    if (name.size() > 5 && name.ends_with(".bias")) hint = ": biases are not supported yet";
    throw Error(Code::unsupported_model, text("tensor \"%s\" is not one that architecture \"%s\" asks for (%zu such)%s",
                                              name.c_str(), spec_.architecture.c_str(), left_.size(), hint.c_str()));
  }

 private:
  const Table& table_;
  ModelSpec& spec_;
  std::set<std::string> left_;
};

[[noreturn]] void unbuilt(const std::string& key, double value, double neutral) {
  throw Error(Code::unsupported_model, text("key \"%s\" is %g, which changes the computation and is not supported yet; only %g is",
                                            key.c_str(), value, neutral));
}

// Rotary positions divided by a factor. Files name it in several ways; 0 and 1 say nothing, as does type "none".
void refuse_scaled_positions(const Table& table, const std::string& arch) {
  const Keys keys(table);
  const std::string type_key = arch + ".rope.scaling.type";
  const std::string type = table.find(type_key) ? keys.string(type_key) : "";
  constexpr const char* known[] = {"", "none", "linear", "yarn", "longrope"};
  if (std::none_of(std::begin(known), std::end(known), [&](const char* k) { return type == k; }))
    throw Error(Code::unsupported_model,
                "key \"" + type_key + "\" is \"" + type + "\"; scaled rotary positions are not supported yet, only \"none\"");
  if (type == "none") return;
  // The older key counts only where the newer is absent.
  std::string key = arch + ".rope.scaling.factor";
  if (!table.find(key)) key = arch + ".rope.scale_linear";
  if (const double v = keys.number_or(key, 1); v != 1 && v != 0) unbuilt(key, v, 1);
}

void refuse_unbuilt(const Table& table, const std::string& arch, uint32_t context) {
  const Keys keys(table);
  for (const Neutral& n : kNeutral) {
    const std::string key = arch + "." + n.key;
    if (const double v = keys.number_or(key, n.value); v != n.value && v != n.also) unbuilt(key, v, n.value);
  }
  const std::string window = arch + ".attention.sliding_window";
  if (const double v = keys.number_or(window, 0); v != 0 && !(v >= context))
    throw Error(Code::unsupported_model,
                text("key \"%s\" is %g, less than the context of %u, which changes the computation and is not supported yet",
                     window.c_str(), v, context));
  refuse_scaled_positions(table, arch);
}

// Files in the GGUF format that hold no model, told by their keys.
void refuse_other_kinds(const Table& table) {
  const Keys keys(table);
  auto is_string = [&](const char* key) {
    const Meta* m = table.find(key);
    return m && !m->is_array && m->type == MetaType::string;
  };
  const std::string kind = is_string("general.type") ? keys.string("general.type") : "";
  const std::string arch = is_string("general.architecture") ? keys.string("general.architecture") : "";
  if (const Meta* count = table.find("split.count")) {
    int64_t parts = 0, part = 0;
    if (!count->is_array && count->integer(parts) && parts > 1) {
      const Meta* no = table.find("split.no");
      const bool numbered = no && !no->is_array && no->integer(part) && part >= 0 && part < parts;
      throw Error(
          Code::unsupported_model,
          text("this is %s %lld files that hold one model (key \"split.count\"), which do not load yet: merge them with llama.cpp "
               "(llama-gguf-split --merge NAME-00001-of-%05lld.gguf NAME.gguf, given the first file), then load the merged file",
               numbered ? text("part %lld of", (long long)part + 1).c_str() : "one of", (long long)parts, (long long)parts));
    }
  }
  struct Kind {
    const char *type, *arch, *what;
  };
  constexpr Kind kinds[] = {
      {"adapter", nullptr,
       "a LoRA adapter, not a model: merge it into the model that it was made for with llama.cpp (llama-export-lora -m MODEL.gguf --lora "
       "ADAPTER.gguf -o merged.gguf), then load the merged file"},
      {"imatrix", nullptr,
       "an importance matrix, not a model: load the model itself; llama-quantize --imatrix is what such a file is for"},
      {"mmproj", "clip", "the part of a model that reads pictures or sound, not a language model: load the model's other .gguf file"},
      {nullptr, "controlvector",
       "a control vector, not a model: load the model, and add the vector with the intervention steer(point, vector)"},
      {nullptr, "generic.gpu_index", "PowerInfer's list of neurons for a GPU, not a model: load the .gguf file beside it"},
  };
  for (const Kind& k : kinds) {
    const bool by_type = k.type && kind == k.type;
    if (by_type || (k.arch && arch == k.arch))
      throw Error(Code::unsupported_model, text("key \"%s\" is \"%s\": this is %s", by_type ? "general.type" : "general.architecture",
                                                (by_type ? kind : arch).c_str(), k.what));
  }
  if (table.tensors.empty() && table.find("tokenizer.ggml.tokens"))
    throw Error(Code::bad_file,
                "the file holds a vocabulary and no tensors, so there is nothing to run: sparselab info and sparselab tokenize read it");
}

// A norm, an embedding or an output matrix of zeros makes every logit the same, and no training gives one: such bytes were never
// written. (Another matrix of zeros may be meant: its block then adds nothing.) A good file is read only up to the first byte that is not
// 0.
void refuse_zeros(const Table& table, const ModelSpec& spec) {
  auto zeros = [&](const TensorInfo& t, uint64_t from) {
    const uint8_t* p = table.file + t.offset;
    return std::all_of(p + from, p + t.bytes, [](uint8_t byte) { return byte == 0; });
  };
  auto refuse = [](const TensorInfo& t, const char* what) {
    throw Error(Code::bad_file, text("tensor \"%s\" %s, at offset %llu of the file: its data is probably missing, as after a download "
                                     "that did not finish. Download the file again (or compare its SHA-256)",
                                     t.name.c_str(), what, (unsigned long long)t.offset));
  };
  const TensorInfo* last = nullptr;
  for (const TensorInfo* t : spec.tensors) {
    const bool needed = t->name.ends_with("norm.weight") || t->name == "token_embd.weight" || t->name == "output.weight";
    if (needed && zeros(*t, 0)) refuse(*t, "is all zeros");
    if (!last || t->offset > last->offset) last = t;
  }
  // The tail of a file is what is missing first.
  if (last && zeros(*last, last->bytes / 2)) refuse(*last, "is the file's last, and its second half is all zeros");
}

// Factors of rotary frequencies that are all 1.
bool neutral_frequencies(const Table& table, uint32_t head_size) {
  const TensorInfo* t = table.tensor("rope_freqs.weight");
  if (!t || t->type != F32 || t->shape[0] != head_size / 2 || t->rows() != 1) return false;
  for (uint64_t i = 0; i < t->shape[0]; i++) {
    float factor;
    std::memcpy(&factor, table.file + t->offset + i * sizeof factor, sizeof factor);
    if (factor != 1) return false;
  }
  return true;
}

SlModel read_hyperparameters(const Table& table, const std::string& arch) {
  Keys keys(table);
  SlModel m{};
  const uint64_t kMost = 1u << 24;
  m.layers = keys.integer(arch + ".block_count", 1, 4096);
  m.hidden = keys.integer(arch + ".embedding_length", 2, kMost);
  m.neurons = keys.integer(arch + ".feed_forward_length", 1, kMost);
  m.heads = keys.integer(arch + ".attention.head_count", 1, 65536);
  m.kv_heads = keys.integer(arch + ".attention.head_count_kv", 1, 65536, &m.heads);
  m.context = keys.integer(arch + ".context_length", 1, kMost);
  m.norm_epsilon = keys.real(arch + ".attention.layer_norm_rms_epsilon", 0, 1);
  const float base = 10000;
  m.rope_base = keys.real(arch + ".rope.freq_base", 0, 1e12, &base);
  if (m.heads % m.kv_heads)
    throw Error(Code::bad_file, text("%u attention heads cannot share %u kv heads: expected a divisor", m.heads, m.kv_heads));
  const uint32_t fallback = m.hidden / m.heads;
  if (!table.find(arch + ".attention.key_length") && m.hidden % m.heads)
    throw Error(Code::bad_file, text("embedding length %u is not a multiple of %u attention heads", m.hidden, m.heads));
  m.head_size = keys.integer(arch + ".attention.key_length", 2, 65536, &fallback);
  uint32_t value_size = keys.integer(arch + ".attention.value_length", 2, 65536, &m.head_size);
  if (value_size != m.head_size)
    throw Error(Code::unsupported_model,
                text("keys of %u and values of %u channels; only equal ones are supported", m.head_size, value_size));
  if (m.head_size % 2)
    throw Error(Code::bad_file,
                text("a head has %u channels; rotary positions turn pairs, expected an even number", m.head_size));
  uint32_t rope = keys.integer(arch + ".rope.dimension_count", 1, 65536, &m.head_size);
  if (rope != m.head_size)
    throw Error(Code::unsupported_model,
                text("key \"%s.rope.dimension_count\" is %u and a head has %u channels; only equal ones are supported",
                     arch.c_str(), rope, m.head_size));
  m.ffn = {1, SL_UP_AS_IS};
  return m;
}

}  // namespace

ModelSpec read_spec(const Table& table) {
  refuse_other_kinds(table);
  ModelSpec spec{};
  spec.architecture = Keys(table).string("general.architecture");
  const std::string& arch = spec.architecture;
  if (arch != "llama") {
    throw Error(Code::unsupported_model,
                "architecture \"" + arch +
                    "\" is not supported; supported is \"llama\" (ProSparse, ReluLLaMA, MiniCPM-S in llama format, Llama 2)");
  }
  SlModel& m = spec.model;
  m = read_hyperparameters(table, arch);
  refuse_unbuilt(table, arch, m.context);

  const uint64_t D = m.hidden, F = m.neurons, Q = uint64_t{m.heads} * m.head_size, KV = uint64_t{m.kv_heads} * m.head_size;
  Tensors tensors(table, spec);
  const TensorInfo* embed = table.tensor("token_embd.weight");
  if (!embed)
    throw Error(Code::bad_file,
                text("tensor \"token_embd.weight\" is missing; expected one of shape %llu x vocabulary", (unsigned long long)D));
  uint64_t V = embed->rows();
  if (V > (1u << 24))
    throw Error(Code::bad_file,
                text("tensor \"token_embd.weight\" has %llu rows; at most %u are supported", (unsigned long long)V, 1u << 24));
  m.vocab = static_cast<uint32_t>(V);
  tensors.need("token_embd.weight", {D, V});
  tensors.need("output_norm.weight", {D});
  spec.tied = !tensors.has("output.weight");
  if (!spec.tied) tensors.need("output.weight", {D, V});
  for (uint32_t l = 0; l < m.layers; l++) {
    std::string b = "blk." + std::to_string(l) + ".";
    tensors.need(b + "attn_norm.weight", {D});
    tensors.need(b + "attn_q.weight", {D, Q});
    tensors.need(b + "attn_k.weight", {D, KV});
    tensors.need(b + "attn_v.weight", {D, KV});
    tensors.need(b + "attn_output.weight", {Q, D});
    tensors.need(b + "ffn_norm.weight", {D});
    tensors.need(b + "ffn_gate.weight", {D, F});
    tensors.need(b + "ffn_up.weight", {D, F});
    bool by_neuron = tensors.has(b + "ffn_down_t.weight");
    if (by_neuron && tensors.has(b + "ffn_down.weight"))
      throw Error(Code::bad_file,
                  "both \"" + b + "ffn_down.weight\" and \"" + b + "ffn_down_t.weight\" stand in the file; expected one of them");
    if (!by_neuron && table.powerinfer && !tensors.has(b + "ffn_down.weight")) tensors.need(b + "ffn_down_t.weight", {D, F});
    tensors.need(b + (by_neuron ? "ffn_down_t.weight" : "ffn_down.weight"), by_neuron ? std::vector{D, F} : std::vector{F, D});
    const TensorInfo* fc1 = table.tensor(b + "fc1.weight");
    if (fc1 || table.powerinfer || tensors.has(b + "fc2.weight")) {
      // The rank is free in each block; whatever it is, both matrices must agree on it.
      uint64_t rank = fc1 ? fc1->rows() : 0;
      tensors.need(b + "fc1.weight", {D, rank}, false);
      tensors.need(b + "fc2.weight", {rank, F}, false);
      spec.predictors.push_back({l, rank});
    }
  }
  if (neutral_frequencies(table, m.head_size)) tensors.pass_over("rope_freqs.weight");
  tensors.finish();
  refuse_zeros(table, spec);
  return spec;
}

}  // namespace sparselab
