// A whole model in float64, written for reading: the reference of the forward pass, one sequence under one activation.
#pragma once
#include <cmath>
#include <vector>

#include "testing/random_model.h"

namespace sparselab::testing {

struct Reference {
  std::vector<std::vector<double>> stream;  // (T) of (D): the residual stream after the last layer
  std::vector<std::vector<double>> logits;  // (T) of (V)
  // Where predictors say which neurons count, how near a score came to its cutoff: nearer than the error of float32, another
  // neuron may count there.
  double margin = INFINITY;
  // Of attention, (L) of (T): q and k after rotation, v, z (heads, K) each; out (D); scores and pattern (H, positions up to it).
  using Layers = std::vector<std::vector<std::vector<double>>>;
  Layers q, k, v, scores, pattern, z, out;
};

// ReLU as the activation; `t` > 0: FATReLU. `cutoff` (L): under `predicted`, in the layers that have a predictor.
Reference reference(const RandomModel& m, const std::vector<int32_t>& tokens, double t = 0,
                    const std::vector<float>* cutoff = nullptr);

// ‖a − b‖ / ‖b‖
double relative_error(const std::vector<float>& a, const std::vector<std::vector<double>>& b);

}  // namespace sparselab::testing
