/** The names of a file's weights: the error for an unknown one names the nearest, and lists what the file has. */
import { LabError, nearest } from "../errors.js";
import type { FileTable } from "../native.js";
import { refusePromise } from "../promised.js";

/** Throws where the file has no weight of this name. */
export function checkWeightName(name: string, table: FileTable): void {
  refusePromise("weight", name);
  const names = table.tensors.map((tensor) => tensor.name);
  if (names.includes(name)) return;
  // Plain JavaScript may pass anything.
  const text = typeof name === "string" ? name : "";
  // A weight that other layers have.
  const [, layer, own] = /^blk\.(\d+)\.(.+)$/.exec(text) ?? [];
  const layers = names.flatMap((one) => {
    const match = /^blk\.(\d+)\.(.+)$/.exec(one);
    return match && match[2] === own ? [Number(match[1])] : [];
  });
  if (layers.length > 0 && Number(layer) > Math.max(...layers))
    throw new LabError("invalid-option", `the file has no weight "${name}": its layers are 0 to ${Math.max(...layers)}`);
  const near = nearest(text, names);
  const hint = near === undefined ? "" : ` Did you mean "${near}"?`;
  // A weight that every layer has is listed once.
  const patterns = [...new Set(names.map((one) => one.replace(/\.\d+\./, ".*.")))];
  throw new LabError(
    "invalid-option",
    `the file has no weight ${typeof name === "string" ? `"${name}"` : `of a name of type ${typeof name}`}.${hint} It has ${patterns.join(", ")}`,
  );
}
