// dense: every neuron in every step. The reference.
#include "ffn/strategy.h"

namespace sparselab {

extern const Strategy kDense;
const Strategy kDense = {nullptr, nullptr, nullptr};

}  // namespace sparselab
