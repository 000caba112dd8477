// A JavaScript function that a forward calls at a hook point (intervention `call`). The forward's thread waits while the function
// runs on the JavaScript thread; a stop, or the end of the JavaScript environment, ends the wait.
#pragma once
#include <napi.h>

#include <chrono>
#include <memory>
#include <mutex>

#include "backend/backend.h"

namespace sparselab::node {

class Callback {
 public:
  Callback(Napi::Env env, const Napi::Function& fn);  // JavaScript thread
  ~Callback();                                        // any thread
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;

  // The `call` of an SlIntervention whose context is a Callback. fn(x, layer, position) changes x and returns "", or the code
  // and the message of an error with a line break between.
  static int call(void* self, uint32_t point, uint32_t layer, uint32_t position, float* x, uint64_t width, SlError* error);
  // Its stop word ends a wait. Set before the first forward.
  const SlControl* control = nullptr;

 private:
  struct Alive {  // false once the function is gone with its environment
    std::mutex mutex;
    bool alive = true;
  };
  // Lets the JavaScript thread do other work before the next call, where calls have kept it for long.
  void let_others_run();

  std::chrono::steady_clock::duration kept_busy_{};  // by calls, since others ran; under alive_->mutex
  std::shared_ptr<Alive> alive_ = std::make_shared<Alive>();
  napi_threadsafe_function function_ = nullptr;
};

}  // namespace sparselab::node
