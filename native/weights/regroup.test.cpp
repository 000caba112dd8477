// A transposed down gives the very numbers of the file, in every type.
#include "weights/regroup.h"

#include <bit>
#include <cmath>

#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

TEST("regroup: ffn_down by neuron, without losing a bit, in every weight type") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  const uint64_t D = 96, F = 160;
  for (TensorType type : kAllTypes) {
    const WeightType& record = weight_type(type);
    const auto bytes = encode(type, random_floats(r, D * F));
    const Matrix m{type, D, F, bytes.data(), row_bytes(record.traits, F)};
    const DownMatrix down = regroup(m);
    CHECK(down.owned->size() == regrouped_bytes(m));
    CHECK(down.neuron_bytes() * F + down.group_bytes() * (F / down.group) == regrouped_bytes(m));
    std::vector<float> row(F), got(D, NAN);
    for (uint64_t i = 0; i < F; i++) {
      down.load(i, got.data());
      for (uint64_t d = 0; d < D; d++) {
        record.to_float(m.row(d), F, row.data());
        CHECK_MSG(std::bit_cast<uint32_t>(got[d]) == std::bit_cast<uint32_t>(row[i]),
                  text("%s neuron %zu channel %zu: %g, not %g, seed %llu", record.traits.name, (size_t)i, (size_t)d, got[d],
                       row[i], (unsigned long long)seed));
      }
    }
  }
}

TEST("regroup: a type that the executor does not compute with is refused") {
  const uint8_t byte = 0;
  CHECK_ERROR(regroup({static_cast<TensorType>(12), 32, 32, &byte, 18}), "Q4_K; supported are " + readable_types());
  CHECK_ERROR(regrouped_bytes({static_cast<TensorType>(99), 32, 32, &byte, 18}), "type 99");
}
