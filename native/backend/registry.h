// Which backends there are: the CPU, and those that were loaded from a shared library at run time.
#pragma once
#include <string>
#include <vector>

#include "backend/backend.h"

namespace sparselab {

// "cpu" first.
std::vector<std::string> backend_names();
// Throws Error (no-device) that names those there are.
const SlBackend& find_backend(const std::string& name);

// A device of a backend. Throws Error (no-device) where it cannot be used, or the backend has none.
SlDevice find_device(const std::string& name, int32_t device);

// Loads a shared library that exports `const SlBackend* sl_backend(void)`, and perhaps `sl_probe`, and adds its backend, which
// stays for the life of the process. Throws Error (no-device): the library cannot be loaded, exports no backend, or one of
// another version of the boundary, or of a name that is taken. Returns the name.
std::string load_backend(const std::string& path);

}  // namespace sparselab
