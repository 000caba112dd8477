// Writes a random model file of the architecture "llama" whose neurons are silent under ReLU as often as asked. Random numbers of
// one fixed seed: the same arguments give the same bytes.
#pragma once
#include <cstdint>
#include <string>

namespace bench {

struct Shape {
  uint32_t hidden, neurons, layers, heads, kv_heads, vocab, context;
  std::string type;  // "f16" or "q8_0"
  double sparsity;   // share of silent neurons, mean over all
};

// Throws std::runtime_error where the file cannot be written.
void write_synthetic(const Shape& shape, const std::string& path);

}  // namespace bench
