// What the machine can do, measured in the same run as the engines: bytes read from memory and float32 multiply-adds per second.
#pragma once
#include <cstdint>

namespace bench {

// Bytes a second that `threads` threads read one after the other from `bytes` of memory, each its own part, in huge pages where
// the system gives them (`huge`), or in 4 KiB pages, as a mapped file has.
double stream_bandwidth(unsigned threads, uint64_t bytes, bool huge);

// Float32 operations a second (a fused multiply-add is two) that `threads` threads do in registers with the widest vectors.
double fma_peak(unsigned threads);

}  // namespace bench
