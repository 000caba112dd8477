#include "weights/llama.h"

#include <cmath>
#include <set>

#include "error.h"
#include "quant/types.h"

namespace sparselab {
namespace {

// Keys of the architecture, without its name, that change what is computed. Where they hold anything but the value given here,
// the result would be silently wrong: they are refused.
struct Neutral {
  const char* key;
  double value;
};
constexpr Neutral kNeutral[] = {{"expert_count", 0},
                                {"expert_used_count", 0},
                                {"rope.scale_linear", 1},
                                {"rope.scaling.factor", 1},
                                {"logit_scale", 1},
                                {"residual_scale", 1},
                                {"embedding_scale", 1},
                                {"attention.scale", 0},
                                {"attention.sliding_window", 0},
                                {"attention.clamp_kqv", 0},
                                {"attn_logit_softcapping", 0},
                                {"final_logit_softcapping", 0},
                                {"use_parallel_residual", 0}};

class Keys {
 public:
  explicit Keys(const Table& table) : table_(table) {}

  std::string string(const std::string& key) const {
    const Meta* m = table_.find(key);
    if (!m) throw Error(Code::bad_file, "key \"" + key + "\" is missing; expected a string");
    if (m->is_array || m->type != MetaType::string) wrong(key, *m, "a string");
    return m->string();
  }
  // An integer from low to high.
  uint32_t integer(const std::string& key, uint64_t low, uint64_t high, const uint32_t* otherwise = nullptr) const {
    const Meta* m = table_.find(key);
    if (!m) {
      if (otherwise) return *otherwise;
      throw Error(Code::bad_file, "key \"" + key + "\" is missing; expected an integer");
    }
    if (m->is_array || m->type == MetaType::string || m->type == MetaType::f32 || m->type == MetaType::f64 ||
        m->type == MetaType::boolean)
      wrong(key, *m, "an integer");
    double v = m->number();
    if (!(v >= static_cast<double>(low) && v <= static_cast<double>(high)))
      throw Error(Code::bad_file, text("key \"%s\" is %g; expected %llu to %llu", key.c_str(), v, (unsigned long long)low,
                                       (unsigned long long)high));
    return static_cast<uint32_t>(v);
  }
  float real(const std::string& key, double low, double high, const float* otherwise = nullptr) const {
    const Meta* m = table_.find(key);
    if (!m) {
      if (otherwise) return *otherwise;
      throw Error(Code::bad_file, "key \"" + key + "\" is missing; expected a number");
    }
    if (m->is_array || m->type == MetaType::string || m->type == MetaType::boolean) wrong(key, *m, "a number");
    double v = m->number();
    if (!(v > low && v < high))
      throw Error(Code::bad_file, text("key \"%s\" is %g; expected a number between %g and %g", key.c_str(), v, low, high));
    return static_cast<float>(v);
  }

 private:
  [[noreturn]] static void wrong(const std::string& key, const Meta& m, const char* expected) {
    throw Error(Code::bad_file, text("key \"%s\" is %s%s; expected %s", key.c_str(), m.is_array ? "an array of " : "of type ",
                                     meta_type_name(m.type), expected));
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
                                                readable_types() + ". Convert the file to one of these");
      spec_.bytes_by_type[traits->name] += t->bytes;
      spec_.used_bytes += t->bytes;
      spec_.tensors.push_back(t);
    }
    return *t;
  }
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

void refuse_unbuilt(const Table& table, const std::string& arch) {
  for (const Neutral& n : kNeutral) {
    const Meta* m = table.find(arch + "." + n.key);
    if (!m) continue;
    if (m->is_array || m->type == MetaType::string)
      throw Error(Code::unsupported_model, text("key \"%s.%s\" is %s%s; only the number %g is supported", arch.c_str(), n.key,
                                                m->is_array ? "an array of " : "of type ", meta_type_name(m->type), n.value));
    double v = m->number();
    if (v != n.value && v != 0)
      throw Error(Code::unsupported_model,
                  text("key \"%s.%s\" is %g, which changes the computation and is not supported yet; only %g is", arch.c_str(),
                       n.key, v, n.value));
  }
  const std::string scaling = arch + ".rope.scaling.type";
  if (!table.find(scaling)) return;
  if (std::string type = Keys(table).string(scaling); type != "none" && !type.empty())
    throw Error(Code::unsupported_model,
                "key \"" + scaling + "\" is \"" + type + "\"; scaled rotary positions are not supported yet");
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
  ModelSpec spec{};
  spec.architecture = Keys(table).string("general.architecture");
  const std::string& arch = spec.architecture;
  if (arch != "llama") {
    std::string hint = arch == "generic.gpu_index" ? ": this is PowerInfer's list of neurons for a GPU, not a model" : "";
    throw Error(Code::unsupported_model,
                "architecture \"" + arch +
                    "\" is not supported; supported is \"llama\" (ProSparse, ReluLLaMA, MiniCPM-S in llama format, Llama 2)" +
                    hint);
  }
  refuse_unbuilt(table, arch);
  SlModel& m = spec.model;
  m = read_hyperparameters(table, arch);

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
  if (const Meta* tokens = table.find("tokenizer.ggml.tokens"); tokens && tokens->count != V)
    throw Error(Code::bad_file,
                text("tensor \"token_embd.weight\" has %llu rows, but key \"tokenizer.ggml.tokens\" has %llu pieces",
                     (unsigned long long)V, (unsigned long long)tokens->count));
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
  tensors.finish();
  return spec;
}

}  // namespace sparselab
