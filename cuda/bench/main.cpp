// Measures a card: ceilings of its memory, S2 and S3, decode of whole models, with weights that are made on it. No Node, no
// network.
//   sparselab_cuda_bench [--out FILE.json] [--device N] [--only ceilings,ffn,decode] [--dry]
// --dry: small shapes, one run each, to see that it works; its times mean nothing.
#include <cstdio>
#include <cstring>
#include <fstream>

#include "bench/bench.h"

using namespace sparselab;
using namespace sparselab::cuda;
using namespace sparselab::cuda::bench;

namespace {

constexpr Dimensions kMiniCpm{"MiniCPM-S-1B", 52, 1536, 3840, 24, 8, 64, 73440};
constexpr Dimensions kSeven{"7B", 32, 4096, 11008, 32, 32, 128, 32000};
constexpr Dimensions kThirteen{"13B", 40, 5120, 13824, 40, 40, 128, 32000};
constexpr Dimensions kSmall{"small", 2, 64, 96, 4, 2, 16, 128};

struct Options {
  std::string out, only = "ceilings,ffn,decode";
  int device = 0;
  bool dry = false;
};

int usage(const char* why) {
  std::fprintf(stderr,
               "sparselab_cuda_bench: %s\nusage: sparselab_cuda_bench [--out FILE.json] [--device N] [--only "
               "ceilings,ffn,decode] [--dry]\n",
               why);
  return 2;
}

void run(const Options& options) {
  const SlDevice device = probe(options.device);
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, options.device), "asking for the device's properties");
  Card card{device.name, properties.multiProcessorCount, static_cast<size_t>(properties.l2CacheSize)};
  const bool emulated = card.name == "emulated";
  if (emulated && !options.dry)
    throw Error(Code::no_device, "the emulator has no times worth a figure; use --dry to see that the program works");
  Report report;
  report.about()
      .set("device", card.name)
      .set("driver", device.driver)
      .set("runtime", device.runtime)
      .set("multiprocessors", card.multiprocessors);
  report.about().set("l2_bytes", static_cast<double>(card.l2_bytes)).set("memory_bytes", static_cast<double>(device.total_bytes));
  if (options.dry) report.about().set("dry", "its times mean nothing");
  auto wanted = [&](const char* section) { return options.only.find(section) != std::string::npos; };
  measure_ceilings(card, report, options.dry);
  if (wanted("ffn")) {
    measure_ffn(card, options.dry ? kSmall : kSeven, {0, 0.6698, 0.8811, 0.8932, 0.95, 0.99}, report, options.dry);
    if (!options.dry) measure_ffn(card, kThirteen, {0, 0.7156, 0.8797, 0.8880, 0.95, 0.99}, report, options.dry);
  }
  if (wanted("decode")) {
    if (options.dry) {
      for (const Form form : {Form::f32, Form::f16, Form::q8_0, Form::q4_0})
        measure_decode(card, kSmall, form, 0.75, report, true);
    } else {
      measure_decode(card, kMiniCpm, Form::f16, 0.89, report, false);
      measure_decode(card, kSeven, Form::f16, 0.8932, report, false);
      if (device.total_bytes > uint64_t{40} << 30) measure_decode(card, kThirteen, Form::f16, 0.888, report, false);
    }
  }
  if (options.out.empty()) return;
  std::ofstream file(options.out);
  file << report.json();
  file.close();
  if (!file) throw Error(Code::invalid_option, "\"" + options.out + "\" could not be written");
}

}  // namespace

int main(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; i++) {
    const std::string name = arguments[i];
    if (name == "--dry") {
      options.dry = true;
      continue;
    }
    if (name != "--out" && name != "--device" && name != "--only") return usage(("unknown option " + name).c_str());
    if (++i == count) return usage((name + " needs a value").c_str());
    if (name == "--out") options.out = arguments[i];
    if (name == "--device") options.device = std::atoi(arguments[i]);
    if (name == "--only") options.only = arguments[i];
  }
  try {
    run(options);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "sparselab_cuda_bench: %s\n", error.what());
    return error.code == Code::no_device ? 2 : 1;
  }
}
