/**
 * The quantised types of blocks, for the files that tests write: random blocks, as any encoder might leave them, and what they mean, value by
 * value. Layouts and formulas are ggml's (block_q4_0 to block_q6_K); written here for the second time, plain and slow, so that the executor is
 * checked against another reader of the same bytes.
 */
import { fromHalf, toHalf } from "./quant.js";

export type BlockName = "Q8_0" | "Q4_0" | "Q4_1" | "Q5_0" | "Q5_1" | "Q4_K" | "Q5_K" | "Q6_K";

interface BlockType {
  /** The number in the file, values and bytes of a block. */
  readonly number: number;
  readonly values: number;
  readonly bytes: number;
  /** Bytes at which a half-precision number lies: the scale, and that of the minima. */
  readonly scale: number;
  readonly minimum?: number;
  /** The size of a value, root mean square, where all other bits are random and the scale is 1. */
  readonly spread: number;
  /** The scale of the minima that puts the values around 0, where the scale is 1. */
  readonly centre?: number;
  /** Value i of the block that starts at byte `at`. */
  readonly value: (bytes: DataView, at: number, i: number) => number;
}

const half = (bytes: DataView, at: number) => fromHalf(bytes.getUint16(at, true));
/** Quant i of 32 in 16 bytes: the low halves of all bytes, then the high ones. */
const four = (bytes: DataView, at: number, i: number) => (bytes.getUint8(at + (i % 16)) >> (i < 16 ? 0 : 4)) & 15;
const fifth = (bytes: DataView, at: number, i: number) => ((bytes.getUint32(at, true) >>> i) & 1) << 4;

/** The 6 bits of a group's scale and minimum in the 12 bytes of a K-quant. */
function sixBits(bytes: DataView, at: number, group: number): readonly [scale: number, minimum: number] {
  const byte = (i: number) => bytes.getUint8(at + i);
  if (group < 4) return [byte(group) & 63, byte(group + 4) & 63];
  return [(byte(group + 4) & 15) | ((byte(group - 4) >> 6) << 4), (byte(group + 4) >> 4) | ((byte(group) >> 6) << 4)];
}
/** Value i of a block with 8 groups of 32; `quant` gives its unscaled value. */
function grouped(bytes: DataView, at: number, i: number, quant: number): number {
  const [scale, minimum] = sixBits(bytes, at + 4, Math.floor(i / 32));
  return half(bytes, at) * scale * quant - half(bytes, at + 2) * minimum;
}
/** Quant i of 256 in 128 bytes: 64 at a time, the low halves of 32 bytes and then the high ones. */
const fourOf256 = (bytes: DataView, at: number, i: number) =>
  (bytes.getUint8(at + Math.floor(i / 64) * 32 + (i % 32)) >> (i % 64 < 32 ? 0 : 4)) & 15;

function sixK(bytes: DataView, at: number, i: number): number {
  const part = Math.floor(i / 128);
  const r = i % 128;
  const low = (bytes.getUint8(at + part * 64 + (r % 64)) >> (r < 64 ? 0 : 4)) & 15;
  const high = (bytes.getUint8(at + 128 + part * 32 + (r % 32)) >> (2 * Math.floor(r / 32))) & 3;
  return half(bytes, at + 208) * bytes.getInt8(at + 192 + Math.floor(i / 16)) * ((low | (high << 4)) - 32);
}

export const BLOCKS: Readonly<Record<BlockName, BlockType>> = {
  Q8_0: {
    number: 8,
    values: 32,
    bytes: 34,
    scale: 0,
    spread: 74,
    value: (b, at, i) => half(b, at) * b.getInt8(at + 2 + i),
  },
  Q4_0: {
    number: 2,
    values: 32,
    bytes: 18,
    scale: 0,
    spread: 4.6,
    value: (b, at, i) => half(b, at) * (four(b, at + 2, i) - 8),
  },
  Q4_1: {
    number: 3,
    values: 32,
    bytes: 20,
    scale: 0,
    minimum: 2,
    spread: 4.6,
    centre: -7.5,
    value: (b, at, i) => half(b, at) * four(b, at + 4, i) + half(b, at + 2),
  },
  Q5_0: {
    number: 6,
    values: 32,
    bytes: 22,
    scale: 0,
    spread: 9.2,
    value: (b, at, i) => half(b, at) * ((four(b, at + 6, i) | fifth(b, at + 2, i)) - 16),
  },
  Q5_1: {
    number: 7,
    values: 32,
    bytes: 24,
    scale: 0,
    minimum: 2,
    spread: 9.2,
    centre: -15.5,
    value: (b, at, i) => half(b, at) * (four(b, at + 8, i) | fifth(b, at + 4, i)) + half(b, at + 2),
  },
  Q4_K: {
    number: 12,
    values: 256,
    bytes: 144,
    scale: 0,
    minimum: 2,
    spread: 250,
    centre: 7.5,
    value: (b, at, i) => grouped(b, at, i, fourOf256(b, at + 16, i)),
  },
  Q5_K: {
    number: 13,
    values: 256,
    bytes: 176,
    scale: 0,
    minimum: 2,
    spread: 500,
    centre: 15.5,
    value: (b, at, i) =>
      grouped(b, at, i, fourOf256(b, at + 48, i) | (((b.getUint8(at + 16 + (i % 32)) >> Math.floor(i / 32)) & 1) << 4)),
  },
  Q6_K: { number: 14, values: 256, bytes: 210, scale: 208, spread: 1370, value: sixK },
};
const byNumber = new Map(Object.values(BLOCKS).map((type) => [type.number, type]));

/** Blocks whose values are about `size` large, in both directions; every bit but those of scales is random. */
export function randomBlocks(name: BlockName, values: number, size: number, random: () => number): Uint8Array {
  const type = BLOCKS[name];
  if (values % type.values) throw new Error(`${name} holds blocks of ${type.values}, not ${values} values`);
  const out = Uint8Array.from({ length: (values / type.values) * type.bytes }, () => Math.floor(random() * 256));
  const view = new DataView(out.buffer);
  for (let at = 0; at < out.length; at += type.bytes) {
    const scale = ((random() < 0.5 ? -1 : 1) * (0.5 + random()) * size) / type.spread;
    view.setUint16(at + type.scale, toHalf(scale), true);
    if (type.minimum !== undefined)
      view.setUint16(at + type.minimum, toHalf(scale * type.centre! * (0.8 + 0.4 * random())), true);
  }
  return out;
}

/** A reader of values of a block type by its number in the file; undefined for other types. */
export function blockReader(bytes: DataView, number: number): ((i: number) => number) | undefined {
  const type = byNumber.get(number);
  return type && ((i) => type.value(bytes, Math.floor(i / type.values) * type.bytes, i % type.values));
}
