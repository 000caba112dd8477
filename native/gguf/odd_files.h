// What a file is that is no GGUF file, told by its first bytes, and what to do about it.
#pragma once
#include <cstdint>
#include <string>

namespace sparselab {

// "a ZIP archive, ...: unpack it ..." for the bytes of a whole file that does not begin with GGUF or PWRI; never empty.
std::string odd_file(const uint8_t* file, uint64_t size);

}  // namespace sparselab
