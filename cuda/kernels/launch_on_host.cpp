// The launches compiled by the host's compiler, against the emulator.
#include "kernels/launch.cu"
