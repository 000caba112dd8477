// A transposed down gives the very numbers of the file, in every type.
#include "weights/regroup.h"

#include <bit>
#include <cmath>

#include "cpu/isa.h"
#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

TEST("regroup: ffn_down by neuron, without losing a bit") {
  std::mt19937_64 r(fresh_seed());
  const uint64_t D = 96, F = 160;
  for (TensorType type : {F32, F16, Q8_0}) {
    auto bytes = encode(type, random_floats(r, D * F));
    Matrix m{type, D, F, bytes.data(), row_bytes(*type_traits(type), F)};
    DownMatrix down = regroup(m);
    CHECK(down.owned->size() == regrouped_bytes(m));
    std::vector<float> row(F), got(D, NAN);
    for (uint64_t i = 0; i < F; i++) {
      down.load(i, got.data());
      for (uint64_t d = 0; d < D; d++) {
        cpu::kernels_of(type).dequantise(m.row(d), F, row.data());
        CHECK_MSG(std::bit_cast<uint32_t>(got[d]) == std::bit_cast<uint32_t>(row[i]),
                  text("%s neuron %zu channel %zu: %g, not %g", type_traits(type)->name, (size_t)i, (size_t)d, got[d], row[i]));
      }
    }
  }
}
