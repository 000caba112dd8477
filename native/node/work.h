// A call that goes on off the JavaScript thread and ends in a promise. Values it uses are kept alive until then. What it throws
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
    return {code_name(Code::out_of_memory), "the system gives no more memory; free some, or ask for less"};
  } catch (const std::exception& e) {
    return {code_name(Code::invalid_option), e.what()};
  }
}

class Work : public Napi::AsyncWorker {
 public:
  // run() off the JavaScript thread; result() on it. `held` are values whose memory run() uses. finally() on it, whatever
  // happened.
  static Napi::Promise start(Napi::Env env, std::function<void()> run, std::function<Napi::Value(Napi::Env)> result,
                             const std::vector<Napi::Value>& held = {}, std::function<void()> finally = nullptr) {
    auto* work = new Work(env, std::move(run), std::move(result), std::move(finally));
    for (const Napi::Value& v : held)
      if (v.IsObject()) work->held_.push_back(Napi::Persistent(v.As<Napi::Object>()));
    work->Queue();
    return work->deferred_.Promise();
  }

 private:
  Work(Napi::Env env, std::function<void()> run, std::function<Napi::Value(Napi::Env)> result, std::function<void()> finally)
      : AsyncWorker(env), run_(std::move(run)), result_(std::move(result)), finally_(std::move(finally)), deferred_(env) {}
  void Execute() override {
    try {
      run_();
    } catch (...) {
      auto [code, message] = current_error();
      code_ = code;
      SetError(message);
    }
  }
  void OnOK() override {
    if (finally_) finally_();
    Napi::HandleScope scope(Env());
    try {
      deferred_.Resolve(result_(Env()));
    } catch (const Napi::Error& e) {
      deferred_.Reject(e.Value());
    }
  }
  void OnError(const Napi::Error& e) override {
    if (finally_) finally_();
    Napi::HandleScope scope(Env());
    deferred_.Reject(js_error(Env(), code_, e.Message()).Value());
  }

  std::function<void()> run_;
  std::function<Napi::Value(Napi::Env)> result_;
  std::function<void()> finally_;
  Napi::Promise::Deferred deferred_;
  std::vector<Napi::ObjectReference> held_;
  std::string code_;
};

}  // namespace sparselab::node
