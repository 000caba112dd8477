// Every half there is, against arithmetic in float64.
#include "quant/half.h"

#include <cmath>

#include "testing/testing.h"

using namespace sparselab;

TEST("half: all 65536 values") {
  for (uint32_t h = 0; h < 65536; h++) {
    int sign = h >> 15 ? -1 : 1, exponent = (h >> 10) & 31, fraction = h & 1023;
    double want = exponent == 31 ? (fraction ? NAN : sign * INFINITY)
                  : exponent     ? sign * std::ldexp(1024 + fraction, exponent - 25)
                                 : sign * std::ldexp(fraction, -24);
    float got = half_to_float(static_cast<uint16_t>(h));
    CHECK_MSG(std::isnan(want) ? std::isnan(got) : got == want && std::signbit(got) == (sign < 0),
              text("half %04x gives %g, not %g", h, got, want));
  }
}
