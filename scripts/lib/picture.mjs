/**
 * The picture of README.md is the one that the first notebook was saved with: the last state of its sweep. Nothing is drawn here.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { firstNotebook, inClone, notebooks } from "./paths.mjs";

export const picture = inClone("docs", "pareto.png");

/** The PNG's bytes, out of the saved output of the cell that sweeps. */
export function savedPicture() {
  const { cells } = JSON.parse(readFileSync(join(notebooks, firstNotebook), "utf8"));
  const outputs = cells.find((cell) => cell.id === "sweep").outputs;
  const png = outputs.map((output) => output.data?.["image/png"]).find(Boolean);
  return Buffer.from([png].flat().join(""), "base64");
}

export const isCurrentPicture = () => existsSync(picture) && readFileSync(picture).equals(savedPicture());
