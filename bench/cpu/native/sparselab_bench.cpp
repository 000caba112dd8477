// Our executor as a measured program, and what belongs to no engine:
//
//   write PATH TYPE HIDDEN NEURONS LAYERS HEADS KV_HEADS VOCAB CONTEXT SPARSITY     a random model file
//   stream THREADS BYTES huge|small                                                 bytes a second read from memory
//   fma THREADS                                                                     float32 operations a second
#include <stdexcept>

#include "ceilings.h"
#include "ours.h"
#include "synthetic.h"

namespace {

uint32_t number(const std::string& word) { return static_cast<uint32_t>(std::stoul(word)); }

bool extra(const std::vector<std::string>& words, std::string& answer) {
  if (words[0] == "write" && words.size() == 11) {
    bench::write_synthetic({number(words[3]), number(words[4]), number(words[5]), number(words[6]), number(words[7]),
                            number(words[8]), number(words[9]), words[2], std::stod(words[10])},
                           words[1]);
    answer = "{}";
  } else if (words[0] == "stream" && words.size() == 4) {
    answer =
        "{\"perSecond\":" + bench::json(bench::stream_bandwidth(number(words[1]), std::stoull(words[2]), words[3] == "huge")) +
        "}";
  } else if (words[0] == "fma" && words.size() == 2) {
    answer = "{\"perSecond\":" + bench::json(bench::fma_peak(number(words[1]))) + "}";
  } else {
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const auto engine = bench::our_engine();
  return bench::serve(*engine, argc, argv, extra);
}
