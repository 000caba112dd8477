// Q5_0: blocks of 32 values, a half scale and quants of 5 bits. value = float(scale) * (quant - 16), exact in float32.
#include "quant/small_blocks.h"
#include "quant/types.h"

namespace sparselab {
namespace {

struct [[gnu::packed]] Block {
  uint16_t scale;
  uint32_t high;
  uint8_t low[16];
};
static_assert(sizeof(Block) == traits_of(Q5_0).block_bytes && traits_of(Q5_0).block == 32);

void to_float(const uint8_t* row, uint64_t n, float* out) {
  each_value<Block>(row, n, out, [](const Block& block, uint64_t j) {
    return half_to_float(block.scale) * (static_cast<float>(quant_of(block, j)) - 16);
  });
}

}  // namespace

extern const WeightType kWeightType_Q5_0;
const WeightType kWeightType_Q5_0 = {Q5_0, traits_of(Q5_0), to_float, kSmallTransposed<Block>};

}  // namespace sparselab
