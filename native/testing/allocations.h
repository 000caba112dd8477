// Counts what the test process has allocated through operator new, where all arrays of the executor come from. Linux only.
#pragma once
#include <cstdint>

namespace sparselab::testing {

// Bytes held now, on any thread.
int64_t held_bytes();
// The peak since the last call of `forget_most`.
int64_t most_bytes();
void forget_most();

}  // namespace sparselab::testing
