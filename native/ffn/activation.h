// The activations of the gate. FATReLU (Kurtz et al. 2020; ProSparse Eq. 3): s = g where g >= t, else 0 (not g - t).
// The test is written `!(g < t || g <= 0)`, so that NaN counts as active and is seen.
#pragma once
#include <cstdint>

#include "backend/backend.h"
#include "cpu/isa.h"

namespace sparselab {

// y (n) = activation(x); x and y may be the same.
inline void activate(SlActivation activation, const float* x, uint64_t n, float t, float* y) {
  switch (activation) {
    case SL_SILU:
      return cpu::kernels().silu(x, n, y);
    case SL_GELU:
      return cpu::kernels().gelu(x, n, y);
    case SL_GELU_TANH:
      return cpu::kernels().gelu_tanh(x, n, y);
    case SL_RELU:
      for (uint64_t i = 0; i < n; i++) y[i] = x[i] <= 0 ? 0.0f : x[i];
      return;
    case SL_RELU2:
      for (uint64_t i = 0; i < n; i++) y[i] = x[i] <= 0 ? 0.0f : x[i] * x[i];
      return;
    case SL_FATRELU:
      for (uint64_t i = 0; i < n; i++) y[i] = x[i] < t || x[i] <= 0 ? 0.0f : x[i];
      return;
  }
}

}  // namespace sparselab
