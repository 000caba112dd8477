// The targets of the coverage-guided fuzzers. Each takes any bytes, may refuse them with an Error, and must do nothing else
// wrong: a sanitizer, an unexpected exception or a failed check ends the process. The unit tests replay inputs through the same
// functions.
#pragma once
#include <cstddef>
#include <cstdint>

namespace sparselab::fuzz {

// The bytes as a model's file: its table, and all that the architectures make of it.
void fuzz_header(const uint8_t* data, size_t size);
// Byte 0 chooses a weight type, bytes 1 and 2 the shape; the rest are its blocks, in buffers of exactly their size.
void fuzz_dequantise(const uint8_t* data, size_t size);

// A small model's file, and a last byte that chooses strategy, KV cache, arithmetic and form of down: opened, and run for four
// tokens.
void fuzz_forward(const uint8_t* data, size_t size);

}  // namespace sparselab::fuzz
