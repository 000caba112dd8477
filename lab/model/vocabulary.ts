/**
 * The vocabulary of a model's file, shared by its views: read when it is first needed, so that a model without one, or with a broken one,
 * still runs on token ids.
 */
import { LabError } from "../errors.js";
import type { FileTable } from "../native.js";
import { createTokenizer, type Tokenizer } from "../tokenizer/index.js";

export class Vocabulary {
  readonly #table: FileTable;
  #tokenizer: Tokenizer | undefined;
  #fault: LabError | undefined;

  constructor(table: FileTable) {
    this.#table = table;
  }

  /** Whether the file has a vocabulary at all. */
  get exists(): boolean {
    return this.#table.metadata.has("tokenizer.ggml.model");
  }

  /** Throws where the vocabulary cannot be used. */
  get tokenizer(): Tokenizer {
    const { fault } = this;
    // A new error each time, with the caller's stack.
    if (fault) throw new LabError(fault.code, fault.message);
    return this.#tokenizer!;
  }

  /** Why the vocabulary cannot be used for text; undefined where it can. */
  get fault(): LabError | undefined {
    if (this.#tokenizer || this.#fault) return this.#fault;
    try {
      this.#tokenizer = createTokenizer(this.#table);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      this.#fault = error;
    }
    return this.#fault;
  }
}
