// A layer's FFN against a plain float64 reference of a few lines, for each activation, with a gate and without, relu on up too.
#include "ffn/ffn.h"

#include <cmath>

#include "ffn/activation.h"
#include "testing/backends.h"
#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

double reference_act(SlActivation a, double g, double t) {
  switch (a) {
    case SL_SILU:
      return g / (1 + std::exp(-g));
    case SL_GELU:
      return g * 0.5 * (1 + std::erf(g / std::sqrt(2.0)));
    case SL_GELU_TANH:
      return 0.5 * g * (1 + std::tanh(std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g)));
    case SL_RELU:
      return g > 0 ? g : 0;
    case SL_RELU2:
      return g > 0 ? g * g : 0;
    case SL_FATRELU:
      return g >= t && g > 0 ? g : 0;
  }
  return NAN;
}

// Weights of an F32 tensor: element (row, col).
const float* weights(const RandomModel& m, const std::string& name) {
  for (const SlTensor& t : m.tensors)
    if (name == t.name) return reinterpret_cast<const float*>(t.data);
  throw Failure("no tensor " + name);
}

}  // namespace

BACKEND_TEST("ffn: every activation against float64") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  const float threshold = 0.25f;
  for (bool gate : {true, false})
    for (SlUpActivation up_act : {SL_UP_AS_IS, SL_UP_RELU})
      for (SlActivation a : {SL_SILU, SL_GELU, SL_GELU_TANH, SL_RELU, SL_RELU2, SL_FATRELU})
        for (SlStrategy strategy : {SL_DENSE, SL_EXACT}) {
          Shape shape = small_shape(gate);
          shape.ffn.act_up = up_act;
          RandomModel m(r(), shape, {F32}, true);
          const uint64_t D = shape.hidden, F = shape.neurons;
          auto x = random_floats(r, D);
          const float *wg = gate ? weights(m, "blk.1.ffn_gate.weight") : nullptr, *wu = weights(m, "blk.1.ffn_up.weight"),
                      *wd = weights(m, "blk.1.ffn_down_t.weight");
          std::vector<double> want(D);
          double size = 0, error = 0;
          bool near = false;
          for (uint64_t i = 0; i < F; i++) {
            double g = 0, u = 0;
            for (uint64_t d = 0; d < D; d++) {
              if (gate) g += static_cast<double>(wg[i * D + d]) * x[d];
              u += static_cast<double>(wu[i * D + d]) * x[d];
            }
            if (a == SL_FATRELU && std::fabs((gate ? g : u) - threshold) < 1e-5) near = true;  // may fall on either side of t
            double mid = gate ? reference_act(a, g, threshold) * (up_act == SL_UP_RELU ? std::max(u, 0.0) : u)
                              : reference_act(a, u, threshold);
            for (uint64_t d = 0; d < D; d++) want[d] += mid * wd[i * D + d];
          }
          std::vector<float> t(shape.layers, threshold), y(D, NAN);
          SlSetting setting{static_cast<uint32_t>(a), static_cast<uint32_t>(strategy), t.data(), nullptr, 0};
          ffn(m.shape, m.tensors, 1, 1, x.data(), nullptr, setting, 2, y.data());
          for (uint64_t d = 0; d < D; d++) {
            error += std::pow(y[d] - want[d], 2);
            size += want[d] * want[d];
          }
          CHECK_MSG(near || std::sqrt(error / size) < 2e-6,
                    text("activation %d gate %d: %g, seed %llu", a, gate, std::sqrt(error / size), (unsigned long long)seed));
        }
}

TEST("ffn: NaN is never inactive") {
  auto one = [](SlActivation a, float g, float t) {
    float s = INFINITY;
    activate(a, &g, 1, t, &s);
    return s;
  };
  for (SlActivation a : {SL_SILU, SL_GELU, SL_GELU_TANH, SL_RELU, SL_RELU2, SL_FATRELU}) CHECK(std::isnan(one(a, NAN, 0.1f)));
  CHECK(one(SL_FATRELU, 0.1f, 0.1f) == 0.1f);
  CHECK(one(SL_FATRELU, std::nextafter(0.1f, 0.0f), 0.1f) == 0);
  CHECK(one(SL_FATRELU, -0.0f, 0.0f) == 0 && !std::signbit(one(SL_FATRELU, -0.0f, 0.0f)));
  CHECK(one(SL_FATRELU, 1e-30f, 0.0f) == 1e-30f);
}

BACKEND_TEST("ffn: what a single call refuses") {
  RandomModel m(1, small_shape(), {F32}, true);
  std::vector<float> t(m.shape.layers, 0.0f), x(m.shape.hidden, 1.0f), y(m.shape.hidden);
  SlSetting setting{SL_RELU, SL_EXACT, t.data(), nullptr, 0};
  auto call = [&](uint32_t layer, std::vector<uint32_t> ids) {
    ffn(m.shape, m.tensors, layer, 1, x.data(), &ids, setting, 1, y.data());
  };
  CHECK_ERROR(call(2, {1}), "layer 2; expected 0 to 1");
  CHECK_ERROR(call(0, {1, 1}), "ascending");
  CHECK_ERROR(call(0, {160}), "neuron 160");
  call(0, {});
  for (float v : y) CHECK(v == 0);
}
