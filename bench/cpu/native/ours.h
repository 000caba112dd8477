// Our executor as an engine: the only file of the bench that knows the backend's C table.
// Modes: "dense" and "exact" compute ReLU; "silu" is dense with SiLU, as llama.cpp computes every file of the architecture
// "llama".
#pragma once
#include <memory>

#include "engine.h"

namespace bench {

std::unique_ptr<Engine> our_engine();

}  // namespace bench
