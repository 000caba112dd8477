#include "node/handles.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string_view>

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

OpenFile::OpenFile(const std::string& path) : mapping(path) {
  about_file(path, [&] { table = read_table(mapping.data(), mapping.size()); });
  mapping.check_unchanged();
}

LoadedFile::LoadedFile(std::shared_ptr<const OpenFile> of, uint64_t budget, SlControl& control)
    : backend(*sl_cpu_backend()), file(std::move(of)), changed_ns_(file->mapping.opened().changed_ns) {
  const Mapping& mapping = file->mapping;
  about_file(mapping.path(), [&] { spec = read_spec(file->table); });
  std::vector<SlTensor> tensors;
  for (const TensorInfo* t : spec.tensors) {
    SlTensor s{t->name.c_str(), t->type, static_cast<uint32_t>(t->shape.size()), {1, 1, 1, 1}, mapping.data() + t->offset,
               t->bytes};
    for (size_t d = 0; d < t->shape.size(); d++) s.shape[d] = t->shape[d];
    tensors.push_back(s);
  }
  checksum_ = checksum(control);
  SlError error{};
  check(backend.open(&spec.model, tensors.data(), tensors.size(), nullptr, budget, &model, &opened, &control, &error), error);
  try {
    check_unchanged(control);
  } catch (...) {
    backend.close(model);
    throw;
  }
}

LoadedFile::~LoadedFile() {
  if (model) backend.close(model);
}

void LoadedFile::check_unchanged(const SlControl& control) {
  const uint64_t now = file->mapping.check_unchanged().changed_ns;
  if (now == changed_ns_.load()) return;
  // A rename, a new link, a deletion, or a write that put the old time of modification back. All weights but those that were
  // copied are read from the file each time; the copies are right if what they were made of is the same.
  if (checksum(control) != checksum_) throw_changed(file->mapping.path());
  changed_ns_.store(now);
}

// Of the header and the tensors that are copied at load: vectors (the norms) and an ffn_down that is regrouped.
uint64_t LoadedFile::checksum(const SlControl& control) const {
  constexpr uint64_t kSlice = 1 << 20;
  uint64_t sum = 0;
  auto add = [&](uint64_t at, uint64_t bytes) {
    for (uint64_t done = 0; done < bytes; done += kSlice) {
      if (__atomic_load_n(&control.stop, __ATOMIC_RELAXED)) throw Error(Code::aborted, "stopped as asked");
      const std::string_view slice(reinterpret_cast<const char*>(file->mapping.data()) + at + done,
                                   std::min(kSlice, bytes - done));
      sum = sum * 0x9E3779B97F4A7C15u + std::hash<std::string_view>{}(slice);
    }
  };
  // Values that are too large to be read may be longer than all weights, and nothing depends on them.
  uint64_t at = 0;
  for (const auto& [key, value] : file->table.metadata) {
    if (value.bytes <= kMostOfValue) continue;
    const auto from = static_cast<uint64_t>(value.data - file->mapping.data());
    add(at, from - at);
    at = from + value.bytes;
  }
  add(at, file->table.data_start - at);
  for (const TensorInfo* t : spec.tensors)
    if (t->rows() == 1 || t->name.ends_with(".ffn_down.weight")) add(t->offset, t->bytes);
  return sum;
}

std::shared_ptr<LoadedFile> LoadedFile::of(std::shared_ptr<const OpenFile> opened, uint64_t budget, SlControl& control) {
  // What is loaded, or being loaded (null then). Never destroyed: threads may outlive static objects at the end of the process.
  struct Loaded {
    std::mutex mutex;
    std::condition_variable done;
    std::map<FileIdentity, std::weak_ptr<LoadedFile>> files;
    std::set<FileIdentity> loading;
  };
  static Loaded& all = *new Loaded;
  const FileIdentity identity = opened->mapping.opened().identity;
  std::unique_lock lock(all.mutex);
  // Two loads of one file at once: the second waits and shares.
  while (all.loading.contains(identity)) {
    if (__atomic_load_n(&control.stop, __ATOMIC_RELAXED)) throw Error(Code::aborted, "stopped as asked");
    all.done.wait_for(lock, std::chrono::milliseconds(20));
  }
  std::erase_if(all.files, [](const auto& entry) { return entry.second.expired(); });
  auto found = all.files.find(identity);
  std::shared_ptr<LoadedFile> file = found == all.files.end() ? nullptr : found->second.lock();
  all.loading.insert(identity);
  lock.unlock();
  auto finish = [&](const std::shared_ptr<LoadedFile>& now) {
    lock.lock();
    all.loading.erase(identity);
    if (now) all.files[identity] = now;
    all.done.notify_all();
    lock.unlock();
  };
  try {
    if (file) {
      try {
        file->check_unchanged(control);
      } catch (const Error& e) {
        if (e.code == Code::aborted) throw;
        file.reset();  // changed since: those who hold it are told, this is a new model
      }
    }
    if (!file) file = std::make_shared<LoadedFile>(std::move(opened), budget, control);
  } catch (...) {
    finish(nullptr);
    throw;
  }
  finish(file);
  return file;
}

// Weights and caches may be large: they are freed off the JavaScript thread.
void ModelHandle::close(Environment& environment) {
  if (file) environment.drop(std::move(file));
  thread.reset();
}

void ProgramHandle::close() {
  if (state) environment->drop(std::move(state));
}

}  // namespace sparselab::node
