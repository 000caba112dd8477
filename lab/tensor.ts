/**
 * Tensor: row-major float32 with named axes, the array type that a notebook sees. It is plain data, garbage collected like any value. The
 * names of the axes are part of its type, so `run.cache.get("blocks.*.ffn.mid").at({ head: 3 })` is a type error. Sums run in float64 and
 * are rounded once at the end.
 */
import { type Displayable, displaySymbol, type MimeBundle } from "./display.js";
import { checkOptions, LabError, unknownName } from "./errors.js";
import type { Checked, IsPlain, Loose } from "./literals.js";
import { largest } from "./math.js";
import { received } from "./received.js";
import { shapeText, tensorHtml, tensorText } from "./tensor-display.js";

/** All axes but the last. Where the axes are not known to the types, neither is this. */
export type Init<D extends readonly string[]> = number extends D["length"]
  ? readonly string[]
  : D extends readonly [...infer I extends string[], string]
    ? I
    : [];
/** The axes of D without those named K. Where K is a plain string, any axes may remain. */
export type Without<D extends readonly string[], K extends string> = number extends D["length"]
  ? readonly string[]
  : IsPlain<K> extends true
    ? readonly string[]
    : Remaining<D, K>;
type Remaining<D extends readonly string[], K extends string> = D extends readonly [
  infer H extends string,
  ...infer T extends string[],
]
  ? H extends K
    ? Remaining<T, K>
    : [H, ...Remaining<T, K>]
  : [];
/** Values with named axes, as the operations of a tensor take them. */
export interface Values<D extends readonly string[] = readonly string[]> {
  readonly data: Float32Array;
  readonly dims: D;
  readonly size: Readonly<Record<D[number], number>>;
}

/** Row-major float32 values with named axes. */
export interface Tensor<D extends readonly string[] = readonly string[]> extends Values<D>, Displayable {
  /** Fixes axes, negative from the end: `x.at({ layer: 3, token: -1 })`. A view where the rest is contiguous, else a copy. */
  at<const I extends Partial<Record<D[number], number>>>(index: I): Tensor<Without<D, keyof I & string>>;
  /** Positions from <= i < to of an axis, negative from the end. A view on the first axis, else a copy. */
  slice<const A extends Loose<D[number]>>(axis: Checked<A, D[number]>, from: number, to?: number): Tensor<D>;
  mean<const A extends Loose<D[number]>>(axis: Checked<A, D[number]>): Tensor<Without<D, A>>;
  /** The largest value; NaN where there is a NaN. */
  max<const A extends Loose<D[number]>>(axis: Checked<A, D[number]>): Tensor<Without<D, A>>;
  /** The position of the largest value, or of the first NaN. Ties: the lowest position. Axes of up to 2^24 positions: float32 holds no others. */
  argmax<const A extends Loose<D[number]>>(axis: Checked<A, D[number]>): Tensor<Without<D, A>>;
  sum<const A extends Loose<D[number]>>(axis: Checked<A, D[number]>): Tensor<Without<D, A>>;
  /** Euclidean length along an axis. */
  norm<const A extends Loose<D[number]>>(axis: Checked<A, D[number]>): Tensor<Without<D, A>>;
  /** The k largest values with their positions, largest first, NaN before all. Ties: the lowest position first. */
  top(k: number): readonly { readonly index: Readonly<Record<D[number], number>>; readonly value: number }[];
  map(fn: (value: number) => number): Tensor<D>;
  add(other: Values<D> | number): Tensor<D>;
  sub(other: Values<D> | number): Tensor<D>;
  mul(other: Values<D> | number): Tensor<D>;
  /** Inner product along the last axis with a vector of its length. */
  dot(vector: Float32Array | Values): Tensor<Init<D>>;
  /** Cosine along the last axis with a vector of its length; NaN where one of the two is all zeros. */
  cosine(vector: Float32Array | Values): Tensor<Init<D>>;
  /** Nested arrays of numbers. */
  toArray(): unknown;
}

/**
 * A tensor over `data` (not copied); the sizes' product must be its length.
 * @throws LabError invalid-option
 * @example
 * const direction = tensor(new Float32Array(256), ["hidden"], [256]);
 */
export function tensor<D extends string[]>(data: Float32Array, dims: readonly [...D], sizes: readonly number[]): Tensor<D> {
  checkTensor(data, dims, sizes);
  return new Dense(data, dims, [...sizes]) as unknown as Tensor<D>;
}

function checkTensor(data: unknown, dims: unknown, sizes: unknown): void {
  if (!(data instanceof Float32Array))
    throw new LabError("invalid-option", `the data of a tensor must be a Float32Array, received ${received(data)}`);
  if (!Array.isArray(dims) || !Array.from(dims as unknown[]).every((name) => typeof name === "string"))
    throw new LabError("invalid-option", `the axes of a tensor are an array of names, received ${received(dims)}`);
  if (!Array.isArray(sizes) || !Array.from(sizes as unknown[]).every((n) => Number.isInteger(n) && (n as number) >= 0))
    throw new LabError("invalid-option", `the sizes of a tensor are an array of whole numbers >= 0, received ${listText(sizes)}`);
}
const listText = (value: unknown) =>
  Array.isArray(value) ? `[${Array.from(value, received).slice(0, 8).join(", ")}]` : received(value);
/** Whether a value can be the other tensor of an operation. */
function isValues(value: unknown): value is Values {
  if (typeof value !== "object" || value === null) return false;
  const { data, dims, size } = value as Partial<Values>;
  if (!(data instanceof Float32Array) || !Array.isArray(dims) || typeof size !== "object" || size === null) return false;
  const sizes = dims.map((name) => (typeof name === "string" ? (size as Record<string, unknown>)[name] : undefined));
  return (
    sizes.every((n) => typeof n === "number") && sizes.reduce((product: number, n) => product * (n as number), 1) === data.length
  );
}

/** Every whole number up to it is a float32. */
const MOST_POSITIONS = 2 ** 24;

class Dense {
  readonly data: Float32Array;
  readonly dims: readonly string[];
  readonly size: Readonly<Record<string, number>>;
  readonly #sizes: readonly number[];

  constructor(data: Float32Array, dims: readonly string[], sizes: readonly number[]) {
    const count = sizes.reduce((product, n) => product * n, 1);
    if (dims.length !== sizes.length || count !== data.length) {
      throw new LabError(
        "invalid-option",
        `a tensor of axes [${dims.join(", ")}] and sizes [${sizes.join(", ")}] needs ${count} values, received ${data.length}`,
      );
    }
    if (new Set(dims).size !== dims.length) {
      throw new LabError("invalid-option", `the axes of a tensor must differ, received [${dims.join(", ")}]`);
    }
    this.data = data;
    this.dims = Object.freeze([...dims]);
    this.size = Object.freeze(Object.fromEntries(dims.map((name, i) => [name, sizes[i]!])));
    this.#sizes = sizes;
  }

  at(index: Readonly<Record<string, number | undefined>>): Dense {
    checkOptions("at", index ?? null, this.dims);
    let offset = 0;
    let stride = this.data.length;
    const dims: string[] = [];
    const sizes: number[] = [];
    const strides: number[] = [];
    this.dims.forEach((name, i) => {
      const n = this.#sizes[i]!;
      stride = n === 0 ? 0 : stride / n;
      const at = index[name];
      if (at === undefined) {
        dims.push(name);
        sizes.push(n);
        strides.push(stride);
      } else offset += this.#position(name, at, n) * stride;
    });
    return new Dense(gathered(this.data, offset, sizes, strides), dims, sizes);
  }

  slice(axis: string, from: number, to?: number): Dense {
    const a = this.#axis(axis);
    const n = this.#sizes[a]!;
    const start = this.#edge(axis, from, n);
    const end = this.#edge(axis, to ?? n, n);
    if (end < start) throw new LabError("invalid-option", `slice of "${axis}": from ${start} is after to ${end}`);
    const strides = stridesOf(this.#sizes);
    const sizes = this.#sizes.map((size, i) => (i === a ? end - start : size));
    return new Dense(gathered(this.data, start * strides[a]!, sizes, strides), this.dims, sizes);
  }

  sum(axis: string): Dense {
    return this.#reduce(axis, (values) => {
      let sum = 0;
      for (const value of values) sum += value;
      return sum;
    });
  }
  mean(axis: string): Dense {
    return this.#reduce(axis, (values) => {
      let sum = 0;
      for (const value of values) sum += value;
      return sum / values.length;
    });
  }
  norm(axis: string): Dense {
    return this.#reduce(axis, (values) => {
      let sum = 0;
      for (const value of values) sum += value * value;
      return Math.sqrt(sum);
    });
  }
  max(axis: string): Dense {
    return this.#reduce(axis, (values) => values[this.#best(axis, values)]!);
  }
  argmax(axis: string): Dense {
    const n = this.#sizes[this.#axis(axis)]!;
    if (n > MOST_POSITIONS)
      throw new LabError(
        "invalid-option",
        `argmax: axis "${axis}" has ${n} positions, and a tensor of float32 holds whole numbers up to ${MOST_POSITIONS}; take slices, or top(1)`,
      );
    return this.#reduce(axis, (values) => this.#best(axis, values));
  }

  top(k: number): { index: Record<string, number>; value: number }[] {
    if (!Number.isInteger(k) || k < 0)
      throw new LabError("invalid-option", `top(k): k must be a whole number >= 0, received ${received(k)}`);
    return largest(this.data, k).map((flat) => {
      const index: Record<string, number> = {};
      let rest = flat;
      for (let i = this.dims.length - 1; i >= 0; i--) {
        const n = this.#sizes[i]!;
        index[this.dims[i]!] = rest % n;
        rest = Math.floor(rest / n);
      }
      return { index: Object.fromEntries(this.dims.map((name) => [name, index[name]!])), value: this.data[flat]! };
    });
  }

  map(fn: (value: number) => number): Dense {
    if (typeof fn !== "function") throw new LabError("invalid-option", `map takes a function, received ${received(fn)}`);
    return new Dense(
      this.data.map((value) => fn(value)),
      this.dims,
      this.#sizes,
    );
  }
  add(other: Dense | number): Dense {
    return this.#pair(other, (a, b) => a + b);
  }
  sub(other: Dense | number): Dense {
    return this.#pair(other, (a, b) => a - b);
  }
  mul(other: Dense | number): Dense {
    return this.#pair(other, (a, b) => a * b);
  }

  dot(vector: Float32Array | { readonly data: Float32Array }): Dense {
    return this.#along(vector, (row, v) => inner(row, v));
  }
  cosine(vector: Float32Array | { readonly data: Float32Array }): Dense {
    return this.#along(vector, (row, v) => inner(row, v) / Math.sqrt(inner(row, row) * inner(v, v)));
  }

  toArray(): unknown {
    const nest = (axis: number, offset: number, span: number): unknown => {
      if (axis === this.#sizes.length) return this.data[offset]!;
      const n = this.#sizes[axis]!;
      return Array.from({ length: n }, (_, i) => nest(axis + 1, offset + i * (span / n), span / n));
    };
    return nest(0, 0, this.data.length);
  }

  [displaySymbol](): MimeBundle {
    return { "text/plain": tensorText(this), "text/html": tensorHtml(this) };
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return tensorText(this);
  }

  #axis(name: string): number {
    if (typeof name !== "string")
      throw new LabError("invalid-option", `an axis is one of ${this.dims.join(", ")}, received ${received(name)}`);
    const axis = this.dims.indexOf(name);
    if (axis < 0) throw unknownName("invalid-option", "axis", name, this.dims);
    return axis;
  }
  #position(name: string, at: number, n: number): number {
    const position = Number.isInteger(at) && at < 0 ? at + n : at;
    if (!Number.isInteger(at) || position < 0 || position >= n) {
      throw new LabError(
        "invalid-option",
        `axis "${name}" has positions 0 to ${n - 1} (or -1 to -${n} from the end), received ${received(at)}`,
      );
    }
    return position;
  }
  #edge(name: string, at: number, n: number): number {
    const edge = Number.isInteger(at) && at < 0 ? at + n : at;
    if (!Number.isInteger(at) || edge < 0 || edge > n) {
      throw new LabError("invalid-option", `slice of "${name}" goes from 0 to ${n} (or from -${n} on), received ${received(at)}`);
    }
    return edge;
  }
  #reduce(axis: string, fn: (values: Float32Array) => number): Dense {
    const a = this.#axis(axis);
    const n = this.#sizes[a]!;
    const inside = this.#sizes.slice(a + 1).reduce((product, size) => product * size, 1);
    const sizes = this.#sizes.filter((_, i) => i !== a);
    const out = new Float32Array(sizes.reduce((product, size) => product * size, 1));
    const values = new Float32Array(n);
    for (let i = 0; i < out.length; i++) {
      const start = Math.floor(i / inside) * n * inside + (i % inside);
      for (let j = 0; j < n; j++) values[j] = this.data[start + j * inside]!;
      out[i] = fn(values);
    }
    return new Dense(
      out,
      this.dims.filter((_, i) => i !== a),
      sizes,
    );
  }
  #best(axis: string, values: Float32Array): number {
    if (values.length === 0) throw new LabError("invalid-option", `axis "${axis}" is empty: it has no largest value`);
    let best = 0;
    for (let i = 0; i < values.length; i++) {
      if (Number.isNaN(values[i])) return i;
      if (values[i]! > values[best]!) best = i;
    }
    return best;
  }
  #pair(other: Dense | number, fn: (a: number, b: number) => number): Dense {
    if (typeof other === "number") return this.map((value) => fn(value, other));
    if (!isValues(other))
      throw new LabError("invalid-option", `expected a number or a tensor of ${shapeText(this)}, received ${received(other)}`);
    const same =
      other.dims.length === this.dims.length && this.dims.every((d, i) => other.dims[i] === d && other.size[d] === this.size[d]);
    if (!same) throw new LabError("invalid-option", `the tensors differ: ${shapeText(this)} and ${shapeText(other)}`);
    return new Dense(
      this.data.map((value, i) => fn(value, other.data[i]!)),
      this.dims,
      this.#sizes,
    );
  }
  #along(vector: Float32Array | { readonly data: Float32Array }, fn: (row: Float32Array, v: Float32Array) => number): Dense {
    const v = vector instanceof Float32Array ? vector : (vector as Partial<Values> | null | undefined)?.data;
    if (!(v instanceof Float32Array))
      throw new LabError("invalid-option", `expected a vector (Float32Array or tensor), received ${received(vector)}`);
    const width = this.#sizes.at(-1);
    if (width === undefined || width !== v.length) {
      throw new LabError("invalid-option", `the last axis of ${shapeText(this)} and a vector of ${v.length} values do not fit`);
    }
    const sizes = this.#sizes.slice(0, -1);
    const out = new Float32Array(sizes.reduce((product, size) => product * size, 1));
    for (let i = 0; i < out.length; i++) out[i] = fn(this.data.subarray(i * width, (i + 1) * width), v);
    return new Dense(out, this.dims.slice(0, -1), sizes);
  }
}

function inner(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function stridesOf(sizes: readonly number[]): number[] {
  const strides = new Array<number>(sizes.length);
  for (let i = sizes.length - 1, stride = 1; i >= 0; stride *= sizes[i]!, i--) strides[i] = stride;
  return strides;
}

/** The values at offset + Σ index·stride, row-major: a view where they are contiguous. */
function gathered(data: Float32Array, offset: number, sizes: readonly number[], strides: readonly number[]): Float32Array {
  const count = sizes.reduce((product, n) => product * n, 1);
  const packed = stridesOf(sizes);
  if (sizes.every((n, i) => n <= 1 || strides[i] === packed[i])) return data.subarray(offset, offset + count);
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let from = offset;
    for (let axis = 0, rest = i; axis < sizes.length; axis++) {
      from += Math.floor(rest / packed[axis]!) * strides[axis]!;
      rest %= packed[axis]!;
    }
    out[i] = data[from]!;
  }
  return out;
}
