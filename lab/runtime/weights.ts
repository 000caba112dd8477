/**
 * The native side of a model, shared by its views: the open file, its header, and the queue of forward passes. References are counted:
 * the weights are closed with the last view, after the calls that are still running.
 */
import type { Device } from "../device.js";
import { LabError } from "../errors.js";
import {
  callNative,
  callNativeSync,
  type DownForm,
  type FileTable,
  type NativeModel,
  type NativeModelInfo,
  type OpenedFile,
  type Scales,
} from "../native.js";
import { availableBytes, makeRoom, reserveUnchecked } from "./memory.js";
import { Queue } from "./queue.js";

export class Weights {
  readonly queue = new Queue();
  readonly info: NativeModelInfo;
  readonly table: FileTable;
  /** Whether ffn_down could have been regrouped by neuron, but is used as stored. Under int8 it always is. */
  readonly downLeftAsStored: boolean;
  readonly device: Device;
  readonly #native: NativeModel;
  #references = 0;
  #closed = false;

  /** SHA-256 of the file, set when it is first computed; it cannot change while this is open (lab/measures/hash.ts). */
  sha256: string | undefined;

  private constructor(native: NativeModel, table: FileTable, device: Device, down: DownForm, int8: boolean) {
    this.#native = native;
    this.table = table;
    this.device = device;
    this.downLeftAsStored = device.backend === "cpu" && !int8 && down === "as-stored" && table.copiedBytes > 0;
    this.info = callNativeSync((addon) => addon.modelInfo(native));
  }

  /** Loads the weights of an open file; the caller closes the file. `int8`: for programs of that arithmetic. */
  static async open(
    { file, table }: OpenedFile,
    device: Device,
    down: DownForm,
    scales: Scales = {},
    int8 = false,
  ): Promise<Weights> {
    // The executor checks the budget: weights that are loaded already are shared, and then nothing is copied.
    const copied = down === "by-neuron" && device.backend === "cpu" ? table.copiedBytes : 0;
    makeRoom(copied);
    const budget = Math.max(1, availableBytes());
    const memory = reserveUnchecked(copied);
    try {
      const { backend, number } = device;
      const native = await callNative((addon) => addon.open(file, { backend, device: number, budget, down, scales }));
      return new Weights(native, table, device, down, int8);
    } finally {
      memory.release();
    }
  }

  /** The handle; an error after the weights were freed. */
  get native(): NativeModel {
    if (this.#closed) throw new LabError("disposed", `the weights of ${this.table.path} were freed; load the file again`);
    return this.#native;
  }

  retain(): void {
    this.#references++;
  }
  /** The last release closes the weights. */
  release(): void {
    if (--this.#references > 0 || this.#closed) return;
    this.#closed = true;
    void this.queue.drained().then(() => callNativeSync((addon) => addon.closeModel(this.#native)));
  }
}
