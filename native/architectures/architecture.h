// An architecture as data: what the tensors of a file with this general.architecture mean. Each architecture has a file of its
// own beside this one and a line in architecture.cpp; model_file.cpp reads files by it. Names and shapes of tensors are written
// there and nowhere else.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "backend/backend.h"

namespace sparselab {

// A dimension of a tensor, in terms of the model's sizes.
enum class Dim : uint8_t { one, hidden, neurons, vocab, q_width, kv_width, rank };

enum class Presence : uint8_t {
  needed,
  optional,
  down,       // either this one or the one with `down_t`
  down_t,     // what PowerInfer's files have
  predictor,  // in every layer of PowerInfer's files; in others both matrices or neither
};

struct TensorRule {
  SlTensorRole role;
  const char* name;  // without the prefix "blk.%u." of a tensor in a layer
  bool in_layer;
  Dim rows, cols;  // the shape in the file's order is (cols, rows)
  Presence presence = Presence::needed;
  bool needs_data = false;  // all zeros mean that it was never written
};

struct Architecture {
  const char* name;    // general.architecture
  const char* models;  // well-known models of this architecture, for messages
  SlNorm norm;
  const char* epsilon_key;  // without the prefix "{name}."
  SlRope rope;
  float rope_base;                     // if the file has no key for it
  SlFfn ffn;                           // its activation is that of files without a key for it
  SlActivation powerinfer_activation;  // the same for PowerInfer's files, which have no key for it
  float embedding_scale, residual_scale, logit_scale;
  std::span<const TensorRule> tensors;
};

std::span<const Architecture* const> architectures();
// Null for an unknown name.
const Architecture* find_architecture(const std::string& name);

}  // namespace sparselab
