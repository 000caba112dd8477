// An architecture as data: what general.architecture says a file's tensors mean. Each stands in a file of its own beside this
// one, with its line in architecture.cpp; model_file.cpp reads files by it. Names and shapes of tensors stand there and nowhere
// else.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "backend/backend.h"

namespace sparselab {

// A side of a tensor, as the model's numbers give it.
enum class Dim : uint8_t { one, hidden, neurons, vocab, q_width, kv_width, rank };

enum class Presence : uint8_t {
  needed,
  optional,
  down,       // this one or the one with `down_t`
  down_t,     // what PowerInfer's files have
  predictor,  // in every layer of PowerInfer's files; elsewhere where its partner is
};

struct TensorRule {
  SlTensorRole role;
  const char* name;  // "blk.%u." goes in front of one that stands in every layer
  bool in_layer;
  Dim rows, cols;  // in the file's order the shape is (cols, rows)
  Presence presence = Presence::needed;
  bool needs_data = false;  // all zeros mean that it was never written
};

struct Architecture {
  const char* name;    // general.architecture
  const char* models;  // which models people have of it, for messages
  SlNorm norm;
  const char* epsilon_key;  // behind "{name}."
  SlRope rope;
  float rope_base;                     // where the file has none
  SlFfn ffn;                           // with the activation of a file that names none
  SlActivation powerinfer_activation;  // the same for PowerInfer's files, which have no key for it
  float embedding_scale, residual_scale, logit_scale;
  std::span<const TensorRule> tensors;
};

std::span<const Architecture* const> architectures();
// Null where there is none of that name.
const Architecture* find_architecture(const std::string& name);

}  // namespace sparselab
