// The device memory of a program: KV cache, rotary tables, what one row works in, what a chunk of rows leaves for the host. One
// list of buffers counts the bytes and allocates them.
#pragma once
#include <memory>
#include <vector>

#include "backend/memory.h"
#include "backend/model.h"
#include "executor/plan.h"
#include "kernels/arguments.h"

namespace sparselab::cuda {

// What of a plan its memory depends on.
struct Extent {
  uint64_t sequences, length;
  bool half;         // the KV cache
  uint64_t capture;  // floats that captures take of a row
  uint64_t settings;
  bool sparsity, frequency;  // reducers
};
// Rows that go on before the host looks: fewer where captures are large.
uint32_t chunk_of(const Extent& extent);
// `given`: its captures are read only where `with_captures`.
Extent extent_of(const Shape& shape, const SlPlan& given, bool with_captures);

struct Buffers {
  Buffers() = default;
  // Allocates. A partial model has no cache and no head.
  Buffers(const DeviceModel& model, const Extent& extent);
  static uint64_t device_bytes(const DeviceModel& model, const Extent& extent);
  static uint64_t cache_bytes(const DeviceModel& model, const Extent& extent);
  static uint64_t pinned_bytes(const DeviceModel& model, const Extent& extent);

  // The KV cache of a layer: (sequences, G, length, K)
  void* keys(uint32_t layer) const { return cache.data() + 2 * layer * cache_layer; }
  void* values(uint32_t layer) const { return cache.data() + (2 * layer + 1) * cache_layer; }

  DeviceArray<uint8_t> cache;                    // (L, 2) of those
  uint64_t cache_layer = 0;                      // bytes of the keys of a layer
  uint32_t chunk = 0;                            // rows that go on before the host looks
  uint64_t capture_row = 0;                      // floats
  DeviceArray<float> x, h, out;                  // (D)
  DeviceArray<float> q, k, v, z;                 // (H K), (G K), (G K), (H K)
  DeviceArray<float> gate, up, mid;              // (F)
  DeviceArray<float> hidden, predicted;          // (rank), (F) scores
  DeviceArray<float> scores;                     // (H, length)
  DeviceArray<double> most;                      // (H, parts) of attention
  DeviceArray<float> sums, weighted;             // (H, parts), (H, parts, K)
  DeviceArray<float> partials;                   // (splits, D) of down
  DeviceArray<unsigned> done;                    // zeros between launches: of attention and down
  DeviceArray<uint32_t> mask, list, other_list;  // (ceil(F / 32)), (F), (F)
  DeviceArray<int> numbers;                      // how many neurons lists have
  DeviceArray<float> logits;                     // (chunk, V)
  DeviceArray<double> log_total;                 // (chunk)
  DeviceArray<int32_t> top_tokens;               // (chunk, kMostTop)
  DeviceArray<float> top_values;                 // (chunk, kMostTop)
  DeviceArray<Batch> batch;                      // (1)
  DeviceArray<float> x_in, x_out;                // (chunk, D)
  DeviceArray<float> captured;                   // (chunk, capture)
  DeviceArray<uint32_t> counts;                  // (chunk, L, kCounts)
  DeviceArray<uint32_t> zeros, active;           // (settings, L), (settings, L, F) of the forward that runs

  PinnedArray<Batch> host_batch;
  PinnedArray<float> host_rows;          // (chunk, max(D, capture, V))
  PinnedArray<uint32_t> host_counts;     // (chunk, L, kCounts)
  PinnedArray<double> host_log_total;    // (chunk)
  PinnedArray<int32_t> host_top_tokens;  // (chunk, kMostTop)
  PinnedArray<float> host_top_values;    // (chunk, kMostTop)

 private:
  // Calls take(buffer, elements) for each of them.
  template <class Take>
  void each(const DeviceModel& model, const Extent& extent, Take take);
};

// Places in `numbers`.
enum Number { kListed, kOfMid, kTotal, kPredictedNeurons, kAllNeurons, kNumbers };

}  // namespace sparselab::cuda
