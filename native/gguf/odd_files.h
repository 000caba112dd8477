// Recognises files that are not models, by their first bytes or, in the GGUF format, by their keys, and says what to do with
// them. (What the path alone shows is in lab/model/path.ts.)
#pragma once
#include <cstdint>
#include <string>

#include "gguf/reader.h"

namespace sparselab {

// "a ZIP archive, ...: unpack it ..." for the bytes of a whole file that does not begin with GGUF or PWRI; never empty.
std::string odd_file(const uint8_t* file, uint64_t size);

// Throws Error (unsupported-model, bad-file) for a GGUF file that is an adapter, an importance matrix, ...
void refuse_other_kinds(const Table& table);

}  // namespace sparselab
