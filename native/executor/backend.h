/* The backend boundary: four calls, all plain data, C structs with a version. A backend (the CPU here; CUDA and the host emulator
 * later) owns its weight layout, KV cache and scratch. Nothing finer than these calls crosses: an op-by-op interface could be
 * neither fused nor captured in a CUDA graph.
 *
 * Every call returns 0, or 1 with `error` filled in. No exception leaves a backend.
 * Letters: B rows of a batch, D hidden, F neurons, L blocks, V vocabulary. */
#ifndef SPARSELAB_BACKEND_H
#define SPARSELAB_BACKEND_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SL_BACKEND_VERSION 2

typedef struct {
  char code[32]; /* a LabErrorCode: "bad-file", "aborted", ... */
  char message[992];
} SlError;

/* ── The model ──────────────────────────────────────────────────────────────────────────────── */

typedef enum { SL_UP_AS_IS = 0, SL_UP_RELU = 1 } SlUpActivation;

/* The FFN as a record, not a branch for each architecture.
 * Gated: mid = act(x·gate) * act_up(x·up). Without a gate: mid = act(x·up). out = mid·down. */
typedef struct {
  uint32_t has_gate; /* 0 or 1 */
  uint32_t act_up;   /* SlUpActivation */
} SlFfn;

typedef struct {
  uint32_t layers, hidden, neurons, heads, kv_heads, head_size, vocab, context;
  float rope_base, norm_epsilon;
  SlFfn ffn;
} SlModel;

/* One tensor in memory that outlives the backend's model; shape[0] is the row length; name as in the file. */
typedef struct {
  const char* name;
  uint32_t type; /* ggml's number */
  uint32_t dims;
  uint64_t shape[4];
  const uint8_t* data;
  uint64_t bytes;
} SlTensor;

/* Neurons of a block that this backend shall hold; absent (count 0 blocks): all. Reserved for hybrid execution. */
typedef struct {
  uint32_t blocks;
  const uint32_t* const* neurons; /* for each block, ascending */
  const uint32_t* counts;
} SlPlacement;

/* ── The plan ───────────────────────────────────────────────────────────────────────────────── */

typedef enum { SL_SILU, SL_GELU, SL_GELU_TANH, SL_RELU, SL_RELU2, SL_FATRELU } SlActivation;
typedef enum { SL_DENSE, SL_EXACT } SlStrategy;
typedef enum {
  SL_EMBED,
  SL_RESID_PRE,
  SL_RESID_MID,
  SL_RESID_POST,
  SL_FFN_IN,
  SL_FFN_GATE_PRE,
  SL_FFN_GATE,
  SL_FFN_UP_PRE,
  SL_FFN_UP,
  SL_FFN_MID,
  SL_FFN_OUT,
  SL_FINAL_NORM,
  SL_LOGITS,
  SL_POINTS
} SlPoint;
typedef enum { SL_ZERO, SL_SCALE, SL_REPLACE, SL_ADD } SlIntervene;

/* Applied in order. Points of the whole model (embed, final_norm, logits) stand in blocks 0 to 1. */
typedef struct {
  uint32_t point, kind;      /* SlPoint, SlIntervene */
  uint32_t from, to;         /* blocks from <= l < to */
  float factor;              /* scale: the factor; add: the factor of the vector */
  const float* values;       /* add: (width). replace: (to - from, value_rows, width). Not copied: valid until close_program */
  uint64_t value_rows;       /* replace: row p is for position p; positions beyond are left alone */
  const uint32_t* positions; /* count 0 with a null pointer: all; listed twice counts once, as in channels */
  uint64_t position_count;
  const uint32_t* channels; /* count 0 with a null pointer: all */
  uint64_t channel_count;
} SlIntervention;

typedef struct {
  uint32_t activation, strategy; /* SlActivation, SlStrategy */
  const float* t;                /* (L) thresholds of FATReLU */
  const SlIntervention* interventions;
  uint64_t intervention_count;
} SlSetting;

typedef struct {
  uint32_t point, from, to; /* SlPoint, blocks from <= l < to */
} SlCapture;

typedef struct {
  const SlSetting* settings;
  uint32_t setting_count;
  const SlCapture* captures;
  uint32_t capture_count;
  uint32_t sequences, length; /* of the KV cache: sequences, and positions each may hold */
  uint32_t threads;
} SlPlan;

/* ── One forward pass ───────────────────────────────────────────────────────────────────────── */

typedef struct {
  uint32_t rows;                                            /* B */
  const int32_t *tokens, *positions, *sequences, *settings; /* (B) each */
  const uint8_t* logits;                                    /* (B) 1: logits of this row are wanted; or null */
  const int32_t* targets;                                   /* (B) token whose -ln p is wanted or -1; or null */
  const int32_t* references;                                /* (B) row that is p of KL(p || q) and of top-1, or -1; or null */
} SlBatch;

/* Where results go, each written once. Null: not wanted. */
typedef struct {
  float* const* captures;                       /* one for each capture of the plan, (to - from, B, width); or null */
  float* logits;                                /* (rows that want logits, V) */
  uint32_t *zeros_mid, *zeros_gate, *rows_read; /* (L, B) */
  double *nll, *kl;                             /* (B) nats */
  uint8_t* top1;                                /* (B) */
  uint64_t weight_bytes_read;                   /* written: each weight row once, however many rows of the batch used it */
} SlSinks;

/* Shared with the caller while a forward runs. */
typedef struct {
  uint32_t stop;     /* set to 1 to stop; read atomically */
  uint32_t progress; /* 0 to 1000, written atomically */
} SlControl;

typedef struct SlBackendModel SlBackendModel;
typedef struct SlProgram SlProgram;

typedef struct {
  uint64_t owned_bytes; /* copied or regrouped weights */
  uint64_t down_native; /* blocks whose down lies by neuron in the file */
} SlOpened;

typedef struct {
  uint64_t cache_bytes, scratch_bytes, rotation_bytes;
} SlBytes;

typedef struct {
  uint32_t version;
  const char* name; /* "cpu" */
  /* budget_bytes: what it may allocate for copied or regrouped weights, checked before it does; 0: no limit.
   * `control`, here and in ffn: its stop word is heard; null: cannot be stopped. */
  int (*open)(const SlModel* model, const SlTensor* tensors, uint64_t count, const SlPlacement* placement, uint64_t budget_bytes,
              SlBackendModel** out, SlOpened* opened, const SlControl* control, SlError* error);
  /* Bytes that compile and a forward of `rows` rows (`logit_rows` with logits) would allocate. Allocates nothing, and reads only
   * sequences, length and threads of the plan. */
  int (*estimate)(SlBackendModel* model, const SlPlan* plan, uint64_t rows, uint64_t logit_rows, SlBytes* out, SlError* error);
  int (*compile)(SlBackendModel* model, const SlPlan* plan, SlProgram** out,
                 SlError* error); /* copies the plan, but for values of interventions */
  int (*forward)(SlProgram* program, const SlBatch* batch, SlSinks* sinks, SlControl* control, SlError* error);
  /* Some neurons (ascending; null: all N = F) of one block for x (B, D): the partial y (B, D) of those, gate and mid (B, N) or
   * null. */
  int (*ffn)(SlBackendModel* model, uint32_t layer, uint32_t rows, const float* x, const uint32_t* neurons, uint64_t count,
             const SlSetting* setting, uint32_t threads, float* y, float* gate, float* mid, const SlControl* control,
             SlError* error);
  void (*close_program)(SlProgram* program);
  void (*close)(SlBackendModel* model);
} SlBackend;

/* The CPU backend. */
const SlBackend* sl_cpu_backend(void);

#ifdef __cplusplus
}
#endif
#endif
