// Where native calls run: on threads of our own, never on libuv's pool, whose four threads also serve fs, dns and crypto for
// everybody. Each open model has one thread, on which its calls take turns; files are opened and read on one more.
//
// An Environment is what one JavaScript thread (the main thread, or a worker) has of this. Its calls settle their promises on
// that thread, through a thread-safe function that keeps the process alive while calls are pending. When the environment ends (a
// worker is terminated, the process exits) its running calls are asked to stop, its threads are joined, and calls that have not
// settled are dropped: JavaScript is gone by then.
#pragma once
#include <napi.h>

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "backend/backend.h"

namespace sparselab::node {

// One native call.
struct Call {
  std::function<void(SlControl&)> run;                                 // off the JavaScript thread; may throw
  std::function<Napi::Value(Napi::Env)> result;                        // on it
  std::function<void()> finally = nullptr;                             // on it, whatever happened
  std::shared_ptr<SlControl> control = std::make_shared<SlControl>();  // its stop word stops run()
  std::vector<Napi::ObjectReference> held = {};                        // values whose memory run() uses
  napi_deferred deferred = nullptr;
  std::string code = {}, message = {};  // of what run() threw
};

class Environment;

// A thread and the calls that wait for it, in order.
class Thread {
 public:
  explicit Thread(Environment& of);  // throws Error if no thread can be created
  void post(std::unique_ptr<Call> call);
  // Ends waiting calls that were asked to stop, as aborted, before their turn comes.
  void drop_stopped();

 private:
  friend class Environment;
  friend class ThreadLease;
  void work();
  // With the environment's mutex held: no further call begins; the running one is asked to stop.
  void cancel();

  Environment& environment_;
  std::condition_variable wake_;
  std::list<std::unique_ptr<Call>> waiting_;
  Call* running_ = nullptr;
  bool ending_ = false, ended_ = false;
  std::thread thread_;
};

// A model's thread, for as long as the model or a program on it is held.
class ThreadLease {
 public:
  explicit ThreadLease(Environment& environment);  // throws Error if no thread can be created
  ~ThreadLease();
  ThreadLease(const ThreadLease&) = delete;
  ThreadLease& operator=(const ThreadLease&) = delete;
  Thread& thread() const { return *thread_; }

 private:
  std::shared_ptr<Environment> environment_;
  Thread* thread_;
};

class Environment : public std::enable_shared_from_this<Environment> {
 public:
  // The environment of this JavaScript thread, created on first use.
  static Environment& of(Napi::Env env);
  // The thread for files, made when it is first needed.
  Thread& files();
  // Runs `call` on `thread`; the promise settles when it is done.
  Napi::Promise start(Napi::Env env, Thread& thread, std::unique_ptr<Call> call);
  // Frees what may be large (weights, caches) off the JavaScript thread. Any thread.
  void drop(std::shared_ptr<void> what);

  // For the end of the process: asks all calls of all environments to stop, and waits a moment for them.
  static void stop_all();

 private:
  friend class Thread;
  friend class ThreadLease;
  explicit Environment(Napi::Env env);
  Thread& thread();  // a new one
  static void on_cleanup(void* self);
  static void on_call(napi_env env, napi_value, void* self, void*);
  void finished(std::unique_ptr<Call> call);  // by a thread, with the mutex held
  void settle(napi_env env);
  void reap();  // joins threads that have ended

  napi_threadsafe_function wake_ = nullptr;
  std::mutex mutex_;  // of all below, and of the threads' queues
  std::condition_variable idle_;
  std::list<std::unique_ptr<Thread>> threads_;
  Thread* files_ = nullptr;
  std::list<std::unique_ptr<Call>> finished_;
  size_t pending_ = 0;  // JavaScript thread only
  bool closed_ = false;
};

}  // namespace sparselab::node
