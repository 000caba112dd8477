#include "ffn/strategy.h"

#include "error.h"

namespace sparselab {

extern const Strategy kDense, kExact, kPredicted;

const Strategy& strategy_of(SlStrategy strategy) {
  switch (strategy) {
    case SL_DENSE:
      return kDense;
    case SL_EXACT:
      return kExact;
    case SL_PREDICTED:
      return kPredicted;
  }
  throw Error(Code::invalid_option, text("strategy number %u does not exist", strategy));
}

}  // namespace sparselab
