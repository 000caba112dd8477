#include "bench/cublas.h"

#include <dlfcn.h>

namespace sparselab::cuda::bench {
namespace {

constexpr int kTranspose = 1, kAsIs = 0, kFloat = 0, kHalf = 2, kComputeFloat = 68, kDefaultAlgorithm = -1;
constexpr size_t kWorkspace = size_t{32} << 20;

template <class Fn>
bool find(void* library, const char* name, Fn& to) {
  to = reinterpret_cast<Fn>(dlsym(library, name));
  return to != nullptr;
}

void check_status(int status, const char* doing) {
  if (status != 0) throw Error(Code::device_lost, text("cuBLAS: %s failed with status %d", doing, status));
}

}  // namespace

std::unique_ptr<Cublas> Cublas::load(const Stream& stream, std::string& why, const CublasTable* given) {
  CublasTable table{};
  if (given) {
    table = *given;
  } else {
    void* library = nullptr;
    for (const char* name : {"libcublas.so.13", "libcublas.so.12"})
      if (!library) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      why = "libcublas.so.13 and .12 are not installed";
      return nullptr;
    }
    if (!find(library, "cublasCreate_v2", table.create) || !find(library, "cublasDestroy_v2", table.destroy) ||
        !find(library, "cublasSetStream_v2", table.set_stream) || !find(library, "cublasSetWorkspace_v2", table.set_workspace) ||
        !find(library, "cublasGemmEx", table.gemm)) {
      why = "libcublas has not the functions that are needed";
      return nullptr;
    }
  }
  return std::unique_ptr<Cublas>(new Cublas(table, stream));
}

Cublas::Cublas(const CublasTable& table, const Stream& stream) : table_(table), workspace_(kWorkspace) {
  check_status(table_.create(&handle_), "creating a handle");
  check_status(table_.set_stream(handle_, stream), "setting the stream");
  check_status(table_.set_workspace(handle_, workspace_.data(), kWorkspace), "setting the workspace");
}
Cublas::~Cublas() { table_.destroy(handle_); }

void Cublas::product(const void* w, int rows, int cols, const void* x, float* y) const {
  // Its matrices lie by column: ours is its transpose.
  const float one = 1, zero = 0;
  check_status(table_.gemm(handle_, kTranspose, kAsIs, rows, 1, cols, &one, w, kHalf, cols, x, kHalf, cols, &zero, y, kFloat,
                           rows, kComputeFloat, kDefaultAlgorithm),
               "a product");
}

}  // namespace sparselab::cuda::bench
