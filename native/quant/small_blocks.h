// What Q4_0, Q4_1, Q5_0 and Q5_1 have in common: blocks of 32 values with a half scale, perhaps a half minimum, and quants of 4
// bits, whose fifth bits lie apart where there are any. Each file gives its values.
#pragma once
#include <cstdint>
#include <cstring>

#include "quant/half.h"
#include "quant/transpose.h"
#include "quant/types.h"

namespace sparselab {

// Block: scale, perhaps minimum, perhaps high (bit j is the fifth of value j), low (byte j has values j and j + 16).
template <class Block>
uint32_t quant_of(const Block& block, uint64_t j) {
  uint32_t q = j < 16 ? block.low[j] & 15u : block.low[j - 16] >> 4;
  if constexpr (requires { block.high; }) q |= (block.high >> j & 1u) << 4;
  return q;
}

template <class Block>
Block block_at(const uint8_t* p) {
  Block block;
  std::memcpy(&block, p, sizeof block);  // a row may begin at any address
  return block;
}

// value(block, j) for each value of a row
template <class Block, class Value>
void each_value(const uint8_t* row, uint64_t n, float* out, Value value) {
  for (uint64_t b = 0; b < n / 32; b++) {
    const auto block = block_at<Block>(row + b * sizeof(Block));
    for (uint64_t j = 0; j < 32; j++) out[b * 32 + j] = value(block, j);
  }
}

// A piece of a neuron's own row, 32 channels: a block without what its neurons share.
template <class Block>
constexpr uint32_t kPieceBytes = requires(Block block) { block.high; } ? 20 : 16;
template <class Block>
constexpr uint32_t kSharedBytes = requires(Block block) { block.minimum; } ? 4 : 2;

template <class Block>
void put_quant(uint8_t* piece, uint64_t channel, uint32_t q) {
  if constexpr (kPieceBytes<Block> == 20) {
    piece[channel / 8] |= static_cast<uint8_t>((q >> 4) << channel % 8);
    piece += 4;
  }
  piece[channel % 16] |= static_cast<uint8_t>((q & 15u) << (channel < 16 ? 0 : 4));
}

template <class Block>
void transpose_small(const uint8_t* rows, uint64_t stride, uint64_t D, uint64_t F, uint8_t* own, uint8_t* shared) {
  const uint64_t own_row = (D + 31) / 32 * kPieceBytes<Block>;
  std::memset(own, 0, F * own_row);
  for_each_block(D, F / 32, [&](uint64_t d, uint64_t g) {
    const auto block = block_at<Block>(rows + d * stride + g * sizeof(Block));
    uint8_t* scales = shared + g * D * kSharedBytes<Block>;
    std::memcpy(scales + 2 * d, &block.scale, 2);
    if constexpr (requires { block.minimum; }) std::memcpy(scales + 2 * (D + d), &block.minimum, 2);
    uint8_t* piece = own + g * 32 * own_row + d / 32 * kPieceBytes<Block>;
    for (uint64_t j = 0; j < 32; j++) put_quant<Block>(piece + j * own_row, d % 32, quant_of(block, j));
  });
}

template <class Block>
constexpr TransposedForm kSmallTransposed = {32, kPieceBytes<Block>, kSharedBytes<Block>, transpose_small<Block>};

}  // namespace sparselab
