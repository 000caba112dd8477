// Q6_K: blocks of 256 values, an int8 scale for each 16 of them. value = float(block scale) * scale * (quant - 32), exact in
// float32.
#include <cstring>

#include "quant/half.h"
#include "quant/types.h"

namespace sparselab {
namespace {

constexpr uint32_t kBlock = 256;
struct Block {
  uint8_t low[kBlock / 2];   // of each 128 values 64 bytes: those of the first 64 in the low halves, of the others in the high
  uint8_t high[kBlock / 4];  // of each 128 values 32 bytes: byte l has two bits of values l, l + 32, l + 64, l + 96
  int8_t scales[kBlock / 16];
  uint16_t scale;
};
static_assert(sizeof(Block) == traits_of(Q6_K).block_bytes && kBlock == traits_of(Q6_K).block);

void to_float(const uint8_t* row, uint64_t n, float* out) {
  for (uint64_t b = 0; b < n / kBlock; b++) {
    Block block;
    std::memcpy(&block, row + b * sizeof block, sizeof block);
    for (uint64_t j = 0; j < kBlock; j++) {
      const uint64_t half = j / 128, r = j % 128;
      const uint32_t low = block.low[half * 64 + r % 64] >> (r / 64 * 4) & 15u;
      const uint32_t high = block.high[half * 32 + r % 32] >> (r / 32 * 2) & 3u;
      const float d = half_to_float(block.scale) * static_cast<float>(block.scales[j / 16]);
      out[b * kBlock + j] = d * (static_cast<float>(low | high << 4) - 32);
    }
  }
}

}  // namespace

extern const WeightType kWeightType_Q6_K;
const WeightType kWeightType_Q6_K = {Q6_K, traits_of(Q6_K), to_float, kNotTransposed};

}  // namespace sparselab
