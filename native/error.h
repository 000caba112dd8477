// The one error of the native side. It is thrown inside C++ and becomes a code and a message at the C table and the N-API edge:
// no exception crosses either. Codes are the LabErrorCode names of lab/errors.ts.
#pragma once
#include <cstdarg>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace sparselab {

enum class Code {
  bad_file,
  unsupported_model,
  unsupported_type,
  unknown_hook_point,
  invalid_option,
  out_of_memory,
  context_full,
  not_finite,
  disposed,
  aborted
};

inline const char* code_name(Code code) {
  switch (code) {
    case Code::bad_file:
      return "bad-file";
    case Code::unsupported_model:
      return "unsupported-model";
    case Code::unsupported_type:
      return "unsupported-type";
    case Code::unknown_hook_point:
      return "unknown-hook-point";
    case Code::invalid_option:
      return "invalid-option";
    case Code::out_of_memory:
      return "out-of-memory";
    case Code::context_full:
      return "context-full";
    case Code::not_finite:
      return "not-finite";
    case Code::disposed:
      return "disposed";
    case Code::aborted:
      return "aborted";
  }
  return "invalid-option";
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
