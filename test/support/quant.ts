/**
 * Encoders of weights for the files that tests write: float32 to F16 (round to nearest even) and to Q8_0 (blocks of 32 of a row:
 * an F16 scale d = max|x| / 127, then 32 int8 of round(x / d)), with the decoders that say what a reader must get back.
 * Plain and slow on purpose: they are what the executor is checked against.
 */

const scratch = new DataView(new ArrayBuffer(4));

/** Bits of the nearest half-precision number, ties to even; beyond 65504 + half a step it is infinity. */
export function toHalf(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // rounds to infinity
  if (magnitude < 0x38800000) {
    // Subnormal half: units of 2^-24. The product is exact, the rounding is ours.
    const units = Math.abs(value) * 2 ** 24;
    const floor = Math.floor(units);
    const rest = units - floor;
    return sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** The number of half-precision bits. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function encodeF32(values: ArrayLike<number>): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

export function encodeF16(values: ArrayLike<number>): Uint8Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = toHalf(values[i]!);
  return new Uint8Array(out.buffer);
}

/** Rows must be whole blocks of 32. */
export function encodeQ8_0(values: ArrayLike<number>): Uint8Array {
  if (values.length % 32) throw new Error(`Q8_0 holds blocks of 32, not ${values.length} values`);
  const blocks = values.length / 32;
  const out = new Uint8Array(blocks * 34);
  const view = new DataView(out.buffer);
  for (let b = 0; b < blocks; b++) {
    let most = 0;
    for (let i = 0; i < 32; i++) most = Math.max(most, Math.abs(values[b * 32 + i]!));
    const d = Math.fround(most / 127);
    view.setUint16(b * 34, toHalf(d), true);
    // Half away from zero, as roundf does.
    for (let i = 0; i < 32; i++) {
      const q = d ? values[b * 32 + i]! / d : 0;
      view.setInt8(b * 34 + 2 + i, Math.sign(q) * Math.round(Math.abs(q)));
    }
  }
  return out;
}

/** The values that a reader gets from bytes of `type`. */
export function decode(bytes: Uint8Array, type: "F32" | "F16" | "Q8_0"): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === "F32") return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(i * 4, true));
  if (type === "F16") return Float32Array.from({ length: bytes.length / 2 }, (_, i) => fromHalf(view.getUint16(i * 2, true)));
  const out = new Float32Array((bytes.length / 34) * 32);
  for (let b = 0; b < bytes.length / 34; b++) {
    const d = fromHalf(view.getUint16(b * 34, true));
    for (let i = 0; i < 32; i++) out[b * 32 + i] = d * view.getInt8(b * 34 + 2 + i);
  }
  return out;
}
