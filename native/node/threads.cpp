#include "node/threads.h"

#include <chrono>
#include <cstdlib>
#include <set>
#include <system_error>
#include <tuple>

#include "error.h"
#include "node/work.h"

namespace sparselab::node {
namespace {

// All environments, for the end of the process. Threads may outlive static objects there, so these are never destroyed.
std::mutex& all_mutex() {
  static std::mutex& one = *new std::mutex;
  return one;
}
std::set<Environment*>& all() {
  static std::set<Environment*>& one = *new std::set<Environment*>;
  return one;
}

void ask_to_stop(SlControl& control) { __atomic_store_n(&control.stop, 1u, __ATOMIC_RELAXED); }
bool asked_to_stop(const SlControl& control) { return __atomic_load_n(&control.stop, __ATOMIC_RELAXED) != 0; }

}  // namespace

// ── Thread ──────────────────────────────────────────────────────────────────────────────────────

Thread::Thread(Environment& of) : environment_(of) {
  try {
    thread_ = std::thread([this] { work(); });
  } catch (const std::system_error& e) {
    throw Error(Code::out_of_memory,
                text("could not create a thread for native calls: %s. Raise the limit on processes (ulimit -u, or "
                     "that of the container), or end other processes",
                     std::generic_category().message(e.code().value()).c_str()));
  }
}

void Thread::post(std::unique_ptr<Call> call) {
  std::lock_guard lock(environment_.mutex_);
  waiting_.push_back(std::move(call));
  wake_.notify_one();
}

void Thread::drop_stopped() {
  std::lock_guard lock(environment_.mutex_);
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (!asked_to_stop(*(*it)->control)) {
      ++it;
      continue;
    }
    (*it)->code = code_name(Code::aborted);
    (*it)->message = "stopped as asked";
    environment_.finished(std::move(*it));
    it = waiting_.erase(it);
  }
}

void Thread::cancel() {
  ending_ = true;
  if (running_) ask_to_stop(*running_->control);
  wake_.notify_one();
}

void Thread::work() {
  std::unique_lock lock(environment_.mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
    if (environment_.closed_ || waiting_.empty()) break;
    std::unique_ptr<Call> call = std::move(waiting_.front());
    waiting_.pop_front();
    running_ = call.get();
    lock.unlock();
    try {
      call->run(*call->control);
    } catch (...) {
      std::tie(call->code, call->message) = current_error();
    }
    lock.lock();
    running_ = nullptr;
    environment_.finished(std::move(call));
  }
  ended_ = true;
  environment_.idle_.notify_all();
}

ThreadLease::ThreadLease(Environment& environment)
    : environment_(environment.shared_from_this()), thread_(&environment.thread()) {}

// The thread ends once its calls are done; it is joined later, by reap().
ThreadLease::~ThreadLease() {
  std::lock_guard lock(environment_->mutex_);
  if (environment_->closed_) return;  // it has ended with its environment
  thread_->ending_ = true;
  thread_->wake_.notify_one();
}

// ── Environment ─────────────────────────────────────────────────────────────────────────────────

Environment::Environment(Napi::Env env) {
  napi_value name;
  if (napi_create_string_utf8(env, "sparselab", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, on_call, &wake_) != napi_ok)
    throw Error(Code::out_of_memory, "the JavaScript thread is ending, or out of memory");
  napi_unref_threadsafe_function(env, wake_);  // until a call is pending
  // Hooks run in reverse order: this one before the thread-safe function's own.
  napi_add_env_cleanup_hook(env, on_cleanup, this);
  std::lock_guard lock(all_mutex());
  if (all().empty()) {
    // process.exit() on the main thread runs no cleanup hooks.
    static const bool once = std::atexit(stop_all) == 0;
    (void)once;
  }
  all().insert(this);
}

Environment& Environment::of(Napi::Env env) {
  auto* found = env.GetInstanceData<std::shared_ptr<Environment>>();
  if (!found) {
    found = new std::shared_ptr<Environment>(new Environment(env));
    env.SetInstanceData<std::shared_ptr<Environment>>(found);
  }
  return **found;
}

Thread& Environment::thread() {
  reap();
  auto made = std::make_unique<Thread>(*this);
  std::lock_guard lock(mutex_);
  threads_.push_back(std::move(made));
  return *threads_.back();
}

Thread& Environment::files() {
  if (!files_) files_ = &thread();
  return *files_;
}

void Environment::reap() {
  std::list<std::unique_ptr<Thread>> over;
  {
    std::lock_guard lock(mutex_);
    for (auto it = threads_.begin(); it != threads_.end();) {
      auto next = std::next(it);
      if ((*it)->ended_) over.splice(over.end(), threads_, it);
      it = next;
    }
  }
  for (auto& thread : over) thread->thread_.join();
}

Napi::Promise Environment::start(Napi::Env env, Thread& thread, std::unique_ptr<Call> call) {
  napi_value promise;
  if (napi_create_promise(env, &call->deferred, &promise) != napi_ok)
    throw Error(Code::aborted, "the JavaScript thread is ending");
  if (pending_++ == 0) napi_ref_threadsafe_function(env, wake_);
  thread.post(std::move(call));
  return Napi::Promise(env, promise);
}

void Environment::drop(std::shared_ptr<void> what) {
  auto call = std::make_unique<Call>();
  auto held = std::make_shared<std::shared_ptr<void>>(std::move(what));
  call->run = [held](SlControl&) { held->reset(); };
  std::lock_guard lock(mutex_);
  if (closed_ || !files_) return;  // then it is freed right here, with `call`
  files_->waiting_.push_back(std::move(call));
  files_->wake_.notify_one();
}

void Environment::finished(std::unique_ptr<Call> call) {
  finished_.push_back(std::move(call));
  if (!closed_) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void Environment::on_call(napi_env env, napi_value, void* self, void*) {
  if (env) static_cast<Environment*>(self)->settle(env);
}

// Must not throw: a JavaScript thread that is being terminated may refuse any call, and then nothing awaits the result.
void Environment::settle(napi_env env) {
  std::list<std::unique_ptr<Call>> done;
  {
    std::lock_guard lock(mutex_);
    done.swap(finished_);
  }
  Napi::HandleScope scope(env);
  for (auto& call : done) {
    try {
      if (call->finally) call->finally();
      if (!call->deferred) continue;
      if (--pending_ == 0) napi_unref_threadsafe_function(env, wake_);
      if (call->code.empty()) {
        try {
          napi_resolve_deferred(env, call->deferred, call->result(env));
          continue;
        } catch (const Napi::Error& e) {
          napi_reject_deferred(env, call->deferred, e.Value());
          continue;
        } catch (...) {
          std::tie(call->code, call->message) = current_error();
        }
      }
      napi_reject_deferred(env, call->deferred, js_error(env, call->code, call->message).Value());
    } catch (...) {
    }
  }
}

void Environment::on_cleanup(void* data) {
  auto* self = static_cast<Environment*>(data);
  std::list<std::unique_ptr<Call>> dropped;
  {
    std::lock_guard lock(self->mutex_);
    self->closed_ = true;
    for (auto& thread : self->threads_) thread->cancel();
  }
  for (auto& thread : self->threads_) {
    thread->thread_.join();
    dropped.splice(dropped.end(), thread->waiting_);
  }
  dropped.splice(dropped.end(), self->finished_);
  for (auto& call : dropped) {
    try {
      if (call->finally) call->finally();
    } catch (...) {
    }
  }
  dropped.clear();  // releases references while the environment still exists
  self->threads_.clear();
  self->files_ = nullptr;
  napi_release_threadsafe_function(self->wake_, napi_tsfn_abort);
  std::lock_guard lock(all_mutex());
  all().erase(self);
}

void Environment::stop_all() {
  std::lock_guard lock(all_mutex());
  for (Environment* one : all()) {
    std::unique_lock guard(one->mutex_);
    one->closed_ = true;
    for (auto& thread : one->threads_) thread->cancel();
    // A disk that does not answer must not keep the process from ending.
    one->idle_.wait_for(guard, std::chrono::seconds(2), [&] {
      for (auto& thread : one->threads_)
        if (!thread->ended_) return false;
      return true;
    });
  }
}

}  // namespace sparselab::node
