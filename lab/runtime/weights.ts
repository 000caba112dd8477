/**
 * The native side of a model, shared by its views: the open file, its header, and the queue of forward passes. Counted references:
 * the weights are closed with the last view, after the calls that still run.
 */
import { LabError } from "../errors.js";
import { calling, callingSync, type FileTable, type NativeModel, type NativeModelInfo, type OpenedFile } from "../native.js";
import { createTokenizer, type Tokenizer } from "../tokenizer/index.js";
import { availableBytes, hold } from "./memory.js";
import { Queue } from "./queue.js";

/** Bytes that regrouping `ffn_down` will copy. */
const regroupedBytes = (table: FileTable) =>
  table.tensors.reduce((sum, { name, bytes }) => sum + (/^blk\.\d+\.ffn_down\.weight$/.test(name) ? bytes : 0), 0);

export class Weights {
  readonly queue = new Queue();
  readonly info: NativeModelInfo;
  readonly table: FileTable;
  readonly #native: NativeModel;
  #references = 0;
  #closed = false;
  #tokenizer: Tokenizer | undefined;
  #vocabularyFault: LabError | undefined;

  /** SHA-256 of the file, once somebody asked; it stays the same for as long as this is open (lab/measures/hash.ts). */
  sha256: string | undefined;

  private constructor(native: NativeModel, table: FileTable) {
    this.#native = native;
    this.table = table;
    this.info = callingSync((addon) => addon.modelInfo(native));
  }

  /** The weights of a file that was opened: the caller closes the file. */
  static async open({ file, table }: OpenedFile): Promise<Weights> {
    // The executor says itself what is too much: a file that is open already is shared, and then nothing is copied.
    const budget = Math.max(1, availableBytes());
    const memory = hold(regroupedBytes(table));
    try {
      return new Weights(await calling((addon) => addon.open(file, budget)), table);
    } finally {
      memory.release();
    }
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
