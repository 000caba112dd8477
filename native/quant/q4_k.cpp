// Q4_K: blocks of 256 values, in groups of 32. value = scale * quant - minimum, in float32, where the group's scale is
// float(block scale) * its 6 bits and its minimum likewise. All products are exact, the difference is rounded once.
#include <cstring>

#include "quant/half.h"
#include "quant/k_scales.h"
#include "quant/types.h"

namespace sparselab {
namespace {

constexpr uint32_t kBlock = 256;
struct Block {
  uint16_t scale, minimum;
  uint8_t scales[12];
  uint8_t low[kBlock / 2];  // 32 bytes have the quants of two groups, the first in their low halves
};
static_assert(sizeof(Block) == traits_of(Q4_K).block_bytes && kBlock == traits_of(Q4_K).block);

void to_float(const uint8_t* row, uint64_t n, float* out) {
  for (uint64_t b = 0; b < n / kBlock; b++) {
    Block block;
    std::memcpy(&block, row + b * sizeof block, sizeof block);
    for (uint64_t j = 0; j < kBlock; j++) {
      const auto [scale, minimum] = six_bits_of(block.scales, j / 32);
      const uint32_t q = block.low[j / 64 * 32 + j % 32] >> (j / 32 % 2 * 4) & 15u;
      const float d = half_to_float(block.scale) * static_cast<float>(scale);
      out[b * kBlock + j] = d * static_cast<float>(q) - half_to_float(block.minimum) * static_cast<float>(minimum);
    }
  }
}

}  // namespace

extern const WeightType kWeightType_Q4_K;
const WeightType kWeightType_Q4_K = {Q4_K, traits_of(Q4_K), to_float, kNotTransposed};

}  // namespace sparselab
