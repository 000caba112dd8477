#include "node/handles.h"

#include <map>
#include <mutex>

namespace sparselab::node {
namespace {

Code code_of(const std::string& name) {
  for (int c = 0; c <= static_cast<int>(Code::aborted); c++)
    if (name == code_name(static_cast<Code>(c))) return static_cast<Code>(c);
  return Code::invalid_option;
}

}  // namespace

void check(int failed, const SlError& error) {
  if (failed) throw Error(code_of(error.code), error.message);
}

LoadedFile::LoadedFile(std::unique_ptr<Mapping> of, uint64_t budget) : backend(*sl_cpu_backend()), mapping(std::move(of)) {
  about_file(mapping->path(), [&] {
    table = read_table(mapping->data(), mapping->size());
    spec = read_spec(table);
  });
  std::vector<SlTensor> tensors;
  for (const TensorInfo* t : spec.tensors) {
    SlTensor s{t->name.c_str(), t->type, static_cast<uint32_t>(t->shape.size()), {1, 1, 1, 1}, mapping->data() + t->offset,
               t->bytes};
    for (size_t d = 0; d < t->shape.size(); d++) s.shape[d] = t->shape[d];
    tensors.push_back(s);
  }
  SlError error{};
  check(backend.open(&spec.model, tensors.data(), tensors.size(), nullptr, budget, &model, &opened, &error), error);
}

LoadedFile::~LoadedFile() {
  if (model) backend.close(model);
}

std::shared_ptr<LoadedFile> LoadedFile::open(const std::string& path, uint64_t budget) {
  static std::mutex mutex;
  static std::map<FileIdentity, std::weak_ptr<LoadedFile>> loaded;
  auto mapping = std::make_unique<Mapping>(path);
  const FileIdentity identity = mapping->identity();
  std::lock_guard lock(mutex);  // two loads of one file at once: the second waits and shares
  std::erase_if(loaded, [](const auto& entry) { return entry.second.expired(); });
  std::shared_ptr<LoadedFile> file = loaded[identity].lock();
  if (!file) loaded[identity] = file = std::make_shared<LoadedFile>(std::move(mapping), budget);
  return file;
}

}  // namespace sparselab::node
