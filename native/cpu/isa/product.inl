// The matrix product: tiles of dot products whose lanes stay in registers for a segment; and one weight row with several
// activation rows.
#pragma once
#include "cpu/isa/weights.inl"

namespace sparselab::cpu {
namespace {

template <int R, int C>
SL_INLINE void tile(const float* w, const float* x, size_t n, size_t from, size_t to, float* acc) {
  Vec16 lane[R][C];
  SL_UNROLL for (int r = 0; r < R; r++) SL_UNROLL for (int c = 0; c < C; c++) lane[r][c] = zero();
  size_t j = from;
  for (; j + 16 <= to; j += 16) {
    Vec16 xs[C];
    SL_UNROLL for (int c = 0; c < C; c++) xs[c] = load(x + static_cast<size_t>(c) * n + j);
    SL_UNROLL for (int r = 0; r < R; r++) {
      const Vec16 ws = load(w + static_cast<size_t>(r) * n + j);
      SL_UNROLL for (int c = 0; c < C; c++) lane[r][c] = fma(ws, xs[c], lane[r][c]);
    }
  }
  if (j < to)
    SL_UNROLL for (int r = 0; r < R; r++) SL_UNROLL for (int c = 0; c < C; c++) lane[r][c] =
        fma(tail_of(w + static_cast<size_t>(r) * n, j, to), tail_of(x + static_cast<size_t>(c) * n, j, to), lane[r][c]);
  SL_UNROLL for (int r = 0; r < R; r++) SL_UNROLL for (int c = 0; c < C; c++) {
    float* total = acc + (r * C + c) * 16;
    store(total, (from == 0 ? zero() : load(total)) + lane[r][c]);
  }
}
// Weight rows r0 to r0 + R against all x rows, one segment.
template <int R>
void tiles_of_rows(const float* w, const float* x, size_t B, size_t n, size_t from, size_t to, float* acc) {
  size_t b = 0;
  for (; b + kTileCols <= B; b += kTileCols, acc += R * kTileCols * 16) tile<R, kTileCols>(w, x + b * n, n, from, to, acc);
  for (; b < B; b++, acc += R * 16) tile<R, 1>(w, x + b * n, n, from, to, acc);
}
template <int R>
SL_INLINE void finish_rows(size_t B, const float* acc, float* out, size_t out_stride) {
  size_t b = 0;
  for (; b + kTileCols <= B; b += kTileCols)
    for (size_t r = 0; r < R; r++)
      for (size_t c = 0; c < kTileCols; c++, acc += 16) out[(b + c) * out_stride + r] = tree(load(acc));
  for (; b < B; b++)
    for (size_t r = 0; r < R; r++, acc += 16) out[b * out_stride + r] = tree(load(acc));
}

void product(const float* w, size_t R, const float* x, size_t B, size_t n, float* out, size_t out_stride, float* acc) {
  for (size_t from = 0; from < n || from == 0; from += kSegment) {
    const size_t to = least(n, from + kSegment);
    size_t r = 0;
    for (; r + kTileRows <= R; r += kTileRows) tiles_of_rows<kTileRows>(w + r * n, x, B, n, from, to, acc + r * B * 16);
    for (; r < R; r++) tiles_of_rows<1>(w + r * n, x, B, n, from, to, acc + r * B * 16);
  }
  size_t r = 0;
  for (; r + kTileRows <= R; r += kTileRows) finish_rows<kTileRows>(B, acc + r * B * 16, out + r, out_stride);
  for (; r < R; r++) finish_rows<1>(B, acc + r * B * 16, out + r, out_stride);
}

// One weight row times C activation rows named by their numbers.
template <int C>
SL_INLINE void dots_of(const float* w, const float* const* x, size_t n, float* out) {
  Vec16 total[C];
  SL_UNROLL for (int c = 0; c < C; c++) total[c] = zero();
  for (size_t from = 0; from < n; from += kSegment) {
    const size_t to = least(n, from + kSegment);
    Vec16 lane[C];
    SL_UNROLL for (int c = 0; c < C; c++) lane[c] = zero();
    size_t j = from;
    for (; j + 16 <= to; j += 16) {
      const Vec16 ws = load(w + j);
      SL_UNROLL for (int c = 0; c < C; c++) lane[c] = fma(ws, load(x[c] + j), lane[c]);
    }
    if (j < to) SL_UNROLL for (int c = 0; c < C; c++) lane[c] = fma(tail_of(w, j, to), tail_of(x[c], j, to), lane[c]);
    SL_UNROLL for (int c = 0; c < C; c++) total[c] = total[c] + lane[c];
  }
  SL_UNROLL for (int c = 0; c < C; c++) out[c] = tree(total[c]);
}
void dots_of_rows(const float* w, const float* x, size_t n, const uint32_t* rows, size_t count, float* out) {
  size_t k = 0;
  for (; k + 8 <= count; k += 8) {
    const float* xs[8];
    for (size_t i = 0; i < 8; i++) xs[i] = x + rows[k + i] * n;
    dots_of<8>(w, xs, n, out + k);
  }
  for (; k < count; k++) {
    const float* xs[1] = {x + rows[k] * n};
    dots_of<1>(w, xs, n, out + k);
  }
}

}  // namespace
}  // namespace sparselab::cpu
