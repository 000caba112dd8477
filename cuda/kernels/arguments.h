// The arguments of each kernel, beside which its file says what it computes. Plain records: the host fills them. All pointers are
// of the device.
#pragma once
#include "kernels/batch.h"
#include "kernels/weights.h"

namespace sparselab::cuda {

constexpr int kMostHeadSize = 256;        // of `attention`; larger heads take its three steps
constexpr int kMostFusedNeurons = 32768;  // of `up`, which lists the active neurons itself
constexpr int kMostTop = 32;              // of `head`

struct ProductArguments {
  Weights w;
  const float* x;        // (cols)
  float* y;              // (rows), by row
  const float* bias;     // (rows), or null
  float scale = 1;       // of the sum
  const uint32_t* list;  // rows that are wanted, or null: all
  const int* count;      // how many the list has
  const Batch* batch;    // with slot_stride: y of the step's slot; or null
  size_t slot_stride;
};

struct GateArguments {
  Weights w;       // (F, D)
  const float* h;  // (D) the normed input
  const float* t;  // one threshold, in device memory: a slider needs no new graph
  float* s;        // (F) the gate, 0 where it is silent
  float* mid;      // (F) 0 where the gate is silent, else left alone
  uint32_t* mask;  // (ceil(F / 32)) bit j % 32 of word j / 32
};

struct UpArguments {
  Weights w;             // (F, D)
  const float* h;        // (D)
  const float* s;        // (F)
  const uint32_t* mask;  // (ceil(F / 32))
  uint32_t* list;        // (F) the active neurons, ascending
  float* mid;            // (F) s · up, of those
  int* count;            // how many there are
};

struct DownArguments {
  Weights w;             // (N, D) by neuron
  const uint32_t* ids;   // (N) a neuron's number in the layer, where only some are held: scales by group go by it; or null
  const uint32_t* list;  // neurons; the active ones come first
  const float* mid;      // (N) by neuron
  const int* count;      // how many of the list to take
  const float* bias;     // (D), or null
  float* partials;       // (splits, D) scratch
  unsigned* done;        // (column tiles) zeros before, and after
  float* y;              // (D)
  bool everything;       // neurons of value 0 are read, too: what `dense` costs. They still add nothing
};

// The numbers are those of SlActivation.
enum class Activation : int { silu, gelu, gelu_tanh, relu, relu2, fatrelu };

// Counts of one layer of one row, in this order.
enum Counted { kZerosMid, kZerosGate, kRowsRead, kPredicted, kActive, kMissed, kCounts };

struct ActivateArguments {
  const float* x;  // (N) before the activation; out may be x
  float* out;      // (N)
  int N;
  Activation activation;
  const float* t;       // of fatrelu, in device memory
  const float* scores;  // (N) neurons below *cutoff become 0; null: none
  const float* cutoff;
  const Batch* batch;
  uint32_t* counts;  // (rows of the chunk, L, kCounts), at the layer: counts kActive and kMissed; or null
  int layers;
};

struct MidArguments {
  const float *gate, *up;  // (N)
  float* mid;              // (N)
  int N;
};

struct ListArguments {
  const float* values;  // (N)
  int N;
  const float* cutoff;  // null: neurons whose value is not 0; else those not below it
  bool rest;            // the others follow
  uint32_t* list;       // (N)
  int* count;           // how many were taken
  int* total;           // with the rest; or null
};

struct CountArguments {
  const float *gate, *mid;  // (N); without a gate: mid
  int N;
  const int* rows_read;  // null: all
  const int* predicted;  // null: all
  const Batch* batch;
  uint32_t* counts;  // (rows of the chunk, L, kCounts), at the layer
  int layers;
  uint32_t* zeros;   // of the setting and layer: += zeros of mid; or null
  uint32_t* active;  // (N) += 1 where mid is not 0; or null
};

struct NormArguments {
  const float* x;       // (n)
  const float* weight;  // (n)
  const float* bias;    // (n), or null
  float* out;           // (n); may be x
  int n;
  float epsilon;
  bool layer;  // LayerNorm: the mean is taken off first
};

struct EmbedArguments {
  Weights w;  // (V, D)
  const Batch* batch;
  float scale;
  float* x;  // (D)
};

struct AddArguments {
  float* x;  // (n) += y; null: y is only scaled
  float* y;  // (n) *= scale before
  float scale;
  int n;
};

// From or to a place of the row at work.
struct CopyArguments {
  const float* from;
  float* to;
  size_t from_stride, to_stride;  // floats from row to row; 0: the same for all rows
  int n;
  const Batch* batch;
  bool by_slot;  // `from` goes by the step's slot
};

// Scores or pattern (H, length) of the row at work into (H, keys) of its place: `absent` where it does not look.
struct CopyByKeyArguments {
  const float* from;
  float* to;
  size_t to_stride;
  int heads, length, keys, window;
  float absent;
  const Batch* batch;
};

// The kinds of SlIntervene that change numbers here.
enum class Change : int { zero, scale, replace, add };

struct Intervention {
  Change change;
  float factor;
  const float* values;  // add: (width); replace: (layers from `from` on, value_rows, width)
  long long value_rows;
  int from, width;
  const uint32_t* positions;  // ascending; null: all
  int position_count;
  const uint32_t* channels;  // ascending; null: all. At scores and pattern: heads
  int channel_count;
};

struct InterveneArguments {
  const Intervention* by;  // in device memory: `set` needs no new graph for new numbers
  float* x;                // (width)
  int layer;
  size_t slot_stride;  // x of the step's slot; 0: x itself
  const Batch* batch;
};

// The same at scores or pattern (H, length): all positions that the row looks at of the heads.
struct InterveneByKeyArguments {
  const Intervention* by;
  float* x;
  int heads, length, window;
  const Batch* batch;
};

// Numbers that are not finite never reach a result.
struct CheckArguments {
  const float* x;
  int n;
  size_t slot_stride;  // x of the step's slot; 0: x itself
  Batch* batch;
  Failure failure;
  int layer, what;
};

struct RotateArguments {
  float *q, *k;  // (H, K), (G, K)
  int heads, kv_heads, head_size;
  const float *q_norm, *k_norm;  // (K), or null
  float epsilon;
  int dims;                // channels that rotate; 0: none
  bool pairs;              // (2i, 2i + 1); else (i, i + dims / 2)
  const float *cos, *sin;  // (length, dims / 2)
  const Batch* batch;
};

struct AppendArguments {
  float *k, *v;         // (G, K); rounded where the cache is of float16, so that what is captured is what is stored
  void *keys, *values;  // of the layer: (sequences, G, length, K)
  int kv_heads, head_size, length;
  bool half;
  Batch* batch;
  int layer;
};

struct AttentionArguments {
  const float* q;             // (H, K)
  const void *keys, *values;  // of the layer: (sequences, G, length, K) of KV
  float* z;                   // (H, K)
  int heads, kv_heads, head_size, length;
  int window;  // the last positions that a row looks at; 0: all
  float scale;
  const Batch* batch;
  double* most;     // (H, parts) scratch
  float* sums;      // (H, parts)
  float* weighted;  // (H, parts, K)
  unsigned* done;   // (H) zeros before, and after
};

struct ScoresArguments {
  AttentionArguments of;
  float* scores;  // (H, length), by position
};

struct SoftmaxArguments {
  AttentionArguments of;
  float* scores;  // (H, length) becomes the pattern
  bool changed;   // by an intervention: then they must be finite
  Batch* batch;
  int layer;
};

struct WeighArguments {
  AttentionArguments of;
  const float* pattern;  // (H, length)
};

struct HeadArguments {
  const float* logits;  // (slots, V)
  int V;
  const Batch* batch;
  double* log_total;  // (slots) of the logits minus the largest
  int top;            // how many most likely tokens; 0: none
  int32_t* tokens;    // (slots, top) most likely first, the first of equal ones
  float* values;      // (slots, top)
};

}  // namespace sparselab::cuda
