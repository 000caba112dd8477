// Errors on their way to JavaScript, and a call that goes on off the JavaScript thread and ends in a promise. What it throws
// becomes a rejection with an Error that has a `code`.
#pragma once
#include <napi.h>

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "error.h"
#include "node/threads.h"

namespace sparselab::node {

inline Napi::Error js_error(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error e = Napi::Error::New(env, message);
  e.Set("code", code);
  return e;
}

// The code and message of the exception being handled.
inline std::pair<std::string, std::string> current_error() {
  try {
    throw;
  } catch (const Error& e) {
    return {code_name(e.code), e.what()};
  } catch (const std::bad_alloc&) {
    return {code_name(Code::out_of_memory), "out of memory; free some, or ask for less"};
  } catch (const std::exception& e) {
    return {code_name(Code::invalid_option), e.what()};
  }
}

struct Work {
  std::function<void(SlControl&)> run;           // off the JavaScript thread
  std::function<Napi::Value(Napi::Env)> result;  // on it
  std::vector<Napi::Value> held = {};            // values whose memory run() uses: kept alive until then
  std::function<void()> finally = nullptr;       // on the JavaScript thread, whatever happened
  std::shared_ptr<SlControl> control = nullptr;  // null: its own; else one that others can set
};

inline Napi::Promise start(Napi::Env env, Thread& thread, Work work) {
  auto call = std::make_unique<Call>();
  call->run = std::move(work.run);
  call->result = std::move(work.result);
  call->finally = std::move(work.finally);
  if (work.control) call->control = std::move(work.control);
  for (const Napi::Value& v : work.held)
    if (v.IsObject()) call->held.push_back(Napi::Persistent(v.As<Napi::Object>()));
  return Environment::of(env).start(env, thread, std::move(call));
}

}  // namespace sparselab::node
