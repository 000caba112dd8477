// Fuzzed: the reader of headers and tensor tables, and the model that the architectures read from them.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "architectures/model_file.h"
#include "error.h"
#include "fuzz/targets.h"
#include "gguf/odd_files.h"

namespace sparselab::fuzz {
namespace {

template <class Fn>
void or_refused(Fn fn) {
  try {
    fn();
  } catch (const Error&) {
  }
}

}  // namespace

void fuzz_header(const uint8_t* data, size_t size) {
  // A copy of exactly its size: one byte too far is seen.
  const std::unique_ptr<uint8_t[]> file(new uint8_t[size]);
  std::copy(data, data + size, file.get());
  or_refused([&] {
    const Table table = read_table(file.get(), size);
    for (const auto& [key, value] : table.metadata) {
      int64_t integer = 0;
      if (!value.is_array && value.type == MetaType::string) (void)value.string();
      const bool numeric = value.type != MetaType::string && value.type != MetaType::array;
      if (numeric && value.count > 0 && value.bytes <= kMostOfValue) (void)value.integer(integer, value.count - 1);
    }
    for (const TensorInfo& tensor : table.tensors) {
      // Every tensor with bytes lies within the file.
      const auto at = static_cast<uint64_t>(tensor.data - file.get());
      if (tensor.bytes > 0 && (at > size || tensor.bytes > size - at)) std::abort();
    }
    or_refused([&] { refuse_other_kinds(table); });
    or_refused([&] { (void)default_activation(table); });
    or_refused([&] { (void)embedding_rows(table); });
    or_refused([&] { (void)copied_bytes(table); });
    or_refused([&] { (void)read_spec(table); });
  });
}

}  // namespace sparselab::fuzz
