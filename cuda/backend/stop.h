// Whether the caller asks to stop.
#pragma once
#include "backend/backend.h"

namespace sparselab::cuda {

inline bool stop_asked(const SlControl& control) { return __atomic_load_n(&control.stop, __ATOMIC_RELAXED) != 0; }

}  // namespace sparselab::cuda
