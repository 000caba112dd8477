#include "weights/llama.h"

#include <set>

#include "error.h"
#include "gguf/odd_files.h"
#include "quant/types.h"
#include "weights/effects.h"
#include "weights/keys.h"

namespace sparselab {
namespace {

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
        throw Error(Code::unsupported_type,
                    "tensor \"" + name + "\" is stored as " + type_name(t->type) + "; supported are " + readable_types() +
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
  refuse_effects(table, arch, m.context);

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
  refuse_missing_data(table, spec.tensors);
  return spec;
}

}  // namespace sparselab
