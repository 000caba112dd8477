// What the JavaScript side holds: a model (shared by all loads of one unchanged file) and programs on it.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "error.h"
#include "executor/backend.h"
#include "gguf/reader.h"
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

// A file on a backend. Shared; the last holder frees it.
class LoadedFile {
 public:
  // The file that is already loaded, if it is unchanged, else a new one.
  // `budget`: bytes that it may allocate; 0: no limit.
  static std::shared_ptr<LoadedFile> open(const std::string& path, uint64_t budget = 0);
  LoadedFile(std::unique_ptr<Mapping> mapping, uint64_t budget);
  ~LoadedFile();
  LoadedFile(const LoadedFile&) = delete;
  LoadedFile& operator=(const LoadedFile&) = delete;

  const SlBackend& backend;
  std::unique_ptr<Mapping> mapping;
  Table table;
  ModelSpec spec;
  SlBackendModel* model = nullptr;
  SlOpened opened{};
};

struct ModelHandle {
  std::shared_ptr<LoadedFile> file;  // null once closed
};

// A compiled plan; `running` while a forward is on its way.
struct ProgramState {
  explicit ProgramState(std::shared_ptr<LoadedFile> on) : file(std::move(on)) {}
  ~ProgramState() {
    if (program) file->backend.close_program(program);
  }
  ProgramState(const ProgramState&) = delete;
  ProgramState& operator=(const ProgramState&) = delete;

  std::shared_ptr<LoadedFile> file;
  SlProgram* program = nullptr;
  SlControl control{};
  std::atomic<bool> running{false};
  uint32_t vocab = 0, layers = 0;
  std::vector<uint64_t> capture_width;  // floats of one row, over the layers of its range
  std::vector<Values> values;           // of the plan's interventions; the program points into them
};
struct ProgramHandle {
  std::shared_ptr<ProgramState> state;  // null once closed
};

}  // namespace sparselab::node
