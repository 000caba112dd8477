// The sections of the benchmark. Each takes what the ones before found out of the card.
#pragma once
#include <string>

#include "backend/model.h"
#include "bench/report.h"
#include "executor/shape.h"

namespace sparselab::cuda::bench {

struct Card {
  std::string name;
  int multiprocessors;
  size_t l2_bytes;
  double read_bytes_per_us = 0, copy_bytes_per_us = 0;  // ceilings
};

// A model's shape, by name. `layers` 0: all it has.
struct Dimensions {
  const char* name;
  uint32_t layers, hidden, neurons, heads, kv_heads, head_size, vocab;
};

void measure_ceilings(Card& card, Report& report, bool dry);
// S2 and S3 of one shape at shares of silent neurons, beside cuBLAS dense.
void measure_ffn(const Card& card, const Dimensions& shape, const std::vector<double>& sparsities, Report& report, bool dry);
// Decode of a whole model in every strategy at a share of silent neurons, and with captures.
void measure_decode(const Card& card, const Dimensions& shape, Form form, double sparsity, Report& report, bool dry);

}  // namespace sparselab::cuda::bench
