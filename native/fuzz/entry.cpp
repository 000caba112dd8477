// What libFuzzer calls: the target that the build chose.
#include "fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sparselab::fuzz::SPARSELAB_FUZZ_TARGET(data, size);
  return 0;
}
