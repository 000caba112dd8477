/** What the executor tells of a model file: its header, checked, as plain data. */
import type { ActivationKind } from "./vocabulary.js";

/** A file that is open on the native side. It is what was opened, even if its path leads elsewhere by now; closed by name. */
export interface NativeFile {
  readonly __file: unique symbol;
}
/** Many strings as the file's own bytes: string i is bytes[offsets[i] .. offsets[i + 1]). */
export interface StringTable {
  readonly bytes: Uint8Array;
  readonly offsets: Float64Array;
}
export type MetaValue =
  | { readonly type: "u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "f32" | "f64"; readonly value: number }
  | { readonly type: "u64" | "i64"; readonly value: bigint }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "strings"; readonly value: StringTable }
  /** Arrays of numbers in an array of their own element type; booleans as bytes 0 and 1. */
  | { readonly type: "numbers"; readonly element: string; readonly value: NumberArray }
  /** Arrays of arrays, and what is too large to be made into JavaScript values: what it is, its elements and bytes, nothing of it read. */
  | { readonly type: "unread"; readonly what: string; readonly count: number; readonly bytes: number };
export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;
export interface FileTensor {
  readonly name: string;
  /** "F32", "F16", "Q8_0", ... or "type 99" where the number has no name. */
  readonly type: string;
  /** In the file's order: shape[0] is the row length. */
  readonly shape: readonly number[];
  /** Of a split model: the place in `parts` of the file that it lies in; else 0. */
  readonly part: number;
  /** From the start of that file. */
  readonly offset: number;
  readonly bytes: number;
}
/**
 * The checked header of a GGUF or PWRI file: every count and span is within the file. Of a split model: the keys of its first part, and the
 * tensors of all.
 */
export interface FileTable {
  /** As it was given: of a split model, the first part. */
  readonly path: string;
  /** The paths of all parts in order; of an ordinary file, its own. */
  readonly parts: readonly string[];
  readonly magic: "GGUF" | "PWRI";
  readonly version: number;
  /** Of all parts. */
  readonly fileBytes: number;
  readonly metadata: ReadonlyMap<string, MetaValue>;
  readonly tensors: readonly FileTensor[];
  /** Bytes that opening the model copies where down is regrouped by neuron. 0 where the architecture is unknown. */
  readonly copiedBytes: number;
  /** Rows of the embedding, V; absent where there is none, or the architecture is unknown. */
  readonly embeddingRows?: number;
  /** The activation of a file without a key for it, by the rule of its architecture; absent where the architecture is unknown. */
  readonly defaultActivation?: { readonly kind: ActivationKind; readonly rule: string };
}
/** A file that was opened, and its header. */
export interface OpenedFile {
  readonly file: NativeFile;
  readonly table: FileTable;
}
