// The CPU's arithmetic, in four shapes. One definition of a dot product holds for every weight type, instruction set and tile:
//   lane[j % 16] = fma(w[j], x[j], lane[j % 16]) for j = 0, 1, ...; then the lanes are added in a tree 8, 4, 2, 1.
// Weights are the float32 value of the stored ones (exact for F32, F16 and Q8_0: 11 + 8 bits fit into 24), so a Q8_0 file gives
// the bits of the F32 file with its values. Each function has a plain twin of a few lines in kernels.test.cpp that it must equal
// bit for bit.
#pragma once
#include <cstddef>
#include <cstdint>

#include "quant/types.h"

namespace sparselab::cpu {

// "x86-64-v4", "x86-64-v3" or "baseline": what runs here.
const char* level();

// row (n elements of a type) -> out (n)
void dequantise(TensorType type, const uint8_t* row, size_t n, float* out);

// The dot product of the definition above. w, x (n)
float dot(const float* w, const float* x, size_t n);

// The same sum in float64, in order: for sums of float32 that are not finite. No product of two floats and no sum of them
// overflows.
double wide_dot(const float* w, const float* x, size_t n);

// out[r * out_stride_r + b * out_stride_b] = dot(w row r, x row b)   w (R, n), x (B, n), both row-major.
void dots(const float* w, size_t R, const float* x, size_t B, size_t n, float* out, size_t out_stride_r, size_t out_stride_b);

// out[k] = dot(w, x row rows[k])   w (n), x (B, n), rows (count)
void dots_of_rows(const float* w, const float* x, size_t n, const uint32_t* rows, size_t count, float* out);

// A regrouped Q8_0 row: out[j] = scales[j] * quants[j]   all (n)
void dequantise_scaled(const int8_t* quants, const uint16_t* scales, size_t n, float* out);

// For each k: y row rows[k] (n) gets fma(a[rows[k] * a_stride], w[j], y[j]).   w (n), y (B, y_stride), one coefficient for each
// row
void add_to_rows(const float* w, size_t n, const float* a, size_t a_stride, const uint32_t* rows, size_t count, float* y,
                 size_t y_stride);

// Attention, where the sums run over channels and positions and not along a row of weights. Each has its own fixed order.
// out[j] = (sum over channels c, in order, of fma(q[c], k[c][j])) * scale   q (K), k: K rows of positions `stride` apart, out
// (count)
void scores(const float* q, const float* k, size_t stride, size_t count, size_t K, float scale, float* out);

// out[c] = sum over positions j, in order, of fma(p[j], v[j][c])   p (count), v: rows of K channels `stride` apart, out (K)
void weighted_sum(const float* p, const float* v, size_t stride, size_t count, size_t K, float* out);

}  // namespace sparselab::cpu
