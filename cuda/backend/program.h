// A compiled plan on the device: its memory, its settings, and a graph for each shape of a row.
#pragma once
#include <map>
#include <memory>
#include <vector>

#include "backend/buffers.h"
#include "backend/row.h"
#include "executor/attention.h"
#include "executor/batch.h"

namespace sparselab::cuda {

class Program {
 public:
  // Throws Error: out-of-memory, before anything is allocated, with the longest length that fits.
  Program(std::shared_ptr<const DeviceModel> model, const SlPlan& plan);
  void forward(const SlBatch& batch, SlSinks& sinks, SlControl& control);
  void ffn(uint32_t layer, const SlFfnBatch& batch, SlFfnSinks& sinks, const SlControl& control);
  void set(uint32_t i, const SlSetting& setting);
  void keep(uint32_t sequence, uint32_t positions, const Program& source, uint32_t from, const SlControl& control);
  uint32_t held(uint32_t sequence) const { return held_.of(sequence); }
  uint64_t sums(uint32_t reducer, uint32_t setting, uint64_t* out) const { return reducers_.read(reducer, setting, out); }

  // With `logit_rows` rows of logits of a forward kept on the host.
  static SlBytes bytes(const DeviceModel& model, const SlPlan& plan, uint64_t logit_rows = 0);

 private:
  struct Chunk;
  struct Wanted;
  void turn(uint32_t positions, const SlControl& control);
  void run_row(const RowShape& shape, const Call* call);
  void start(const SlBatch& batch, const Chunk& chunk);
  void take(const SlBatch& batch, SlSinks& sinks, Wanted& wanted, const Chunk& chunk);
  void score(const SlBatch& batch, SlSinks& sinks, const Wanted& wanted, const SlControl& control) const;
  void take_counts(const SlBatch& batch, SlSinks& sinks, const Chunk& chunk);
  void take_captures(const SlBatch& batch, SlSinks& sinks, const Chunk& chunk);
  void throw_failure(const SlBatch& batch, const Chunk& chunk) const;
  uint64_t bytes_of_row(const RowShape& shape, const uint32_t* counts) const;
  uint64_t bytes_of_ffn(uint32_t layer, uint32_t setting, bool misses, const uint32_t* counts) const;
  void call_back(const sparselab::Intervention& i, uint32_t layer, uint32_t position, float* x, uint64_t width) const;

  std::shared_ptr<const DeviceModel> model_;
  Plan plan_;
  Stream stream_;
  Buffers buffers_;
  Launcher launch_;
  std::vector<DeviceSetting> settings_;
  // Rotary tables: made by the host as far as positions need them, then copied.
  std::shared_ptr<cpu::Pool> pool_;
  Rotation rotation_;
  struct Table {
    const float *cos, *sin;        // of the host
    DeviceArray<float> on_device;  // (2, length, dims / 2)
    uint64_t half;
  };
  std::vector<Table> tables_;
  std::vector<Turn> turns_;  // (L)
  uint32_t turned_ = 0;      // positions on the device
  Row row_;
  std::map<RowShape, Graph> graphs_;
  Reducers reducers_;
  Held held_;
};

}  // namespace sparselab::cuda
