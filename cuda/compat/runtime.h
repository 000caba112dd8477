// The CUDA runtime API for host code: the toolkit's, or what the emulator has of it.
#pragma once
#if defined(SPARSELAB_CUDA_DEVICE) || defined(__CUDACC__)
#include <cuda_runtime.h>
#else
#include "emulator/runtime.h"
#endif
