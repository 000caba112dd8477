// The tensor types of GGUF, by their numbers: how many elements a block holds, how many bytes it takes, and whether the executor
// computes with it. The table itself stands in the vocabulary.
#pragma once
#include <cstdint>
#include <string>

#include "vocabulary/vocabulary.h"

namespace sparselab {

using TypeTraits = WeightType;

// nullptr for a number that the format does not name.
const TypeTraits* type_traits(uint32_t type);
// "Q8_0", or "type 99"
std::string type_name(uint32_t type);
// "F32, F16, Q8_0, BF16"
std::string readable_types();
// Bytes of a row of n elements; n must be a multiple of the block.
inline uint64_t row_bytes(const TypeTraits& traits, uint64_t n) { return n / traits.block * traits.block_bytes; }

}  // namespace sparselab
