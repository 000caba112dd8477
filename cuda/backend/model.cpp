#include "backend/model.h"

#include <algorithm>
#include <cstdio>

#include "backend/stop.h"
#include "executor/failures.h"

namespace sparselab::cuda {
namespace {

DeviceArray<float> upload(const std::vector<float>& values) { return DeviceArray<float>(values); }

const char* kWayOut = "use device \"cpu\", a file with smaller weights, or a device with more memory";

uint64_t matrix_bytes(const Matrix& m) { return m.rows ? device_bytes(m, m.rows) : 0; }

// Of one layer, as it will be on the device.
uint64_t layer_bytes(const LayerWeights& w) {
  const uint64_t N = w.held.count();
  uint64_t bytes = matrix_bytes(w.q) + matrix_bytes(w.k) + matrix_bytes(w.v) + matrix_bytes(w.o) + device_bytes(w.up, N) +
                   matrix_bytes(w.predictor_1);
  if (w.gate.rows) bytes += device_bytes(w.gate, N);
  if (w.predictor_2.rows) bytes += device_bytes(w.predictor_2, N);
  bytes += w.down.lies_by_channel() ? turned_device_bytes(w.down.by_channel, N) : device_bytes(w.down.by_neuron, N);
  for (const std::vector<float>* v :
       {&w.attn_norm, &w.ffn_norm, &w.attn_norm_bias, &w.ffn_norm_bias, &w.q_bias, &w.k_bias, &w.v_bias, &w.o_bias, &w.up_bias,
        &w.down_bias, &w.q_norm, &w.k_norm, &w.attn_post_norm, &w.ffn_post_norm})
    bytes += v->size() * sizeof(float);
  return bytes + (w.held.whole() ? 0 : N * sizeof(uint32_t));
}

DeviceLayer build_layer(const LayerWeights& w) {
  auto whole = [](const Matrix& m) { return m.rows ? DeviceMatrix(m, nullptr, m.rows) : DeviceMatrix(); };
  const uint32_t* ids = w.held.ids();
  const uint64_t N = w.held.count();
  auto held = [&](const Matrix& m) { return m.rows ? DeviceMatrix(m, ids, N) : DeviceMatrix(); };
  DeviceLayer layer;
  layer.q = whole(w.q);
  layer.k = whole(w.k);
  layer.v = whole(w.v);
  layer.o = whole(w.o);
  layer.gate = held(w.gate);
  layer.up = held(w.up);
  layer.predictor_1 = whole(w.predictor_1);
  layer.predictor_2 = held(w.predictor_2);
  layer.down = w.down.lies_by_channel() ? DeviceMatrix::turned(w.down.by_channel, ids, N) : held(w.down.by_neuron);
  layer.attn_norm = upload(w.attn_norm);
  layer.ffn_norm = upload(w.ffn_norm);
  layer.attn_norm_bias = upload(w.attn_norm_bias);
  layer.ffn_norm_bias = upload(w.ffn_norm_bias);
  layer.q_bias = upload(w.q_bias);
  layer.k_bias = upload(w.k_bias);
  layer.v_bias = upload(w.v_bias);
  layer.o_bias = upload(w.o_bias);
  layer.down_bias = upload(w.down_bias);
  layer.q_norm = upload(w.q_norm);
  layer.k_norm = upload(w.k_norm);
  layer.attn_post_norm = upload(w.attn_post_norm);
  layer.ffn_post_norm = upload(w.ffn_post_norm);
  if (!w.up_bias.empty()) {
    std::vector<float> bias(N);
    for (uint64_t i = 0; i < N; i++) bias[i] = w.up_bias[w.held.id(i)];
    layer.up_bias = upload(bias);
  }
  if (ids) layer.ids = DeviceArray<uint32_t>(std::vector<uint32_t>(ids, ids + N));
  return layer;
}

}  // namespace

void use_device(int device) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorInsufficientDriver) {
    int driver = 0, runtime = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    if (driver == 0)
      throw Error(Code::no_device, "there is no NVIDIA driver on this machine; install one, or use device \"cpu\"");
    throw Error(Code::no_device, text("the NVIDIA driver is too old: it knows CUDA %d.%d, and this build needs %d.%d; update the "
                                      "driver, or use device \"cpu\"",
                                      driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10));
  }
  if (error != cudaSuccess || count == 0)
    throw Error(Code::no_device, text("there is no CUDA device (%s); use device \"cpu\"", cudaGetErrorName(error)));
  if (device < 0 || device >= count)
    throw Error(Code::no_device, text("CUDA device %d does not exist; this machine has %d: 0 to %d", device, count, count - 1));
  check(cudaSetDevice(device), "choosing the device");
}

SlDevice probe(int device) {
  use_device(device);
  SlDevice out{};
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device), "asking for the device's properties");
  std::snprintf(out.name, sizeof out.name, "%s", properties.name);
  int count = 0, driver = 0, runtime = 0;
  size_t free = 0, total = 0;
  check(cudaGetDeviceCount(&count), "counting devices");
  check(cudaDriverGetVersion(&driver), "asking for the driver's version");
  check(cudaRuntimeGetVersion(&runtime), "asking for the runtime's version");
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  out.devices = static_cast<uint32_t>(count);
  out.driver = static_cast<uint32_t>(driver);
  out.runtime = static_cast<uint32_t>(runtime);
  out.free_bytes = free;
  out.total_bytes = total;
  return out;
}

uint64_t free_bytes(const DeviceModel& model, uint64_t taken) {
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  if (model.budget == 0) return free;
  return std::min<uint64_t>(free, model.budget > taken ? model.budget - taken : 0);
}

std::shared_ptr<const DeviceModel> build_device_model(const SlModel& model, const SlTensor* tensors, uint64_t count,
                                                      const SlOpenOptions& options) {
  if (options.layout != SL_LAYOUT_MMAP)
    throw Error(Code::invalid_option, "the CUDA backend arranges weights itself: it has no packed layout; leave `layout` out");
  if (options.screen) throw Error(Code::invalid_option, "the CUDA backend has no screen of the gate yet; use strategy \"exact\"");
  use_device(options.device);
  auto out = std::make_shared<DeviceModel>();
  // The host copies nothing: its matrices point into the file.
  SlOpenOptions on_host = options;
  on_host.device = 0;
  if (on_host.down == SL_DOWN_BY_NEURON) on_host.down = SL_DOWN_AS_STORED;
  on_host.control = nullptr;
  out->host = std::make_shared<const CpuModel>(build_model(model, tensors, count, on_host));
  out->device = options.device;
  out->budget = options.device_budget;
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, options.device), "asking for the device's properties");
  out->multiprocessors = properties.multiProcessorCount;

  const CpuModel& host = *out->host;
  const bool tied = host.output.data == host.embed.data;
  uint64_t bytes = matrix_bytes(host.embed) + (tied ? 0 : matrix_bytes(host.output)) +
                   (host.norm.size() + host.norm_bias.size()) * sizeof(float);
  for (const LayerWeights& layer : host.layers) bytes += layer_bytes(layer);
  if (const uint64_t free = free_bytes(*out, 0); bytes > free)
    throw Error(Code::out_of_memory, text("the weights take %llu bytes on the device, and %llu are free; %s",
                                          (unsigned long long)bytes, (unsigned long long)free, kWayOut));
  out->embed = DeviceMatrix(host.embed, nullptr, host.embed.rows);
  if (!tied) out->output = DeviceMatrix(host.output, nullptr, host.output.rows);
  out->norm = upload(host.norm);
  out->norm_bias = upload(host.norm_bias);
  for (const LayerWeights& layer : host.layers) {
    if (options.control && stop_asked(*options.control)) throw stopped();
    out->layers.push_back(build_layer(layer));
    if (options.control)
      __atomic_store_n(&options.control->progress, static_cast<uint32_t>(1000 * out->layers.size() / host.layers.size()),
                       __ATOMIC_RELAXED);
  }
  out->bytes = bytes;
  return out;
}

}  // namespace sparselab::cuda
