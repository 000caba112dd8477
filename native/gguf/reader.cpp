#include "gguf/reader.h"

#include <algorithm>
#include <cstring>

#include "error.h"
#include "gguf/odd_files.h"
#include "quant/types.h"

namespace sparselab {
namespace {

constexpr uint64_t kMaxName = 65535;  // bytes of a key or tensor name
constexpr uint32_t kMaxDims = 4;
constexpr uint64_t kMaxEntries = 1 << 16;  // keys, and tensors, of a file: some hundred times what the largest models have
constexpr uint32_t kMaxNesting = 16;       // arrays in arrays

uint64_t scalar_bytes(MetaType type) {
  switch (type) {
    case MetaType::u8:
    case MetaType::i8:
    case MetaType::boolean:
      return 1;
    case MetaType::u16:
    case MetaType::i16:
      return 2;
    case MetaType::u32:
    case MetaType::i32:
    case MetaType::f32:
      return 4;
    case MetaType::u64:
    case MetaType::i64:
    case MetaType::f64:
      return 8;
    default:
      return 0;
  }
}

// A name from the file, safe to print.
std::string printable(const std::string& name) {
  std::string out;
  for (unsigned char c : name.substr(0, 120)) out += c < 32 || c == 127 ? '?' : static_cast<char>(c);
  return name.size() > 120 ? out + "..." : out;
}

class Cursor {
 public:
  Cursor(const uint8_t* file, uint64_t size) : file_(file), size_(size) {}
  uint64_t at() const { return at_; }
  uint64_t left() const { return size_ - at_; }
  const uint8_t* here() const { return file_ + at_; }

  // `what` names the thing in the error of a file that ends too early.
  const uint8_t* take(uint64_t bytes, const std::string& what) {
    if (bytes > left())
      throw Error(Code::bad_file,
                  text("%s needs %llu bytes at offset %llu, but the file has %llu bytes in all: it is truncated or damaged",
                       what.c_str(), (unsigned long long)bytes, (unsigned long long)at_, (unsigned long long)size_));
    const uint8_t* p = file_ + at_;
    at_ += bytes;
    return p;
  }
  template <class T>
  T value(const std::string& what) {
    T v;
    std::memcpy(&v, take(sizeof v, what), sizeof v);
    return v;
  }
  std::string name(const std::string& what) {
    uint64_t n = value<uint64_t>(what);
    if (n > kMaxName)
      throw Error(Code::bad_file, text("%s has a name of %llu bytes; at most %llu are allowed", what.c_str(),
                                       (unsigned long long)n, (unsigned long long)kMaxName));
    const uint8_t* p = take(n, what);
    return std::string(reinterpret_cast<const char*>(p), n);
  }

 private:
  const uint8_t* file_;
  uint64_t size_, at_ = 0;
};

MetaType meta_type(uint32_t type, const std::string& what) {
  if (type > static_cast<uint32_t>(MetaType::f64))
    throw Error(Code::bad_file, text("%s has value type %u; expected 0 to 12", what.c_str(), type));
  return static_cast<MetaType>(type);
}

void skip_string(Cursor& c, const std::string& what) { c.take(c.value<uint64_t>(what), what); }

// Skips the elements of an array. The count is checked against the rest of the file before it is used.
uint64_t skip_elements(Cursor& c, MetaType type, const std::string& what, uint32_t depth) {
  const uint64_t count = c.value<uint64_t>(what);
  // The least that an element takes: an array's type and count, a string's length.
  const uint64_t least = type == MetaType::array ? 12 : type == MetaType::string ? 8 : scalar_bytes(type);
  if (count > c.left() / least)
    throw Error(Code::bad_file, text("%s says %llu elements, but only %llu bytes of the file are left", what.c_str(),
                                     (unsigned long long)count, (unsigned long long)c.left()));
  if (type == MetaType::array) {
    if (depth >= kMaxNesting) throw Error(Code::bad_file, text("%s nests arrays more than %u deep", what.c_str(), kMaxNesting));
    for (uint64_t i = 0; i < count; i++) {
      const MetaType inner = meta_type(c.value<uint32_t>(what), what);
      skip_elements(c, inner, what, depth + 1);
    }
  } else if (type == MetaType::string) {
    for (uint64_t i = 0; i < count; i++) skip_string(c, what);
  } else {
    c.take(count * scalar_bytes(type), what);
  }
  return count;
}

Meta read_value(Cursor& c, const std::string& what) {
  Meta m{meta_type(c.value<uint32_t>(what), what), false, 1, nullptr, 0};
  if (m.type == MetaType::array) {
    m.is_array = true;
    m.type = meta_type(c.value<uint32_t>(what), what);
    const uint64_t begin = c.at() + 8;  // behind the count
    m.data = c.here() + 8;
    m.count = skip_elements(c, m.type, what, 1);
    m.bytes = c.at() - begin;
    return m;
  }
  m.data = c.here();
  const uint64_t begin = c.at();
  if (m.type == MetaType::string)
    skip_string(c, what);
  else
    c.take(scalar_bytes(m.type), what);
  m.bytes = c.at() - begin;
  return m;
}

uint64_t alignment_of(const Table& t) {
  const Meta* m = t.find("general.alignment");
  if (!m) return 32;
  double a = m->is_array || m->type == MetaType::string ? -1 : m->number();
  if (!(a >= 8 && a <= 1 << 20) || (static_cast<uint64_t>(a) & (static_cast<uint64_t>(a) - 1)))
    throw Error(Code::bad_file, text("key \"general.alignment\" is %g; expected a power of two from 8 to 1048576", a));
  return static_cast<uint64_t>(a);
}

TensorInfo read_tensor(Cursor& c, uint64_t index) {
  TensorInfo t{};
  t.name = c.name(text("tensor %llu", (unsigned long long)index));
  std::string what = "tensor \"" + printable(t.name) + "\"";
  uint32_t dims = c.value<uint32_t>(what);
  if (dims < 1 || dims > kMaxDims)
    throw Error(Code::bad_file, text("%s has %u dimensions; expected 1 to %u", what.c_str(), dims, kMaxDims));
  uint64_t elements = 1;
  for (uint32_t d = 0; d < dims; d++) {
    uint64_t n = c.value<uint64_t>(what);
    if (n == 0 || __builtin_mul_overflow(elements, n, &elements) || elements > (uint64_t{1} << 62))
      throw Error(Code::bad_file, text("%s: dimension %u is %llu, and the number of elements overflows or is zero", what.c_str(),
                                       d, (unsigned long long)n));
    t.shape.push_back(n);
  }
  t.type = c.value<uint32_t>(what);
  t.offset = c.value<uint64_t>(what);
  if (const TypeTraits* traits = type_traits(t.type)) {
    if (t.shape[0] % traits->block)
      throw Error(Code::bad_file, text("%s: a row of %llu elements is not a multiple of the %u of a %s block", what.c_str(),
                                       (unsigned long long)t.shape[0], traits->block, traits->name));
    if (__builtin_mul_overflow(elements / traits->block, uint64_t{traits->block_bytes}, &t.bytes))
      throw Error(Code::bad_file, what + ": its size in bytes overflows");
  }
  return t;
}

void place_tensors(Table& table, const uint8_t* file, uint64_t size) {
  for (TensorInfo& t : table.tensors) {
    std::string what = "tensor \"" + printable(t.name) + "\"";
    if (t.offset % table.alignment)
      throw Error(Code::bad_file, text("%s: offset %llu is not a multiple of the alignment %llu", what.c_str(),
                                       (unsigned long long)t.offset, (unsigned long long)table.alignment));
    if (__builtin_add_overflow(t.offset, table.data_start, &t.offset) || t.offset > size || t.bytes > size - t.offset)
      throw Error(Code::bad_file,
                  text("%s: its %llu bytes at offset %llu reach beyond the file's %llu bytes: the file is truncated or damaged",
                       what.c_str(), (unsigned long long)t.bytes, (unsigned long long)t.offset, (unsigned long long)size));
    t.data = file + t.offset;
  }
  std::vector<const TensorInfo*> order;
  for (const TensorInfo& t : table.tensors) order.push_back(&t);
  std::sort(order.begin(), order.end(), [](auto a, auto b) { return a->offset < b->offset; });
  for (size_t i = 1; i < order.size(); i++)
    if (order[i - 1]->offset + order[i - 1]->bytes > order[i]->offset)
      throw Error(Code::bad_file, "tensors \"" + printable(order[i - 1]->name) + "\" and \"" + printable(order[i]->name) +
                                      "\" overlap in the file");
}

}  // namespace

const char* meta_type_name(MetaType type) {
  static const char* names[] = {"u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"};
  return names[static_cast<uint32_t>(type)];
}

double Meta::number(uint64_t i) const {
  auto as = [&]<class T>(T v) {
    std::memcpy(&v, data + i * sizeof v, sizeof v);
    return static_cast<double>(v);
  };
  switch (type) {
    case MetaType::u8:
      return as(uint8_t{});
    case MetaType::i8:
      return as(int8_t{});
    case MetaType::u16:
      return as(uint16_t{});
    case MetaType::i16:
      return as(int16_t{});
    case MetaType::u32:
      return as(uint32_t{});
    case MetaType::i32:
      return as(int32_t{});
    case MetaType::f32:
      return as(float{});
    case MetaType::boolean:
      return data[i] != 0;
    case MetaType::u64:
      return as(uint64_t{});
    case MetaType::i64:
      return as(int64_t{});
    case MetaType::f64:
      return as(double{});
    default:
      return 0;
  }
}

bool Meta::integer(int64_t& value, uint64_t i) const {
  switch (type) {
    case MetaType::u64:
      uint64_t wide;
      std::memcpy(&wide, data + i * sizeof wide, sizeof wide);
      value = static_cast<int64_t>(wide);
      return value >= 0;
    case MetaType::i64:
      std::memcpy(&value, data + i * sizeof value, sizeof value);
      return true;
    case MetaType::u8:
    case MetaType::i8:
    case MetaType::u16:
    case MetaType::i16:
    case MetaType::u32:
    case MetaType::i32:
      value = static_cast<int64_t>(number(i));
      return true;
    default:
      return false;
  }
}

std::string Meta::string() const { return std::string(reinterpret_cast<const char*>(data) + 8, bytes - 8); }

uint64_t TensorInfo::rows() const {
  uint64_t n = 1;
  for (size_t d = 1; d < shape.size(); d++) n *= shape[d];
  return n;
}

const Meta* Table::find(const std::string& key) const {
  auto it = meta_index.find(key);
  return it == meta_index.end() ? nullptr : &metadata[it->second].second;
}

const TensorInfo* Table::tensor(const std::string& name) const {
  auto it = tensor_index.find(name);
  return it == tensor_index.end() ? nullptr : &tensors[it->second];
}

Table read_table(const uint8_t* file, uint64_t size) {
  if (size == 0) throw Error(Code::bad_file, "this is " + odd_file(file, size));
  Cursor c(file, size);
  Table t{};
  const uint64_t magic = size < 4 ? size : 4;  // a file cut within its magic is reported as truncated, below
  t.powerinfer = std::memcmp(file, "PWRI", magic) == 0;
  if (!t.powerinfer && std::memcmp(file, "GGUF", magic) != 0) throw Error(Code::bad_file, "this is " + odd_file(file, size));
  c.take(4, "the magic");
  t.version = c.value<uint32_t>("the version");
  if (t.version == 0x02000000 || t.version == 0x03000000)
    throw Error(Code::bad_file,
                "the file is big-endian; convert it to little-endian with llama.cpp's gguf-py (gguf-convert-endian FILE little)");
  if (t.version != 2 && t.version != 3)
    throw Error(Code::bad_file, text("GGUF version %u is not supported; expected 2 or 3", t.version));
  uint64_t tensors = c.value<uint64_t>("the number of tensors"), keys = c.value<uint64_t>("the number of keys");
  if (keys > c.left() / 13)
    throw Error(Code::bad_file, text("the header says %llu keys, but the file has only %llu bytes", (unsigned long long)keys,
                                     (unsigned long long)size));
  if (tensors > c.left() / 32)
    throw Error(Code::bad_file, text("the header says %llu tensors, but the file has only %llu bytes",
                                     (unsigned long long)tensors, (unsigned long long)size));
  if (keys > kMaxEntries || tensors > kMaxEntries)
    throw Error(Code::bad_file, text("the header says %llu keys and %llu tensors; at most %llu of each are read",
                                     (unsigned long long)keys, (unsigned long long)tensors, (unsigned long long)kMaxEntries));
  for (uint64_t i = 0; i < keys; i++) {
    std::string key = c.name(text("key %llu", (unsigned long long)i));
    std::string what = "key \"" + printable(key) + "\"";
    if (!t.meta_index.emplace(key, t.metadata.size()).second) throw Error(Code::bad_file, "duplicate " + what);
    Meta value = read_value(c, what);
    t.metadata.emplace_back(std::move(key), value);
  }
  for (uint64_t i = 0; i < tensors; i++) {
    TensorInfo info = read_tensor(c, i);
    if (!t.tensor_index.emplace(info.name, t.tensors.size()).second)
      throw Error(Code::bad_file, "duplicate tensor \"" + printable(info.name) + "\"");
    t.tensors.push_back(std::move(info));
  }
  t.alignment = alignment_of(t);
  t.data_start = (c.at() + t.alignment - 1) / t.alignment * t.alignment;
  place_tensors(t, file, size);
  return t;
}

}  // namespace sparselab
