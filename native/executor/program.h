// A compiled plan with the KV cache of its sequences: what one run, generation or sweep goes through.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "cpu/pool.h"
#include "executor/attention.h"
#include "executor/batch.h"
#include "executor/model.h"
#include "executor/plan.h"
#include "executor/reducers.h"

namespace sparselab {

struct ForwardScratch;

class Program {
 public:
  Program(std::shared_ptr<const CpuModel> model, Plan plan);  // throws Error
  // Throws Error; after one, all is as it was before: the same batch may be given again.
  void forward(const SlBatch& batch, SlSinks& sinks, SlControl& control);
  void ffn(uint32_t layer, const SlFfnBatch& batch, SlFfnSinks& sinks, const SlControl& control);
  // These throw Error, and change nothing then.
  void set(uint32_t i, const SlSetting& setting);
  void keep(uint32_t sequence, uint32_t positions, const Program& source, uint32_t from, const SlControl& control);
  uint32_t held(uint32_t sequence) const { return held_.of(sequence); }
  const Reducers& reducers() const { return reducers_; }

  // The most that forward allocates at one time for `rows` rows, of which `logit_rows` have logits, on `threads` threads, with up
  // to `length` positions held. What threads allocate stays theirs for the next forward.
  static uint64_t scratch_bytes(const CpuModel& model, uint64_t rows, uint64_t logit_rows, uint64_t length, uint64_t threads,
                                uint32_t kv, uint32_t arithmetic);

 private:
  void layer(Pass& pass, uint32_t l, Floats& x, ForwardScratch& s);

  std::shared_ptr<const CpuModel> model_;
  Plan plan_;
  std::shared_ptr<cpu::Pool> pool_;
  KvCache cache_;
  Rotation rotation_;
  Reducers reducers_;
  Held held_;
};

}  // namespace sparselab
