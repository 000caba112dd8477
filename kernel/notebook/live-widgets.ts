/**
 * The live widgets, and the comm target `jupyter.widget.control`, on which a page that is loaded again requests the states of all of them.
 * Only the interface of a widget is used here, so that widget.ts can import this file without a circle.
 */
import type { Split } from "../comms/buffers.js";
import { type Comm, registerTarget } from "../comms/comm.js";

/** What a widget sends to a page that is loaded again. */
export interface LiveWidget {
  readonly id: string;
  /** The whole state, with the names used in messages. */
  wireState(): Split;
}

/** The live widgets by id. */
export const live = new Map<string, LiveWidget>();

let registered = false;

/** Registers the comm target, once. */
export function answerStateRequests(): void {
  if (registered) return;
  registered = true;
  registerTarget("jupyter.widget.control", (comm) => {
    comm.onMessage = ({ data, id }) => {
      if (data.method === "request_states") sendStates(comm, id);
    };
  });
}

function sendStates(comm: Comm, answers: string): void {
  const states: Record<string, object> = {};
  const buffer_paths: (string | number)[][] = [];
  const all: Uint8Array[] = [];
  for (const widget of live.values()) {
    const { state, paths, buffers } = widget.wireState();
    states[widget.id] = {
      model_name: state._model_name,
      model_module: state._model_module,
      model_module_version: state._model_module_version,
      state,
    };
    paths.forEach((path, i) => {
      buffer_paths.push([widget.id, "state", ...path]);
      all.push(buffers[i]!);
    });
  }
  comm.send({ method: "update_states", states, buffer_paths }, { buffers: all, answers });
}
