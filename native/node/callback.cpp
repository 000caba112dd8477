#include "node/callback.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "error.h"

namespace sparselab::node {
namespace {

// One call. Shared by the forward's thread, which may stop waiting, and the JavaScript thread.
struct Turn {
  std::mutex mutex;
  std::condition_variable ended;
  bool done = false;
  std::vector<float> x;
  uint32_t layer = 0, position = 0;
  std::string fault;  // "" or "code\nmessage"
};

std::string run(napi_env raw, napi_value fn, Turn& turn) {
  Napi::Env env(raw);
  Napi::HandleScope scope(env);
  auto x = Napi::Float32Array::New(env, turn.x.size());
  std::memcpy(x.Data(), turn.x.data(), turn.x.size() * sizeof(float));
  Napi::Value fault =
      Napi::Function(env, fn).Call({x, Napi::Number::New(env, turn.layer), Napi::Number::New(env, turn.position)});
  if (!fault.IsString()) return "invalid-option\nthe function of an intervention gave no answer";
  std::string out = fault.As<Napi::String>().Utf8Value();
  if (!out.empty()) return out;
  if (x.ElementLength() != turn.x.size()) return "invalid-option\nthe function of an intervention gave its array away";
  std::memcpy(turn.x.data(), x.Data(), turn.x.size() * sizeof(float));
  return out;
}

void on_javascript(napi_env env, napi_value fn, void*, void* data) {
  std::unique_ptr<std::shared_ptr<Turn>> turn(static_cast<std::shared_ptr<Turn>*>(data));
  std::string fault = "aborted\nstopped as asked";
  if (env && fn) {
    try {
      fault = run(env, fn, **turn);
    } catch (const std::exception& e) {
      fault = std::string("invalid-option\nthe function of an intervention threw: ") + e.what();
    }
  }
  std::lock_guard lock((*turn)->mutex);
  (*turn)->fault = std::move(fault);
  (*turn)->done = true;
  (*turn)->ended.notify_one();
}

int failed(SlError* error, const std::string& fault) {
  const size_t line = fault.find('\n');
  std::snprintf(error->code, sizeof error->code, "%s", fault.substr(0, line).c_str());
  std::snprintf(error->message, sizeof error->message, "%s", line == std::string::npos ? "" : fault.c_str() + line + 1);
  return 1;
}

}  // namespace

Callback::Callback(Napi::Env env, const Napi::Function& fn) {
  auto* kept = new std::shared_ptr<Alive>(alive_);
  const napi_status status = napi_create_threadsafe_function(
      env, fn, nullptr, Napi::String::New(env, "sparselab intervention"), 0, 1, kept,
      [](napi_env, void* data, void*) {
        std::unique_ptr<std::shared_ptr<Alive>> of(static_cast<std::shared_ptr<Alive>*>(data));
        std::lock_guard lock((*of)->mutex);
        (*of)->alive = false;
      },
      nullptr, on_javascript, &function_);
  if (status != napi_ok) {
    delete kept;
    throw Error(Code::invalid_option, "the function of an intervention could not be kept");
  }
  // A forward in progress keeps the process alive; a function alone does not.
  napi_unref_threadsafe_function(env, function_);
}

Callback::~Callback() {
  std::lock_guard lock(alive_->mutex);
  if (alive_->alive) napi_release_threadsafe_function(function_, napi_tsfn_release);
}

// Node runs calls that arrive while another one ends one after the other, up to a thousand, without timers, signals or sockets
// in between: a stop would not be heard. A call that arrives later waits for the next turn of the event loop.
void Callback::let_others_run() {
  constexpr auto kMost = std::chrono::milliseconds(5);
  {
    std::lock_guard lock(alive_->mutex);
    if (kept_busy_ < kMost) return;
    kept_busy_ = {};
  }
  std::this_thread::sleep_for(std::chrono::microseconds(200));
}

int Callback::call(void* self, uint32_t, uint32_t layer, uint32_t position, float* x, uint64_t width, SlError* error) {
  auto& callback = *static_cast<Callback*>(self);
  auto turn = std::make_shared<Turn>();
  turn->x.assign(x, x + width);
  turn->layer = layer;
  turn->position = position;
  callback.let_others_run();
  const auto began = std::chrono::steady_clock::now();
  {
    std::lock_guard lock(callback.alive_->mutex);
    auto* shared = new std::shared_ptr<Turn>(turn);
    if (!callback.alive_->alive || napi_call_threadsafe_function(callback.function_, shared, napi_tsfn_nonblocking) != napi_ok) {
      delete shared;
      return failed(error, "aborted\nstopped as asked");
    }
  }
  std::unique_lock lock(turn->mutex);
  while (!turn->done) {
    turn->ended.wait_for(lock, std::chrono::milliseconds(20));
    if (!turn->done && callback.control && __atomic_load_n(&callback.control->stop, __ATOMIC_RELAXED))
      return failed(error, "aborted\nstopped as asked");
  }
  if (!turn->fault.empty()) return failed(error, turn->fault);
  {
    std::lock_guard alive(callback.alive_->mutex);
    callback.kept_busy_ += std::chrono::steady_clock::now() - began;
  }
  std::memcpy(x, turn->x.data(), width * sizeof(float));
  return 0;
}

}  // namespace sparselab::node
