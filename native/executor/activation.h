// The activations of the gate. FATReLU (Kurtz et al. 2020; ProSparse Eq. 3): s = g where g >= t, else 0 (not g - t).
// The test is written `!(g < t || g <= 0)`, so that NaN counts as active and is seen.
#pragma once
#include <cmath>

#include "executor/backend.h"

namespace sparselab {

inline float activate(SlActivation activation, float g, float t) {
  switch (activation) {
    case SL_SILU:
      return g / (1.0f + std::exp(-g));
    case SL_GELU:
      return 0.5f * g * (1.0f + std::erf(g * 0.70710678118654752f));
    case SL_GELU_TANH:
      return 0.5f * g * (1.0f + std::tanh(0.79788456080286536f * (g + 0.044715f * g * g * g)));
    case SL_RELU:
      return g <= 0 ? 0.0f : g;
    case SL_RELU2:
      return g <= 0 ? 0.0f : g * g;
    case SL_FATRELU:
      return g < t || g <= 0 ? 0.0f : g;
  }
  return NAN;
}

}  // namespace sparselab
