// The kernels of one instruction set as a table. The same source (cpu/isa/kernels.inl) is compiled once for each set with flags
// of its own; `kernels()` is the best that this machine runs, or what SPARSELAB_ISA names. Every table gives the same bits.
//
// Definitions that hold for every weight type, tile and table:
//   dot         16 lanes along the row, lane[j % 16] = fma(w[j], x[j], lane), restarted every 256 elements; each segment's lanes
//               are added in order to the row's 16 lanes, which begin at +0; at the end one tree over lanes 8, 4, 2, 1 apart.
//   down_rows   the sum of the down projection over a row of one channel: the 16 lanes go on over the whole row, without a
//   restart;
//               one tree, and + 0.0f, so that a sum of no terms and of zeros is the same +0.
//   add_rows    y[c] = fma(a[k], w[ids[k]][c], y[c]) for k = 0, 1, ... in order.
//   float64 sums of 16 lanes: lane[j % 16], then the tree; used by norms, softmax and log-sum-exp.
// Weights count as the float32 value of the stored ones (quant/): exact, but for types with a minimum, whose sum with it is
// rounded once. Letters: n elements of a row, R weight rows, B activation rows.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cpu/int8.h"
#include "quant/types.h"

namespace sparselab::cpu {

// Rows of a matrix in memory: row i begins at data + i * stride bytes.
struct Rows {
  const uint8_t* data;
  uint64_t stride;
};

// The panels of the down projection: float32 rows of so many channels, and the batch rows that meet them together.
constexpr int kDownChannels = 64, kDownRows = 6;

// The kernels of one weight type.
struct TypeKernels {
  // row (n) -> out (n) float32
  void (*dequantise)(const uint8_t* row, size_t n, float* out);
  // rows ids[k] of w (n), k < R, -> a panel of R rows (below); ids null: rows 0, 1, ...
  void (*to_panel)(Rows w, const uint32_t* ids, size_t R, size_t n, float* panel);
  // y[k * y_stride] = dot(row ids[k] of w, x) for k < count; ids null: rows 0, 1, ...   x (n)
  void (*dot_rows)(Rows w, const uint32_t* ids, size_t count, const float* x, size_t n, float* y, size_t y_stride);
  // The same with the sum of down_rows.
  void (*down_rows)(Rows w, const uint32_t* ids, size_t count, const float* x, size_t n, float* y, size_t y_stride);
  // y[c] = fma(a[k], row ids[k] of w [c], y[c]), k in order, for the channels from <= c < from + n; y (n) begins at `from`.
  // In a type with blocks from and n are multiples of 16. ids has `following` more entries, rows that will be wanted next.
  void (*add_rows)(Rows w, const uint32_t* ids, const float* a, size_t count, size_t following, size_t from, size_t n, float* y);
  // Row places[k] of panel (.., kDownChannels) gets the channels from <= c < from + n of row ids[k] as float32, then zeros. from
  // is a multiple of 16 in a type with blocks, n <= kDownChannels.
  void (*load_rows)(Rows w, const uint32_t* ids, const uint32_t* places, size_t count, size_t from, size_t n, float* panel);
  // The two for a transposed matrix (TransposedForm, quant/types.h) whose neurons share rows: own (N, own_row(D) bytes), shared
  // (N / block, D). from is a multiple of 16, n is free. Null for a type whose transposed rows are ordinary rows, or that has
  // none.
  void (*add_transposed)(const uint8_t* own, const uint8_t* shared, size_t D, const uint32_t* ids, const float* a, size_t count,
                         size_t following, size_t from, size_t n, float* y);
  void (*load_transposed)(const uint8_t* own, const uint8_t* shared, size_t D, const uint32_t* ids, const uint32_t* places,
                          size_t count, size_t from, size_t n, float* panel);
  // y[b * y_row + k] = row ids[k] of w times row b0 + b of x, for k < count and b < B, as cpu/int8.h defines it; ids null: rows
  // 0, 1,
  // ... Null for a type whose products stay float.
  void (*int8_rows)(Rows w, const uint32_t* ids, size_t count, const Int8Rows& x, size_t b0, size_t B, float* y, size_t y_row);
};

struct Kernels {
  const char* isa;
  TypeKernels types[kWeightTypes];  // in the order of SPARSELAB_WEIGHT_TYPES

  // out[b * out_stride + r] = dot(w row r, x row b)   w (R, n) and x (B, n) are panels; acc: scratch of product_scratch(R, B)
  // floats. Returns whether all sums are finite.
  bool (*product_of_panels)(const float* w, size_t R, const float* x, size_t B, size_t n, float* out, size_t out_stride,
                            float* acc);
  // The same with the sum of down_rows.
  bool (*down_of_panels)(const float* w, size_t R, const float* x, size_t B, size_t n, float* out, size_t out_stride, float* acc);
  // out[k] = dot(w, x row rows[k])   w (n), x (B, n), rows (count)
  void (*dots_of_rows)(const float* w, const float* x, size_t n, const uint32_t* rows, size_t count, float* out);
  // The sum of down over a panel w (places, kDownChannels), whose places begin[l] to begin[l + 1] hold the neurons of lane l in
  // order:   out[r][c] = tree over lanes l of (lane l: fma(a[k][r], w[k][c], sum) for its places k in order, from +0), + 0.0f
  // begin (17), a (places, rows), out (rows, kDownChannels), rows <= kDownRows
  void (*down_tile)(const float* w, const uint32_t* begin, const float* a, size_t rows, float* out);
  // The same for rows with some of the places each: entries begin[17 * r + l] to begin[17 * r + l + 1] of row r of places and a,
  // which are `stride` entries apart, are lane l. out: rows out_stride apart; partials: scratch, (rows, 16, kDownChannels)
  void (*down_sparse)(const float* w, const uint32_t* begin, const uint32_t* places, const float* a, size_t stride, size_t rows,
                      float* partials, float* out, size_t out_stride);
  // y[c] = tree of the 16 partial sums p[l][c], then + 0.0f, so that a sum of no terms and of zeros is the same +0   p (16, n)
  void (*join_partials)(const float* p, size_t n, float* y);

  // Sums in float64
  double (*sum_of_squares)(const float* x, size_t n);
  // p = softmax(p), in place: exp in float32, the sum in float64
  void (*softmax)(float* p, size_t n);
  // ln of the sum of e^(x - top), where top is the largest x. The log-sum-exp is top plus this; beside a large top the sum would
  // round this away.
  double (*log_total)(const float* x, size_t n, double* top);

  // Attention of the query heads that share a kv head. q (heads, K), k: K rows of positions k_stride apart, out (heads,
  // out_stride): out[h][j] = (sum over channels c, in order, of fma(q[h][c], k[c][j])) * scale
  void (*scores)(const float* q, size_t heads, const float* k, size_t k_stride, size_t count, size_t K, float scale, float* out,
                 size_t out_stride);
  // out[h][c] = sum over positions j, in order, of fma(p[h][j], v[j][c])   p (heads, p_stride), v rows v_stride apart, out
  // (heads, K)
  void (*weighted_sum)(const float* p, size_t p_stride, size_t heads, const float* v, size_t v_stride, size_t count, size_t K,
                       float* out);

  // Activations, y (n) = f(x); x and y may be the same.
  void (*silu)(const float* x, size_t n, float* y);
  void (*gelu)(const float* x, size_t n, float* y);
  void (*gelu_tanh)(const float* x, size_t n, float* y);

  // Elementary functions (math.inl), y (n) = f(x)
  void (*exp32)(const float* x, size_t n, float* y);
  void (*tanh32)(const float* x, size_t n, float* y);
  void (*erf32)(const float* x, size_t n, float* y);
  void (*exp64)(const double* x, size_t n, double* y);
  void (*log64)(const double* x, size_t n, double* y);
  double (*pow64)(double x, double y);
  void (*sincos64)(double x, double* sine, double* cosine);
};

// A panel is the form in which the matrix product takes float32 rows: segment by segment, so that the tiles of one segment lie
// side by side in the first-level cache whatever n is. 256 elements of row 0, of row 1, ... of row R - 1, then the next 256 of
// each; the last segment is filled up with zeros to a multiple of 16 elements.
inline size_t panel_floats(size_t R, size_t n) { return R * ((n + 15) / 16 * 16); }
// Floats that `product_of_panels` needs as scratch.
inline size_t product_scratch(size_t R, size_t B) { return R * B * 16; }

// The tables that this machine can run, best first; "plain" is always the last.
const std::vector<const Kernels*>& runnable_kernels();
// The table in use. Throws Error (invalid-option) where SPARSELAB_ISA names one that is not there.
const Kernels& kernels();
// The kernels in use for one weight type.
const TypeKernels& kernels_of(TensorType type);
// What SPARSELAB_ISA may name here: "avx512, avx2, plain"
std::string runnable_names();

}  // namespace sparselab::cpu
