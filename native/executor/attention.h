// Attention: q, k, v, rotary positions, the KV cache, softmax, output projection. Every row attends to what its own sequence
// holds up to its position, so a row gives the same bits alone, in a prompt, or beside other sequences.
#pragma once
#include <memory>
#include <vector>

#include "cpu/aligned.h"
#include "executor/pass.h"

namespace sparselab {

// Keys (after rotation) and values of all sequences, float32 or float16. Values lie by position, (L, sequences, length, G K);
// keys by channel, (L, sequences, G K, length), so that the scores of many positions are computed side by side. Both begin at a
// cache line, and `length` is the one asked for, rounded up so that the rows of channels spread over the sets of the caches.
class KvCache {
 public:
  KvCache(const CpuModel& model, uint32_t sequences, uint32_t length, uint32_t kv);  // throws Error (out-of-memory)
  static uint64_t bytes(const CpuModel& model, uint64_t sequences, uint64_t length, uint32_t kv);
  static uint64_t rounded(uint64_t length) { return (length + 15) / 16 * 16 | 16; }  // an odd number of cache lines
  uint64_t length() const { return length_; }
  // Sequence `to` then holds what `from` of another cache of the model, or of this one, holds in its first positions.
  // Throws Error (aborted), with a part copied.
  void copy(const KvCache& source, uint32_t from, uint32_t to, uint32_t positions, const SlControl& control);
  bool half() const { return half_; }
  // What a cache of float16 makes of x (n); false where a number of it becomes infinite.
  static bool round(float* x, uint64_t n);
  // Stores k and v (G K) of a position.
  void store(uint32_t layer, uint32_t sequence, uint32_t position, const float* k, const float* v);
  // Of float32: (G K, length) and (length, G K).
  const float* keys(uint32_t layer, uint32_t sequence) const { return k_.data() + at(layer, sequence); }
  const float* values(uint32_t layer, uint32_t sequence) const { return v_.data() + at(layer, sequence); }
  // Of float16: `count` positions from `first` on of one head's K channels, as float32: keys (K, length), values (count, K).
  void read_keys(uint32_t layer, uint32_t sequence, uint64_t channel, uint64_t K, uint64_t first, uint64_t count,
                 float* out) const;
  void read_values(uint32_t layer, uint32_t sequence, uint64_t channel, uint64_t K, uint64_t first, uint64_t count,
                   float* out) const;

 private:
  uint64_t at(uint32_t layer, uint32_t sequence) const { return (uint64_t{layer} * sequences_ + sequence) * length_ * width_; }
  uint64_t layers_, sequences_, length_, width_;
  bool half_;
  Floats k_, v_;                 // of float32
  Scratch<uint16_t> k16_, v16_;  // of float16
};

// cos and sin of position · rate of pair i, times the magnitude, in float64 rounded once: (length, dims/2) each, one table for
// all layers that turn alike. The rate is base^(-2i/dims), scaled as the layer's record says. A long context has millions of
// them: they are computed by the forward that first needs them, on all threads, and not by compile.
class Rotation {
 public:
  Rotation(const Shape& shape, uint32_t length);  // throws Error (out-of-memory)
  static uint64_t bytes(const Shape& shape, uint64_t length);
  // Computes what is missing of the first `positions`. Throws Error (aborted) when asked to stop.
  void fill(const Pass& pass, uint32_t positions);
  // (dims/2) of a layer, filled before
  const float* cos(uint32_t layer, uint32_t position) const {
    const Table& t = tables_[of_layer_[layer]];
    return t.cos.get() + uint64_t{position} * t.rates.size();
  }
  const float* sin(uint32_t layer, uint32_t position) const {
    const Table& t = tables_[of_layer_[layer]];
    return t.sin.get() + uint64_t{position} * t.rates.size();
  }

 private:
  struct Table {
    std::vector<double> rates;  // (dims/2)
    double magnitude = 1;
    std::unique_ptr<float[]> cos, sin;
  };
  uint32_t filled_ = 0;
  std::vector<Table> tables_;
  std::vector<size_t> of_layer_;
};

struct AttentionScratch {
  AttentionScratch(const CpuModel& model, uint64_t B);
  static uint64_t bytes(const CpuModel& model, uint64_t B);
  // What attend allocates on each thread: the scores of a row over `length` positions.
  static uint64_t thread_bytes(const CpuModel& model, uint64_t length, uint32_t kv);
  Floats q, k, v, z;  // (B, H K), (B, G K), (B, G K), (B, H K)
};

// out (B, D) = attention of layer `layer` for h (B, D), the normed input
void attend(Pass& pass, uint32_t layer, const float* h, KvCache& cache, const Rotation& rotation, AttentionScratch& scratch,
            float* out);

}  // namespace sparselab
