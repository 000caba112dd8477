// The product of a row of stored weights with a vector in shared memory, by one warp. A warp's load takes 512 bytes of the row
// side by side, and eight loads are under way before the first is used.
#pragma once
#include "compat/compat.h"

namespace sparselab::cuda {

constexpr int kThreads = 256, kWarps = kThreads / 32;
constexpr int kUnderWay = 8;

// 16 bytes of weights of a type as floats.
template <class W>
struct Stored {  // Half, BFloat
  static constexpr int kValues = 8;
  DEVICE void unpack_to(const uint4& v, float (&out)[8]) {
    const uint32_t words[4] = {v.x, v.y, v.z, v.w};
    UNROLL for (int i = 0; i < 4; i++) {
      const float2 pair = unpack(W{}, words[i]);
      out[2 * i] = pair.x;
      out[2 * i + 1] = pair.y;
    }
  }
};
template <>
struct Stored<float> {
  static constexpr int kValues = 4;
  DEVICE void unpack_to(const uint4& v, float (&out)[4]) {
    out[0] = __uint_as_float(v.x);
    out[1] = __uint_as_float(v.y);
    out[2] = __uint_as_float(v.z);
    out[3] = __uint_as_float(v.w);
  }
};

// row (n) at a multiple of 16 bytes, x (n) in shared memory; n is a multiple of Stored<W>::kValues. The same bits in every lane.
template <class W>
DEVICE float row_dot(const W* row, const float* x, int n, unsigned lane) {
  constexpr int kValues = Stored<W>::kValues;
  const int pieces = n / kValues;  // of 16 bytes
  const auto* from = reinterpret_cast<const uint4*>(row);
  float sum = 0;
  for (int first = 0; first < pieces; first += 32 * kUnderWay) {
    uint4 v[kUnderWay];
    UNROLL for (int k = 0; k < kUnderWay; k++) {
      const int piece = first + k * 32 + static_cast<int>(lane);
      v[k] = load_weights_if(from + piece, piece < pieces);
    }
    UNROLL for (int k = 0; k < kUnderWay; k++) {
      const int piece = first + k * 32 + static_cast<int>(lane);
      if (piece >= pieces) continue;
      float w[kValues];
      Stored<W>::unpack_to(v[k], w);
      const float* at = x + piece * kValues;
      UNROLL for (int i = 0; i < kValues; i++) sum += w[i] * at[i];
    }
  }
  return warp_sum(sum);
}

// x (n) from global into shared memory, by the whole block; a barrier must follow.
DEVICE void share(const float* x, float* shared, int n) {
  for (int i = static_cast<int>(threadIdx.x); i < n; i += kThreads) shared[i] = x[i];
}

}  // namespace sparselab::cuda
