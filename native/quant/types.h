// The tensor types of GGUF: how many elements a block holds and how many bytes it takes. Every type the format names stands here,
// so that a file's spans can be checked; `readable` says which of them the executor computes with.
#pragma once
#include <cstdint>
#include <string>

namespace sparselab {

enum TensorType : uint32_t { F32 = 0, F16 = 1, Q8_0 = 8, BF16 = 30 };

struct TypeTraits {
  const char* name;
  uint32_t block;        // elements of a block
  uint32_t block_bytes;  // bytes of a block
  bool readable;         // the executor has kernels for it
};

// nullptr for a number that the format does not name.
const TypeTraits* type_traits(uint32_t type);
// "Q8_0", or "type 99"
std::string type_name(uint32_t type);
// "F32, F16, Q8_0, BF16"
std::string readable_types();
// Bytes of a row of n elements; n must be a multiple of the block.
inline uint64_t row_bytes(const TypeTraits& traits, uint64_t n) { return n / traits.block * traits.block_bytes; }

}  // namespace sparselab
