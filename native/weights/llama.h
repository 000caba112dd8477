// The architecture "llama" as files hold it: reads the hyperparameters, and holds the tensor table against what they ask for.
// A missing, extra or misshapen tensor is an error that names it; so is a key that would change the computation and is not built.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "executor/backend.h"
#include "gguf/reader.h"

namespace sparselab {

struct Predictor {
  uint32_t layer;
  uint64_t rank;
};

struct ModelSpec {
  std::string architecture;
  SlModel model;
  bool tied;  // no output.weight: the embedding serves
  std::vector<Predictor> predictors;
  std::map<std::string, uint64_t> bytes_by_type;  // of the tensors that are computed with
  uint64_t used_bytes;
  std::vector<const TensorInfo*> tensors;  // those the backend gets, into the table
};

// Throws Error (unsupported-model, unsupported-type, bad-file).
ModelSpec read_spec(const Table& table);

}  // namespace sparselab
