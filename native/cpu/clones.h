// SPARSELAB_CLONES before a function compiles it once for each x86-64 level; the loader picks the best that the machine has. The
// bits are the same on every level, since all arithmetic is IEEE float32 with explicit fused multiply-add (which the baseline
// does in software). Sanitizer builds have one copy: their runtime cannot start before the choice is made.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(SPARSELAB_SANITIZE)
#define SPARSELAB_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define SPARSELAB_CLONES
#endif
#define SPARSELAB_INLINE inline __attribute__((always_inline))
