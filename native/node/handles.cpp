#include "node/handles.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string_view>
#include <tuple>

#include "backend/registry.h"
#include "node/edge.h"
#include "quant/types.h"

namespace sparselab::node {
void check(int failed, const SlError& error) {
  if (failed) throw Error(code_of(error.code), error.message);
}

LoadedFile::LoadedFile(std::shared_ptr<const OpenFile> of, OpenOptions given, SlControl& control)
    : backend(find_backend(given.backend)),
      file(std::move(of)),
      neurons_(std::move(given.neurons)),
      down_(given.down),
      on_device_(given.backend != "cpu"),
      changed_ns_(file->parts().size()) {
  for (size_t i = 0; i < changed_ns_.size(); i++) changed_ns_[i] = file->parts()[i]->opened().changed_ns;
  about_file(file->path(), [&] { spec = read_spec(table(), given.scales); });
  std::vector<SlTensor> tensors;
  for (const ModelTensor& one : spec.tensors) {
    tensors.push_back(one.tensor);
    tensors.back().data = one.info->data;
  }
  // The neurons held, as the boundary wants them.
  std::vector<const uint32_t*> lists;
  std::vector<uint32_t> counts;
  static const uint32_t none = 0;
  for (const auto& ids : neurons_) {
    lists.push_back(ids.empty() ? &none : ids.data());
    counts.push_back(static_cast<uint32_t>(ids.size()));
  }
  const SlPlacement placement{static_cast<uint32_t>(lists.size()), lists.data(), counts.data()};
  SlOpenOptions options{};
  options.host_budget = given.budget;
  options.control = &control;
  options.device = given.device;
  options.down = down_;
  if (!neurons_.empty()) options.placement = &placement;

  checksum_ = checksum(control);
  SlError error{};
  check(backend.open(&spec.model, tensors.data(), tensors.size(), &options, &model, &opened, &error), error);
  try {
    check_unchanged(control);
  } catch (...) {
    backend.close(model);
    throw;
  }
}

uint64_t LoadedFile::neurons_of(uint32_t layer) const {
  if (layer >= spec.model.layers)
    throw Error(Code::invalid_option, text("layer %u; expected 0 to %u", layer, spec.model.layers - 1));
  return neurons_.empty() ? spec.model.layer[layer].neurons : neurons_[layer].size();
}

LoadedFile::~LoadedFile() {
  if (model) backend.close(model);
}

void LoadedFile::check_unchanged(const SlControl& control) {
  const std::vector<FileStamp> now = file->check_unchanged();
  bool touched = false;
  for (size_t i = 0; i < now.size(); i++) touched |= now[i].changed_ns != changed_ns_[i].load();
  if (!touched) return;
  // A rename, a new link, a deletion, or a write that put the old time of modification back. All weights but those that were
  // copied are read from the file each time; the copies are valid if the bytes they were made from are the same.
  if (checksum(control) != checksum_) throw_changed(file->path());
  for (size_t i = 0; i < now.size(); i++) changed_ns_[i].store(now[i].changed_ns);
}

bool LoadedFile::is_copied(const SlTensor& tensor) const {
  if (on_device_) return true;
  return tensor.role == SL_TENSOR_DOWN && down_ == SL_DOWN_BY_NEURON && weight_type(tensor.type).transposed.transpose;
}

// Of the headers and the tensors that are copied at load: vectors (the norms) and an ffn_down that is regrouped.
uint64_t LoadedFile::checksum(const SlControl& control) const {
  constexpr uint64_t kSlice = 1 << 20;
  uint64_t sum = 0;
  auto add = [&](const uint8_t* from, uint64_t bytes) {
    for (uint64_t done = 0; done < bytes; done += kSlice) {
      if (__atomic_load_n(&control.stop, __ATOMIC_RELAXED)) throw Error(Code::aborted, "stopped as asked");
      const std::string_view slice(reinterpret_cast<const char*>(from) + done, std::min(kSlice, bytes - done));
      sum = sum * 0x9E3779B97F4A7C15u + std::hash<std::string_view>{}(slice);
    }
  };
  for (const auto& header : file->headers()) add(header.data(), header.size());
  for (const ModelTensor& one : spec.tensors)
    if (one.tensor.rows == 1 || is_copied(one.tensor)) add(one.info->data, one.info->bytes);
  return sum;
}

std::shared_ptr<LoadedFile> LoadedFile::of(std::shared_ptr<const OpenFile> opened, OpenOptions options, SlControl& control) {
  if (!options.neurons.empty() || options.scales.any())
    return std::make_shared<LoadedFile>(std::move(opened), std::move(options), control);
  // What is loaded, or being loaded (null then). Never destroyed: threads may outlive static objects at the end of the process.
  using Key = std::tuple<std::vector<FileIdentity>, SlDown, std::string, int32_t>;
  struct Loaded {
    std::mutex mutex;
    std::condition_variable done;
    std::map<Key, std::weak_ptr<LoadedFile>> files;
    std::set<Key> loading;
  };
  static Loaded& all = *new Loaded;
  const Key identity{opened->identity(), options.down, options.backend, options.device};
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
        file.reset();  // changed since: its holders get an error when they use it, and this is a new model
      }
    }
    if (!file) file = std::make_shared<LoadedFile>(std::move(opened), std::move(options), control);
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

std::shared_ptr<LoadedFile> file_of(const Napi::Value& v) {
  auto file = unwrap<ModelHandle>(v, kModelTag, "model").file;
  if (!file) throw Error(Code::disposed, "the model was disposed of; load it again");
  return file;
}

const std::shared_ptr<ThreadLease>& thread_of(const Napi::Value& v) { return unwrap<ModelHandle>(v, kModelTag, "model").thread; }

}  // namespace sparselab::node
