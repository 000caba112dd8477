// What the JavaScript side holds: an opened file, a model (its weights are shared by all loads of one unchanged file) and
// programs on it.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "error.h"
#include "backend/backend.h"
#include "gguf/reader.h"
#include "node/threads.h"
#include "node/values.h"
#include "weights/llama.h"
#include "weights/mapping.h"

namespace sparselab::node {

// Throws Error when a backend call failed.
void check(int failed, const SlError& error);

// Runs fn; an Error about the file's contents gets the file's name in front.
template <class Fn>
auto about_file(const std::string& path, Fn fn) {
  try {
    return fn();
  } catch (const Error& e) {
    throw Error(e.code, "\"" + path + "\": " + e.what());
  }
}

// A file, opened once, with its checked header. Weights, hash and everything else come from this descriptor.
struct OpenFile {
  explicit OpenFile(const std::string& path);  // throws Error
  Mapping mapping;
  Table table;  // points into the mapping
};

// A file on a backend. Shared; the last holder frees it.
class LoadedFile {
 public:
  // The model that is already loaded from this file, if the file is unchanged since, else a new one.
  // `budget`: bytes that it may allocate; 0: no limit.
  static std::shared_ptr<LoadedFile> of(std::shared_ptr<const OpenFile> file, uint64_t budget, SlControl& control);
  LoadedFile(std::shared_ptr<const OpenFile> file, uint64_t budget, SlControl& control);
  ~LoadedFile();
  LoadedFile(const LoadedFile&) = delete;
  LoadedFile& operator=(const LoadedFile&) = delete;

  // Before and after everything that is computed from the file. Throws Error (bad-file) when its contents are not what was
  // loaded.
  void check_unchanged(const SlControl& control);
  const Table& table() const { return file->table; }

  const SlBackend& backend;
  const std::shared_ptr<const OpenFile> file;
  ModelSpec spec;
  SlBackendModel* model = nullptr;
  SlOpened opened{};

 private:
  uint64_t checksum(const SlControl& control) const;
  std::atomic<uint64_t> changed_ns_;  // the time of change for which the contents are known to be those loaded
  uint64_t checksum_ = 0;             // of what was copied out of the file: later passes do not read it again
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

// A compiled plan; `running` while a forward is on its way.
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
  uint32_t vocab = 0, layers = 0;
  std::vector<uint64_t> capture_width;  // floats of one row, over the layers of its range
  std::vector<Values> values;           // of the plan's interventions; the program points into them
};
struct ProgramHandle {
  std::shared_ptr<ProgramState> state;  // null once closed
  std::shared_ptr<Environment> environment;
  void close();
  ~ProgramHandle() { close(); }
};

}  // namespace sparselab::node
