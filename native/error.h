// The one error of the native side. It is thrown inside C++ and becomes a code and a message at the C table and the N-API edge:
// no exception crosses either. The codes are in the vocabulary.
#pragma once
#include <cstdarg>
#include <cstdio>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include "vocabulary/vocabulary.h"

namespace sparselab {

inline const char* code_name(Code code) { return kCodes[static_cast<size_t>(code)]; }
// The code of a name; an unknown one (of a newer backend) becomes invalid-option.
inline Code code_of(std::string_view name) {
  for (size_t c = 0; c < std::size(kCodes); c++)
    if (name == kCodes[c]) return static_cast<Code>(c);
  return Code::invalid_option;
}

class Error : public std::runtime_error {
 public:
  Error(Code c, const std::string& message) : std::runtime_error(message), code(c) {}
  const Code code;
};

// printf into a std::string
__attribute__((format(printf, 1, 2))) inline std::string text(const char* format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = std::vsnprintf(nullptr, 0, format, args);
  va_end(args);
  std::string out(n > 0 ? static_cast<size_t>(n) : 0, '\0');
  if (n > 0) std::vsnprintf(out.data(), out.size() + 1, format, again);
  va_end(again);
  return out;
}

}  // namespace sparselab
