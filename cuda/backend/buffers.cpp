#include "backend/buffers.h"

#include <algorithm>

#include "executor/failures.h"
#include "kernels/launch.h"

namespace sparselab::cuda {

Extent extent_of(const Shape& shape, const SlPlan& given, bool with_captures) {
  Extent e{given.sequences, given.length, given.kv == SL_KV_F16, 0, given.setting_count, false, false};
  for (uint32_t i = 0; with_captures && i < given.capture_count; i++) {
    const auto point = static_cast<SlPoint>(given.captures[i].point);
    const uint64_t width = point_width(shape, point) * (is_by_key(point) ? given.length : 1);
    e.capture += (given.captures[i].to - given.captures[i].from) * width;
  }
  for (uint32_t i = 0; i < given.reducer_count; i++) {
    e.sparsity = e.sparsity || given.reducers[i] == SL_REDUCE_SPARSITY;
    e.frequency = e.frequency || given.reducers[i] == SL_REDUCE_FREQUENCY;
  }
  return e;
}

uint32_t chunk_of(const Extent& extent) {
  constexpr uint64_t kFloats = uint64_t{16} << 20;  // of captures
  return static_cast<uint32_t>(extent.capture ? std::clamp<uint64_t>(kFloats / extent.capture, 1, kChunk) : kChunk);
}

namespace {

uint64_t cache_layer_bytes(const DeviceModel& model, const Extent& e) {
  if (model.host->partial) return 0;
  return (e.sequences * model.shape().kv_width() * e.length * (e.half ? 2 : 4) + 255) / 256 * 256;
}
uint64_t row_floats(const DeviceModel& model, const Extent& e) {
  return std::max({uint64_t{model.shape().hidden}, e.capture, model.host->partial ? uint64_t{1} : uint64_t{model.shape().vocab}});
}

}  // namespace

template <class Take>
void Buffers::each(const DeviceModel& model, const Extent& e, Take take) {
  const uint64_t rows = chunk_of(e);
  const Shape& s = model.shape();
  const bool whole = !model.host->partial;
  const uint64_t D = s.hidden, F = s.neurons, H = s.heads, L = s.layers, V = whole ? s.vocab : 0, Q = s.q_width(),
                 KV = s.kv_width();
  const auto parts = static_cast<uint64_t>(attention_parts(static_cast<int>(e.length)));
  int tiles = 1;
  for (const DeviceLayer& layer : model.layers) tiles = std::max(tiles, down_tiles(layer.down.weights()));
  take(cache, 2 * L * cache_layer_bytes(model, e));
  for (DeviceArray<float>* row : {&x, &h, &out}) take(*row, D);
  take(q, Q);
  take(k, KV);
  take(v, KV);
  take(z, Q);
  for (DeviceArray<float>* row : {&gate, &up, &mid}) take(*row, F);
  take(hidden, s.largest_rank());
  take(predicted, s.largest_rank() ? F : 0);
  take(scores, whole ? H * e.length : 0);
  take(most, H * parts);
  take(sums, H * parts);
  take(weighted, H * parts * s.head_size);
  take(partials, kDownSplits * D);
  take(done, H + static_cast<uint64_t>(tiles));
  take(mask, (F + 31) / 32);
  take(list, F);
  take(other_list, F);
  take(numbers, kNumbers);
  take(logits, rows * V);
  take(log_total, rows);
  take(top_tokens, rows * kMostTop);
  take(top_values, rows * kMostTop);
  take(batch, 1);
  take(x_in, rows * D);
  take(x_out, rows * D);
  take(captured, rows * e.capture);
  take(counts, rows * L * kCounts);
  take(zeros, e.sparsity ? e.settings * L : 0);
  take(active, e.frequency ? e.settings * L * F : 0);
}

uint64_t Buffers::device_bytes(const DeviceModel& model, const Extent& extent) {
  uint64_t bytes = 0;
  Buffers none;
  none.each(model, extent, [&]<class T>(DeviceArray<T>&, uint64_t n) { bytes += (n * sizeof(T) + 255) / 256 * 256; });
  return bytes;
}

uint64_t Buffers::cache_bytes(const DeviceModel& model, const Extent& extent) {
  return 2 * model.shape().layers * cache_layer_bytes(model, extent);
}

uint64_t Buffers::pinned_bytes(const DeviceModel& model, const Extent& e) {
  const uint64_t rows = chunk_of(e);
  return sizeof(Batch) + rows * (row_floats(model, e) * sizeof(float) + model.shape().layers * kCounts * sizeof(uint32_t) +
                                 sizeof(double) + kMostTop * (sizeof(int32_t) + sizeof(float)));
}

Buffers::Buffers(const DeviceModel& model, const Extent& extent)
    : cache_layer(cache_layer_bytes(model, extent)), chunk(chunk_of(extent)), capture_row(extent.capture) {
  const uint64_t rows = chunk;
  each(model, extent, [&]<class T>(DeviceArray<T>& buffer, uint64_t n) { buffer = DeviceArray<T>(n); });
  host_batch = PinnedArray<Batch>(1);
  host_rows = PinnedArray<float>(rows * row_floats(model, extent));
  host_counts = PinnedArray<uint32_t>(counts.size());
  host_log_total = PinnedArray<double>(rows);
  host_top_tokens = PinnedArray<int32_t>(top_tokens.size());
  host_top_values = PinnedArray<float>(top_values.size());
}

}  // namespace sparselab::cuda
