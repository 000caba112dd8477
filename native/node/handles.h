// What the JavaScript side holds: an opened file, a model (its weights are shared by all loads of one unchanged file) and
// programs on it.
#pragma once
#include <napi.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "architectures/model_file.h"
#include "backend/backend.h"
#include "error.h"
#include "gguf/reader.h"
#include "node/callback.h"
#include "node/threads.h"
#include "node/values.h"
#include "weights/open_file.h"

namespace sparselab::node {

// Throws Error when a backend call failed.
void check(int failed, const SlError& error);

// How a file's model is opened.
struct OpenOptions {
  std::string backend = "cpu";
  int32_t device = 0;                          // of the backend
  uint64_t budget = 0;                         // bytes that it may allocate; 0: no limit
  std::vector<std::vector<uint32_t>> neurons;  // held of each layer, ascending; empty: all
  SlDown down = SL_DOWN_BY_NEURON;
  GivenScales scales;
};

// A file on a backend. Shared; the last holder frees it.
class LoadedFile {
 public:
  // The model that is already loaded from this file in this form of down, if the file is unchanged since, else a new one.
  // One that holds only some neurons is always new.
  static std::shared_ptr<LoadedFile> of(std::shared_ptr<const OpenFile> file, OpenOptions options, SlControl& control);
  LoadedFile(std::shared_ptr<const OpenFile> file, OpenOptions options, SlControl& control);
  ~LoadedFile();
  LoadedFile(const LoadedFile&) = delete;
  LoadedFile& operator=(const LoadedFile&) = delete;

  // Before and after everything that is computed from the file. Throws Error (bad-file) when its contents are not what was
  // loaded.
  void check_unchanged(const SlControl& control);
  const Table& table() const { return file->table(); }
  // Neurons held of a layer. Throws Error where there is no such layer.
  uint64_t neurons_of(uint32_t layer) const;

  const SlBackend& backend;
  const std::shared_ptr<const OpenFile> file;
  ModelSpec spec;
  SlBackendModel* model = nullptr;
  SlOpened opened{};

 private:
  bool is_copied(const SlTensor& tensor) const;
  uint64_t checksum(const SlControl& control) const;
  std::vector<std::vector<uint32_t>> neurons_;  // held of each layer; empty: all
  const SlDown down_;
  const bool on_device_;                           // all tensors are copied there
  std::vector<std::atomic<uint64_t>> changed_ns_;  // of each part: the last time of change at which all contents were verified
  uint64_t checksum_ = 0;                          // of what was copied out of the file: later passes do not read it again
};

struct FileHandle {
  std::shared_ptr<const OpenFile> file;                                // null once closed
  std::shared_ptr<SlControl> opening = std::make_shared<SlControl>();  // of the weights
};

struct ModelHandle {
  std::shared_ptr<LoadedFile> file;     // null once closed
  std::shared_ptr<ThreadLease> thread;  // its calls, in turn
  void close(Environment& environment);
};

constexpr uint32_t kOfPlan = UINT32_MAX;

// A compiled plan; `running` while a forward is in progress.
struct ProgramState {
  ProgramState(std::shared_ptr<LoadedFile> on, std::shared_ptr<ThreadLease> by) : file(std::move(on)), thread(std::move(by)) {}
  ~ProgramState() {
    if (program) file->backend.close_program(program);
  }
  ProgramState(const ProgramState&) = delete;
  ProgramState& operator=(const ProgramState&) = delete;

  std::shared_ptr<LoadedFile> file;
  std::shared_ptr<ThreadLease> thread;
  SlProgram* program = nullptr;
  SlControl control{};
  std::atomic<bool> running{false};
  uint32_t vocab = 0, layers = 0, hidden = 0, neurons = 0;
  std::vector<uint64_t> capture_width;  // floats of one row, over the layers of its range
  std::vector<bool> capture_by_key;     // that many for each key
  uint64_t length = 0;
  // Values of interventions, which the program points into: those of the plan, and of each setting that was set since.
  std::map<uint32_t, std::vector<Values>> values;
  std::map<uint32_t, std::vector<std::shared_ptr<Callback>>> callbacks;  // the same
  void keep(uint32_t of, std::vector<Values> own, std::vector<std::shared_ptr<Callback>> functions) {
    for (auto& one : functions) one->control = &control;
    values[of] = std::move(own);
    callbacks[of] = std::move(functions);
  }
};
struct ProgramHandle {
  std::shared_ptr<ProgramState> state;  // null once closed
  std::shared_ptr<Environment> environment;
  void close();
  ~ProgramHandle() { close(); }
};

// Of the handle that JavaScript passed. Throw Error.
std::shared_ptr<LoadedFile> file_of(const Napi::Value& model);
const std::shared_ptr<ThreadLease>& thread_of(const Napi::Value& model);

}  // namespace sparselab::node
