// S3, down: y = the sum over a list of neurons of mid · their row of W_down, which lies by neuron. No float atomics: the sums
// have one order, which is that of the list.
#pragma once
#include "kernels/arguments.h"
#include "kernels/stored.cuh"

namespace sparselab::cuda {

// Loads that a warp has under way: fewer where one is 32 values, whose sums take the registers.
template <class W>
constexpr int kDownUnderWay = Stored<W>::kValues == 32 ? 4 : kUnderWay;

// Columns of a block: 16 bytes of a row for each lane.
template <class W>
constexpr int kColumns = 32 * Stored<W>::kValues;

// The scale of columns from `column` on of a neuron, or of each where they lie by group.
template <class W>
DEVICE float scale_of(const Weights& w, uint32_t row, uint32_t id, int column) {
  if (w.grouped) return load_scale(w.scales + static_cast<size_t>(id / kScaleColumns) * static_cast<size_t>(w.cols) + column);
  return load_scale(w.scales + static_cast<size_t>(row) * static_cast<size_t>(w.scale_stride) + column / kScaleColumns);
}

// One column in float64, where the sum of floats overflowed on the way.
template <class W>
DEVICE float column_wide(const DownArguments& a, int column) {
  constexpr int kValues = Stored<W>::kValues;
  double sum = 0;
  for (int place = 0; place < *a.count; place++) {
    const uint32_t row = a.list[place];
    if (a.mid[row] == 0) continue;
    float values[kValues];
    Stored<W>::unpack_to(
        load_weights(reinterpret_cast<const uint4*>(a.w.values + static_cast<size_t>(row) * a.w.stride) + column / kValues),
        values);
    double w = 0;
    for (int i = 0; i < kValues; i++)
      if (i == column % kValues) w = static_cast<double>(values[i]);
    if constexpr (Stored<W>::kScaled) w *= static_cast<double>(scale_of<W>(a.w, row, a.ids ? a.ids[row] : row, column));
    sum += static_cast<double>(a.mid[row]) * w;
  }
  return static_cast<float>(sum);
}

// Grid: (column tiles, splits). The warps of the splits take the list's entries in turn. Partial sums meet in shared memory, then
// in `partials`; the last block of a tile adds the splits in order.
template <class W>
__global__ void __launch_bounds__(kThreads, 2) down(DownArguments a) {
  constexpr int kValues = Stored<W>::kValues, kTile = kColumns<W>;
  DYNAMIC_SHARED(bytes);  // (kWarps, kTile) floats
  float* sums = reinterpret_cast<float*>(bytes);
  SHARED(unsigned, last, [1]);
  const unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5, split = blockIdx.y, splits = gridDim.y;
  const int tile = static_cast<int>(blockIdx.x) * kTile, column = tile + static_cast<int>(lane) * kValues;
  const int count = *a.count, step = static_cast<int>(splits) * kWarps;
  constexpr int kLoads = kDownUnderWay<W>;
  const bool inside = column < a.w.cols;
  float sum[kValues];
  UNROLL for (int i = 0; i < kValues; i++) sum[i] = 0;
  for (int first = static_cast<int>(split * kWarps + warp); first < count; first += step * kLoads) {
    uint4 v[kLoads];
    float mid[kLoads];
    uint32_t row[kLoads];
    UNROLL for (int k = 0; k < kLoads; k++) {
      const int place = first + k * step;
      const bool there = place < count;
      row[k] = there ? a.list[place] : 0;
      mid[k] = there ? a.mid[row[k]] : 0.0f;
      const auto* from = reinterpret_cast<const uint4*>(a.w.values + static_cast<size_t>(row[k]) * a.w.stride);
      v[k] = load_weights_if(from + column / kValues, inside && (mid[k] != 0 || (a.everything && there)));
    }
    UNROLL for (int k = 0; k < kLoads; k++) {
      // A neuron of value 0 adds nothing, whatever its weights are.
      if (mid[k] == 0 || !inside) continue;
      float values[kValues];
      Stored<W>::unpack_to(v[k], values);
      if constexpr (Stored<W>::kScaled) {
        const uint32_t id = a.ids ? a.ids[row[k]] : row[k];
        if (a.w.grouped) {
          UNROLL for (int i = 0; i < kValues; i++) if (column + i < a.w.cols) sum[i] +=
              mid[k] * (scale_of<W>(a.w, row[k], id, column + i) * values[i]);
        } else {
          const float scale = scale_of<W>(a.w, row[k], id, column);
          UNROLL for (int i = 0; i < kValues; i++) sum[i] += mid[k] * (scale * values[i]);
        }
      } else {
        UNROLL for (int i = 0; i < kValues; i++) sum[i] += mid[k] * values[i];
      }
    }
  }
  UNROLL for (int i = 0; i < kValues; i++) sums[static_cast<int>(warp) * kTile + static_cast<int>(lane) * kValues + i] = sum[i];
  __syncthreads();
  for (int c = static_cast<int>(threadIdx.x); c < kTile && tile + c < a.w.cols; c += kThreads) {
    float total = 0;
    UNROLL for (int w = 0; w < kWarps; w++) total += sums[w * kTile + c];
    a.partials[static_cast<size_t>(split) * static_cast<size_t>(a.w.cols) + static_cast<size_t>(tile + c)] = total;
  }
  __syncthreads();  // all partial sums of the block come before its count
  if (threadIdx.x == 0) last[0] = count_up(a.done + blockIdx.x) == splits - 1;
  __syncthreads();
  if (!last[0]) return;
  for (int c = static_cast<int>(threadIdx.x); c < kTile && tile + c < a.w.cols; c += kThreads) {
    float total = 0;
    for (unsigned s = 0; s < splits; s++)
      total += a.partials[static_cast<size_t>(s) * static_cast<size_t>(a.w.cols) + static_cast<size_t>(tile + c)];
    if (!is_finite(total)) total = column_wide<W>(a, tile + c);
    a.y[tile + c] = a.bias ? total + a.bias[tile + c] : total;
  }
  if (threadIdx.x == 0) a.done[blockIdx.x] = 0;  // ready for the next token
}

}  // namespace sparselab::cuda
