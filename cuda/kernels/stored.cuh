// 16 bytes of weights of each form as floats: what the kernels are templates over.
#pragma once
#include "compat/compat.h"
#include "kernels/weights.h"

namespace sparselab::cuda {

constexpr int kThreads = 256, kWarps = kThreads / 32;
constexpr int kUnderWay = 8;  // loads that a warp has under way before it uses the first
constexpr int kScaleColumns = 32;

struct Quant8 {};
struct Quant4 {};

// kValues: in 16 bytes. kScaled: their products are multiplied by a scale.
template <class W>
struct Stored {  // Half, BFloat
  static constexpr int kValues = 8;
  static constexpr bool kScaled = false;
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
  static constexpr bool kScaled = false;
  DEVICE void unpack_to(const uint4& v, float (&out)[4]) {
    out[0] = __uint_as_float(v.x);
    out[1] = __uint_as_float(v.y);
    out[2] = __uint_as_float(v.z);
    out[3] = __uint_as_float(v.w);
  }
};
template <>
struct Stored<Quant8> {
  static constexpr int kValues = 16;
  static constexpr bool kScaled = true;
  DEVICE void unpack_to(const uint4& v, float (&out)[16]) {
    const uint32_t words[4] = {v.x, v.y, v.z, v.w};
    UNROLL for (int i = 0; i < 16; i++) out[i] = static_cast<float>(static_cast<int8_t>(words[i / 4] >> (8 * (i % 4)) & 0xffu));
  }
};
template <>
struct Stored<Quant4> {
  static constexpr int kValues = 32;
  static constexpr bool kScaled = true;
  DEVICE void unpack_to(const uint4& v, float (&out)[32]) {
    const uint32_t words[4] = {v.x, v.y, v.z, v.w};
    UNROLL for (int i = 0; i < 16; i++) {
      const uint32_t both = words[i / 4] >> (8 * (i % 4)) & 0xffu;
      out[i] = static_cast<float>(static_cast<int>(both & 15u) - 8);
      out[i + 16] = static_cast<float>(static_cast<int>(both >> 4) - 8);
    }
  }
};

// Pieces of 16 bytes of a row.
template <class W>
DEVICE int pieces_of(const Weights& w) {
  return (w.cols + Stored<W>::kValues - 1) / Stored<W>::kValues;
}

// x (n) from global into shared memory by the whole block, filled up with zeros for whole pieces of W; a barrier must follow.
template <class W>
DEVICE void share(const float* x, float* shared, int n) {
  const int all = (n + Stored<W>::kValues - 1) / Stored<W>::kValues * Stored<W>::kValues;
  for (int i = static_cast<int>(threadIdx.x); i < all; i += kThreads) shared[i] = i < n ? x[i] : 0.0f;
}
// Bytes of that: any form fits.
HOST_DEVICE size_t shared_bytes(int n) { return (static_cast<size_t>(n) + 31) / 32 * 32 * sizeof(float); }

// Runs fn(W{}) with the tag of a form.
template <class Fn>
void with_form(Form form, Fn fn) {
  switch (form) {
    case Form::f32:
      return fn(float{});
    case Form::f16:
      return fn(Half{});
    case Form::bf16:
      return fn(BFloat{});
    case Form::q8_0:
      return fn(Quant8{});
    case Form::q4_0:
      return fn(Quant4{});
  }
}

}  // namespace sparselab::cuda
