/**
 * The native side of a model, shared by its views: the open file, its header, and the queue of forward passes. Counted references:
 * the weights are closed with the last view, after the calls that still run.
 */
import { LabError } from "../errors.js";
import { calling, callingSync, type FileTable, type NativeModel, type NativeModelInfo } from "../native.js";
import { createTokenizer, type Tokenizer } from "../tokenizer/index.js";
import { Queue } from "./queue.js";

export class Weights {
  readonly queue = new Queue();
  readonly info: NativeModelInfo;
  readonly table: FileTable;
  readonly #native: NativeModel;
  #references = 0;
  #closed = false;
  #tokenizer: Tokenizer | undefined;
  #vocabularyFault: LabError | undefined;

  private constructor(native: NativeModel, table: FileTable) {
    this.#native = native;
    this.table = table;
    this.info = callingSync((addon) => addon.modelInfo(native));
  }

  static async open(table: FileTable): Promise<Weights> {
    return new Weights(await calling((addon) => addon.open(table.path)), table);
  }

  /** The handle; an error after the weights were freed. */
  get native(): NativeModel {
    if (this.#closed) throw new LabError("disposed", `the weights of ${this.table.path} were freed; load the file again`);
    return this.#native;
  }

  /** Made when it is first needed: a model without a vocabulary, or with a broken one, still runs on token ids. */
  get tokenizer(): Tokenizer {
    const fault = this.vocabularyFault;
    if (fault) throw new LabError(fault.code, fault.message);
    return this.#tokenizer!;
  }

  /** Why the file's vocabulary serves for no text; undefined where it does. */
  get vocabularyFault(): LabError | undefined {
    if (this.#tokenizer || this.#vocabularyFault) return this.#vocabularyFault;
    try {
      this.#tokenizer = createTokenizer(this.table);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      this.#vocabularyFault = error;
    }
    return this.#vocabularyFault;
  }

  retain(): void {
    this.#references++;
  }
  /** The last one out closes the weights. */
  release(): void {
    if (--this.#references > 0 || this.#closed) return;
    this.#closed = true;
    void this.queue.drained().then(() => callingSync((addon) => addon.closeModel(this.#native)));
  }
}
