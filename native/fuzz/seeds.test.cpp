// The kept seeds of the coverage-guided fuzzers through their targets: with any compiler, in every run of the unit tests.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz/targets.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

size_t replay(const std::string& name, void (*target)(const uint8_t*, size_t)) {
  size_t n = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SPARSELAB_FUZZ_SEEDS) + "/" + name)) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    target(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    n++;
  }
  return n;
}

}  // namespace

TEST("fuzz seeds: headers are read or refused") { CHECK(replay("header", fuzz::fuzz_header) >= 10); }
TEST("fuzz seeds: small models run or are refused") { CHECK(replay("forward", fuzz::fuzz_forward) >= 8); }
TEST("fuzz seeds: blocks of every type are dequantised and transposed") {
  CHECK(replay("dequantise", fuzz::fuzz_dequantise) >= 10);
}
