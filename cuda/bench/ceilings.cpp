// What the card's memory gives at most: copying, and reading alone.
#include <algorithm>

#include "bench/bench.h"
#include "bench/fill.h"
#include "bench/timing.h"

namespace sparselab::cuda::bench {

void measure_ceilings(Card& card, Report& report, bool dry) {
  const Stream stream;
  const size_t floats = dry ? size_t{1} << 16 : size_t{1} << 29;  // 2 GiB
  const DeviceArray<float> from = random_vector(stream, floats, 1, 1), to = random_vector(stream, floats, 1, 2);
  const DeviceArray<float> sum = random_vector(stream, 1, 1, 3);
  const int runs = dry ? 1 : 20;
  double copy = 0, read = 0;
  for (const int each : {4, 8, 16}) {
    const int blocks = each * card.multiprocessors;
    const double bytes = static_cast<double>(floats * sizeof(float));
    copy =
        std::max(copy, 2 * bytes / time_each(stream, 1, [&] { copy_all(stream, from.data(), to.data(), floats, blocks); }, runs));
    read = std::max(read, bytes / time_each(stream, 1, [&] { read_all(stream, from.data(), sum.data(), floats, blocks); }, runs));
  }
  card.copy_bytes_per_us = copy;
  card.read_bytes_per_us = read;
  report.add("ceilings", Entry().set("copy_gb_per_s", copy / 1000).set("read_gb_per_s", read / 1000));
}

}  // namespace sparselab::cuda::bench
