#include "executor/model.h"

#include <map>
#include <string>

#include "cpu/isa.h"
#include "error.h"
#include "weights/regroup.h"

namespace sparselab {
namespace {

class Named {
 public:
  Named(const SlTensor* tensors, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) by_name_[tensors[i].name] = &tensors[i];
  }
  bool has(const std::string& name) const { return by_name_.count(name) > 0; }
  Matrix matrix(const std::string& name, uint64_t rows, uint64_t cols) const {
    auto it = by_name_.find(name);
    if (it == by_name_.end()) throw Error(Code::bad_file, "tensor \"" + name + "\" is missing");
    const SlTensor& t = *it->second;
    const TypeTraits* traits = type_traits(t.type);
    if (!traits || !traits->readable)
      throw Error(Code::unsupported_type,
                  "tensor \"" + name + "\" is stored as " + type_name(t.type) + "; supported are " + readable_types());
    Matrix m{static_cast<TensorType>(t.type), rows, cols, t.data, row_bytes(*traits, cols)};
    if (cols % traits->block || m.bytes() != t.bytes)
      throw Error(Code::bad_file, "tensor \"" + name + "\" has another size than its shape asks for");
    return m;
  }
  std::vector<float> vector(const std::string& name, uint64_t n) const {
    Matrix m = matrix(name, 1, n);
    std::vector<float> out(n);
    cpu::kernels_of(m.type).dequantise(m.data, n, out.data());
    return out;
  }

 private:
  std::map<std::string, const SlTensor*> by_name_;
};

}  // namespace

namespace {

// What regrouping will allocate.
uint64_t bytes_to_regroup(const SlModel& shape, const Named& named) {
  uint64_t bytes = 0;
  for (uint32_t l = 0; l < shape.layers; l++) {
    std::string b = "blk." + std::to_string(l) + ".";
    if (!named.has(b + "ffn_down_t.weight"))
      bytes += regrouped_bytes(named.matrix(b + "ffn_down.weight", shape.hidden, shape.neurons));
  }
  return bytes;
}

}  // namespace

CpuModel build_model(const SlModel& shape, const SlTensor* tensors, uint64_t count, uint64_t budget, const SlControl* control) {
  Named named(tensors, count);
  const uint64_t copies = bytes_to_regroup(shape, named);
  if (budget && copies > budget)
    throw Error(Code::out_of_memory, text("ffn_down is copied into rows by neuron when the model is loaded: %llu bytes, and %llu "
                                          "are free. Free some memory, or "
                                          "use a file with ffn_down_t (PowerInfer's), which needs no copy",
                                          (unsigned long long)copies, (unsigned long long)budget));
  CpuModel m;
  m.shape = shape;
  const uint64_t D = shape.hidden, F = shape.neurons;
  m.embed = named.matrix("token_embd.weight", shape.vocab, D);
  m.output = named.has("output.weight") ? named.matrix("output.weight", shape.vocab, D) : m.embed;
  m.norm = named.vector("output_norm.weight", D);
  for (uint32_t l = 0; l < shape.layers; l++) {
    if (control && __atomic_load_n(&control->stop, __ATOMIC_RELAXED)) throw Error(Code::aborted, "stopped as asked");
    std::string b = "blk." + std::to_string(l) + ".";
    Block block;
    block.attn_norm = named.vector(b + "attn_norm.weight", D);
    block.ffn_norm = named.vector(b + "ffn_norm.weight", D);
    block.q = named.matrix(b + "attn_q.weight", m.q_width(), D);
    block.k = named.matrix(b + "attn_k.weight", m.kv_width(), D);
    block.v = named.matrix(b + "attn_v.weight", m.kv_width(), D);
    block.o = named.matrix(b + "attn_output.weight", D, m.q_width());
    if (shape.ffn.has_gate) block.gate = named.matrix(b + "ffn_gate.weight", F, D);
    block.up = named.matrix(b + "ffn_up.weight", F, D);
    if (named.has(b + "ffn_down_t.weight")) {
      block.down = as_stored(named.matrix(b + "ffn_down_t.weight", F, D));
      m.down_native++;
    } else {
      block.down = regroup(named.matrix(b + "ffn_down.weight", D, F));
      m.owned_bytes += block.down.owned->size();
    }
    m.blocks.push_back(std::move(block));
  }
  return m;
}

uint64_t point_width(const SlModel& shape, SlPoint point) {
  switch (point) {
    case SL_FFN_GATE_PRE:
    case SL_FFN_GATE:
    case SL_FFN_UP_PRE:
    case SL_FFN_UP:
    case SL_FFN_MID:
      return shape.neurons;
    case SL_LOGITS:
      return shape.vocab;
    default:
      return shape.hidden;
  }
}

const char* point_name(SlPoint point) {
  static const char* names[] = {"embed",      "resid_pre", "resid_mid", "resid_post", "ffn.in",     "ffn.gate_pre", "ffn.gate",
                                "ffn.up_pre", "ffn.up",    "ffn.mid",   "ffn.out",    "final_norm", "logits"};
  return point < SL_POINTS ? names[point] : "unknown";
}

bool point_in_block(SlPoint point) { return point != SL_EMBED && point != SL_FINAL_NORM && point != SL_LOGITS; }

}  // namespace sparselab
