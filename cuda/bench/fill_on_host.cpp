// The kernels of the benchmark compiled by the host's compiler, against the emulator.
#include "bench/fill.cu"
