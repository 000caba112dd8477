// The residual stream from step to step, and what hook points do to it: rows of the embedding, sums, interventions, captures.
#pragma once
#include "kernels/arguments.h"
#include "kernels/step.cuh"
#include "kernels/stored.cuh"

namespace sparselab::cuda {

// The threads of a grid over n elements.
#define FOR_EACH(i, n)                                                                                           \
  for (int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x); i < static_cast<int>(n); \
       i += static_cast<int>(gridDim.x) * kThreads)

template <class W>
__global__ void __launch_bounds__(kThreads) embed(EmbedArguments a) {
  constexpr int kValues = Stored<W>::kValues;
  const auto row = static_cast<size_t>(step_of(a.batch).token);
  FOR_EACH(piece, pieces_of<W>(a.w)) {
    float values[kValues];
    Stored<W>::unpack_to(load_weights(reinterpret_cast<const uint4*>(a.w.values + row * a.w.stride) + piece), values);
    float scale = 1;
    if constexpr (Stored<W>::kScaled)
      scale = load_scale(a.w.scales + row * static_cast<size_t>(a.w.scale_stride) + piece * kValues / kScaleColumns);
    for (int i = 0; i < kValues && piece * kValues + i < a.w.cols; i++) {
      const float value = Stored<W>::kScaled ? scale * values[i] : values[i];
      a.x[piece * kValues + i] = a.scale == 1 ? value : value * a.scale;
    }
  }
}

__global__ void __launch_bounds__(kThreads) add(AddArguments a) {
  FOR_EACH(i, a.n) {
    if (a.scale != 1) a.y[i] *= a.scale;
    if (a.x) a.x[i] += a.y[i];
  }
}

__global__ void __launch_bounds__(kThreads) copy(CopyArguments a) {
  const auto row = static_cast<size_t>(a.batch->row);
  const float* from = a.from + (a.by_slot ? static_cast<size_t>(step_of(a.batch).slot) : row) * a.from_stride;
  float* to = a.to + row * a.to_stride;
  FOR_EACH(i, a.n) to[i] = from[i];
}

__global__ void __launch_bounds__(kThreads) copy_by_key(CopyByKeyArguments a) {
  const int held = step_of(a.batch).position + 1, first = a.window && a.window < held ? held - a.window : 0;
  float* to = a.to + static_cast<size_t>(a.batch->row) * a.to_stride;
  FOR_EACH(i, a.heads * a.keys) {
    const int head = i / a.keys, j = i % a.keys;
    to[i] = j >= first && j < held ? a.from[static_cast<size_t>(head) * static_cast<size_t>(a.length) + static_cast<size_t>(j)]
                                   : a.absent;
  }
}

DEVICE bool among(const uint32_t* sorted, int n, uint32_t value) {
  int from = 0, to = n;
  while (from < to) {
    const int middle = (from + to) / 2;
    if (sorted[middle] < value)
      from = middle + 1;
    else
      to = middle;
  }
  return from < n && sorted[from] == value;
}

__global__ void __launch_bounds__(kThreads) intervene(InterveneArguments a) {
  const Intervention& by = *a.by;
  const Step& step = step_of(a.batch);
  if (by.positions && !among(by.positions, by.position_count, static_cast<uint32_t>(step.position))) return;
  if (by.change == Change::replace && step.position >= by.value_rows) return;
  float* x = a.slot_stride ? a.x + static_cast<size_t>(step.slot) * a.slot_stride : a.x;
  const float* values = by.values;
  if (by.change == Change::replace)
    values += (static_cast<long long>(a.layer - by.from) * by.value_rows + step.position) * by.width;
  FOR_EACH(i, by.channels ? by.channel_count : by.width) {
    const int c = by.channels ? static_cast<int>(by.channels[i]) : i;
    switch (by.change) {
      case Change::zero:
        x[c] = 0;
        break;
      case Change::scale:
        x[c] *= by.factor;
        break;
      case Change::replace:
        x[c] = values[c];
        break;
      case Change::add:
        x[c] = fmaf(by.factor, values[c], x[c]);
        break;
    }
  }
}

__global__ void __launch_bounds__(kThreads) intervene_by_key(InterveneByKeyArguments a) {
  const Intervention& by = *a.by;
  const int position = step_of(a.batch).position, held = position + 1;
  const int first = a.window && a.window < held ? held - a.window : 0;
  if (by.positions && !among(by.positions, by.position_count, static_cast<uint32_t>(position))) return;
  for (int head = static_cast<int>(blockIdx.x); head < a.heads; head += static_cast<int>(gridDim.x)) {
    if (by.channels && !among(by.channels, by.channel_count, static_cast<uint32_t>(head))) continue;
    float* x = a.x + static_cast<size_t>(head) * static_cast<size_t>(a.length);
    for (int j = first + static_cast<int>(threadIdx.x); j < held; j += kThreads)
      x[j] = by.change == Change::zero ? 0.0f : x[j] * by.factor;
  }
}

__global__ void __launch_bounds__(kThreads) check_finite(CheckArguments a) {
  const float* x = a.slot_stride ? a.x + static_cast<size_t>(step_of(a.batch).slot) * a.slot_stride : a.x;
  bool bad = false;
  FOR_EACH(i, a.n) bad = bad || !is_finite(x[i]);
  if (bad) fail(a.batch, a.failure, a.layer, a.what);
}

// Ends the row.
__global__ void advance(Batch* batch) { batch->row++; }

}  // namespace sparselab::cuda
