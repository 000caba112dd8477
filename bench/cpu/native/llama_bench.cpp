// llama.cpp as a measured program, with the settings of its own llama-bench: weights mapped from the file and repacked where
// its CPU backend knows a faster form, KV cache in float16, flash attention "auto", a thread pool of its own with each thread
// pinned to a core, logits of every decoded token and of the last token of a prefill. The only mode is "silu": it computes SiLU
// in every file of the architecture "llama", which costs what ReLU costs.
#include <dlfcn.h>
#include <sched.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>

#include "engine.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "llama.h"

namespace {

class Llama final : public bench::Engine {
 public:
  Llama() {
    llama_log_set(
        [](ggml_log_level level, const char* text, void*) {
          if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
        },
        nullptr);
    ggml_backend_load_all_from_path(SPARSELAB_LLAMA_FOLDER);
    ggml_backend_reg_t cpu = ggml_backend_reg_by_name("CPU");
    if (!cpu) throw std::runtime_error("llama.cpp has no CPU backend in " SPARSELAB_LLAMA_FOLDER);
    pool_new_ = reinterpret_cast<decltype(&ggml_threadpool_new)>(ggml_backend_reg_get_proc_address(cpu, "ggml_threadpool_new"));
    pool_free_ =
        reinterpret_cast<decltype(&ggml_threadpool_free)>(ggml_backend_reg_get_proc_address(cpu, "ggml_threadpool_free"));
    // Its library is chosen for this CPU when it is loaded; `pause` is not among the functions that it names.
    Dl_info library{};
    void* handle = pool_new_ && dladdr(reinterpret_cast<void*>(pool_new_), &library)
                       ? dlopen(library.dli_fname, RTLD_NOW | RTLD_NOLOAD)
                       : nullptr;
    if (handle) pool_pause_ = reinterpret_cast<decltype(&ggml_threadpool_pause)>(dlsym(handle, "ggml_threadpool_pause"));
    if (!pool_pause_ || !pool_free_) throw std::runtime_error("llama.cpp's CPU backend has no thread pool");
  }
  ~Llama() override { close(); }

  std::string about() override {
    return "\"system\":" + bench::json(llama_print_system_info()) + ",\"kv\":\"f16\",\"flashAttention\":\"auto\"";
  }

  void open(const std::string& path) override {
    close();
    model_ = llama_model_load_from_file(path.c_str(), llama_model_default_params());
    if (!model_) throw std::runtime_error("llama.cpp cannot load " + path);
  }

  uint32_t vocab() override {
    if (!model_) throw std::runtime_error("open a model first");
    return static_cast<uint32_t>(llama_vocab_n_tokens(llama_model_get_vocab(model_)));
  }

  bench::Run decode(const std::string& mode, unsigned threads, const std::vector<int32_t>& tokens) override {
    return run(mode, threads, tokens, 1);
  }
  bench::Run prefill(const std::string& mode, unsigned threads, const std::vector<int32_t>& tokens) override {
    return run(mode, threads, tokens, tokens.size());
  }

 private:
  static constexpr uint32_t kLength = 512;

  static cpu_set_t affinity() {
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) throw std::runtime_error("the cores of this process are unknown");
    return cpus;
  }

  // A context with a thread pool of its own. llama.cpp keeps a pointer to the pool: it lives as long as the context.
  struct Threaded {
    llama_context* context;
    ggml_threadpool* pool;
  };

  const Threaded& context_of(unsigned threads) {
    if (auto found = contexts_.find(threads); found != contexts_.end()) return found->second;
    llama_context_params params = llama_context_default_params();
    params.n_ctx = kLength;
    params.n_batch = kLength;
    params.n_ubatch = kLength;
    params.n_threads = params.n_threads_batch = static_cast<int32_t>(threads);
    params.no_perf = true;
    llama_context* context = llama_init_from_model(model_, params);
    if (!context) throw std::runtime_error("llama.cpp cannot make a context");

    ggml_threadpool_params pool_params = ggml_threadpool_params_default(static_cast<int>(threads));
    const cpu_set_t allowed = affinity();
    unsigned pinned = 0;
    for (size_t cpu = 0; cpu < GGML_MAX_N_THREADS && pinned < threads; cpu++)
      if (CPU_ISSET(cpu, &allowed)) pool_params.cpumask[cpu] = true, pinned++;
    if (pinned < threads) throw std::runtime_error("there are fewer cores than threads");
    pool_params.strict_cpu = true;
    pool_params.paused = true;
    ggml_threadpool* pool = pool_new_(&pool_params);
    if (!pool) throw std::runtime_error("llama.cpp cannot make a thread pool");
    llama_attach_threadpool(context, pool, nullptr);
    return contexts_[threads] = {context, pool};
  }

  bench::Run run(const std::string& mode, unsigned threads, const std::vector<int32_t>& tokens, size_t rows) {
    if (mode != "silu") throw std::runtime_error("mode " + mode + "; llama.cpp computes silu only");
    if (tokens.size() > kLength) throw std::runtime_error("too many tokens");
    const uint32_t V = vocab();
    const auto [context, pool] = context_of(threads);
    const cpu_set_t allowed = affinity();
    llama_memory_clear(llama_get_memory(context), false);
    bench::Run out;
    out.logits.resize(V);
    std::vector<int32_t> own = tokens;
    int failed = 0;
    for (size_t from = 0; from < own.size() && !failed; from += rows)
      out.seconds += bench::measured([&] {
        failed = llama_decode(context, llama_batch_get_one(own.data() + from, static_cast<int32_t>(rows)));
        const float* logits = failed ? nullptr : llama_get_logits_ith(context, -1);
        if (logits) std::memcpy(out.logits.data(), logits, V * sizeof(float));
        if (!logits && !failed) failed = 1;
      });
    // Afterwards no thread of this program spins, and its main thread, which is one of the pool's, is free again.
    pool_pause_(pool);
    sched_setaffinity(0, sizeof allowed, &allowed);
    if (failed) throw std::runtime_error("llama_decode failed");
    return out;
  }

  void close() {
    for (auto& [threads, threaded] : contexts_) {
      llama_free(threaded.context);
      pool_free_(threaded.pool);
    }
    contexts_.clear();
    if (model_) llama_model_free(model_);
    model_ = nullptr;
  }

  decltype(&ggml_threadpool_new) pool_new_ = nullptr;
  decltype(&ggml_threadpool_free) pool_free_ = nullptr;
  decltype(&ggml_threadpool_pause) pool_pause_ = nullptr;
  llama_model* model_ = nullptr;
  std::map<unsigned, Threaded> contexts_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    Llama engine;
    return bench::serve(engine, argc, argv);
  } catch (const std::exception& e) {
    std::printf("{\"error\":%s}\n", bench::json(e.what()).c_str());
    return 1;
  }
}
