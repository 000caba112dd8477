// The tensor types of GGUF, and the weight types among them that the executor computes with.
//
// A weight type is a line of the vocabulary with "computed", a record in a file of its own in this folder (quant/q8_0.cpp), and a
// specialisation of Stored in cpu/isa/weights_*.inl that reads 16 of its values. The compiler and the tests report what is
// missing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "vocabulary/vocabulary.h"

namespace sparselab {

// What an ffn_down (D, F) of a type becomes when it is transposed at load, without losing a bit. A stored block holds `block`
// neurons of one channel. Transposed, every neuron has a row of its own for all D channels, in pieces of `channels` of them (a
// last piece is filled up with zeros), and the `block` neurons of a group share one more row, of what their block has once: its
// scale, or the scales of all channels and after them the minima.
struct TransposedForm {
  uint32_t channels;      // of a piece
  uint32_t own_bytes;     // of a piece
  uint32_t shared_bytes;  // of one channel in the row of a group; 0: neuron rows are ordinary rows of the type
  // rows: D rows, `stride` bytes apart, of F / block blocks -> own (F, own_row(D) bytes), shared (F / block, D) of shared_bytes.
  // Null: rows of the type are not transposed.
  void (*transpose)(const uint8_t* rows, uint64_t stride, uint64_t D, uint64_t F, uint8_t* own, uint8_t* shared);
  constexpr uint64_t own_row(uint64_t D) const { return (D + channels - 1) / channels * own_bytes; }
};
// Of the K-quants: a block has 256 neurons of a channel and scales at two levels.
inline constexpr TransposedForm kNotTransposed = {1, 0, 0, nullptr};

struct WeightType {
  TensorType type;
  TypeTraits traits;  // its line of the vocabulary
  // The plain twin of every kernel: n stored values of a row as float32; n is a multiple of the block.
  void (*to_float)(const uint8_t* row, uint64_t n, float* out);
  TransposedForm transposed;
};

// Bytes of an ffn_down (D, F) once it is transposed; 0 where the type is not.
inline uint64_t transposed_bytes(const WeightType& type, uint64_t D, uint64_t F) {
  const TransposedForm& form = type.transposed;
  return form.transpose ? F * form.own_row(D) + F / type.traits.block * D * form.shared_bytes : 0;
}

// The line of a type that the vocabulary has.
consteval TypeTraits traits_of(TensorType type) {
  for (const TypeTraits& traits : kTypeTraits)
    if (traits.number == type) return traits;
  throw "not in the vocabulary";
}

// Place of a type in the list, 0 to kWeightTypes - 1; kWeightTypes for any other number.
size_t place_of(uint32_t type);
// The record of a weight type. Throws Error (unsupported-type) for any other number.
const WeightType& weight_type(uint32_t type);

// nullptr for a number that the format does not name.
const TypeTraits* type_traits(uint32_t type);
// "Q8_0", or "type 99"
std::string type_name(uint32_t type);
// "F32, F16, Q4_0, ..."
std::string readable_types();
// Bytes of a row of n elements; n must be a multiple of the block.
inline uint64_t row_bytes(const TypeTraits& traits, uint64_t n) { return n / traits.block * traits.block_bytes; }

}  // namespace sparselab
