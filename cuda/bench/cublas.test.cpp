// The dispatch to cuBLAS with a table of our own in its place: what it is asked for, and the errors.
#include "bench/cublas.h"

#include <cmath>

#include "quant/half.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;
using namespace sparselab::cuda;
using namespace sparselab::cuda::bench;

namespace {

struct Asked {
  int handles = 0, destroyed = 0, status = 0;
  cudaStream_t stream = nullptr;
  size_t workspace = 0;
} asked;

// y (m) = A (k, m by column)ᵀ · b (k), as cublasGemmEx does it for float16.
int gemm(void*, int transpose_a, int transpose_b, int m, int n, int k, const void* alpha, const void* a, int a_type, int lda,
         const void* b, int b_type, int ldb, const void* beta, void* c, int c_type, int ldc, int compute, int) {
  if (asked.status) return asked.status;
  CHECK(transpose_a == 1 && transpose_b == 0 && n == 1 && lda == k && ldb == k && ldc == m);
  CHECK(a_type == 2 && b_type == 2 && c_type == 0 && compute == 68);
  CHECK(*static_cast<const float*>(alpha) == 1 && *static_cast<const float*>(beta) == 0);
  const auto *w = static_cast<const uint16_t*>(a), *x = static_cast<const uint16_t*>(b);
  for (int row = 0; row < m; row++) {
    float sum = 0;
    for (int i = 0; i < k; i++) sum += half_to_float(w[row * lda + i]) * half_to_float(x[i]);
    static_cast<float*>(c)[row] = sum;
  }
  return 0;
}

const CublasTable kFake = {
    [](void** handle) { return asked.handles++, *handle = &asked, 0; },
    [](void*) { return asked.destroyed++, 0; },
    [](void*, cudaStream_t stream) { return asked.stream = stream, 0; },
    [](void*, void* workspace, size_t bytes) { return asked.workspace = workspace ? bytes : 0, 0; },
    gemm,
};

}  // namespace

TEST("cublas: rows of float16 weights times a vector, with a workspace set beforehand") {
  asked = {};
  const Stream stream;
  std::string why;
  {
    const auto cublas = Cublas::load(stream, why, &kFake);
    CHECK(cublas && asked.handles == 1 && asked.stream == stream && asked.workspace > 0);
    std::vector<uint16_t> w, x;
    std::vector<float> y(3, NAN);
    for (int i = 0; i < 12; i++) w.push_back(float_to_half(static_cast<float>(i)));
    for (int i = 0; i < 4; i++) x.push_back(float_to_half(static_cast<float>(i + 1)));
    cublas->product(w.data(), 3, 4, x.data(), y.data());
    CHECK(y[0] == 20 && y[1] == 60 && y[2] == 100);
    asked.status = 13;
    CHECK_ERROR(cublas->product(w.data(), 3, 4, x.data(), y.data()), "cuBLAS: a product failed with status 13");
  }
  CHECK(asked.destroyed == 1);
}

TEST("cublas: where it is not installed the reason is given") {
  const Stream stream;
  std::string why;
  if (!Cublas::load(stream, why)) CHECK(why.find("libcublas") != std::string::npos);
}
