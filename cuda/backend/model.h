// A model on the device: its weights as the kernels read them, beside the host's view of the file, which checks them and is what
// `read` reads.
#pragma once
#include <memory>
#include <vector>

#include "backend/backend.h"
#include "backend/device_weights.h"
#include "executor/model.h"

namespace sparselab::cuda {

struct DeviceLayer {
  DeviceMatrix q, k, v, o;                            // (H K, D), (G K, D), (G K, D), (D, H K)
  DeviceMatrix gate, up, down;                        // (N, D), N neurons held; gate is empty where the FFN has none
  DeviceMatrix predictor_1, predictor_2;              // (rank, D), (N, rank), or empty
  DeviceArray<float> attn_norm, ffn_norm;             // (D). Those below are empty where the model has none
  DeviceArray<float> attn_norm_bias, ffn_norm_bias;   // (D)
  DeviceArray<float> q_bias, k_bias, v_bias, o_bias;  // (H K), (G K), (G K), (D)
  DeviceArray<float> up_bias, down_bias;              // (N), (D)
  DeviceArray<float> q_norm, k_norm;                  // (K)
  DeviceArray<float> attn_post_norm, ffn_post_norm;   // (D)
  DeviceArray<uint32_t> ids;                          // (N) numbers in the layer, where only some neurons are held
};

struct DeviceModel {
  std::shared_ptr<const CpuModel> host;
  int device = 0, multiprocessors = 0;
  uint64_t budget = 0;         // of device bytes for all programs and weights; 0: what the device has
  DeviceMatrix embed, output;  // (V, D); output is empty where tied
  DeviceArray<float> norm, norm_bias;
  std::vector<DeviceLayer> layers;
  uint64_t bytes = 0;  // of weights on the device

  const Shape& shape() const { return host->shape; }
  const Weights& head() const { return output.empty() ? embed.weights() : output.weights(); }
  uint64_t held(uint32_t layer) const { return host->layers[layer].held.count(); }
};

// Throws Error: what build_model throws (executor/model.h); no-device; out-of-memory, before anything is allocated.
std::shared_ptr<const DeviceModel> build_device_model(const SlModel& model, const SlTensor* tensors, uint64_t count,
                                                      const SlOpenOptions& options);

// The device at work for this thread. Throws Error (no-device) with a way out.
void use_device(int device);
// What a device is. Throws Error (no-device).
SlDevice probe(int device);
// What may still be allocated: of the device, and of the budget.
uint64_t free_bytes(const DeviceModel& model, uint64_t taken);

}  // namespace sparselab::cuda
