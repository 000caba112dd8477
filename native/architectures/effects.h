// What a file says beside its shapes, judged by its effect: a key or tensor that changes nothing is passed over, one that would
// change the result and is not built is refused by its name, and so are weights whose data is not there.
#pragma once
#include <string>
#include <vector>

#include "architectures/model_file.h"
#include "gguf/reader.h"

namespace sparselab {

// Throws Error (unsupported-model, bad-file) for a key of `arch` that changes the computation.
void refuse_effects(const Table& table, const std::string& arch, uint32_t context);
// Whether rope_freqs.weight is there and says nothing: factors of rotary frequencies that are all 1.
bool neutral_frequencies(const Table& table, uint32_t head_size);
// Throws Error (bad-file) where the tensors that are computed with were never written.
void refuse_missing_data(const Table& table, const std::vector<ModelTensor>& tensors);

}  // namespace sparselab
