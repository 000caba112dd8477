/**
 * The tokenizer of a model's file, shared by its views. It is made when it is first needed, so that a model without a vocabulary, or with
 * a broken one, still runs on token ids.
 */
import { LabError } from "../errors.js";
import type { FileTable, MetaValue } from "../native.js";
import { createTokenizer, type Tokenizer } from "../tokenizer/index.js";

export class FileTokenizer {
  readonly #table: FileTable;
  #tokenizer: Tokenizer | undefined;
  #fault: LabError | undefined;

  constructor(table: FileTable) {
    this.#table = table;
  }

  /** The key that says which kind of vocabulary it is; undefined where the file has none. */
  get model(): MetaValue | undefined {
    return this.#table.metadata.get("tokenizer.ggml.model");
  }

  get chatTemplate(): boolean {
    return this.#table.metadata.has("tokenizer.chat_template");
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
