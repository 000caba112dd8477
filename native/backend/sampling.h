// The next token of a row of logits. Backends that sample on the host call this; one that samples on
// its device gives the same tokens. Everything is float64 with fixed orders of addition, so a seed gives the same text
// everywhere.
#pragma once
#include <cstdint>
#include <vector>

#include "backend/backend.h"
#include "backend/ranking.h"

namespace sparselab {

// Throws Error (invalid-option) for a sampler that makes no sense over a vocabulary of V tokens.
void check_sampler(const SlSampler& sampler, uint64_t V);

class Sampling {
 public:
  // Of the scratch that the calls for one V allocate, and keep.
  static uint64_t bytes(uint64_t V) { return V * (sizeof(float) + sizeof(uint32_t) + sizeof(double)) + Ranking::bytes(V); }
  // A token from finite logits (V) by a sampler that was checked. Throws Error (invalid-option) where the repeat penalty drives a
  // logit out of float32.
  uint32_t draw(const SlSampler& sampler, const float* logits, uint64_t V);
  // For most likely tokens of the same rows.
  Ranking& ranking() { return ranking_; }

 private:
  const float* penalise(const SlSampler& sampler, const float* logits, uint64_t V);
  template <class Keep>
  void keep_if(Keep keep);
  void keep_nucleus(const float* logits, float most, double top_p);
  void weigh(const float* logits, float most, double temperature);
  std::vector<float> penalised_;  // (V)
  std::vector<uint32_t> kept_;    // tokens still possible
  std::vector<double> weight_;    // their weights, of the most likely one 1
  Ranking ranking_;
};

}  // namespace sparselab
