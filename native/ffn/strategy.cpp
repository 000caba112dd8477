#include "ffn/strategy.h"

#include "error.h"

namespace sparselab {

extern const Strategy kDense, kExact;

const Strategy& strategy_of(SlStrategy strategy) {
  switch (strategy) {
    case SL_DENSE:
      return kDense;
    case SL_EXACT:
      return kExact;
  }
  throw Error(Code::invalid_option, text("strategy number %u does not exist", strategy));
}

}  // namespace sparselab
