// Activations as int8, for the arithmetic "int8": rows of float32 become blocks of integers with a scale, as llama.cpp makes them
// on x86, and meet the integers of quantised weights. A block's sum of products is an exact integer; the blocks of a row are
// added in order:
//   y = fma(w scale · x scale, sum of w·x, y), and where weights have a minimum  y = fma(w minimum, x sum, y)
// so the bits are the same on every instruction set. Weights of F32, F16 and BF16 stay float.
#pragma once
#include <cstdint>

#include "cpu/aligned.h"
#include "quant/types.h"

namespace sparselab::cpu {

// How a row of activations is quantised; the weights' type decides.
enum class Int8Form : uint8_t {
  none,  // the product stays float
  q8_0,  // 32 values: q = round(x · (127 / amax)), halves to even; scale = half(amax / 127)
  q8_1,  // the same, and sum = half(amax / 127 · sum of q)
  q8_k,  // 256 values: m is the first of the largest magnitude: q = min(127, round(x · (-127 / m))), scale = 1 / (-127 / m)
};
constexpr int kInt8Forms = 4;
Int8Form int8_form(TensorType type);

// B rows of n quantised values.
struct Int8Rows {
  uint64_t n = 0;
  Scratch<int8_t> q;       // (B, n)
  Floats scale;            // (B, n / 32), of q8_k (B, n / 256)
  Floats sum;              // (B, n / 32) of q8_1
  Scratch<int32_t> q_sum;  // (B, n / 32) sums of q, of q8_k

  // Room for B rows; then each is made by itself. A block with a value that is not finite gets the scale NaN, and so do its
  // products.
  void reset(Int8Form form, uint64_t B, uint64_t n);
  void make(Int8Form form, uint64_t b, const float* x);
  // Row b as the float32 values that its integers stand for.
  void to_float(Int8Form form, uint64_t b, float* out) const;
  static uint64_t bytes(uint64_t B, uint64_t n) { return B * (n + n / 32 * (2 * sizeof(float) + sizeof(int32_t))); }
};

}  // namespace sparselab::cpu
