/** The comm target `jupyter.widget.control`: a page that was loaded again asks once for the states of all widgets. */
import { type Comm, registerTarget } from "../comms/comm.js";
import { widgets } from "./widget.js";

let registered = false;

export function answerStates(): void {
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
  for (const widget of widgets()) {
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
