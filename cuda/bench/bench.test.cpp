// The benchmark's own logic, on the emulator: every section gives its entries, and the checks of S2 and S3 against float64 hold.
#include "bench/bench.h"

#include "bench/timing.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;
using namespace sparselab::cuda;
using namespace sparselab::cuda::bench;

TEST("bench: medians, and words that JSON must escape") {
  CHECK(median({3, 1, 2}) == 2 && median({4, 1, 2, 3}) == 2.5);
  CHECK(Entry().set("a", 1.5).set("b", "say \"x\"").json() == "{\"a\": 1.5, \"b\": \"say \\\"x\\\"\"}");
}

TEST("bench: every section runs on the emulator") {
  constexpr Dimensions kSmall{"small", 2, 64, 96, 4, 2, 16, 128};
  Card card{"emulated", 2, size_t{1} << 20};
  Report report;
  measure_ceilings(card, report, true);
  CHECK(card.read_bytes_per_us > 0 && card.copy_bytes_per_us > 0);
  measure_ffn(card, kSmall, {0, 0.9}, report, true);
  measure_decode(card, kSmall, Form::f16, 0.75, report, true);
  const std::string json = report.json();
  for (const char* part : {"\"ceilings\"", "\"ffn\"", "\"decode\"", "\"kernels\"", "exact, FFN captured", "predictor_2"})
    CHECK_MSG(json.find(part) != std::string::npos, part);
}
