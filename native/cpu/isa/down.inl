// The sums of the down projection over a panel of float32 rows, in 16 lanes of neurons.
#pragma once
#include "cpu/isa/add_rows.inl"

namespace sparselab::cpu {
namespace {

constexpr int kChannelVectors = kDownChannels / 16;

constexpr int kTileVectors = kRegs == 1 ? 4 : 1;  // with kDownRows rows: their sums fill the registers

// R rows, kTileVectors vectors of channels: the sums of a lane stay in registers.
template <int R>
SL_INLINE void down_columns(const float* w, const uint32_t* begin, const float* a, float* out) {
  constexpr size_t kSums = R * kTileVectors * 16;
  alignas(64) float partials[16 * kSums];
  for (int l = 0; l < 16; l++) {
    Vec16 sum[R][kTileVectors];
    SL_UNROLL for (int r = 0; r < R; r++) SL_UNROLL for (int v = 0; v < kTileVectors; v++) sum[r][v] = zero();
    for (size_t k = begin[l]; k < begin[l + 1]; k++) {
      Vec16 ws[kTileVectors];
      SL_UNROLL for (int v = 0; v < kTileVectors; v++) ws[v] = load(w + k * kDownChannels + 16 * v);
      SL_UNROLL for (int r = 0; r < R; r++) {
        const Vec16 factor = set(a[k * R + r]);
        SL_UNROLL for (int v = 0; v < kTileVectors; v++) sum[r][v] = fma(factor, ws[v], sum[r][v]);
      }
    }
    SL_UNROLL for (int r = 0; r < R; r++) SL_UNROLL for (int v = 0; v < kTileVectors; v++)
        store(partials + l * kSums + (r * kTileVectors + v) * 16, sum[r][v]);
  }
  for (int r = 0; r < R; r++)
    for (int v = 0; v < kTileVectors; v++)
      store(out + r * kDownChannels + 16 * v, join(partials + (r * kTileVectors + v) * 16, kSums));
}
template <int R>
void down_rows(const float* w, const uint32_t* begin, const float* a, float* out) {
  for (int c = 0; c < kDownChannels; c += kTileVectors * 16) down_columns<R>(w + c, begin, a, out + c);
}
void down_tile(const float* w, const uint32_t* begin, const float* a, size_t rows, float* out) {
  static_assert(kDownRows == 6);
  switch (rows) {
    case 1:
      return down_rows<1>(w, begin, a, out);
    case 2:
      return down_rows<2>(w, begin, a, out);
    case 3:
      return down_rows<3>(w, begin, a, out);
    case 4:
      return down_rows<4>(w, begin, a, out);
    case 5:
      return down_rows<5>(w, begin, a, out);
    default:
      return down_rows<6>(w, begin, a, out);
  }
}

// Lane by lane, so that the lane's part of the panel stays in the first-level cache while the rows pass.
void down_sparse(const float* w, const uint32_t* begin, const uint32_t* places, const float* a, size_t stride, size_t rows,
                 float* partials, float* out, size_t out_stride) {
  for (size_t l = 0; l < 16; l++)
    for (size_t r = 0; r < rows; r++) {
      Vec16 sum[kChannelVectors];
      SL_UNROLL for (int v = 0; v < kChannelVectors; v++) sum[v] = zero();
      for (size_t k = r * stride + begin[17 * r + l], end = r * stride + begin[17 * r + l + 1]; k < end; k++) {
        const float* row = w + static_cast<size_t>(places[k]) * kDownChannels;
        const Vec16 factor = set(a[k]);
        SL_UNROLL for (int v = 0; v < kChannelVectors; v++) sum[v] = fma(factor, load(row + 16 * v), sum[v]);
      }
      float* partial = partials + (r * 16 + l) * kDownChannels;
      SL_UNROLL for (int v = 0; v < kChannelVectors; v++) store(partial + 16 * v, sum[v]);
    }
  for (size_t r = 0; r < rows; r++)
    for (int v = 0; v < kChannelVectors; v++)
      store(out + r * out_stride + 16 * v, join(partials + r * 16 * kDownChannels + 16 * v, kDownChannels));
}

}  // namespace
}  // namespace sparselab::cpu
