/** What a block of each quantised type says: the values of gguf-py, bit for bit in the executor and in the reference's reader. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadQuietly } from "../../lab/model/load.js";
import { randomLlama, randomShape } from "../parity/random-llama.js";
import { decodeTensor } from "../parity/reference.js";
import { BLOCKS, type BlockName } from "../support/blocks.js";
import { temporaryFolder } from "../support/folder.js";
import { specOf, writeGguf } from "../support/gguf.js";
import { root } from "../support/golden.js";

interface Golden {
  readonly types: readonly { readonly name: BlockName; readonly blocks: string; readonly values: string }[];
}
const golden = JSON.parse(readFileSync(join(root(), "test", "golden", "quants", "blocks.json"), "utf8")) as Golden;
const write = temporaryFolder();

test("every block type has a golden one", () => {
  expect(golden.types.map(({ name }) => name).sort()).toEqual(Object.keys(BLOCKS).sort());
});

test.each(golden.types)("$name", async ({ name, blocks, values }) => {
  const raw = new Uint8Array(Buffer.from(blocks, "base64"));
  const want = new Float32Array(new Uint8Array(Buffer.from(values, "base64")).buffer); // (2, 256)
  expect(Float32Array.from(decodeTensor(raw, BLOCKS[name].number, want.length))).toEqual(want);

  // A model with these blocks as the first two rows of its output matrix.
  const { bytes } = randomLlama({ ...randomShape(1, "llama", name), magic: "GGUF", hidden: 256, layers: 1, tied: false });
  const spec = specOf(bytes);
  const tensors = spec.tensors.map((tensor) => {
    if (tensor.name !== "output.weight") return tensor;
    expect(tensor.type).toBe(BLOCKS[name].number);
    return { ...tensor, raw: Uint8Array.from([...raw, ...tensor.raw!.subarray(raw.length)]) };
  });
  const { model } = await loadQuietly(write(`${name}.gguf`, writeGguf({ ...spec, tensors })));
  try {
    expect((await model.weight("output.weight")).data.slice(0, want.length)).toEqual(want);
  } finally {
    model.dispose();
  }
});
