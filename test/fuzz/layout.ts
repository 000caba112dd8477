/**
 * The place of each field in a good file's header, so that a fuzzer can change counts, lengths, types, shapes and offsets, and not only random
 * bytes.
 */
export interface Field {
  readonly what: "magic" | "version" | "count" | "length" | "text" | "type" | "value" | "dims" | "dim" | "offset";
  readonly at: number;
  readonly bytes: number;
}

const SIZES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
const STRING = 8;
const ARRAY = 9;

/** The header's fields in order, and where the header ends. */
export function layout(file: Uint8Array): { readonly fields: readonly Field[]; readonly end: number } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const fields: Field[] = [];
  let at = 0;
  const field = (what: Field["what"], bytes: number): number => {
    fields.push({ what, at, bytes });
    at += bytes;
    return bytes === 4 ? view.getUint32(at - 4, true) : bytes === 8 ? Number(view.getBigUint64(at - 8, true)) : 0;
  };
  const text = () => {
    const length = field("length", 8);
    if (length > 0) field("text", length);
  };
  field("magic", 4);
  field("version", 4);
  const tensors = field("count", 8);
  const keys = field("count", 8);
  for (let i = 0; i < keys; i++) {
    text();
    const type = field("type", 4);
    if (type === STRING) text();
    else if (type === ARRAY) {
      const element = field("type", 4);
      const count = field("count", 8);
      if (element === STRING) for (let j = 0; j < count; j++) text();
      else if (count > 0) field("value", count * SIZES[element]!);
    } else field("value", SIZES[type]!);
  }
  for (let i = 0; i < tensors; i++) {
    text();
    const dims = field("dims", 4);
    for (let d = 0; d < dims; d++) field("dim", 8);
    field("type", 4);
    field("offset", 8);
  }
  return { fields, end: at };
}
