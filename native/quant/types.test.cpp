// The records of the weight types: their twins against bytes whose values were worked out by hand.
#include "quant/types.h"

#include <cmath>
#include <vector>

#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

struct Example {
  TensorType type;
  std::vector<uint8_t> stored;
  std::vector<float> values;
};

// A block of Q8_0 with the given scale (a half) and the quants first, first + 1, ...
std::vector<uint8_t> q8_block(uint16_t scale, int first) {
  std::vector<uint8_t> block = {static_cast<uint8_t>(scale), static_cast<uint8_t>(scale >> 8)};
  for (int j = 0; j < 32; j++) block.push_back(static_cast<uint8_t>(first + j));
  return block;
}
std::vector<float> q8_values(float scale, int first) {
  std::vector<float> values;
  for (int j = 0; j < 32; j++) values.push_back(scale * static_cast<float>(first + j));
  return values;
}

const std::vector<Example> kExamples = {
    {F32, {0, 0, 0xc0, 0x3f, 0, 0, 0x20, 0xc1}, {1.5f, -10.0f}},
    {F16, {0, 0x3e, 0, 0xc9, 1, 0}, {1.5f, -10.0f, 0x1p-24f}},
    {BF16, {0xc0, 0x3f, 0x20, 0xc1}, {1.5f, -10.0f}},
    {Q8_0, q8_block(0x3800, -128), q8_values(0.5f, -128)},
    {Q8_0, q8_block(0xbc01, 96), q8_values(-1.0009765625f, 96)},
};

}  // namespace

TEST("weight types: each has its place, its name and a twin that gives the values of known bytes") {
  std::vector<bool> seen(kWeightTypes);
  for (const Example& example : kExamples) {
    const WeightType& record = weight_type(example.type);
    CHECK(record.type == example.type && record.traits.number == example.type && record.traits.computed);
    CHECK(example.stored.size() == row_bytes(record.traits, example.values.size()));
    std::vector<float> got(example.values.size(), NAN);
    record.to_float(example.stored.data(), got.size(), got.data());
    CHECK_MSG(same_bits(got, example.values), record.traits.name);
    seen[place_of(example.type)] = true;
  }
  for (size_t place = 0; place < kWeightTypes; place++)
    CHECK_MSG(seen[place], text("the type in place %zu has no example", place));
#define SPARSELAB_EACH(name, number) CHECK(type_name(name) == #name && name == number);
  SPARSELAB_WEIGHT_TYPES(SPARSELAB_EACH)
#undef SPARSELAB_EACH
}

TEST("weight types: a number outside the list is never another type") {
  for (uint32_t number = 0; number < 300; number++) {
    const TypeTraits* traits = type_traits(number);
    const bool listed = place_of(number) < kWeightTypes;
    CHECK(listed == (traits && traits->computed));
    if (!listed) CHECK_ERROR(weight_type(number), "unsupported-type: the executor does not compute with tensors of ");
  }
  CHECK(!type_traits(4) && !type_traits(99) && type_name(99) == "type 99" && type_name(12) == "Q4_K");
#define SPARSELAB_EACH(name, number) ", " #name
  CHECK(", " + readable_types() == SPARSELAB_WEIGHT_TYPES(SPARSELAB_EACH));
#undef SPARSELAB_EACH
}
