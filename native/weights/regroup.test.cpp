// A transposed down gives the very numbers of the file, in every type.
#include "weights/regroup.h"

#include <bit>
#include <cmath>

#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

TEST("regroup: ffn_down by neuron or as it lies, without losing a bit, in every weight type") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (TensorType type : kAllTypes) {
    const WeightType& record = weight_type(type);
    const bool k_quant = record.traits.block == 256;
    const uint64_t D = 75, F = k_quant ? 512 : 160;
    CHECK(can_regroup(type) == !k_quant);
    const auto bytes = encode(type, random_floats(r, D * F));
    const Matrix m{type, D, F, bytes.data(), row_bytes(record.traits, F)};
    const DownMatrix regrouped = regroup(m), lying = by_channel(m);
    CHECK(lying.lies_by_channel() && lying.by_channel.data == bytes.data() && regrouped.lies_by_channel() == k_quant);
    CHECK((regrouped.owned ? regrouped.owned->size() : 0) == regrouped_bytes(m));
    if (!k_quant) CHECK(regrouped.neuron_bytes() * F + regrouped.group_bytes() * (F / regrouped.group) == regrouped_bytes(m));
    std::vector<float> values(D * F);
    for (uint64_t d = 0; d < D; d++) record.to_float(m.row(d), F, values.data() + d * F);
    for (const DownMatrix* down : {&regrouped, &lying})
      for (uint64_t first = 0; first < F;) {
        const uint64_t count = std::min<uint64_t>(1 + r() % 70, F - first);
        std::vector<float> got(count * D, NAN);
        down->load(first, count, got.data());
        for (uint64_t i = 0; i < count; i++)
          for (uint64_t d = 0; d < D; d++)
            CHECK_MSG(std::bit_cast<uint32_t>(got[i * D + d]) == std::bit_cast<uint32_t>(values[d * F + first + i]),
                      text("%s neuron %zu channel %zu: %g, not %g, seed %llu", record.traits.name, (size_t)(first + i), (size_t)d,
                           got[i * D + d], values[d * F + first + i], (unsigned long long)seed));
        first += count;
      }
  }
}

TEST("regroup: a type that the executor does not compute with is refused") {
  const uint8_t byte = 0;
  CHECK_ERROR(regroup({static_cast<TensorType>(10), 32, 32, &byte, 18}), "Q2_K; supported are " + readable_types());
  CHECK_ERROR(regrouped_bytes({static_cast<TensorType>(99), 32, 32, &byte, 18}), "type 99");
}
