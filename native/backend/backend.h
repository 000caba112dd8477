/* The backend boundary: plain data, C structs with a version. A backend (the CPU here; others through a registry,
 * backend/registry.h) owns its weight layout, KV cache, threads and scratch. Nothing finer than these calls crosses: an op-by-op
 * interface could be neither fused nor captured in a CUDA graph.
 *
 * Every call returns 0, or 1 with `error` filled in. No exception leaves a backend. A call refuses what it does not know or
 * cannot do; nothing is silently ignored.
 * Letters: B rows of a batch, D hidden, F neurons, L layers, V vocabulary. */
#ifndef SPARSELAB_BACKEND_H
#define SPARSELAB_BACKEND_H
#include <stdint.h>

#include "vocabulary/vocabulary.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SL_BACKEND_VERSION 8

/* `code` is one of the vocabulary's error codes: "bad-file", "aborted", "device-lost", ... */
typedef struct {
  char code[32];
  char message[992];
} SlError;

/* Shared with the caller while a call runs. */
typedef struct {
  uint32_t stop;     /* set to 1 to stop; read atomically */
  uint32_t progress; /* 0 to 1000, written atomically */
} SlControl;

/* ── A model as data ────────────────────────────────────────────────────────────────────────── */

typedef enum { SL_NORM_RMS, SL_NORM_LAYER } SlNorm;
/* Which channels of a head rotate together: (2i, 2i + 1), or (i, i + dims / 2). */
typedef enum { SL_ROPE_NONE, SL_ROPE_PAIRS, SL_ROPE_HALVES } SlRope;
typedef enum { SL_UP_AS_IS, SL_UP_RELU } SlUpActivation;

/* The FFN as a record, not a branch for each architecture.
 * Gated: mid = act(x·gate) * act_up(x·up). Without a gate: mid = act(x·up). out = mid·down. */
typedef struct {
  uint32_t has_gate;   /* 0 or 1 */
  uint32_t activation; /* SlActivation of the architecture; a setting may name another */
  uint32_t act_up;     /* SlUpActivation */
  uint32_t biases;     /* 0 or 1: there are tensors with the roles of the biases of up, down */
  uint32_t sub_norm;   /* 0 or 1: mid is normalised before down */
} SlFfn;

/* One layer. */
typedef struct {
  uint32_t heads, kv_heads, head_size, neurons;
  uint32_t rope;      /* SlRope */
  uint32_t rope_dims; /* the first channels of a head, which rotate; even */
  float rope_base;
  float rope_factor;          /* positions are divided by it; 0 and 1: as they are */
  float rope_magnitude;       /* of the rotated channels; 0 and 1: unchanged */
  uint32_t yarn;              /* 0 or 1: only slow pairs are divided by rope_factor, fast ones not, those between in part */
  float yarn_fast, yarn_slow; /* with yarn: turns over yarn_context positions of a pair that counts as fast, as slow */
  uint32_t yarn_context;
  uint32_t window;           /* how many of the last positions a row attends to, its own included; 0: all */
  float attention_scale;     /* of q·k */
  uint32_t attention_biases; /* 0 or 1: there are tensors with the roles of the biases of q, k, v, the output */
  uint32_t qk_norm;          /* 0 or 1: RMS norm of each head of q and k before rope */
  uint32_t post_norm;        /* 0 or 1: norms of what attention and FFN add */
  SlFfn ffn;
} SlLayer;

typedef struct {
  uint32_t layers, hidden, vocab, context;
  uint32_t norm; /* SlNorm */
  float norm_epsilon;
  float embedding_scale; /* of the embedding */
  float residual_scale;  /* of what attention and FFN add to the stream */
  float logit_scale;     /* of the logits */
  const SlLayer* layer;  /* (L) */
} SlModel;

/* What a tensor is for; a backend never reads its name. One for each layer, or one for the model (layer 0). Rows and cols are
 * those of the matrix that multiplies: rows outputs of cols inputs each. A norm or a bias is one row. */
typedef enum {
  SL_TENSOR_EMBED,            /* (V, D) */
  SL_TENSOR_OUTPUT,           /* (V, D); absent: tied to the embedding */
  SL_TENSOR_OUTPUT_NORM,      /* (1, D) */
  SL_TENSOR_ATTN_NORM,        /* (1, D) */
  SL_TENSOR_Q,                /* (H K, D) */
  SL_TENSOR_K,                /* (G K, D) */
  SL_TENSOR_V,                /* (G K, D) */
  SL_TENSOR_O,                /* (D, H K) */
  SL_TENSOR_FFN_NORM,         /* (1, D) */
  SL_TENSOR_GATE,             /* (F, D) */
  SL_TENSOR_UP,               /* (F, D) */
  SL_TENSOR_DOWN,             /* (D, F) */
  SL_TENSOR_DOWN_T,           /* (F, D): down by neuron, in place of SL_TENSOR_DOWN */
  SL_TENSOR_PREDICTOR_1,      /* (rank, D); each layer has its own rank, or no predictor */
  SL_TENSOR_PREDICTOR_2,      /* (F, rank): scores = PREDICTOR_2 · relu(PREDICTOR_1 · the stream before the FFN's norm) */
  SL_TENSOR_OUTPUT_NORM_BIAS, /* (1, D), of a LayerNorm, as the next two */
  SL_TENSOR_ATTN_NORM_BIAS,   /* (1, D) */
  SL_TENSOR_FFN_NORM_BIAS,    /* (1, D) */
  SL_TENSOR_Q_BIAS,           /* (1, H K) */
  SL_TENSOR_K_BIAS,           /* (1, G K) */
  SL_TENSOR_V_BIAS,           /* (1, G K) */
  SL_TENSOR_O_BIAS,           /* (1, D) */
  SL_TENSOR_UP_BIAS,          /* (1, F) */
  SL_TENSOR_DOWN_BIAS,        /* (1, D) */
  SL_TENSOR_Q_NORM,           /* (1, K): of each head, before rope */
  SL_TENSOR_K_NORM,           /* (1, K) */
  SL_TENSOR_ATTN_POST_NORM,   /* (1, D): of what attention gives, before it is added */
  SL_TENSOR_FFN_POST_NORM,    /* (1, D) */
  SL_TENSOR_ROPE_FREQS,       /* (1, rope_dims / 2), one for the model: each pair's rate is divided by its number */
  SL_TENSORS
} SlTensorRole;

/* A matrix in memory that outlives the backend's model. A fused attn_qkv is three views of its rows. */
typedef struct {
  uint32_t role; /* SlTensorRole */
  uint32_t layer;
  uint32_t type; /* ggml's number */
  uint64_t rows, cols;
  uint64_t stride; /* bytes from row to row */
  const uint8_t* data;
  uint64_t bytes;   /* that may be read from `data` on */
  const char* name; /* as in the file; for messages alone, copied */
} SlTensor;

/* ── Opening ────────────────────────────────────────────────────────────────────────────────── */

typedef enum { SL_LAYOUT_MMAP, SL_LAYOUT_PACKED } SlLayout;
/* Of an ffn_down, which lies by channel in the file. BY_NEURON: regrouped, so that silent neurons are skipped; types that cannot
 * be regrouped without losing a bit stay as they are. AS_STORED: nothing is copied, and all of it is read. The bits are the same.
 */
typedef enum { SL_DOWN_BY_NEURON, SL_DOWN_AS_STORED } SlDown;

/* Neurons that this backend holds, by layer: a program of it computes `ffn` of these alone. */
typedef struct {
  uint32_t layers;                /* L */
  const uint32_t* const* neurons; /* for each layer, ascending */
  const uint32_t* counts;         /* (L) */
} SlPlacement;

typedef struct {
  uint32_t layout;              /* SlLayout */
  uint32_t down;                /* SlDown */
  uint32_t screen;              /* 1: a low-precision copy of the gate, for strategy `screened` */
  int32_t device;               /* number of the device; 0 on the CPU */
  uint64_t host_budget;         /* bytes that it may allocate on the host, checked before it does; 0: no limit */
  uint64_t device_budget;       /* the same on the device */
  const SlPlacement* placement; /* null: all neurons */
  SlControl* control;           /* stop and progress of the opening; null: cannot be stopped */
} SlOpenOptions;

typedef struct {
  uint64_t host_bytes, pinned_bytes, device_bytes; /* copied or regrouped weights */
  uint64_t down_native;                            /* layers whose down lies by neuron in the file */
  uint64_t down_by_channel;                        /* layers whose down is used as it lies, by channel */
} SlOpened;

/* ── Settings and plans ─────────────────────────────────────────────────────────────────────── */

/* Applied in order. attn.scores and attn.pattern take zero and scale. Points of the whole model (embed, final_norm, logits) have
 * layers 0 to 1. */
typedef struct {
  uint32_t point, kind;      /* SlPoint, SlIntervene */
  uint32_t from, to;         /* layers from <= l < to */
  float factor;              /* scale: the factor; add: the factor of the vector */
  const float* values;       /* add: (width). replace: (to - from, value_rows, width). Not copied: valid until close_program */
  uint64_t value_rows;       /* replace: row p is for position p; positions beyond are left alone */
  const uint32_t* positions; /* null: all. An entry listed twice counts once, as in channels */
  uint64_t position_count;
  const uint32_t* channels; /* null: all. At attn.scores and attn.pattern: heads */
  uint64_t channel_count;
  /* call: changes x (width) of one row. Rows go one after the other, in order, on the thread of the forward. A result other than
   * 0 ends the forward with `error`. */
  int (*call)(void* context, uint32_t point, uint32_t layer, uint32_t position, float* x, uint64_t width, SlError* error);
  void* context; /* valid until close_program */
} SlIntervention;

/* Which neurons count as inactive. */
typedef struct {
  uint32_t kind;  /* SlPolicyKind */
  const float* t; /* fatrelu: (L) thresholds, in place of the activation's; else null */
} SlPolicy;

typedef struct {
  uint32_t activation, strategy; /* SlActivation, SlStrategy */
  const float* t;                /* (L) thresholds of the activation fatrelu; else null */
  const SlIntervention* interventions;
  uint64_t intervention_count;
  SlPolicy policy;
  const float* cutoff; /* predicted: (L) raw scores below which a neuron is skipped; -inf and inf may be among them. Else null */
} SlSetting;

typedef struct {
  uint32_t point, from, to; /* SlPoint, layers from <= l < to */
} SlCapture;

typedef enum { SL_ARITHMETIC_FLOAT, SL_ARITHMETIC_INT8 } SlArithmetic;
typedef enum { SL_KV_F32, SL_KV_F16 } SlKvType;

typedef struct {
  const SlSetting* settings;
  uint32_t setting_count;
  const SlCapture* captures;
  uint32_t capture_count;
  uint32_t sequences, length; /* of the KV cache: sequences, and positions each may hold */
  uint32_t threads;
  uint32_t arithmetic, kv;  /* SlArithmetic, SlKvType */
  const uint32_t* reducers; /* SlReducer, each once */
  uint32_t reducer_count;
} SlPlan;

/* ── One forward pass ───────────────────────────────────────────────────────────────────────── */

/* How a row's next token is drawn from its logits, in this order: repeat penalty, the k largest, the smallest set of most likely
 * tokens with probability top_p, tokens with at least min_p times the probability of the most likely one, temperature, draw.
 * temperature 0 takes the most likely token after the penalty, the first of equal ones. backend/sampling.h is the definition. */
typedef struct {
  double temperature, top_p, min_p, repeat_penalty; /* off: 0, 1, 0, 1 */
  uint32_t top_k;                                   /* 0: all */
  double uniform;                                   /* of the caller's generator, 0 <= u < 1 */
  const int32_t* recent;                            /* tokens that the penalty applies to; duplicates count once */
  uint64_t recent_count;
} SlSampler;

typedef struct {
  uint32_t rows;                                            /* B */
  const int32_t *tokens, *positions, *sequences, *settings; /* (B) each; tokens: null where x_in replaces them */
  const uint8_t* logits;                                    /* (B) 1: logits of this row are wanted; or null */
  const int32_t* targets;                                   /* (B) token whose -ln p is wanted or -1; or null */
  const int32_t* references;                                /* (B) row that is p of KL(p || q) and of top-1, or -1; or null */
  uint32_t from_layer, to_layer;                            /* layers from <= l < to; both 0: all. Logits only where to is L */
  const float* x_in;                                        /* (B, D) the stream before from_layer, in place of tokens; or null */
  const SlSampler* samplers;                                /* one for each row that wants logits, in order; or null */
  uint32_t top;                                             /* how many most likely tokens of each such row; 0: none */
  uint32_t keys; /* positions of a captured row of attn.scores and attn.pattern; 0: the plan's length */
} SlBatch;

/* Where results go, each written once. Null: not wanted. */
typedef struct {
  /* One for each capture of the plan, (to - from, B, width); attn.scores and attn.pattern: (to - from, H, B, keys), where a
   * row's later positions, and those before its window, are -infinity in scores and 0 in pattern; or null. */
  float* const* captures;
  float* logits;                                /* (rows that want logits, V) */
  uint32_t *zeros_mid, *zeros_gate, *rows_read; /* (L, B); layers outside of the batch's range are 0 */
  double *nll, *kl;                             /* (B) nats */
  uint8_t* top1;                                /* (B) */
  uint64_t weight_bytes_read;                   /* written: each weight row once, however many rows of the batch used it */
  float* x_out;                                 /* (B, D) the stream after the last layer of the batch */
  int32_t* sampled;                             /* (rows that want logits) the token drawn */
  double* log_total;   /* (rows that want logits) of the logits minus the largest: logprob = (logit - largest) - this */
  int32_t* top_tokens; /* (rows that want logits, top) most likely first, the first of equal ones */
  float* top_logits;   /* (rows that want logits, top), or null */
  /* (L, B) each, or null. Neurons that the row's predictor takes as active, all where it has none; neurons that are active; those
   * of them that the predictor misses. The last two go together, and cost the whole gate, which `predicted` would not compute. */
  uint32_t *predicted, *active, *missed;
} SlSinks;

typedef struct SlBackendModel SlBackendModel;
typedef struct SlProgram SlProgram;

typedef struct {
  uint64_t cache_bytes, scratch_bytes, rotation_bytes; /* host */
  uint64_t pinned_bytes, device_bytes;
} SlBytes;

/* What ffn is given. */
typedef struct {
  uint32_t rows;           /* B */
  const int32_t* settings; /* (B) */
  const float* x;          /* (B, D) the normed input */
  const float* stream;     /* (B, D) the stream before that norm, which predictors read; null where no setting is `predicted` */
} SlFfnBatch;
typedef struct {
  float* y;                                     /* (B, D) what the neurons held here add up to */
  float *gate, *mid;                            /* (B, N), N neurons held; or null. gate is left alone where the FFN has none */
  uint32_t *zeros_mid, *zeros_gate, *rows_read; /* (B), of the neurons held; or null */
  uint64_t weight_bytes_read;
  uint32_t *predicted, *active, *missed; /* (B), of the neurons held, as in SlSinks; or null */
} SlFfnSinks;

typedef struct {
  uint32_t version; /* SL_BACKEND_VERSION */
  const char* name; /* "cpu" */
  int (*open)(const SlModel* model, const SlTensor* tensors, uint64_t count, const SlOpenOptions* options, SlBackendModel** out,
              SlOpened* opened, SlError* error);
  /* Bytes that compile and a forward of `rows` rows (`logit_rows` with logits) would allocate. Allocates nothing, and reads only
   * sequences, length, kv, reducers, the number of settings and threads of the plan. */
  int (*estimate)(SlBackendModel* model, const SlPlan* plan, uint64_t rows, uint64_t logit_rows, SlBytes* out, SlError* error);
  /* Copies the plan, but for values of interventions. */
  int (*compile)(SlBackendModel* model, const SlPlan* plan, SlProgram** out, SlError* error);
  /* New numbers, activation, policy, strategy and interventions for setting i, without compiling. Between two forwards. */
  int (*set)(SlProgram* program, uint32_t i, const SlSetting* setting, SlError* error);
  /* After an error (a stop among them) the program is as it was before: its sequences hold what earlier batches left, and the
   * same batch may be given again. */
  int (*forward)(SlProgram* program, const SlBatch* batch, SlSinks* sinks, SlControl* control, SlError* error);
  /* The partial FFN output of layer `layer`, of the neurons held here. No hooks, no interventions. */
  int (*ffn)(SlProgram* program, uint32_t layer, const SlFfnBatch* batch, SlFfnSinks* sinks, SlControl* control, SlError* error);
  /* Sequence `sequence` then holds the first `positions` positions of sequence `from` of `source`, which may be the same: 0
   * empties it. `source` is a program of the same model with the same type of KV cache; null: `program` itself. A stop empties
   * the sequence. `control` null: cannot be stopped. */
  int (*keep)(SlProgram* program, uint32_t sequence, uint32_t positions, const SlProgram* source, uint32_t from,
              SlControl* control, SlError* error);
  /* Positions that a sequence holds. */
  int (*held)(SlProgram* program, uint32_t sequence, uint32_t* positions, SlError* error);
  /* Rows of a tensor as float32, (count, cols), from any layout. Down can be read under either of its roles,
   * whichever way it is stored: SL_TENSOR_DOWN gives (D, F) rows, SL_TENSOR_DOWN_T (F, D) rows. */
  int (*read)(SlBackendModel* model, uint32_t role, uint32_t layer, uint64_t first, uint64_t count, float* out,
              SlControl* control, SlError* error);
  /* The sums of a reducer over all rows of setting i so far. sparsity: (L) zeros in mid; frequency: (L, F) rows in which mid is
   * not zero; `rows`: how many rows went through layer 0. A forward that fails adds nothing. Null `out`: only rows. */
  int (*sums)(SlProgram* program, uint32_t reducer, uint32_t i, uint64_t* out, uint64_t* rows, SlError* error);
  void (*close_program)(SlProgram* program);
  void (*close)(SlBackendModel* model);
} SlBackend;

/* A device of a backend. */
typedef struct {
  char name[256];   /* "NVIDIA H100 80GB HBM3" */
  uint32_t devices; /* how many there are */
  uint64_t total_bytes, free_bytes;
  uint32_t driver, runtime; /* as CUDA numbers them: 13000 is 13.0 */
} SlDevice;
/* A library with a backend may also export `sl_probe`: whether a device can be used, without opening a model. "no-device" where
 * it cannot, with the reason and a way out. */
typedef int (*SlProbe)(int32_t device, SlDevice* out, SlError* error);

/* The CPU backend. */
const SlBackend* sl_cpu_backend(void);

#ifdef __cplusplus
}
#endif
#endif
