// cuBLAS where it is installed, loaded when asked for: what a dense product costs is measured beside ours. Nothing links to it.
#pragma once
#include <memory>
#include <string>

#include "backend/memory.h"

namespace sparselab::cuda::bench {

// The five functions that are needed, with the types of cublas_v2.h spelled out.
struct CublasTable {
  int (*create)(void** handle);
  int (*destroy)(void* handle);
  int (*set_stream)(void* handle, cudaStream_t stream);
  int (*set_workspace)(void* handle, void* workspace, size_t bytes);
  int (*gemm)(void* handle, int transpose_a, int transpose_b, int m, int n, int k, const void* alpha, const void* a, int a_type,
              int lda, const void* b, int b_type, int ldb, const void* beta, void* c, int c_type, int ldc, int compute_type,
              int algorithm);
};

class Cublas {
 public:
  // Null where the library is not installed; `why` gets the reason. `table`: in place of the library's, for tests.
  static std::unique_ptr<Cublas> load(const Stream& stream, std::string& why, const CublasTable* table = nullptr);
  ~Cublas();
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;
  // y (rows) = W (rows, cols; float16, row by row) times x (cols; float16), summed in float32.
  void product(const void* w, int rows, int cols, const void* x, float* y) const;

 private:
  Cublas(const CublasTable& table, const Stream& stream);
  CublasTable table_;
  void* handle_ = nullptr;
  DeviceArray<uint8_t> workspace_;  // set beforehand: without one, cuBLAS allocates in a capture
};

}  // namespace sparselab::cuda::bench
