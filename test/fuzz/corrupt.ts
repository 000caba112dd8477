/**
 * Ways to damage a good model file, each from a seeded generator: the same seed and file give the same bytes. Some work on bytes, some on fields
 * of the header, some write the file again with one fault.
 */
import { type Meta, specOf, type TensorSpec, writeGguf } from "../support/gguf.js";
import type { Below } from "../support/random.js";
import { type Field, layout } from "./layout.js";

/** Returns the damaged bytes and a description of the damage. */
type Corruption = (file: Uint8Array, random: Below) => readonly [Uint8Array, string];

const pick = <T>(list: readonly T[], random: Below): T => list[random(list.length)]!;
const HOSTILE = [
  0n,
  1n,
  2n,
  3n,
  31n,
  33n,
  255n,
  65536n,
  2n ** 24n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 40n,
  2n ** 61n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** Writes a number over a field of 4 or 8 bytes. */
function overwrite(file: Uint8Array, { at, bytes }: Field, value: bigint): Uint8Array {
  const out = file.slice();
  const view = new DataView(out.buffer);
  if (bytes === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
  else view.setBigUint64(at, BigInt.asUintN(64, value), true);
  return out;
}

const aimed =
  (...kinds: Field["what"][]): Corruption =>
  (file, random) => {
    const { fields } = layout(file);
    const field = pick(
      fields.filter((f) => kinds.includes(f.what) && (f.bytes === 4 || f.bytes === 8)),
      random,
    );
    const old = new DataView(file.buffer, file.byteOffset).getUint32(field.at, true);
    const near = [
      BigInt(old) + 1n,
      BigInt(old) - 1n,
      BigInt(old) * 2n,
      BigInt(file.length),
      BigInt(file.length) - BigInt(field.at),
      BigInt(old) + 32n,
    ];
    const value = random(2) ? pick(HOSTILE, random) : pick(near, random);
    return [overwrite(file, field, value), `${field.what} at ${field.at}: ${old} -> ${BigInt.asUintN(field.bytes * 8, value)}`];
  };

/** A change to what is written, before it is written. */
const rewritten =
  (change: (spec: { metadata: Map<string, Meta>; tensors: TensorSpec[] }, random: Below) => string): Corruption =>
  (file, random) => {
    const spec = specOf(file);
    const tensors: TensorSpec[] = [...spec.tensors];
    const what = change({ metadata: spec.metadata, tensors }, random);
    return [writeGguf({ ...spec, tensors }), what];
  };
const someTensor = (tensors: readonly TensorSpec[], random: Below): number => random(tensors.length);
const withRaw = (tensor: TensorSpec, change: (raw: Uint8Array) => void): TensorSpec => {
  const raw = tensor.raw!.slice();
  change(raw);
  return { ...tensor, raw };
};
const BAD_VALUES: readonly Meta[] = [
  { type: "u32", value: 0 },
  { type: "u32", value: 4294967295 },
  { type: "i32", value: -1 },
  { type: "f32", value: Number.NaN },
  { type: "f32", value: Number.POSITIVE_INFINITY },
  { type: "f64", value: -1e308 },
  { type: "u64", value: 2n ** 64n - 1n },
  { type: "bool", value: true },
  { type: "string", value: "" },
  { type: "string", value: "gelu\u0000\n" },
  { type: "string", value: "a\nb" },
  { type: "string", value: Uint8Array.of(0xff, 0xfe, 0x80) },
  { type: "strings", value: [] },
  { type: "strings", value: ["a", "a", ""] },
  { type: "numbers", element: "f32", value: [] },
  { type: "numbers", element: "f32", value: [Number.NaN, 1] },
  { type: "numbers", element: "u64", value: [2 ** 60, 2n ** 64n - 1n] },
  { type: "numbers", element: "u32", value: [2, 2] },
  { type: "arrays", value: [] },
  {
    type: "arrays",
    value: [
      { type: "strings", value: ["a"] },
      { type: "arrays", value: [{ type: "arrays", value: [] }] },
    ],
  },
];
/** Beginnings of files of other formats, and texts in place of a model. */
const HEADS: readonly string[] = [
  "version https://git-lfs.github.com/spec/v1\n",
  "\n <!DOCTYPE html>",
  '{"error": "x"}',
  "Entry not found",
  "PK\x03\x04",
  "lmgg",
  "tjgg\x03\0\0\0",
  "algg\x01\0\0\0",
  "\x1f\x8b\x08",
  "\x10\0\0\0\0\0\0\0{}",
  "\x02\0\0\0\x05\0\0\0blk.0.attn_q.weight",
  "\0\0\0\0\0\0\0\0",
];
/** Keys that mark a file in the GGUF format as something other than a model. */
const KINDS: readonly (readonly [string, Meta])[] = [
  ["general.type", { type: "string", value: "adapter" }],
  ["general.type", { type: "string", value: "imatrix" }],
  ["general.type", { type: "u32", value: 1 }],
  ["general.architecture", { type: "string", value: "controlvector" }],
  ["split.count", { type: "u16", value: 7 }],
  ["split.count", { type: "numbers", element: "u16", value: [7] }],
  ["split.count", { type: "i64", value: -(2n ** 63n) }],
  ["split.no", { type: "u64", value: 2n ** 64n - 1n }],
];
const WIDTHS = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"] as const;

export const corruptions: Readonly<Record<string, Corruption>> = {
  truncate: (file, random) => {
    const { fields, end } = layout(file);
    const at = random(3) ? random(file.length) : random(2) ? pick(fields, random).at : random(end + 64);
    return [file.slice(0, at), `cut at ${at} of ${file.length}`];
  },
  flip: (file, random) => {
    const { end } = layout(file);
    const out = file.slice();
    const at = Array.from({ length: 1 + random(8) }, () => random(end));
    for (const i of at) out[i] = out[i]! ^ (1 << random(8));
    return [out, `bits flipped at ${at.join(" ")}`];
  },
  counts: aimed("count", "length"),
  types: aimed("type", "dims"),
  shapes: aimed("dim"),
  offsets: aimed("offset"),
  magic: (file, random) => {
    const out = file.slice();
    const magic = pick(["GGJT", "gguf", "FUGG", "PWRI", "GGUF", "\0\0\0\0", "PK\x03\x04"], random);
    out.set(new TextEncoder().encode(magic));
    return [out, `magic ${JSON.stringify(magic)}`];
  },
  version: aimed("version"),
  cutOut: (file, random) => {
    const from = random(layout(file).end);
    const length = 1 + random(64);
    return [Uint8Array.from([...file.subarray(0, from), ...file.subarray(from + length)]), `${length} bytes cut out at ${from}`];
  },
  putIn: (file, random) => {
    const at = random(layout(file).end);
    const more = Array.from({ length: 1 + random(64) }, () => random(256));
    return [Uint8Array.from([...file.subarray(0, at), ...more, ...file.subarray(at)]), `${more.length} bytes put in at ${at}`];
  },
  overlap: rewritten(({ tensors }, random) => {
    const [a, b] = [someTensor(tensors, random), someTensor(tensors, random)];
    tensors[a] = { ...tensors[a]!, offset: 32 * random(8) };
    return `${tensors[a]!.name} laid over others (${tensors[b]!.name})`;
  }),
  missing: rewritten(({ tensors }, random) => `without ${tensors.splice(someTensor(tensors, random), 1)[0]!.name}`),
  extra: rewritten(({ tensors }, random) => {
    const name = pick(
      [
        "blk.0.attn_q.bias",
        "blk.99.ffn_up.weight",
        "blk.0.ffn_gate_inp.weight",
        "",
        "x".repeat(300),
        "blk.0.a\nb.weight",
        "blk.0.ffn_up.weight",
      ],
      random,
    );
    tensors.push({ name, shape: [32], type: "F32", data: new Float32Array(32) });
    return `extra tensor ${JSON.stringify(name.slice(0, 40))}`;
  }),
  misshapen: rewritten(({ tensors }, random) => {
    const i = someTensor(tensors, random);
    const { name, shape } = tensors[i]!;
    const other = pick(
      [
        [...shape].reverse(),
        [shape[0]! * 2, ...shape.slice(1)],
        [...shape, 1],
        [shape.reduce((a, b) => a * b, 1)],
        [...shape, 2 ** 40],
      ],
      random,
    );
    tensors[i] = { ...tensors[i]!, shape: other };
    return `${name}: ${shape} -> ${other}`;
  }),
  retyped: rewritten(({ tensors }, random) => {
    const i = someTensor(tensors, random);
    const type = pick([0, 1, 2, 8, 12, 26, 30, 39, 99, 2 ** 31], random);
    tensors[i] = { ...tensors[i]!, type };
    return `${tensors[i]!.name} as type ${type}`;
  }),
  // NaN or infinity in F32 and F16 and in the scales of Q8_0: all bits of some bytes set.
  notFinite: rewritten(({ tensors }, random) => {
    const i = someTensor(tensors, random);
    tensors[i] = withRaw(tensors[i]!, (raw) => {
      for (let n = 0; n < 64; n++) raw.fill(0xff, random(raw.length));
    });
    return `${tensors[i]!.name} not finite`;
  }),
  noise: rewritten(({ tensors }, random) => {
    const i = someTensor(tensors, random);
    tensors[i] = withRaw(tensors[i]!, (raw) => {
      for (let n = 0; n < raw.length; n++) raw[n] = random(256);
    });
    return `${tensors[i]!.name} is noise`;
  }),
  keyMissing: rewritten(({ metadata }, random) => {
    const key = pick([...metadata.keys()], random);
    metadata.delete(key);
    return `without key ${key}`;
  }),
  keyWrong: rewritten(({ metadata }, random) => {
    const key = pick(
      [
        ...metadata.keys(),
        "general.alignment",
        "sparselab.threshold",
        "llama.hidden_activation",
        "tokenizer.chat_template",
        "llama.rope.scaling.type",
      ],
      random,
    );
    const value = pick(BAD_VALUES, random);
    metadata.set(key, value);
    return `${key} = ${value.type} ${String(value.value).slice(0, 30)}`;
  }),
  head: (file, random) => {
    const head = pick(HEADS, random);
    const whole = random(2) === 0;
    const rest = whole ? file.subarray(0, random(64)) : file.subarray(head.length);
    return [Uint8Array.from([...Buffer.from(head, "latin1"), ...rest]), `head ${JSON.stringify(head)} and ${rest.length} bytes`];
  },
  kinds: rewritten(({ metadata, tensors }, random) => {
    const some = Array.from({ length: 1 + random(2) }, () => pick(KINDS, random));
    for (const [key, value] of some) metadata.set(key, value);
    if (random(3) === 0) tensors.length = random(2);
    return `${some.map(([key]) => key).join(" and ")}, ${tensors.length} tensors`;
  }),
  // A number as an integer of another width, or as an array of the same value.
  widths: rewritten(({ metadata }, random) => {
    const keys = [...metadata].filter(([, { type }]) => (WIDTHS as readonly string[]).includes(type));
    const [key, { value }] = pick(keys, random) as [string, Extract<Meta, { value: number | bigint }>];
    const type = pick(WIDTHS, random);
    const bits = Number(type.slice(1));
    const cut = type.startsWith("u") ? BigInt.asUintN(bits, BigInt(value)) : BigInt.asIntN(bits, BigInt(value));
    const list = random(3) === 0;
    metadata.set(
      key,
      list
        ? { type: "numbers", element: type, value: new Array<bigint>(1 + random(3)).fill(cut) }
        : ({ type, value: bits === 64 ? cut : Number(cut) } as Meta),
    );
    return `${key} as ${list ? "an array of " : ""}${type}: ${cut}`;
  }),
  // An incomplete download: a tail or a hole of zeros.
  zeros: (file, random) => {
    const { end } = layout(file);
    const from = end + random(file.length - end);
    const to = random(2) ? file.length : Math.min(file.length, from + 1 + random(4096));
    return [file.slice().fill(0, from, to), `zeros from ${from} to ${to} of ${file.length}`];
  },
  vocabulary: rewritten(({ metadata }, random) => {
    const key = pick(["tokens", "scores", "token_type"], random);
    const meta = metadata.get(`tokenizer.ggml.${key}`) as Extract<Meta, { type: "strings" | "numbers" }>;
    const value = [...meta.value] as (string | Uint8Array | number)[];
    const change = random(4);
    if (change === 0) value.length = random(value.length);
    else if (change === 1) value.push(...value.slice(0, 1 + random(3)));
    else if (change === 2)
      value[random(value.length)] =
        key === "tokens"
          ? pick(["", "<unk>", "a".repeat(5000), Uint8Array.of(0xff)], random)
          : pick([Number.NaN, -1, 99, 1e300], random);
    else value.fill(value[random(value.length)]!, random(value.length));
    metadata.set(`tokenizer.ggml.${key}`, { ...meta, value } as Meta);
    return `${key}, change ${change}`;
  }),
};
