/**
 * The tokenizer of a model's file, shared by its views. A model without a vocabulary, or with one that cannot be used, still runs on token ids.
 */
import { LabError } from "../errors.js";
import type { FileTable, MetaValue } from "../native.js";
import { createTokenizer, type Tokenizer, tokenizerSteps } from "../tokenizer/index.js";
import { inTurns } from "../turns.js";

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

  /** Makes the tokenizer in steps that leave others the JavaScript thread. A fault is kept for the first call that needs a text. */
  async prepare(signal: AbortSignal | undefined): Promise<void> {
    if (this.model === undefined || this.#tokenizer || this.#fault) return;
    try {
      this.#tokenizer = await inTurns(tokenizerSteps(this.#table), signal);
    } catch (error) {
      if (!(error instanceof LabError) || error.code === "aborted") throw error;
      this.#fault = error;
    }
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
