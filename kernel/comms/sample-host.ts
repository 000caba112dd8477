/** A host for unit tests: records what is published, and runs handlers at once on behalf of the cell `cell`. */
import { type CommOut, connectHost } from "./host.js";

export interface SampleHost {
  cell: string;
  readonly sent: (CommOut & { readonly buffers: readonly Uint8Array[] })[];
  /** The cells on whose behalf handlers ran. */
  readonly handled: (string | undefined)[];
  /** What handlers threw. */
  readonly errors: unknown[];
  remove(): void;
}

export function sampleHost(): SampleHost {
  const host: SampleHost = { cell: "cell-1", sent: [], handled: [], errors: [], remove: () => connectHost(undefined) };
  connectHost({
    publish: (message, buffers) => host.sent.push({ ...message, buffers }),
    cell: () => host.cell,
    handle: (key, fn) => {
      host.handled.push(key);
      try {
        void fn();
      } catch (error) {
        host.errors.push(error);
      }
    },
  });
  return host;
}
