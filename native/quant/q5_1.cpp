// Q5_1: blocks of 32 values, a half scale, a half minimum and quants of 5 bits. value = float(scale) * quant + float(minimum), in
// float32: the product is exact, the sum is rounded once.
#include "quant/small_blocks.h"
#include "quant/types.h"

namespace sparselab {
namespace {

struct Block {
  uint16_t scale, minimum;
  uint32_t high;
  uint8_t low[16];
};
static_assert(sizeof(Block) == traits_of(Q5_1).block_bytes && traits_of(Q5_1).block == 32);

void to_float(const uint8_t* row, uint64_t n, float* out) {
  each_value<Block>(row, n, out, [](const Block& block, uint64_t j) {
    return half_to_float(block.scale) * static_cast<float>(quant_of(block, j)) + half_to_float(block.minimum);
  });
}

}  // namespace

extern const WeightType kWeightType_Q5_1;
const WeightType kWeightType_Q5_1 = {Q5_1, traits_of(Q5_1), to_float, kSmallTransposed<Block>};

}  // namespace sparselab
