// The checked reader of GGUF (v2, v3) and PowerInfer's PWRI files: header, metadata and tensor table.
// Files are untrusted: every count, length, shape, offset and span is checked against the file's size in 64 bits before it is
// used; what does not fit is an Error (bad-file) that names the key or tensor. Strings are kept as the file's bytes.
//
//   magic[4] "GGUF" | "PWRI", u32 version, u64 tensors, u64 keys                        (little endian)
//   each key: string name, u32 type, value         string = u64 length + bytes; array = u32 element type, u64 count, elements
//                                                  (arrays in arrays are skipped: no key that we use has one)
//   each tensor: string name, u32 dims, u64 shape[dims] (shape[0] is the row length), u32 type, u64 offset from the data's start
//   data, from the next multiple of general.alignment (32)
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sparselab {

enum class MetaType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };
const char* meta_type_name(MetaType type);

// Values of more bytes are not read: only their type and size are reported, and nothing depends on them.
constexpr uint64_t kMostOfValue = uint64_t{32} << 20;

// One metadata value, pointing into the file's bytes.
struct Meta {
  MetaType type;  // of the value, or of the elements of an array
  bool is_array;
  uint64_t count;       // elements; 1 for a scalar
  const uint8_t* data;  // the value, or the first element (strings: their lengths and bytes in a row)
  uint64_t bytes;

  // The number of a scalar or of element i of a numeric array, as float64.
  double number(uint64_t i = 0) const;
  // The integer of a scalar or of element i, of any width; false for a float, a string, or beyond 2^63 - 1.
  bool integer(int64_t& value, uint64_t i = 0) const;
  // The bytes of a scalar string.
  std::string string() const;
};

struct TensorInfo {
  std::string name;
  uint32_t type;
  std::vector<uint64_t> shape;  // file order: shape[0] is the row length
  uint64_t offset;              // from the start of the file
  uint64_t bytes;               // 0 where the type is unknown
  const uint8_t* data;          // its bytes, in the file's
  uint32_t part;                // of a split model, from 0: the file that it lies in
  uint64_t rows() const;        // product of shape[1..]
};

struct Table {
  bool powerinfer;  // magic PWRI
  uint32_t version;
  uint64_t alignment;
  uint64_t data_start;
  std::vector<std::pair<std::string, Meta>> metadata;  // in the file's order
  std::vector<TensorInfo> tensors;                     // in the file's order

  const Meta* find(const std::string& key) const;
  const TensorInfo* tensor(const std::string& name) const;
  std::map<std::string, size_t> meta_index, tensor_index;
};

// Reads the table of a whole file that lies in memory. Throws Error. The table points into `file`.
Table read_table(const uint8_t* file, uint64_t size);

}  // namespace sparselab
