// The product of a row of stored weights with a vector in shared memory, by one warp. A warp's load takes 512 bytes of the row
// side by side, and eight loads are under way before the first is used.
#pragma once
#include "kernels/stored.cuh"

namespace sparselab::cuda {

// The same product in float64, for sums that overflow on the way: the infinity that is left has the sign of a part, and a ReLU
// would make it a silent zero.
template <class W>
DEVICE double row_dot_wide(const Weights& w, int row, const float* x, unsigned lane) {
  constexpr int kValues = Stored<W>::kValues;
  const auto* from = reinterpret_cast<const uint4*>(w.values + static_cast<size_t>(row) * w.stride);
  const uint16_t* scales = w.scales + static_cast<size_t>(row) * static_cast<size_t>(w.scale_stride);
  double sum = 0;
  for (int piece = static_cast<int>(lane); piece < pieces_of<W>(w); piece += 32) {
    float values[kValues];
    Stored<W>::unpack_to(load_weights(from + piece), values);
    double part = 0;
    for (int i = 0; i < kValues && piece * kValues + i < w.cols; i++)
      part += static_cast<double>(values[i]) * static_cast<double>(x[piece * kValues + i]);
    if constexpr (Stored<W>::kScaled) part *= static_cast<double>(load_scale(scales + piece * kValues / kScaleColumns));
    sum += part;
  }
  return warp_sum_wide(sum);
}

// Row `row` of w times x (cols), which lies in shared memory with zeros up to a whole piece. The same bits in every lane.
template <class W>
DEVICE float row_dot(const Weights& w, int row, const float* x, unsigned lane) {
  constexpr int kValues = Stored<W>::kValues;
  const int pieces = pieces_of<W>(w);
  const auto* from = reinterpret_cast<const uint4*>(w.values + static_cast<size_t>(row) * w.stride);
  const uint16_t* scales = w.scales + static_cast<size_t>(row) * static_cast<size_t>(w.scale_stride);
  float sum = 0;
  for (int first = 0; first < pieces; first += 32 * kUnderWay) {
    uint4 v[kUnderWay];
    float scale[kUnderWay];
    UNROLL for (int k = 0; k < kUnderWay; k++) {
      const int piece = first + k * 32 + static_cast<int>(lane);
      v[k] = load_weights_if(from + piece, piece < pieces);
      if constexpr (Stored<W>::kScaled) scale[k] = piece < pieces ? load_scale(scales + piece * kValues / kScaleColumns) : 0.0f;
    }
    UNROLL for (int k = 0; k < kUnderWay; k++) {
      const int piece = first + k * 32 + static_cast<int>(lane);
      if (piece >= pieces) continue;
      float values[kValues];
      Stored<W>::unpack_to(v[k], values);
      const float* at = x + piece * kValues;
      if constexpr (Stored<W>::kScaled) {
        float part = 0;
        UNROLL for (int i = 0; i < kValues; i++) part += values[i] * at[i];
        sum += scale[k] * part;
      } else {
        UNROLL for (int i = 0; i < kValues; i++) sum += values[i] * at[i];
      }
    }
  }
  sum = warp_sum(sum);
  return is_finite(sum) ? sum : static_cast<float>(row_dot_wide<W>(w, row, x, lane));
}

}  // namespace sparselab::cuda
