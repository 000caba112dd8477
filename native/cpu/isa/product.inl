// The matrix product: tiles of dot products of two panels, whose lanes stay in registers for a segment; and one weight row with
// several activation rows.
#pragma once
#include "cpu/isa/dots.inl"

namespace sparselab::cpu {
namespace {

// What the tiles will want next, in the second-level cache: a tile asks for two lines a step.
struct Ahead {
  const float *w, *x;
};

// The lanes of R x C dot products over one segment of `length` elements, added to their 16 lanes each in acc. w and x point to
// the segments of the first row of either panel.
template <Lanes lanes, int R, int C>
SL_INLINE void tile(const float* w, const float* x, size_t length, bool first, float* acc, Ahead ahead) {
  Vec16 lane[R][C];
  SL_UNROLL for (int r = 0; r < R; r++) SL_UNROLL for (int c = 0; c < C; c++) {
    lane[r][c] = lanes == Lanes::restart || first ? zero() : load(acc + (c * R + r) * 16);
  }
  for (size_t j = 0; j < length; j += 16) {
    __builtin_prefetch(ahead.w + j, 0, 3);
    __builtin_prefetch(ahead.x + j, 0, 3);
    Vec16 xs[C];
    SL_UNROLL for (int c = 0; c < C; c++) xs[c] = load(x + static_cast<size_t>(c) * length + j);
    SL_UNROLL for (int r = 0; r < R; r++) {
      const Vec16 ws = load(w + static_cast<size_t>(r) * length + j);
      SL_UNROLL for (int c = 0; c < C; c++) lane[r][c] = fma(ws, xs[c], lane[r][c]);
    }
  }
  SL_UNROLL for (int r = 0; r < R; r++) SL_UNROLL for (int c = 0; c < C; c++) {
    float* total = acc + (c * R + r) * 16;
    store(total, lanes == Lanes::carry ? lane[r][c] : (first ? zero() : load(total)) + lane[r][c]);
  }
}
// The last B < kTileCols rows of x.
template <Lanes lanes, int R, int C = kTileCols - 1>
SL_INLINE void narrow_tile(const float* w, const float* x, size_t B, size_t length, bool first, float* acc, Ahead ahead) {
  if constexpr (C > 0) {
    if (B == C)
      tile<lanes, R, C>(w, x, length, first, acc, ahead);
    else
      narrow_tile<lanes, R, C - 1>(w, x, B, length, first, acc, ahead);
  }
}
// R weight rows against all x rows, one segment.
template <Lanes lanes, int R>
SL_INLINE void tiles_of_segment(const float* w, const float* x, size_t B, size_t length, bool first, float* acc, Ahead ahead) {
  size_t b = 0;
  for (; b + kTileCols <= B;
       b += kTileCols, x += kTileCols * length, acc += R * kTileCols * 16, ahead.w += length, ahead.x += length)
    tile<lanes, R, kTileCols>(w, x, length, first, acc, ahead);
  narrow_tile<lanes, R>(w, x, B - b, length, first, acc, ahead);
}
// The length of nearly every segment is known to the compiler: the loop over it needs one counter then.
template <Lanes lanes, int R>
void tiles_of_rows(const float* w, const float* x, size_t B, size_t length, bool first, float* acc, Ahead ahead) {
  if (length == kSegment)
    tiles_of_segment<lanes, R>(w, x, B, kSegment, first, acc, ahead);
  else
    tiles_of_segment<lanes, R>(w, x, B, length, first, acc, ahead);
}
// The sums of R weight rows, which lie in the order of the tiles, to their places: those of an x row are neighbours.
template <size_t R>
SL_INLINE void place_sums(const float* sums, size_t B, float* out, size_t out_stride) {
  for (size_t b = 0; b < B; b++) memcpy(out + b * out_stride, sums + b * R, R * sizeof(float));
}

template <Lanes lanes>
bool sums_of_panels(const float* w, size_t R, const float* x, size_t B, size_t n, float* out, size_t out_stride, float* acc) {
  for (size_t from = 0; from < n || from == 0; from += kSegment) {
    const size_t length = (least(kSegment, n - from) + 15) / 16 * 16;
    const float *ws = w + from * R, *xs = x + from * B;
    size_t r = 0;
    for (; r + kTileRows <= R; r += kTileRows)
      tiles_of_rows<lanes, kTileRows>(
          ws + r * length, xs, B, length, from == 0, acc + r * B * 16,
          {ws + (r + kTileRows) * length, xs + B * length + r / kTileRows * (B / kTileCols) * length});
    for (; r < R; r++)
      tiles_of_rows<lanes, 1>(ws + r * length, xs, B, length, from == 0, acc + r * B * 16,
                              {ws + (r + 1) * length, xs + B * length});
  }
  // The sums take the place of the lanes, which are read before.
  size_t i = 0;
  Vec16 probe = zero();  // 0 times a number that is not finite is NaN, which stays
  for (; i + 16 <= R * B; i += 16) {
    trees(acc + i * 16, acc + i);
    if constexpr (lanes == Lanes::carry) store(acc + i, load(acc + i) + zero());
    probe = fma(load(acc + i), zero(), probe);
  }
  float last = 0;
  for (; i < R * B; i++) {
    acc[i] = tree(load(acc + i * 16));
    if constexpr (lanes == Lanes::carry) acc[i] += 0.0f;
    last += 0.0f * acc[i];
  }
  size_t r = 0;
  for (; r + kTileRows <= R; r += kTileRows) place_sums<kTileRows>(acc + r * B, B, out + r, out_stride);
  for (; r < R; r++) place_sums<1>(acc + r * B, B, out + r, out_stride);
  return tree(probe) + last == 0;
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
constexpr size_t kTogether = kRegs == 1 ? 8 : 6;  // sums of 16 lanes that stay in registers

// The last count <= C rows.
template <int C>
SL_INLINE void last_dots(const float* w, const float* const* x, size_t n, size_t count, float* out) {
  if constexpr (C > 0) {
    if (count == C)
      dots_of<C>(w, x, n, out);
    else
      last_dots<C - 1>(w, x, n, count, out);
  }
}
void dots_of_rows(const float* w, const float* x, size_t n, const uint32_t* rows, size_t count, float* out) {
  const float* xs[kTogether];
  for (size_t k = 0; k < count; k += kTogether) {
    const size_t now = least(kTogether, count - k);
    for (size_t i = 0; i < now; i++) xs[i] = x + rows[k + i] * n;
    last_dots<kTogether>(w, xs, n, now, out + k);
  }
}

}  // namespace
}  // namespace sparselab::cpu
