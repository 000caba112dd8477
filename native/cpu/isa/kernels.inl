// The kernels (cpu/isa.h has their definitions), written once for Vec16. A file of this folder includes this after it has chosen
// its flags, and exports the table under its own name.
#include "cpu/isa.h"
#include "cpu/isa/math.inl"

namespace sparselab::cpu {
namespace {

constexpr size_t kSegment = 256;         // elements after which a dot product restarts
constexpr size_t kPrefetchAhead = 4096;  // bytes; measured on a dense stream

SL_INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }
SL_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 2); }

// ── Weight types: 16 values from element j, a multiple of 16 ────────────────────────────────────
struct TypeF32 {
  static constexpr size_t kBlock = 1;
  static constexpr size_t offset(size_t j) { return 4 * j; }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) { return load(reinterpret_cast<const float*>(row) + j); }
  SL_INLINE float one(const uint8_t* row, size_t j) {
    float v;
    memcpy(&v, row + 4 * j, 4);
    return v;
  }
};
struct TypeF16 {
  static constexpr size_t kBlock = 1;
  static constexpr size_t offset(size_t j) { return 2 * j; }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) { return load_f16(row + 2 * j); }
  SL_INLINE float one(const uint8_t* row, size_t j) { return half_value(row + 2 * j); }
};
struct TypeBf16 {
  static constexpr size_t kBlock = 1;
  static constexpr size_t offset(size_t j) { return 2 * j; }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) { return load_bf16(row + 2 * j); }
  SL_INLINE float one(const uint8_t* row, size_t j) {
    uint16_t h;
    memcpy(&h, row + 2 * j, 2);
    return bits_as<float>(static_cast<uint32_t>(h) << 16);
  }
};
// Blocks of 32: a half scale, 32 int8 quants.
struct TypeQ8 {
  static constexpr size_t kBlock = 32;
  static constexpr size_t offset(size_t j) { return j / 32 * 34 + (j % 32 ? 2 + j % 32 : 0); }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) {
    const uint8_t* block = row + j / 32 * 34;
    return set(half_value(block)) * load_i8(block + 2 + j % 32);
  }
  SL_INLINE float one(const uint8_t* row, size_t j) {
    const uint8_t* block = row + j / 32 * 34;
    return half_value(block) * static_cast<float>(static_cast<int8_t>(block[2 + j % 32]));
  }
};

// The last elements of a row whose length is no multiple of 16, with zeros behind them.
template <class T>
SL_INLINE Vec16 tail_of(const uint8_t* row, size_t j, size_t n) {
  float padded[16] = {};
  for (size_t i = j; i < n; i++) padded[i - j] = T::one(row, i);
  return load(padded);
}
SL_INLINE Vec16 tail_of(const float* x, size_t j, size_t n) {
  float padded[16] = {};
  for (size_t i = j; i < n; i++) padded[i - j] = x[i];
  return load(padded);
}

template <class T>
void dequantise(const uint8_t* row, size_t n, float* out) {
  size_t j = 0;
  for (; j + 16 <= n; j += 16) store(out + j, T::at(row, j));
  for (; j < n; j++) out[j] = T::one(row, j);
}

// ── Dot products of stored rows with one activation row ─────────────────────────────────────────

// The lanes of one segment, whose stored elements begin at `row`.
template <class T>
SL_INLINE Vec16 segment(const uint8_t* row, const float* x) {
  Vec16 lane = zero();
  SL_UNROLL for (size_t j = 0; j < kSegment; j += 16) lane = fma(T::at(row, j), load(x + j), lane);
  return lane;
}
template <class T>
SL_INLINE float dot_row(const uint8_t* row, const float* x, size_t n) {
  constexpr size_t bytes = T::offset(kSegment);
  Vec16 total = zero();
  size_t j = 0;
  for (; j + kSegment <= n; j += kSegment, row += bytes) {
    // The stream of weights is read in order: ask for what comes 4 KiB later.
    for (size_t k = 0; k < bytes; k += 64) prefetch(row + k + kPrefetchAhead);
    total = total + segment<T>(row, x + j);
  }
  if (j < n) {
    const float* rest = x + j;
    const size_t left = n - j;
    Vec16 lane = zero();
    size_t i = 0;
    for (; i + 16 <= left; i += 16) lane = fma(T::at(row, i), load(rest + i), lane);
    if (i < left) lane = fma(tail_of<T>(row, i, left), tail_of(rest, i, left), lane);
    total = total + lane;
  }
  return tree(total);
}
template <class T>
void dot_rows(Rows w, const uint32_t* ids, size_t count, const float* x, size_t n, float* y, size_t y_stride) {
  if (!ids) {
    for (size_t k = 0; k < count; k++) y[k * y_stride] = dot_row<T>(w.data + k * w.stride, x, n);
    return;
  }
  const size_t bytes = least(w.stride, kPrefetchAhead);
  for (size_t k = 0; k < count; k++) {
    // Scattered rows: ask for the row after the next while this one is computed.
    if (k + 2 < count)
      for (size_t i = 0; i < bytes; i += 64) prefetch(w.data + ids[k + 2] * w.stride + i);
    y[k * y_stride] = dot_row<T>(w.data + ids[k] * w.stride, x, n);
  }
}

// ── Rows times coefficients, added up ───────────────────────────────────────────────────────────
template <class T>
void add_rows(Rows w, const uint32_t* ids, const float* a, size_t count, size_t from, size_t n, float* y) {
  size_t k = 0;
  // Four rows at a time: y is loaded and stored once for four additions, which keep their order.
  for (; k + 4 <= count; k += 4) {
    const uint8_t* row[4];
    for (size_t i = 0; i < 4; i++) row[i] = w.data + ids[k + i] * w.stride;
    const Vec16 a0 = set(a[k]), a1 = set(a[k + 1]), a2 = set(a[k + 2]), a3 = set(a[k + 3]);
    const uint8_t* next[4];
    for (size_t i = 0; i < 4; i++) next[i] = k + 4 + i < count ? w.data + ids[k + 4 + i] * w.stride : row[i];
    size_t c = 0;
    for (; c + 16 <= n; c += 16) {
      SL_UNROLL for (size_t i = 0; i < 4; i++) prefetch(next[i] + T::offset(from + c));
      Vec16 sum = load(y + c);
      sum = fma(a0, T::at(row[0], from + c), sum);
      sum = fma(a1, T::at(row[1], from + c), sum);
      sum = fma(a2, T::at(row[2], from + c), sum);
      sum = fma(a3, T::at(row[3], from + c), sum);
      store(y + c, sum);
    }
    for (; c < n; c++)
      for (size_t i = 0; i < 4; i++) y[c] = __builtin_fmaf(a[k + i], T::one(row[i], from + c), y[c]);
  }
  for (; k < count; k++) {
    const uint8_t* row = w.data + ids[k] * w.stride;
    const Vec16 factor = set(a[k]);
    size_t c = 0;
    for (; c + 16 <= n; c += 16) store(y + c, fma(factor, T::at(row, from + c), load(y + c)));
    for (; c < n; c++) y[c] = __builtin_fmaf(a[k], T::one(row, from + c), y[c]);
  }
}

void add_regrouped(const uint8_t* quants, const uint8_t* scales, size_t D, const uint32_t* ids, const float* a, size_t count,
                   size_t from, size_t n, float* y) {
  size_t k = 0;
  for (; k + 4 <= count; k += 4) {
    const uint8_t *row[4], *scale[4], *next[4];
    for (size_t i = 0; i < 4; i++) {
      row[i] = quants + ids[k + i] * D + from;
      scale[i] = scales + (ids[k + i] / 32 * D + from) * 2;
      next[i] = k + 4 + i < count ? quants + ids[k + 4 + i] * D + from : row[i];
    }
    const Vec16 a0 = set(a[k]), a1 = set(a[k + 1]), a2 = set(a[k + 2]), a3 = set(a[k + 3]);
    size_t c = 0;
    for (; c + 16 <= n; c += 16) {
      SL_UNROLL for (size_t i = 0; i < 4; i++) prefetch(next[i] + c);
      Vec16 sum = load(y + c);
      sum = fma(a0, load_f16(scale[0] + 2 * c) * load_i8(row[0] + c), sum);
      sum = fma(a1, load_f16(scale[1] + 2 * c) * load_i8(row[1] + c), sum);
      sum = fma(a2, load_f16(scale[2] + 2 * c) * load_i8(row[2] + c), sum);
      sum = fma(a3, load_f16(scale[3] + 2 * c) * load_i8(row[3] + c), sum);
      store(y + c, sum);
    }
    for (; c < n; c++)
      for (size_t i = 0; i < 4; i++)
        y[c] = __builtin_fmaf(a[k + i], half_value(scale[i] + 2 * c) * static_cast<float>(static_cast<int8_t>(row[i][c])), y[c]);
  }
  for (; k < count; k++) {
    const uint8_t *row = quants + ids[k] * D + from, *scale = scales + (ids[k] / 32 * D + from) * 2;
    const Vec16 factor = set(a[k]);
    size_t c = 0;
    for (; c + 16 <= n; c += 16) store(y + c, fma(factor, load_f16(scale + 2 * c) * load_i8(row + c), load(y + c)));
    for (; c < n; c++)
      y[c] = __builtin_fmaf(a[k], half_value(scale + 2 * c) * static_cast<float>(static_cast<int8_t>(row[c])), y[c]);
  }
}

void join_partials(const float* p, size_t n, float* y) {
  size_t c = 0;
  for (; c + 16 <= n; c += 16) {
    Vec16 s[8];
    SL_UNROLL for (size_t l = 0; l < 8; l++) s[l] = load(p + l * n + c) + load(p + (l + 8) * n + c);
    SL_UNROLL for (size_t l = 0; l < 4; l++) s[l] = s[l] + s[l + 4];
    store(y + c, ((s[0] + s[2]) + (s[1] + s[3])) + set(0.0f));
  }
  for (; c < n; c++) {
    float s[8];
    for (size_t l = 0; l < 8; l++) s[l] = p[l * n + c] + p[(l + 8) * n + c];
    for (size_t l = 0; l < 4; l++) s[l] = s[l] + s[l + 4];
    y[c] = ((s[0] + s[2]) + (s[1] + s[3])) + 0.0f;
  }
}

// ── The matrix product: tiles of R x C dot products, whose lanes stay in registers for a segment ─
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

// ── Sums in float64 ─────────────────────────────────────────────────────────────────────────────
struct Sum64 {  // 16 lanes
  Vec8d low = set(0.0), high = set(0.0);
};
SL_INLINE double total_of(const Sum64& sum) {
  double s[8];
  store(s, sum.low + sum.high);
  for (int l = 0; l < 4; l++) s[l] = s[l] + s[l + 4];
  return (s[0] + s[2]) + (s[1] + s[3]);
}

double sum_of_squares(const float* x, size_t n) {
  Sum64 sum;
  for (size_t j = 0; j < n; j += 16) {
    Vec8d low, high;
    widen(j + 16 <= n ? load(x + j) : tail_of(x, j, n), low, high);
    sum.low = fma(low, low, sum.low);
    sum.high = fma(high, high, sum.high);
  }
  return total_of(sum);
}

// The largest, or NaN where the first is NaN; the callers refuse numbers that are not finite.
SL_INLINE float largest(const float* x, size_t n) {
  float most = x[0];
  size_t j = 0;
  if (n >= 16) {
    Vec16 best = load(x);
    for (j = 16; j + 16 <= n; j += 16) {
      const Vec16 v = load(x + j);
      best = select(best < v, v, best);
    }
    float lane[16];
    store(lane, best);
    for (float v : lane) most = most < v ? v : most;
  }
  for (; j < n; j++) most = most < x[j] ? x[j] : most;
  return most;
}

void softmax(float* p, size_t n) {
  const Vec16 most = set(largest(p, n));
  Sum64 sum;
  for (size_t j = 0; j < n; j += 16) {
    Vec16 e;
    if (j + 16 <= n) {
      e = exp32(load(p + j) - most);
      store(p + j, e);
    } else {
      float padded[16];
      for (size_t i = 0; i < 16; i++) padded[i] = j + i < n ? p[j + i] : -kInfinity32;
      e = exp32(load(padded) - most);
      store(padded, e);
      for (size_t i = j; i < n; i++) p[i] = padded[i - j];
    }
    Vec8d low, high;
    widen(e, low, high);
    sum.low = sum.low + low;
    sum.high = sum.high + high;
  }
  const float scale = static_cast<float>(1.0 / total_of(sum));
  size_t j = 0;
  for (; j + 16 <= n; j += 16) store(p + j, load(p + j) * set(scale));
  for (; j < n; j++) p[j] *= scale;
}

double log_sum_exp(const float* x, size_t n) {
  const double most = largest(x, n);
  const Vec8d shift = set(most);
  Sum64 sum;
  for (size_t j = 0; j < n; j += 16) {
    float padded[16];
    if (j + 16 > n)
      for (size_t i = 0; i < 16; i++) padded[i] = j + i < n ? x[j + i] : -kInfinity32;
    Vec8d low, high;
    widen(load(j + 16 <= n ? x + j : padded), low, high);
    sum.low = sum.low + exp64(low - shift);
    sum.high = sum.high + exp64(high - shift);
  }
  return most + log64(total_of(sum));
}

// ── Attention ───────────────────────────────────────────────────────────────────────────────────
template <int H>
SL_INLINE void scores_of(const float* q, const float* k, size_t k_stride, size_t count, size_t K, float scale, float* out,
                         size_t out_stride) {
  const Vec16 factor = set(scale);
  size_t j = 0;
  for (; j + 32 <= count; j += 32) {
    Vec16 sum[H][2];
    SL_UNROLL for (int h = 0; h < H; h++) sum[h][0] = sum[h][1] = zero();
    for (size_t c = 0; c < K; c++) {
      const Vec16 a = load(k + c * k_stride + j), b = load(k + c * k_stride + j + 16);
      SL_UNROLL for (int h = 0; h < H; h++) {
        const Vec16 qc = set(q[static_cast<size_t>(h) * K + c]);
        sum[h][0] = fma(qc, a, sum[h][0]);
        sum[h][1] = fma(qc, b, sum[h][1]);
      }
    }
    SL_UNROLL for (int h = 0; h < H; h++) {
      store(out + static_cast<size_t>(h) * out_stride + j, sum[h][0] * factor);
      store(out + static_cast<size_t>(h) * out_stride + j + 16, sum[h][1] * factor);
    }
  }
  for (; j < count; j++) SL_UNROLL for (int h = 0; h < H; h++) {
      float sum = 0;
      for (size_t c = 0; c < K; c++) sum = __builtin_fmaf(q[static_cast<size_t>(h) * K + c], k[c * k_stride + j], sum);
      out[static_cast<size_t>(h) * out_stride + j] = sum * scale;
    }
}
void scores(const float* q, size_t heads, const float* k, size_t k_stride, size_t count, size_t K, float scale, float* out,
            size_t out_stride) {
  size_t h = 0;
  for (; h + 4 <= heads; h += 4) scores_of<4>(q + h * K, k, k_stride, count, K, scale, out + h * out_stride, out_stride);
  for (; h < heads; h++) scores_of<1>(q + h * K, k, k_stride, count, K, scale, out + h * out_stride, out_stride);
}

template <int H, int V>  // V vectors of channels whose sums stay in registers while the positions pass
SL_INLINE void weighted_channels(const float* p, size_t p_stride, const float* v, size_t v_stride, size_t count, size_t K,
                                 float* out) {
  Vec16 sum[H][V];
  SL_UNROLL for (int h = 0; h < H; h++) SL_UNROLL for (int i = 0; i < V; i++) sum[h][i] = zero();
  for (size_t j = 0; j < count; j++) {
    Vec16 values[V];
    SL_UNROLL for (int i = 0; i < V; i++) values[i] = load(v + j * v_stride + 16 * i);
    SL_UNROLL for (int h = 0; h < H; h++) {
      const Vec16 weight = set(p[static_cast<size_t>(h) * p_stride + j]);
      SL_UNROLL for (int i = 0; i < V; i++) sum[h][i] = fma(weight, values[i], sum[h][i]);
    }
  }
  SL_UNROLL for (int h = 0; h < H; h++) SL_UNROLL for (int i = 0; i < V; i++)
      store(out + static_cast<size_t>(h) * K + 16 * i, sum[h][i]);
}
template <int H>
SL_INLINE void weighted_heads(const float* p, size_t p_stride, const float* v, size_t v_stride, size_t count, size_t K,
                              float* out) {
  size_t c = 0;
  for (; c + 32 <= K; c += 32) weighted_channels<H, 2>(p, p_stride, v + c, v_stride, count, K, out + c);
  for (; c + 16 <= K; c += 16) weighted_channels<H, 1>(p, p_stride, v + c, v_stride, count, K, out + c);
  for (; c < K; c++)
    for (int h = 0; h < H; h++) {
      float sum = 0;
      for (size_t j = 0; j < count; j++) sum = __builtin_fmaf(p[static_cast<size_t>(h) * p_stride + j], v[j * v_stride + c], sum);
      out[static_cast<size_t>(h) * K + c] = sum;
    }
}
void weighted_sum(const float* p, size_t p_stride, size_t heads, const float* v, size_t v_stride, size_t count, size_t K,
                  float* out) {
  size_t h = 0;
  for (; h + 4 <= heads; h += 4) weighted_heads<4>(p + h * p_stride, p_stride, v, v_stride, count, K, out + h * K);
  for (; h < heads; h++) weighted_heads<1>(p + h * p_stride, p_stride, v, v_stride, count, K, out + h * K);
}

// ── Activations and elementary functions over arrays ────────────────────────────────────────────
SL_INLINE Vec16 silu_of(const Vec16& x) { return x / (set(1.0f) + exp32(zero() - x)); }
SL_INLINE Vec16 gelu_of(const Vec16& x) { return set(0.5f) * x * (set(1.0f) + erf32(x * set(0.70710678118654752f))); }
SL_INLINE Vec16 gelu_tanh_of(const Vec16& x) {
  const Vec16 cube = set(0.044715f) * x * x * x;
  return set(0.5f) * x * (set(1.0f) + tanh32(set(0.79788456080286536f) * (x + cube)));
}
SL_INLINE Vec16 exp32_of(const Vec16& x) { return exp32(x); }
SL_INLINE Vec16 tanh32_of(const Vec16& x) { return tanh32(x); }
SL_INLINE Vec16 erf32_of(const Vec16& x) { return erf32(x); }

template <Vec16 (*f)(const Vec16&)>
void each32(const float* x, size_t n, float* y) {
  for (size_t j = 0; j < n; j += 16) {
    if (j + 16 <= n) {
      store(y + j, f(load(x + j)));
    } else {
      float result[16];
      store(result, f(tail_of(x, j, n)));
      for (size_t i = j; i < n; i++) y[i] = result[i - j];
    }
  }
}
SL_INLINE Vec8d exp64_of(const Vec8d& x) { return exp64(x); }
SL_INLINE Vec8d log64_of(const Vec8d& x) { return log64(x); }
template <Vec8d (*f)(const Vec8d&)>
void each64(const double* x, size_t n, double* y) {
  for (size_t j = 0; j < n; j += 8) {
    double padded[8] = {}, result[8];
    for (size_t i = j; i < n && i < j + 8; i++) padded[i - j] = x[i];
    store(result, f(load(padded)));
    for (size_t i = j; i < n && i < j + 8; i++) y[i] = result[i - j];
  }
}
double pow64_of(double x, double y) { return pow64(x, y); }
void sincos64_of(double x, double* sine, double* cosine) {
  const SinCos both = sincos64(x);
  *sine = both.sin;
  *cosine = both.cos;
}

template <class T>
constexpr TypeKernels of_type() {
  return {dequantise<T>, dot_rows<T>, add_rows<T>};
}

}  // namespace

#define SPARSELAB_KERNEL_TABLE(name)          \
  const Kernels name = {kIsa,                 \
                        of_type<TypeF32>(),   \
                        of_type<TypeF16>(),   \
                        of_type<TypeBf16>(),  \
                        of_type<TypeQ8>(),    \
                        product,              \
                        dots_of_rows,         \
                        add_regrouped,        \
                        join_partials,        \
                        sum_of_squares,       \
                        softmax,              \
                        log_sum_exp,          \
                        scores,               \
                        weighted_sum,         \
                        each32<silu_of>,      \
                        each32<gelu_of>,      \
                        each32<gelu_tanh_of>, \
                        each32<exp32_of>,     \
                        each32<tanh32_of>,    \
                        each32<erf32_of>,     \
                        each64<exp64_of>,     \
                        each64<log64_of>,     \
                        pow64_of,             \
                        sincos64_of}

}  // namespace sparselab::cpu
