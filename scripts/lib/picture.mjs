/** The picture of README.md is the one saved in the first notebook: the last state of its sweep. Nothing is drawn here. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyCommitted } from "./committed.mjs";
import { firstNotebook, inClone, notebooks } from "./paths.mjs";

export const picture = inClone("docs", "pareto.png");

/** The PNG's bytes, from the saved output of the cell that sweeps. `folder`: the notebook's. */
export function savedPicture(folder = notebooks) {
  const { cells } = JSON.parse(readFileSync(join(folder, firstNotebook), "utf8"));
  const outputs = cells.find((cell) => cell.id === "sweep").outputs;
  const png = outputs.map((output) => output.data?.["image/png"]).find(Boolean);
  return Buffer.from([png].flat().join(""), "base64");
}

/** Whether the picture is that of the notebook as it is committed. */
export function isCurrentPicture() {
  const temporary = mkdtempSync(join(tmpdir(), "sparselab-picture-"));
  try {
    return existsSync(picture) && readFileSync(picture).equals(savedPicture(copyCommitted("notebooks", temporary)));
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
