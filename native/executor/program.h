// A compiled plan with the KV cache of its sequences: what one run, generation or sweep goes through.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "cpu/pool.h"
#include "executor/attention.h"
#include "executor/model.h"
#include "executor/plan.h"

namespace sparselab {

class Program {
 public:
  Program(std::shared_ptr<const CpuModel> model, Plan plan);  // throws Error
  // Throws Error; after one, the cache is void and every later forward says so.
  void forward(const SlBatch& batch, SlSinks& sinks, SlControl& control);

  // The most that forward allocates at one time for `rows` rows, of which `logit_rows` have logits, on `threads` threads, with up
  // to `length` positions held. What threads allocate stays theirs for the next forward.
  static uint64_t scratch_bytes(const CpuModel& model, uint64_t rows, uint64_t logit_rows, uint64_t length, uint64_t threads);

 private:
  void check(const SlBatch& batch, const SlSinks& sinks) const;
  std::vector<uint32_t> held_after(const SlBatch& batch) const;

  std::shared_ptr<const CpuModel> model_;
  Plan plan_;
  std::shared_ptr<cpu::Pool> pool_;
  KvCache cache_;
  Rotation rotation_;
  std::vector<uint32_t> held_;  // positions each sequence holds
  bool void_ = false;
};

}  // namespace sparselab
