// Counts what the tests' process holds through operator new, which all arrays of the executor come from. On Linux alone.
#pragma once
#include <cstdint>

namespace sparselab::testing {

// Bytes held now, on any thread.
int64_t held_bytes();
// The most that was held since the last call of `forget_most`.
int64_t most_bytes();
void forget_most();

}  // namespace sparselab::testing
