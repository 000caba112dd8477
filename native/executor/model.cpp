#include "executor/model.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu/isa.h"
#include "error.h"
#include "weights/regroup.h"

namespace sparselab {
namespace {

constexpr const char* kRoles[SL_TENSORS] = {"embedding",
                                            "output",
                                            "output norm",
                                            "attention norm",
                                            "q",
                                            "k",
                                            "v",
                                            "attention output",
                                            "FFN norm",
                                            "gate",
                                            "up",
                                            "down",
                                            "down by neuron",
                                            "predictor 1",
                                            "predictor 2",
                                            "output norm bias",
                                            "attention norm bias",
                                            "FFN norm bias",
                                            "q bias",
                                            "k bias",
                                            "v bias",
                                            "attention output bias",
                                            "up bias",
                                            "down bias",
                                            "q norm",
                                            "k norm",
                                            "norm after attention",
                                            "norm after the FFN",
                                            "rope frequencies"};

void check_stop(const SlControl* control) {
  if (control && __atomic_load_n(&control->stop, __ATOMIC_RELAXED)) throw Error(Code::aborted, "stopped as asked");
}

// The tensors by role and layer, each checked against its own bytes.
class Tensors {
 public:
  Tensors(const SlModel& model, const SlTensor* tensors, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
      const SlTensor& t = tensors[i];
      if (t.role >= SL_TENSORS) throw Error(Code::invalid_option, text("tensor role %u does not exist", t.role));
      if (t.layer >= model.layers)
        throw Error(Code::invalid_option, text("%s of layer %u; the model has %u", kRoles[t.role], t.layer, model.layers));
      if (!by_role_.emplace(std::pair{t.role, t.layer}, checked(t)).second)
        throw Error(Code::bad_file, text("duplicate %s of layer %u", kRoles[t.role], t.layer));
    }
  }
  bool has(SlTensorRole role, uint32_t layer = 0) const { return by_role_.contains({role, layer}); }
  // Of the predictor of a layer; 0: it has none.
  uint64_t rank(uint32_t layer) const {
    const auto first = by_role_.find({SL_TENSOR_PREDICTOR_1, layer});
    if (first != by_role_.end()) return first->second.rows;
    if (has(SL_TENSOR_PREDICTOR_2, layer))
      throw Error(Code::bad_file, text("%s of layer %u is missing", kRoles[SL_TENSOR_PREDICTOR_1], layer));
    return 0;
  }
  Matrix matrix(SlTensorRole role, uint32_t layer, uint64_t rows, uint64_t cols) const {
    auto it = by_role_.find({role, layer});
    if (it == by_role_.end()) throw Error(Code::bad_file, text("%s of layer %u is missing", kRoles[role], layer));
    const Matrix& m = it->second;
    if (m.rows != rows || m.cols != cols)
      throw Error(Code::bad_file,
                  text("%s of layer %u is %llu x %llu; expected %llu x %llu", kRoles[role], layer, (unsigned long long)m.rows,
                       (unsigned long long)m.cols, (unsigned long long)rows, (unsigned long long)cols));
    return m;
  }
  std::vector<float> vector(SlTensorRole role, uint32_t layer, uint64_t n) const {
    const Matrix m = matrix(role, layer, 1, n);
    std::vector<float> out(n);
    cpu::kernels_of(m.type).dequantise(m.data, n, out.data());
    return out;
  }
  // Empty where the tensor is absent. `allowed`: whether the layer's record says that it may be there.
  std::vector<float> optional(SlTensorRole role, uint32_t layer, uint64_t n, bool allowed) const {
    if (!has(role, layer)) return {};
    if (!allowed)
      throw Error(Code::invalid_option, text("%s of layer %u is given, but the model's record has none", kRoles[role], layer));
    return vector(role, layer, n);
  }
  const std::map<std::pair<uint32_t, uint32_t>, Matrix>& all() const { return by_role_; }

 private:
  static Matrix checked(const SlTensor& t) {
    const TypeTraits* traits = type_traits(t.type);
    const char* name = t.name ? t.name : kRoles[t.role];
    if (!traits || !traits->computed)
      throw Error(Code::unsupported_type, text("tensor \"%s\" is stored as %s; supported are %s", name, type_name(t.type).c_str(),
                                               readable_types().c_str()));
    if (!t.data || t.rows < 1 || t.cols < 1 || t.cols % traits->block)
      throw Error(Code::bad_file,
                  text("tensor \"%s\" has rows of %llu; expected blocks of %u", name, (unsigned long long)t.cols, traits->block));
    const uint64_t row = row_bytes(*traits, t.cols);
    // The last row ends with its own bytes: a view of every other row ends before the stride does.
    if (t.stride < row || t.bytes < row || (t.rows - 1) > (t.bytes - row) / t.stride)
      throw Error(Code::bad_file, text("tensor \"%s\" has %llu bytes; %llu rows of %llu bytes, %llu apart, do not lie in them",
                                       name, (unsigned long long)t.bytes, (unsigned long long)t.rows, (unsigned long long)row,
                                       (unsigned long long)t.stride));
    return {static_cast<TensorType>(t.type), t.rows, t.cols, t.data, t.stride};
  }
  std::map<std::pair<uint32_t, uint32_t>, Matrix> by_role_;
};

void check_options(const SlOpenOptions& options) {
  if (options.layout != SL_LAYOUT_MMAP)
    throw Error(Code::invalid_option, "the CPU backend has no packed layout yet; use \"mmap\"");
  if (options.screen) throw Error(Code::invalid_option, "the CPU backend has no screen of the gate yet; use strategy \"exact\"");
  if (options.down > SL_DOWN_AS_STORED) throw Error(Code::invalid_option, text("form of down %u does not exist", options.down));
  if (options.device != 0) throw Error(Code::no_device, text("CPU %d does not exist; expected 0", options.device));
}

// Which neurons of a layer are held here.
Neurons placed(const SlPlacement* placement, uint32_t layer, uint32_t neurons) {
  if (!placement) return Neurons(neurons);
  const uint32_t *ids = placement->neurons[layer], count = placement->counts[layer];
  for (uint32_t i = 0; i < count; i++)
    if (ids[i] >= neurons || (i && ids[i] <= ids[i - 1]))
      throw Error(Code::invalid_option, text("neuron %u at place %u of layer %u; expected ascending numbers from 0 to %u", ids[i],
                                             i, layer, neurons - 1));
  return Neurons(ids, count);
}

// The weights of one layer.
LayerWeights build_layer(const Shape& shape, const Tensors& tensors, uint32_t l, uint32_t down) {
  const uint64_t D = shape.hidden, F = shape.neurons;
  LayerWeights weights;
  weights.attn_norm = tensors.vector(SL_TENSOR_ATTN_NORM, l, D);
  weights.ffn_norm = tensors.vector(SL_TENSOR_FFN_NORM, l, D);
  weights.q = tensors.matrix(SL_TENSOR_Q, l, shape.q_width(), D);
  weights.k = tensors.matrix(SL_TENSOR_K, l, shape.kv_width(), D);
  weights.v = tensors.matrix(SL_TENSOR_V, l, shape.kv_width(), D);
  weights.o = tensors.matrix(SL_TENSOR_O, l, D, shape.q_width());
  const SlLayer& record = shape.layer[l];
  const bool layer_norm = shape.norm == SL_NORM_LAYER, biases = record.attention_biases;
  weights.attn_norm_bias = tensors.optional(SL_TENSOR_ATTN_NORM_BIAS, l, D, layer_norm);
  weights.ffn_norm_bias = tensors.optional(SL_TENSOR_FFN_NORM_BIAS, l, D, layer_norm);
  weights.q_bias = tensors.optional(SL_TENSOR_Q_BIAS, l, shape.q_width(), biases);
  weights.k_bias = tensors.optional(SL_TENSOR_K_BIAS, l, shape.kv_width(), biases);
  weights.v_bias = tensors.optional(SL_TENSOR_V_BIAS, l, shape.kv_width(), biases);
  weights.o_bias = tensors.optional(SL_TENSOR_O_BIAS, l, D, biases);
  weights.up_bias = tensors.optional(SL_TENSOR_UP_BIAS, l, F, record.ffn.biases);
  weights.down_bias = tensors.optional(SL_TENSOR_DOWN_BIAS, l, D, record.ffn.biases);
  if (record.qk_norm) {
    weights.q_norm = tensors.vector(SL_TENSOR_Q_NORM, l, record.head_size);
    weights.k_norm = tensors.vector(SL_TENSOR_K_NORM, l, record.head_size);
  }
  if (record.post_norm) {
    weights.attn_post_norm = tensors.vector(SL_TENSOR_ATTN_POST_NORM, l, D);
    weights.ffn_post_norm = tensors.vector(SL_TENSOR_FFN_POST_NORM, l, D);
  }
  if (shape.ffn.has_gate) weights.gate = tensors.matrix(SL_TENSOR_GATE, l, F, D);
  weights.up = tensors.matrix(SL_TENSOR_UP, l, F, D);
  if (const uint64_t rank = tensors.rank(l)) {
    weights.predictor_1 = tensors.matrix(SL_TENSOR_PREDICTOR_1, l, rank, D);
    weights.predictor_2 = tensors.matrix(SL_TENSOR_PREDICTOR_2, l, F, rank);
  }
  if (tensors.has(SL_TENSOR_DOWN_T, l))
    weights.down = as_stored(tensors.matrix(SL_TENSOR_DOWN_T, l, F, D));
  else if (down == SL_DOWN_AS_STORED)
    weights.down = by_channel(tensors.matrix(SL_TENSOR_DOWN, l, D, F));
  else
    weights.down = regroup(tensors.matrix(SL_TENSOR_DOWN, l, D, F));
  return weights;
}

}  // namespace

CpuModel build_model(const SlModel& model, const SlTensor* given, uint64_t count, const SlOpenOptions& options) {
  check_options(options);
  CpuModel m{};
  m.shape = shape_of(model);
  const Shape& shape = m.shape;
  if (options.placement && options.placement->layers != shape.layers)
    throw Error(Code::invalid_option, text("the placement has %u layers, the model %u", options.placement->layers, shape.layers));
  const Tensors tensors(model, given, count);
  uint64_t copies = 0;
  for (uint32_t l = 0; l < shape.layers; l++)
    if (!tensors.has(SL_TENSOR_DOWN_T, l) && options.down == SL_DOWN_BY_NEURON)
      copies += regrouped_bytes(tensors.matrix(SL_TENSOR_DOWN, l, shape.hidden, shape.neurons));
  if (options.host_budget && copies > options.host_budget)
    throw Error(Code::out_of_memory, text("ffn_down is copied into rows by neuron when the model is loaded: %llu bytes, and %llu "
                                          "are free. Free some memory, or "
                                          "use a file with ffn_down_t (PowerInfer's), which needs no copy",
                                          (unsigned long long)copies, (unsigned long long)options.host_budget));
  m.embed = tensors.matrix(SL_TENSOR_EMBED, 0, shape.vocab, shape.hidden);
  m.output = tensors.has(SL_TENSOR_OUTPUT) ? tensors.matrix(SL_TENSOR_OUTPUT, 0, shape.vocab, shape.hidden) : m.embed;
  m.norm = tensors.vector(SL_TENSOR_OUTPUT_NORM, 0, shape.hidden);
  m.norm_bias = tensors.optional(SL_TENSOR_OUTPUT_NORM_BIAS, 0, shape.hidden, shape.norm == SL_NORM_LAYER);
  m.shape.rope_freqs = tensors.optional(SL_TENSOR_ROPE_FREQS, 0, shape.layer[0].rope_dims / 2, true);
  for (size_t i = 0; i < m.shape.rope_freqs.size(); i++)
    if (const float f = m.shape.rope_freqs[i]; !(f > 0 && std::isfinite(f)))
      throw Error(Code::bad_file,
                  text("factor %zu of the rope frequencies is %g; expected a number above 0", i, static_cast<double>(f)));
  for (uint32_t l = 0; l < shape.layers; l++) m.shape.ranks.push_back(tensors.rank(l));
  if (shape.largest_rank() == 0) m.shape.ranks.clear();
  m.partial = options.placement != nullptr;
  for (uint32_t l = 0; l < shape.layers; l++) {
    check_stop(options.control);
    LayerWeights weights = build_layer(shape, tensors, l, options.down);
    weights.held = placed(options.placement, l, shape.neurons);
    if (weights.down.owned) m.owned_bytes += weights.down.owned->size();
    m.down_native += tensors.has(SL_TENSOR_DOWN_T, l);
    m.down_by_channel += weights.down.lies_by_channel();
    m.layers.push_back(std::move(weights));
    if (options.control) __atomic_store_n(&options.control->progress, 1000 * (l + 1) / shape.layers, __ATOMIC_RELAXED);
  }
  m.stored = tensors.all();
  return m;
}

void read_rows(const CpuModel& m, uint32_t role, uint32_t layer, uint64_t first, uint64_t count, float* out,
               const SlControl* control) {
  if (role >= SL_TENSORS) throw Error(Code::invalid_option, text("tensor role %u does not exist", role));
  const bool down = role == SL_TENSOR_DOWN || role == SL_TENSOR_DOWN_T;
  if (down && layer >= m.shape.layers)
    throw Error(Code::invalid_option, text("layer %u; expected 0 to %u", layer, m.shape.layers - 1));
  auto it = m.stored.find({role, layer});
  if (role == SL_TENSOR_OUTPUT && it == m.stored.end()) it = m.stored.find({SL_TENSOR_EMBED, layer});
  if (!down && it == m.stored.end())
    throw Error(Code::invalid_option, text("the model has no %s of layer %u", kRoles[role], layer));
  const uint64_t D = m.shape.hidden, F = m.shape.neurons;
  const uint64_t rows = down ? (role == SL_TENSOR_DOWN ? D : F) : it->second.rows;
  const uint64_t cols = down ? (role == SL_TENSOR_DOWN ? F : D) : it->second.cols;
  if (first > rows || count > rows - first)
    throw Error(Code::invalid_option, text("rows %llu to %llu of %llu", (unsigned long long)first,
                                           (unsigned long long)(first + count), (unsigned long long)rows));
  if (it != m.stored.end()) {
    for (uint64_t r = 0; r < count; r++) {
      check_stop(control);
      cpu::kernels_of(it->second.type).dequantise(it->second.row(first + r), cols, out + r * cols);
    }
    return;
  }
  // Down lies the other way round: by neuron where channels are asked for, or the reverse.
  const DownMatrix& by_neuron = m.layers[layer].down;
  constexpr uint64_t kNeurons = 256;  // at a time: of a matrix by channel they share the work
  if (role == SL_TENSOR_DOWN_T) {
    for (uint64_t r = 0; r < count; r += kNeurons) {
      check_stop(control);
      by_neuron.load(first + r, std::min(kNeurons, count - r), out + r * cols);
    }
    return;
  }
  std::vector<float> row(D);
  for (uint64_t i = 0; i < F; i++) {
    check_stop(control);
    by_neuron.load(i, 1, row.data());
    for (uint64_t r = 0; r < count; r++) out[r * cols + i] = row[first + r];
  }
}

}  // namespace sparselab
