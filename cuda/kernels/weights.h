// How a matrix lies on the device. A plain record, for the host and for kernels.
#pragma once
#include <cstddef>
#include <cstdint>

namespace sparselab::cuda {

// What a kernel reads; other types of a file become f16 when a model is opened.
enum class Form : int { f32, f16, bf16, q8_0, q4_0 };

// (rows, cols). Each row begins at a multiple of 16 bytes and is filled up with zeros to one. Quants and their scales lie apart:
// GGUF's blocks of 18 and 34 bytes allow only reads of two bytes.
//   q8_0: a byte each. q4_0: 32 of them in 16 bytes, the first 16 in the low halves.
//   A scale (float16) belongs to 32 columns of a row, or, of a down that lay by channel in the file, to 32 rows of a column.
struct Weights {
  const uint8_t* values = nullptr;
  const uint16_t* scales = nullptr;  // q8_0, q4_0: (rows, scale_stride), or grouped (ceil(rows of the file / 32), cols)
  size_t stride = 0;                 // bytes from row to row
  int scale_stride = 0;              // scales from row to row
  int rows = 0, cols = 0;
  Form form = Form::f32;
  bool grouped = false;
};

}  // namespace sparselab::cuda
