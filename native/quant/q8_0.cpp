// Q8_0: blocks of 32 values, a half scale and 32 int8 quants. value = float(scale) * float(quant), rounded to float32.
// Transposed, a neuron's row holds its quants, (F, D) int8, and each 32 neurons share a row of scales, (F / 32, D) half.
#include <cstring>

#include "quant/half.h"
#include "quant/transpose.h"
#include "quant/types.h"

namespace sparselab {
namespace {

constexpr uint32_t kBlock = 32;
struct Block {
  uint16_t scale;
  int8_t quants[kBlock];
};
static_assert(sizeof(Block) == traits_of(Q8_0).block_bytes && kBlock == traits_of(Q8_0).block);

Block block_at(const uint8_t* p) {
  Block block;
  std::memcpy(&block, p, sizeof block);  // a row may begin at any address
  return block;
}

void to_float(const uint8_t* row, uint64_t n, float* out) {
  for (uint64_t b = 0; b < n / kBlock; b++) {
    const Block block = block_at(row + b * sizeof(Block));
    for (uint64_t j = 0; j < kBlock; j++) out[b * kBlock + j] = half_to_float(block.scale) * static_cast<float>(block.quants[j]);
  }
}

void transpose(const uint8_t* rows, uint64_t stride, uint64_t D, uint64_t F, uint8_t* own, uint8_t* shared) {
  for_each_block(D, F / kBlock, [&](uint64_t d, uint64_t g) {
    const Block block = block_at(rows + d * stride + g * sizeof(Block));
    std::memcpy(shared + (g * D + d) * sizeof block.scale, &block.scale, sizeof block.scale);
    for (uint64_t j = 0; j < kBlock; j++) own[(g * kBlock + j) * D + d] = static_cast<uint8_t>(block.quants[j]);
  });
}

}  // namespace

extern const WeightType kWeightType_Q8_0;
const WeightType kWeightType_Q8_0 = {Q8_0, traits_of(Q8_0), to_float, {1, 1, 2, transpose}};

}  // namespace sparselab
