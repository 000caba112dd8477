// Where exceptions end: a backend's side of the C table.
#pragma once
#include <cstdio>
#include <new>

#include "backend/backend.h"
#include "error.h"

namespace sparselab {

inline void fill(SlError* error, const char* code, const char* message) {
  std::snprintf(error->code, sizeof error->code, "%s", code);
  std::snprintf(error->message, sizeof error->message, "%s", message);
}

// Runs fn; whatever it throws becomes an SlError.
template <class Fn>
int guarded(SlError* error, Fn fn) {
  try {
    fn();
    return 0;
  } catch (const Error& e) {
    fill(error, code_name(e.code), e.what());
  } catch (const std::bad_alloc&) {
    fill(error, code_name(Code::out_of_memory), "out of memory; free some, or ask for a smaller run");
  } catch (const std::exception& e) {
    fill(error, code_name(Code::invalid_option), e.what());
  }
  return 1;
}

}  // namespace sparselab
