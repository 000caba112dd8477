/** Reads of a file's keys about its vocabulary, each checked. */
import { LabError } from "../errors.js";
import { describeValue } from "../metadata.js";
import type { FileTable, NumberArray, StringTable } from "../native.js";

export const PREFIX = "tokenizer.ggml.";
export const INTEGERS: readonly string[] = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"];

export const bad = (key: string, expected: string, received: string): LabError =>
  new LabError("bad-file", `${key}: expected ${expected}, found ${received}`);

/** Reads of optional keys that refuse a wrong type instead of passing over it. */
export class Keys {
  constructor(private readonly file: FileTable) {}
  text(key: string): string | undefined {
    const value = this.file.metadata.get(key);
    if (value && value.type !== "string") throw bad(key, "a string", describeValue(value));
    return value?.value;
  }
  flag(key: string): boolean | undefined {
    const value = this.file.metadata.get(key);
    if (!value || value.type === "bool") return value?.value;
    // Some converters write 0 and 1, in an integer of some width.
    const number = this.whole(key);
    if (number !== 0 && number !== 1) {
      throw bad(key, "true or false", number === undefined ? describeValue(value) : `${number}`);
    }
    return number === 1;
  }
  /** An integer of any width; undefined where the key is absent. */
  integer(key: string): number | undefined {
    const number = this.whole(key);
    if (number === undefined && this.file.metadata.has(key)) {
      throw bad(key, "a whole number", describeValue(this.file.metadata.get(key)));
    }
    return number;
  }
  private whole(key: string): number | undefined {
    const value = this.file.metadata.get(key);
    return value && INTEGERS.includes(value.type) ? Number((value as { readonly value: number | bigint }).value) : undefined;
  }
  strings(key: string): StringTable {
    const value = this.file.metadata.get(key);
    if (value?.type !== "strings") throw bad(key, "an array of strings", describeValue(value));
    return value.value;
  }
  /** An array of exactly `count` numbers, or undefined where the key is absent. */
  numbers(key: string, what: string, elements: readonly string[], count: number): NumberArray | undefined {
    const value = this.file.metadata.get(key);
    if (!value) return undefined;
    if (value.type !== "numbers" || !elements.includes(value.element)) {
      throw bad(key, `an array of ${what}`, describeValue(value));
    }
    if (value.value.length !== count) {
      throw bad(key, `${count} values, one for each of ${PREFIX}tokens`, `${value.value.length}`);
    }
    return value.value;
  }
}
