// The down projection: rows times coefficients, added up in 16 lanes of neurons; and the rows as float32 for those sums.
#pragma once
#include "cpu/isa/add_rows.inl"

namespace sparselab::cpu {
namespace {

constexpr int kChannelVectors = kDownChannels / 16;

// ── Panels ──────────────────────────────────────────────────────────────────────────────────────
constexpr size_t kRowsAhead = 12;  // scattered pieces of rows are asked for this many rows early

template <class T>
void load_rows(Rows w, const uint32_t* ids, const uint32_t* places, size_t count, size_t from, size_t n, float* panel) {
  for (size_t k = 0; k < count; k++) {
    float* out = panel + static_cast<size_t>(places[k]) * kDownChannels;
    if (k + kRowsAhead < count) {
      const uint8_t* next = w.data + ids[k + kRowsAhead] * w.stride;
      for (size_t at = T::offset(from); at < T::offset(from + n); at += 64) prefetch(next + at);
    }
    const uint8_t* row = w.data + ids[k] * w.stride;
    size_t c = 0;
    for (; c + 16 <= n; c += 16) store(out + c, T::at(row, from + c));
    for (; c < n; c++) out[c] = T::one(row, from + c);
    for (; c < kDownChannels; c++) out[c] = 0;
  }
}

void load_regrouped(const uint8_t* quants, const uint8_t* scales, size_t D, const uint32_t* ids, const uint32_t* places,
                    size_t count, size_t from, size_t n, float* panel) {
  for (size_t k = 0; k < count; k++) {
    float* out = panel + static_cast<size_t>(places[k]) * kDownChannels;
    if (k + kRowsAhead < count) {
      const uint8_t* next = quants + ids[k + kRowsAhead] * D + from;
      for (size_t at = 0; at < n; at += 64) prefetch(next + at);
    }
    const uint8_t *row = quants + ids[k] * D + from, *scale = scales + (ids[k] / 32 * D + from) * 2;
    size_t c = 0;
    for (; c + 16 <= n; c += 16) store(out + c, load_f16(scale + 2 * c) * load_i8(row + c));
    for (; c < n; c++) out[c] = half_value(scale + 2 * c) * static_cast<float>(static_cast<int8_t>(row[c]));
    for (; c < kDownChannels; c++) out[c] = 0;
  }
}

// ── Sums ────────────────────────────────────────────────────────────────────────────────────────
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

void down_sparse(const float* w, const uint32_t* begin, const uint32_t* places, const float* a, float* out) {
  alignas(64) float partials[16 * kDownChannels];
  for (int l = 0; l < 16; l++) {
    Vec16 sum[kChannelVectors];
    SL_UNROLL for (int v = 0; v < kChannelVectors; v++) sum[v] = zero();
    for (size_t k = begin[l]; k < begin[l + 1]; k++) {
      const float* row = w + static_cast<size_t>(places[k]) * kDownChannels;
      const Vec16 factor = set(a[k]);
      SL_UNROLL for (int v = 0; v < kChannelVectors; v++) sum[v] = fma(factor, load(row + 16 * v), sum[v]);
    }
    SL_UNROLL for (int v = 0; v < kChannelVectors; v++) store(partials + l * kDownChannels + 16 * v, sum[v]);
  }
  for (int v = 0; v < kChannelVectors; v++) store(out + 16 * v, join(partials + 16 * v, kDownChannels));
}

}  // namespace
}  // namespace sparselab::cpu
