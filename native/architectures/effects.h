// Keys and tensors beyond the shapes, judged by their effect: one that changes nothing is skipped; one that would change the
// result and is not supported yet is refused by name, and so are weights whose data is missing.
#pragma once
#include <string>
#include <vector>

#include "architectures/architecture.h"
#include "architectures/model_file.h"
#include "gguf/reader.h"

namespace sparselab {

// Throws Error (unsupported-model, bad-file) for a key of the architecture that changes the computation and is not computed.
void refuse_effects(const Table& table, const Architecture& architecture, uint32_t context);
// Scaled rotary positions (linear and yarn) of all layers, into `layer`. Throws Error (unsupported-model) for other kinds.
void read_scaled_positions(const Table& table, const std::string& arch, uint32_t context, SlLayer& layer);
// Whether rope_freqs.weight exists and changes nothing: all its factors of rotary frequencies are 1.
bool neutral_frequencies(const Table& table, uint32_t rope_dims);
// Throws Error (bad-file) if a tensor that is used was never written.
void refuse_missing_data(const std::vector<ModelTensor>& tensors);

}  // namespace sparselab
