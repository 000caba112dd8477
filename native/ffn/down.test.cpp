// The sum of down bit for bit by its definition (down.h), written out once more: the order of its additions is part of every
// result.
#include "ffn/down.h"

#include <cmath>

#include "testing/backends.h"
#include "testing/kernels.h"
#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

BACKEND_TEST("down: lane i % 16 adds neuron i's row in ascending order, then one tree") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  uint64_t sensitive = 0;
  for (TensorType type : kAllTypes)
    for (bool down_t : {true, false})
      for (uint32_t B : {1u, 2u, 5u})
        for (bool part : {false, true}) {
          if (!defines_the_bits() && B > 1) continue;  // it takes one row after the other
          Shape shape = small_shape();
          shape.hidden = 352;   // more than one block of channels
          shape.neurons = 224;  // of 14 to a lane
          shape = shape_of_blocks({type}, shape);
          RandomModel m(r(), shape, {type}, down_t);
          const uint64_t D = shape.hidden;
          std::vector<uint32_t> ids;
          for (uint32_t i = 0; i < shape.neurons; i++)
            if (!part || r() % 3) ids.push_back(i);
          const uint64_t N = ids.size();
          const SlTensor& down = m.tensor(down_t ? "blk.1.ffn_down_t.weight" : "blk.1.ffn_down.weight");
          auto weight = [&](uint64_t i, uint64_t d) { return down_t ? value_of(down, i, d) : value_of(down, d, i); };
          for (SlStrategy strategy : {SL_DENSE, SL_EXACT}) {
            std::vector<float> t(shape.layers, 0.1f), x = random_floats(r, B * D), y(B * D, NAN), mid(B * N, NAN);
            SlSetting setting{SL_FATRELU, static_cast<uint32_t>(strategy), t.data(), nullptr, 0};
            ffn(m.shape, m.tensors, 1, B, x.data(), part ? &ids : nullptr, setting, 3, y.data(), nullptr, mid.data());
            for (uint64_t b = 0; b < B; b++)
              for (uint64_t d = 0; d < D; d++) {
                float lane[16] = {}, other[16] = {};
                for (uint64_t k = 0; k < N; k++) {
                  const float v = mid[b * N + k], w = mid[b * N + N - 1 - k];
                  if (v != 0) lane[ids[k] % 16] = std::fma(v, weight(ids[k], d), lane[ids[k] % 16]);
                  const uint32_t back = ids[N - 1 - k];
                  if (w != 0) other[back % 16] = std::fma(w, weight(back, d), other[back % 16]);
                }
                if (!defines_the_bits()) {
                  double exact = 0, size = 0;
                  for (uint64_t k = 0; k < N; k++) {
                    const double term = static_cast<double>(mid[b * N + k]) * static_cast<double>(weight(ids[k], d));
                    exact += term;
                    size += std::fabs(term);
                  }
                  CHECK(std::fabs(static_cast<double>(y[b * D + d]) - exact) <= 1e-3 * size);
                }
                sensitive += tree(lane) != tree(other);
                const float want = tree(lane) + 0.0f, got = y[b * D + d];
                CHECK_MSG(!defines_the_bits() || std::memcmp(&want, &got, 4) == 0,
                          text("type %d, down_t %d, %u rows, part %d, strategy %d, channel %llu: %g, not %g, seed %llu", type,
                               down_t, B, part, strategy, (unsigned long long)d, got, want, (unsigned long long)seed));
              }
          }
        }
  CHECK(sensitive > 1000);  // another order would give other bits
}
