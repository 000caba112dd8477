// Lane order: every held neuron once, by id % 16, ascending in each lane.
#include "ffn/neurons.h"

#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

TEST("neurons: lane order holds each neuron once, ascending in its lane") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (uint64_t F : {0, 1, 15, 16, 17, 300})
    for (bool part : {false, true}) {
      std::vector<uint32_t> ids;
      for (uint32_t i = 0; i < F; i++)
        if (!part || r() % 3) ids.push_back(i);
      const Neurons held = part ? Neurons(ids.data(), ids.size()) : Neurons(F);
      CHECK(held.count() == ids.size() && held.whole() == !part && (held.ids() == nullptr) == !part);
      CHECK(held.lane_begin(0) == 0 && held.lane_begin(kLanes) == ids.size());
      for (uint64_t l = 0; l < kLanes; l++)
        for (uint32_t p = held.lane_begin(l); p < held.lane_begin(l + 1); p++) {
          const uint32_t k = held.by_lane()[p];
          CHECK_MSG(held.place()[k] == p && held.id(k) == ids[k] && ids[k] % kLanes == l,
                    text("seed %llu", (unsigned long long)seed));
          CHECK(p == held.lane_begin(l) || held.by_lane()[p - 1] < k);
        }
    }
}
