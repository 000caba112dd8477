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
enum class Dim : uint8_t { one, hidden, neurons, vocab, q_width, kv_width, rank, head_size, rope_pairs };

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

// Scales of embedding, residual stream and logits.
struct Scales {
  bool of_keys = false;         // keys embedding_scale, residual_scale, logit_scale count; the last one divides
  float embedding = 1;          // without a key
  bool embedding_root = false;  // embeddings are multiplied by √D
  float depth = 0;              // without a key the residual scale is depth / √L; 0: 1
  float logit_base = 0;         // without a key logits are divided by D / logit_base; 0: not scaled
};

// Layers that attend to the last positions alone, with rotary positions of their own.
struct Windows {
  uint32_t every = 0;    // every layer of this number (5, 11, ... for 6) attends to all positions; 0: there are no windows
  uint32_t window = 0;   // without a key
  float local_base = 0;  // rope base of the layers with a window, which are not scaled
};

struct Architecture {
  const char* name;    // general.architecture
  const char* models;  // well-known models of this architecture, for messages
  SlNorm norm;
  const char* epsilon_key;  // without the prefix "{name}."
  SlRope rope;
  float rope_base;                     // if the file has no key for it; 0: the key is needed
  SlFfn ffn;                           // its activation is that of files without a key for it
  SlActivation powerinfer_activation;  // the same for PowerInfer's files, which have no key for it
  Scales scales = {};
  bool qk_norm = false, post_norm = false;
  bool partial_rope = false;  // whether fewer channels than a head has may rotate
  Windows windows = {};
  uint32_t scaled_by_heads = 0;        // files of so many layers scale attention by 1/√(D / heads), others by 1/√(head size)
  const char* soft_cap_key = nullptr;  // changes the logits and is refused unless it is 0; without the prefix "{name}."
  std::span<const TensorRule> tensors = {};
};

std::span<const Architecture* const> architectures();
// Why files of a known architecture are refused; null for another name.
const char* refusal_of(const std::string& name);
// Null for an unknown name.
const Architecture* find_architecture(const std::string& name);

}  // namespace sparselab
