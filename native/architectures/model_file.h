// A file as a model: its architecture's description with the file's own numbers, its tensors by role.
// A missing, extra or misshapen tensor is an error that names it; so is a key that would change the computation and is not
// supported.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "architectures/architecture.h"
#include "backend/backend.h"
#include "gguf/reader.h"

namespace sparselab {

struct Predictor {
  uint32_t layer;
  uint64_t rank;
};

struct ModelTensor {
  const TensorInfo* info;  // into the table
  SlTensor tensor;         // without its data pointer
  bool needs_data;
};

struct ModelSpec {
  const Architecture* architecture;
  SlModel model;
  std::unique_ptr<SlLayer[]> layer;  // (L), what model.layer points to
  bool tied;                         // no output.weight: the embedding is used
  std::vector<Predictor> predictors;
  std::map<std::string, uint64_t> bytes_by_type;  // of the tensors that are computed with
  uint64_t used_bytes;
  std::vector<ModelTensor> tensors;  // those the backend gets
};

// Scales that go before those of the file: embeddings are multiplied by the first, what attention and FFN add to the stream by
// the second, logits divided by the third.
struct GivenScales {
  std::optional<float> embedding, residual, logits;
  bool any() const { return embedding || residual || logits; }
};

// Throws Error (unsupported-model, unsupported-type, bad-file; invalid-option for scales that cannot be given).
ModelSpec read_spec(const Table& table, const GivenScales& scales = {});

// The activation of a file without a key for it, and the rule that says so; null for an unknown architecture.
struct DefaultActivation {
  SlActivation activation;
  std::string rule;
};
std::unique_ptr<DefaultActivation> default_activation(const Table& table);

// Rows of the embedding, V; 0 where there is none, or the architecture is not known.
uint64_t embedding_rows(const Table& table);

// Bytes that opening copies: down matrices that do not lie by neuron. 0 where the architecture is not known.
uint64_t copied_bytes(const Table& table);

}  // namespace sparselab
