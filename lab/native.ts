/**
 * The native world in one typed page: the executor's C++ binding (native/node/) as the lab sees it, and the wrapper that turns
 * its errors into LabErrors with the caller's own stack. Nothing else in the lab loads the addon.
 *
 * Everything is plain data. One request is one `forward`: rows of tokens go through all layers, and what was asked for (logits,
 * captures, counts, scores) is written once into typed arrays that the caller brings.
 * Letters: B rows of a batch, D hidden, F neurons, L layers, H heads, G kv heads, K head size, V vocabulary.
 */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { LabError } from "./errors.js";
import type { FileTable, NativeFile, OpenedFile } from "./native-file.js";
import type { ActivationKind, InterventionKind, LabErrorCode, PointName, ReducerKind, StrategyKind } from "./vocabulary.js";

export type * from "./native-file.js";

// ── A model on the executor ───────────────────────────────────────────────────────
/** Rotary positions of some layers. */
export interface Rope {
  readonly layers: number;
  readonly base: number;
  /** How many of a head's channels rotate. */
  readonly channels: number;
  /** Whether neighbours rotate together, or channels of the two halves. */
  readonly pairs: "adjacent" | "halves";
  /** Positions are divided by it; under yarn, those of slow pairs. */
  readonly factor: number;
  readonly yarn: boolean;
  /** The file's rope_freqs divide the frequencies. */
  readonly frequencyFactors: boolean;
  /** How many of the last positions a token attends to; 0: all. */
  readonly window: number;
}
export interface NativeModelInfo {
  readonly architecture: string;
  readonly layers: number; // L
  readonly hidden: number; // D
  readonly neurons: number; // F
  readonly heads: number; // H
  readonly kvHeads: number; // G
  readonly headSize: number; // K
  readonly vocab: number; // V
  readonly context: number;
  /** How layers see positions: an entry for each kind of layer, in the order in which they come. */
  readonly rope: readonly Rope[];
  readonly normEpsilon: number;
  /** The FFN has a gate. */
  readonly gate: boolean;
  /** Hook points that this model has, in the order in which they are computed. */
  readonly points: readonly PointName[];
  /** Where it runs: "cpu", or the name of a backend that was loaded. */
  readonly backend: string;
  /** output.weight is absent: the embedding serves as the output matrix. */
  readonly tied: boolean;
  /** What multiplies the embeddings, what attention and FFN add to the stream, and the logits; 1 where nothing does. */
  readonly scales: { readonly embedding: number; readonly residual: number; readonly logits: number };
  readonly predictors: readonly { readonly layer: number; readonly rank: number }[];
  /** In how many layers down lies by neuron in the file (ffn_down_t), was regrouped by neuron without losing a bit, is used by output as stored. */
  readonly down: { readonly native: number; readonly regrouped: number; readonly stored: number };
  /** Bytes per weight type in the file. */
  readonly weightTypes: Readonly<Record<string, number>>;
  /** Bytes of the file's pages that the executor reads, and bytes it copied (the regrouped down; a file that was given as bytes). */
  readonly mappedBytes: number;
  readonly ownedBytes: number;
  /** Bytes of weights in pinned host memory and on the device; 0 on the CPU. */
  readonly pinnedBytes: number;
  readonly deviceBytes: number;
}
/** A device of a backend, such as a GPU. */
export interface NativeDevice {
  readonly name: string;
  /** How many there are, numbered from 0. */
  readonly devices: number;
  readonly totalBytes: number;
  readonly freeBytes: number;
}
/** Bytes that a program allocates: on the host, of which rotation is cos and sin of positions; pinned on the host; on the device. */
export interface NativeEstimate {
  readonly cacheBytes: number;
  readonly scratchBytes: number;
  readonly rotationBytes: number;
  readonly pinnedBytes: number;
  readonly deviceBytes: number;
}
/** Opaque handles; they belong to the native side and are closed by name. */
export interface NativeModel {
  readonly __model: unique symbol;
}
export interface NativeProgram {
  readonly __program: unique symbol;
}
/** Values of an intervention, copied into native memory: shared by plans, out of reach of JavaScript, freed with the handle. */
export interface NativeValues {
  readonly __values: unique symbol;
}

export interface NativeIntervention {
  readonly point: PointName;
  /** Layers from <= l < to; a point of the whole model has layers 0 to 1. */
  readonly from: number;
  readonly to: number;
  readonly kind: InterventionKind;
  /** scale: the factor; add: the factor of the vector. */
  readonly factor?: number;
  /** add: (width). replace: (layers of the range, positions, width), row p is for position p of the sequence; a position beyond it is left alone. */
  readonly values?: NativeValues;
  /** call: changes x (width) of one row and returns "", or the code and the message of an error with a line break between. */
  readonly call?: (x: Float32Array, layer: number, token: number) => string;
  /** Positions in the whole sequence; absent: all. Listed twice counts once, here as in channels. */
  readonly positions?: Int32Array;
  /** Channels (neurons, hidden channels, vocabulary entries) of the point; absent: all. */
  readonly channels?: Int32Array;
}
/** Which neurons count as inactive. `fatrelu`: (L) thresholds, in place of those of the activation relu or fatrelu. */
export type NativePolicy =
  | { readonly kind: "as-trained"; readonly t?: undefined }
  | { readonly kind: "fatrelu"; readonly t: Float32Array };
export interface NativeSetting {
  readonly activation: ActivationKind;
  /** (L) thresholds of the activation fatrelu; ignored by the other activations. */
  readonly t: Float32Array;
  readonly strategy: StrategyKind;
  /** predicted: (L) scores below which a neuron is skipped. Default: 0. */
  readonly cutoff?: Float32Array;
  /** Default: as-trained. */
  readonly policy?: NativePolicy;
  /** For the lab: the KV cache and arithmetic of plans with this setting. The executor reads those of the plan. */
  readonly kv?: KvType;
  readonly arithmetic?: Arithmetic;
  /** Settings of one plan that have the same list share the array: it is read once. */
  readonly interventions: readonly NativeIntervention[];
}
export interface NativeCapture {
  readonly point: PointName;
  /** Layers from <= l < to. */
  readonly from: number;
  readonly to: number;
}
/** Type of the values of a KV cache. */
export type KvType = "f32" | "f16";
/** "int8": products with quantised weights take int8 activations (native/cpu/int8.h); ffn_down must lie as stored. */
export type Arithmetic = "float" | "int8";
export interface NativePlan {
  readonly settings: readonly NativeSetting[];
  readonly captures: readonly NativeCapture[];
  /** Sums over the tokens of each setting, read with `sums`. */
  readonly reducers?: readonly ReducerKind[];
  /** Sequences of the KV cache, and positions each may hold. */
  readonly sequences: number;
  readonly length: number;
  readonly threads: number;
  /** Type of the KV cache. Default: "f32". */
  readonly kv?: KvType;
  /** Default: "float". */
  readonly arithmetic?: Arithmetic;
}
export interface NativeBatch {
  /** (B) Absent where xIn is given. */
  readonly tokens?: Int32Array;
  readonly positions: Int32Array; // (B) positions of a sequence go up one by one, from those it already holds
  readonly sequences: Int32Array; // (B)
  readonly settings: Int32Array; // (B)
  /** (B) 1 where this row's logits are wanted (for the sink, or for nll, kl and top1). Absent: none. */
  readonly logits?: Uint8Array;
  /** (B) the token whose negative log-likelihood is wanted, or -1. */
  readonly targets?: Int32Array;
  /** (B) the row of this batch that is the reference p of KL(p||q) and top-1, or -1. Both rows must want logits. */
  readonly references?: Int32Array;
  /** Layers fromLayer <= l < toLayer; absent: all. Logits exist only where the last layer is among them. */
  readonly fromLayer?: number;
  readonly toLayer?: number;
  /** (B, D) the residual stream before fromLayer, in place of tokens. */
  readonly xIn?: Float32Array;
  /** One for each row that wants logits, in order: its next token is drawn. */
  readonly samplers?: readonly NativeSampler[];
  /** Keys of a captured row of attn.scores and attn.pattern. Absent: the plan's length. */
  readonly keys?: number;
  /** How many most likely tokens of each row that wants logits. Absent: none. */
  readonly top?: number;
}
/** How a row's next token is drawn (native/backend/sampling.h). */
export interface NativeSampler {
  readonly temperature: number;
  /** 0: all tokens. */
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repeatPenalty: number;
  /** A random number, 0 <= u < 1. Not used at temperature 0. */
  readonly uniform: number;
  /** Tokens that the penalty applies to. */
  readonly recent?: Int32Array;
}
export interface NativeSinks {
  /** One for each capture of the plan: (layers of the range, B, width), row-major; attn.scores and attn.pattern (layers, H, B, keys). Absent: captures are not written this time. */
  readonly captures?: readonly Float32Array[];
  /** (rows that want logits, V) */
  readonly logits?: Float32Array;
  /** (L, B) zeros in mid (x1) and in gate (s), and rows of up that were read for this row alone. */
  readonly zerosInMid: Uint32Array;
  readonly zerosInGate: Uint32Array;
  readonly rowsRead: Uint32Array;
  /** (L, B) neurons that the row's predictor takes as active, all where it has none. */
  readonly predicted?: Uint32Array;
  /** (L, B) each, both or neither: neurons that are active, and those of them that the predictor misses. They cost the whole gate. */
  readonly active?: Uint32Array;
  readonly missed?: Uint32Array;
  /** (B) -ln p of the target, KL in nats, 1 where the most likely token is the reference's. NaN and 0 where not asked for. */
  readonly nll?: Float64Array;
  readonly kl?: Float64Array;
  readonly top1?: Uint8Array;
  /** (B, D) the residual stream after the last layer of the batch. */
  readonly xOut?: Float32Array;
  /** (rows that want logits) The tokens that the batch's samplers draw, and log Σ exp of the logits. */
  readonly sampled?: Int32Array;
  readonly logTotal?: Float64Array;
  /** (rows that want logits, top) The most likely tokens, most likely first, and their logits. */
  readonly topTokens?: Int32Array;
  readonly topLogits?: Float32Array;
}
export interface NativeForward {
  /** Bytes of weights read from memory, each row counted once however many rows of the batch used it. */
  readonly weightBytesRead: number;
}
export interface Scales {
  readonly embedding?: number;
  readonly residual?: number;
  readonly logits?: number;
}
export type DownForm = "by-neuron" | "as-stored";
/** How a file's model is opened. */
export interface NativeOpenOptions {
  /** One of `backends()`. Default: "cpu". */
  readonly backend?: string;
  /** Number of its device. Default: 0. */
  readonly device?: number;
  /** Bytes that it may allocate (the regrouped ffn_down), checked before it does. Default, and 0: no limit. */
  readonly budget?: number;
  /**
   * "by-neuron": an ffn_down is regrouped, so that silent neurons are skipped; of types that cannot be regrouped without losing a bit (K-quants)
   * it is used as stored. "as-stored": always, and nothing is copied. The bits of results are the same. Default: "by-neuron".
   */
  readonly down?: DownForm;
  /** Go before the file's: embeddings and what is added to the stream are multiplied, logits divided. */
  readonly scales?: Scales;
  /** Neurons that it holds, ascending, one array for each layer: then its programs compute `ffn` of these. Default: all. */
  readonly neurons?: readonly Int32Array[];
}
/** One layer's FFN: rows of the normed input, and where results go. N neurons are held of the layer. */
export interface NativeFfnBatch {
  readonly settings: Int32Array; // (B)
  readonly x: Float32Array; // (B, D)
  /** (B, D) the stream before the norm, which predictors read. Absent where no setting is `predicted`. */
  readonly stream?: Float32Array;
}
export interface NativeFfnSinks {
  readonly y: Float32Array; // (B, D) what the neurons held add up to
  readonly gate?: Float32Array; // (B, N)
  readonly mid?: Float32Array; // (B, N)
}

/**
 * What native/node/ exports. Every promise rejects with an Error that has a `code` of LabErrorCode. Calls run on threads of the addon's own,
 * one for each open model and one for files, never on libuv's: those are for fs and the like. What is computed from a file that changed
 * meanwhile rejects with bad-file.
 */
export interface NativeAddon {
  /** Version of the boundary; the wrapper refuses another. */
  readonly abi: number;
  /** Instruction set of the kernels in use, for provenance: "avx512", "avx2", "neon", "plain". */
  readonly cpu: string;
  /**
   * Opens a file once, or the bytes of one, which are copied before the call returns: its header, weights, hash and bytes all come from
   * this descriptor. The path of the first part of a split model opens all parts. Anything but a regular file is an error, without waiting
   * for a named pipe. The handle is closed with closeFile; a model that was opened from it stays.
   */
  openFile(source: string | Uint8Array): Promise<OpenedFile>;
  /** A running `open` of this file is stopped and rejects with "aborted". */
  closeFile(file: NativeFile): void;
  /** The header alone: openFile and closeFile in one. */
  readHeader(path: string): Promise<FileTable>;
  /** Opening the same unchanged file again on the same device gives a handle that shares the weights of the first, where both hold all neurons. */
  open(file: NativeFile, options?: NativeOpenOptions): Promise<NativeModel>;
  /** Names of the loaded backends, "cpu" first. */
  backends(): readonly string[];
  /** Adds the backend of a shared library that exports `sl_backend` (native/backend/backend.h), for the life of the process; its name. */
  loadBackend(path: string): string;
  /** What a device of a backend is; rejects with no-device where it cannot be used. It may take seconds the first time. */
  device(backend: string, number: number): Promise<NativeDevice>;
  modelInfo(model: NativeModel): NativeModelInfo;
  closeModel(model: NativeModel): void;
  /**
   * Which file this is, and in which state: two stamps are the same only while nothing has touched the file. Rejects with bad-file when
   * its contents changed after they were loaded; a rename, a new link or a deletion gives a new stamp and no error.
   */
  stamp(model: NativeModel): Promise<string>;
  /** Bytes of the file, or of the parts laid end to end, from `position` on; how many there were. */
  read(model: NativeModel, into: Uint8Array, position: number): Promise<number>;
  /**
   * Bytes that compile would allocate for the KV cache and the rotation table, and forward as scratch for `rows` rows of which `logitRows`
   * want logits. Of the plan only sequences, length, threads, kv, arithmetic, reducers and the number of settings count.
   */
  estimate(model: NativeModel, plan: NativePlan, rows: number, logitRows: number): NativeEstimate;
  compile(model: NativeModel, plan: NativePlan): NativeProgram;
  closeProgram(program: NativeProgram): void;
  /**
   * One at a time for each program. The batch is copied before the call returns; the sinks are written until the promise settles. A row attends
   * to the rows of the same call at earlier positions of its sequence.
   */
  forward(program: NativeProgram, batch: NativeBatch, sinks: NativeSinks): Promise<NativeForward>;
  /** Share of the running forward that is done, 0 to 1. */
  progress(program: NativeProgram): number;
  /**
   * Asks the forward or ffn to stop, running or waiting; it rejects with code "aborted" within 100 ms. The program is then as it was before
   * that call: the same batch may be given again.
   */
  abort(program: NativeProgram): void;
  /** New numbers, activation, strategy and interventions for setting `index`, without compiling. Not while a forward runs. */
  set(program: NativeProgram, index: number, setting: NativeSetting): void;
  /** Positions that a sequence holds. Not while a forward runs. */
  held(program: NativeProgram, sequence: number): number;
  /**
   * Sequence `sequence` then holds the first `positions` positions of sequence `from` of `source`, a program of the same model with the same
   * type of KV cache. `from` absent: `sequence`; `source` absent: the same program; 0 positions empty it. `abort` stops it, and empties the
   * sequence. Neither program may be running.
   */
  keep(program: NativeProgram, sequence: number, positions: number, from?: number, source?: NativeProgram): Promise<void>;
  /** The sums of a reducer over all rows of a setting so far: sparsity (L) zeros in mid; frequency (L, F) rows in which mid is not zero. */
  sums(program: NativeProgram, reducer: ReducerKind, setting: number): { readonly rows: number; readonly counts: Float64Array };
  /** Copies the values of an intervention; the handle goes into plans. */
  keepValues(values: Float32Array): NativeValues;
  /** A fresh copy of kept values. */
  copyValues(values: NativeValues): Float32Array;
  /** A weight by its name in the file, dequantised: (rows, row length). `first` and `count`: only those rows. */
  weight(
    model: NativeModel,
    name: string,
    first?: number,
    count?: number,
  ): Promise<{ readonly data: Float32Array; readonly rows: number; readonly columns: number }>;
  /** One layer's FFN over the neurons that the model holds. No hooks, no interventions. */
  ffn(program: NativeProgram, layer: number, batch: NativeFfnBatch, sinks: NativeFfnSinks): Promise<NativeForward>;
  /** The token that a sampler draws from logits (V), as in a forward. Synchronous: it takes about a millisecond. */
  draw(logits: Float32Array, sampler: NativeSampler): number;
  /** log Σ exp of logits (V) minus the largest of them, in float64. */
  logTotal(logits: Float32Array): number;
  /** Positions of the k largest values, largest first, NaN before all; all positions if k is larger. Ties: the lowest position first. */
  largest(values: Float32Array, k: number): Uint32Array;
  /** KL(p‖q) in nats of two rows of logits (V); the same bits as a forward's `kl`. */
  divergence(p: Float32Array, q: Float32Array): number;
  /** Whether the most likely tokens of two rows of logits are the same. Ties: the lowest token id. */
  sameTop(p: Float32Array, q: Float32Array): boolean;
}

const ABI = 8;
let addon: NativeAddon | undefined;
let folder = "";

/** The loaded addon: that of build/release, or of the build that the environment variable SPARSELAB_BUILD names ("dev"). */
export function native(): NativeAddon {
  if (addon) return addon;
  const require = createRequire(import.meta.url);
  const tried: string[] = [];
  // From the sources (lab/) and from the build (dist/lab/).
  const build = process.env.SPARSELAB_BUILD || "release";
  for (const path of [`../build/${build}/sparselab.node`, `../../build/${build}/sparselab.node`]) {
    try {
      const loaded = require(path) as NativeAddon;
      if (loaded.abi !== ABI) throw new Error(`its boundary has version ${loaded.abi}, and this lab needs version ${ABI}`);
      addon = loaded;
      folder = dirname(require.resolve(path));
      return loaded;
    } catch (error) {
      tried.push(`${path}: ${(error as Error).message.split("\n")[0]}`);
    }
  }
  const way = build === "release" ? "npm run build" : `cmake --preset ${build} && cmake --build --preset ${build}`;
  throw new LabError(
    "no-device",
    `the native executor could not be loaded; build it with "${way}"${build === "release" ? "" : ", or unset SPARSELAB_BUILD"}. Tried: ${tried.join("; ")}`,
  );
}

/** The folder of the addon, in which backends lie beside it. */
export function addonFolder(): string {
  native();
  return folder;
}

const isCode = (code: unknown): code is LabErrorCode => typeof code === "string" && /^[a-z]+(-[a-z]+)*$/.test(code);

/** A LabError of a native error, with the stack of the JavaScript call that led to it. */
function translated(error: unknown, at: Error): unknown {
  if (!(error instanceof Error)) return error;
  const code = (error as Error & { code?: unknown }).code;
  if (!isCode(code)) return error;
  const wrapped = new LabError(code, error.message);
  wrapped.stack = `${wrapped.name}: ${wrapped.message}\n${at.stack?.split("\n").slice(1).join("\n") ?? ""}`;
  return wrapped;
}

/** Runs a native call. What it throws or rejects with becomes a LabError. */
export async function callNative<T>(fn: (addon: NativeAddon) => Promise<T> | T): Promise<T> {
  const at = new Error();
  try {
    return await fn(native());
  } catch (error) {
    throw translated(error, at);
  }
}

/** The same for a synchronous call. */
export function callNativeSync<T>(fn: (addon: NativeAddon) => T): T {
  const at = new Error();
  try {
    return fn(native());
  } catch (error) {
    throw translated(error, at);
  }
}
