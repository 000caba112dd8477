// Rows times coefficients, added up, and rows as float32: the weights of the down projection, stored or transposed at load; and
// the join of its 16 partial sums.
#pragma once
#include "cpu/isa/weights.inl"

namespace sparselab::cpu {
namespace {

// ── Where the rows of neurons lie ───────────────────────────────────────────────────────────────
// Channels count from the first one that is wanted.
template <class T>
struct StoredRows {
  using Row = const uint8_t*;
  Rows w;
  size_t from;
  SL_INLINE Row row(const StoredRows& s, uint32_t id) { return s.w.data + id * s.w.stride; }
  SL_INLINE Vec16 at(const StoredRows& s, Row row, size_t c) { return T::at(row, s.from + c); }
  SL_INLINE float one(const StoredRows& s, Row row, size_t c) { return T::one(row, s.from + c); }
  SL_INLINE void fetch(const StoredRows& s, Row row, size_t c, size_t n) {
    for (size_t at = T::offset(s.from + c); at < T::offset(s.from + c + n); at += 64) prefetch(row + at);
  }
};
// Transposed: quants by neuron, and a row of scales for each 32 neurons, perhaps with a row of minima behind it.
struct TransposedRow {
  const uint8_t *own, *scales;
};
// Q8_0: a byte for each channel.
struct TransposedBytes {
  using Row = TransposedRow;
  const uint8_t *own, *shared;
  size_t D, from;
  SL_INLINE Row row(const TransposedBytes& s, uint32_t id) {
    return {s.own + id * s.D + s.from, s.shared + (id / 32 * s.D + s.from) * 2};
  }
  SL_INLINE Vec16 at(const TransposedBytes&, Row row, size_t c) { return load_f16(row.scales + 2 * c) * load_i8(row.own + c); }
  SL_INLINE float one(const TransposedBytes&, Row row, size_t c) {
    return half_value(row.scales + 2 * c) * static_cast<float>(static_cast<int8_t>(row.own[c]));
  }
  SL_INLINE void fetch(const TransposedBytes&, Row row, size_t c, size_t n) {
    for (size_t at = 0; at < n; at += 64) prefetch(row.own + c + at);
    for (size_t at = 0; at < 2 * n; at += 64) prefetch(row.scales + 2 * c + at);
  }
};
// 4 and 5 bits: pieces of 32 channels. T: the type's Stored.
template <class T>
struct TransposedSmall {
  using Row = TransposedRow;
  using Q = typename T::Quants;
  static constexpr size_t kPiece = Q::kBytes;
  const uint8_t *own, *shared;
  size_t D, from;
  SL_INLINE Row row(const TransposedSmall& s, uint32_t id) {
    return {s.own + id * ((s.D + 31) / 32 * kPiece), s.shared + (id / 32 * s.D * (T::kMinimum ? 2 : 1) + s.from) * 2};
  }
  SL_INLINE Vec16 at(const TransposedSmall& s, Row row, size_t c) {
    const size_t channel = s.from + c;
    const Vec16 low = T::kMinimum ? load_f16(row.scales + 2 * (s.D + c)) : zero();
    return T::values(row.own + channel / 32 * kPiece, channel % 32, load_f16(row.scales + 2 * c), low);
  }
  SL_INLINE float one(const TransposedSmall& s, Row row, size_t c) {
    const size_t channel = s.from + c;
    const float low = T::kMinimum ? half_value(row.scales + 2 * (s.D + c)) : 0;
    return T::value(Q::one(row.own + channel / 32 * kPiece, channel % 32), half_value(row.scales + 2 * c), low);
  }
  SL_INLINE void fetch(const TransposedSmall& s, Row row, size_t c, size_t n) {
    const size_t end = (s.from + c + n + 31) / 32 * kPiece;
    for (size_t at = (s.from + c) / 32 * kPiece; at < end; at += 64) prefetch(row.own + at);
    for (size_t at = 0; at < 2 * n; at += 64) prefetch(row.scales + 2 * c + at);
    if constexpr (T::kMinimum)
      for (size_t at = 0; at < 2 * n; at += 64) prefetch(row.scales + 2 * (s.D + c) + at);
  }
};
// The transposed rows of a type; void where they are rows of the type, or where there are none.
template <TensorType type>
struct Transposed {
  using Rows = void;
};
template <>
struct Transposed<Q8_0> {
  using Rows = TransposedBytes;
};
template <>
struct Transposed<Q4_0> {
  using Rows = TransposedSmall<Stored<Q4_0>>;
};
template <>
struct Transposed<Q4_1> {
  using Rows = TransposedSmall<Stored<Q4_1>>;
};
template <>
struct Transposed<Q5_0> {
  using Rows = TransposedSmall<Stored<Q5_0>>;
};
template <>
struct Transposed<Q5_1> {
  using Rows = TransposedSmall<Stored<Q5_1>>;
};

// ── Sums ────────────────────────────────────────────────────────────────────────────────────────
constexpr size_t kStep = 64;  // channels between two prefetches
constexpr size_t kAhead = 8;  // rows that they are ahead

// Four rows at a time: y is loaded and stored once for four additions, which keep their order. Meanwhile rows further on are
// asked for in small steps, among them up to `following` of the list behind `count`.
template <class Source>
SL_INLINE void add_up(const Source& s, const uint32_t* ids, const float* a, size_t count, size_t following, size_t n, float* y) {
  using Row = typename Source::Row;
  const size_t end = count + following;
  size_t k = 0;
  for (; k + 4 <= count; k += 4) {
    const Row r0 = Source::row(s, ids[k]), r1 = Source::row(s, ids[k + 1]), r2 = Source::row(s, ids[k + 2]),
              r3 = Source::row(s, ids[k + 3]);
    const Vec16 a0 = set(a[k]), a1 = set(a[k + 1]), a2 = set(a[k + 2]), a3 = set(a[k + 3]);
    Row next[4];
    for (size_t i = 0; i < 4; i++) next[i] = Source::row(s, ids[least(k + kAhead + i, end - 1)]);
    auto add = [&](size_t c) {
      Vec16 sum = load(y + c);
      sum = fma(a0, Source::at(s, r0, c), sum);
      sum = fma(a1, Source::at(s, r1, c), sum);
      sum = fma(a2, Source::at(s, r2, c), sum);
      sum = fma(a3, Source::at(s, r3, c), sum);
      store(y + c, sum);
    };
    size_t c = 0;
    for (; c + kStep <= n; c += kStep) {
      SL_UNROLL for (size_t i = 0; i < 4; i++) Source::fetch(s, next[i], c, kStep);
      SL_UNROLL for (size_t i = 0; i < kStep; i += 16) add(c + i);
    }
    for (; c + 16 <= n; c += 16) add(c);
    for (; c < n; c++) {
      y[c] = __builtin_fmaf(a[k], Source::one(s, r0, c), y[c]);
      y[c] = __builtin_fmaf(a[k + 1], Source::one(s, r1, c), y[c]);
      y[c] = __builtin_fmaf(a[k + 2], Source::one(s, r2, c), y[c]);
      y[c] = __builtin_fmaf(a[k + 3], Source::one(s, r3, c), y[c]);
    }
  }
  for (; k < count; k++) {
    const Row row = Source::row(s, ids[k]), next = Source::row(s, ids[least(k + kAhead, end - 1)]);
    const Vec16 factor = set(a[k]);
    size_t c = 0;
    for (; c + kStep <= n; c += kStep) {
      Source::fetch(s, next, c, kStep);
      SL_UNROLL for (size_t i = 0; i < kStep; i += 16) store(y + c + i, fma(factor, Source::at(s, row, c + i), load(y + c + i)));
    }
    for (; c + 16 <= n; c += 16) store(y + c, fma(factor, Source::at(s, row, c), load(y + c)));
    for (; c < n; c++) y[c] = __builtin_fmaf(a[k], Source::one(s, row, c), y[c]);
  }
}

template <class T>
void add_rows(Rows w, const uint32_t* ids, const float* a, size_t count, size_t following, size_t from, size_t n, float* y) {
  add_up(StoredRows<T>{w, from}, ids, a, count, following, n, y);
}
template <class Source>
void add_transposed(const uint8_t* own, const uint8_t* shared, size_t D, const uint32_t* ids, const float* a, size_t count,
                    size_t following, size_t from, size_t n, float* y) {
  add_up(Source{own, shared, D, from}, ids, a, count, following, n, y);
}

// The tree over 16 partial sums `stride` floats apart, + 0
SL_INLINE Vec16 join(const float* p, size_t stride) {
  Vec16 s[8];
  SL_UNROLL for (size_t l = 0; l < 8; l++) s[l] = load(p + l * stride) + load(p + (l + 8) * stride);
  SL_UNROLL for (size_t l = 0; l < 4; l++) s[l] = s[l] + s[l + 4];
  return ((s[0] + s[2]) + (s[1] + s[3])) + set(0.0f);
}
void join_partials(const float* p, size_t n, float* y) {
  size_t c = 0;
  for (; c + 16 <= n; c += 16) store(y + c, join(p + c, n));
  for (; c < n; c++) {
    float s[8];
    for (size_t l = 0; l < 8; l++) s[l] = p[l * n + c] + p[(l + 8) * n + c];
    for (size_t l = 0; l < 4; l++) s[l] = s[l] + s[l + 4];
    y[c] = ((s[0] + s[2]) + (s[1] + s[3])) + 0.0f;
  }
}

// ── Panels ──────────────────────────────────────────────────────────────────────────────────────
constexpr size_t kRowsAhead = 12;  // scattered pieces of rows are asked for this many rows early

template <class Source>
SL_INLINE void load_panel(const Source& s, const uint32_t* ids, const uint32_t* places, size_t count, size_t n, float* panel) {
  for (size_t k = 0; k < count; k++) {
    float* out = panel + static_cast<size_t>(places[k]) * kDownChannels;
    const typename Source::Row row = Source::row(s, ids[k]);
    if (k + kRowsAhead < count) Source::fetch(s, Source::row(s, ids[k + kRowsAhead]), 0, n);
    if (n == kDownChannels) {
      SL_UNROLL for (size_t c = 0; c < kDownChannels; c += 16) store(out + c, Source::at(s, row, c));
      continue;
    }
    size_t c = 0;
    for (; c + 16 <= n; c += 16) store(out + c, Source::at(s, row, c));
    for (; c < n; c++) out[c] = Source::one(s, row, c);
    for (; c < kDownChannels; c++) out[c] = 0;
  }
}
template <class T>
void load_rows(Rows w, const uint32_t* ids, const uint32_t* places, size_t count, size_t from, size_t n, float* panel) {
  load_panel(StoredRows<T>{w, from}, ids, places, count, n, panel);
}
template <class Source>
void load_transposed(const uint8_t* own, const uint8_t* shared, size_t D, const uint32_t* ids, const uint32_t* places,
                     size_t count, size_t from, size_t n, float* panel) {
  load_panel(Source{own, shared, D, from}, ids, places, count, n, panel);
}

}  // namespace
}  // namespace sparselab::cpu
