/** The whole CUDA backend on the emulator, through the command line: the bundled model against the CPU. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);
const cli = (...args: string[]) =>
  run(process.execPath, [join(root, "dist", "cli", "main.js"), ...args], {
    env: { ...process.env, SPARSELAB_CUDA: "emulated" },
    cwd: join(root, "notebooks"),
  });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sparselab-cuda-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The rows that `logits` writes for a device. */
async function rows(device: string, ...more: string[]): Promise<Float32Array> {
  const out = join(folder, `${device}.f32`);
  await cli(
    "logits",
    "models/tiny-world.q8_0.gguf",
    "--tokens",
    "1,17,300,44,9",
    "--greedy",
    "12",
    "--out",
    out,
    "--device",
    device,
    ...more,
  );
  const bytes = readFileSync(out);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}
const norm = (x: Float64Array) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
function error(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return norm(Float64Array.from(a, (v, i) => v - b[i]!)) / norm(Float64Array.from(b));
}

test("logits of the bundled model, prompt and greedy tokens, are those of the CPU", async () => {
  for (const more of [[], ["--strategy", "dense"], ["--kv", "f16"]] as const)
    expect(error(await rows("cuda", ...more), await rows("cpu", ...more)), more.join(" ")).toBeLessThan(2e-5);
});

test("captures of a point of each kind are those of the CPU", async () => {
  for (const point of ["blocks.3.ffn.mid", "blocks.0.attn.q", "blocks.5.resid_post", "embed"])
    expect(error(await rows("cuda", "--capture", point), await rows("cpu", "--capture", point)), point).toBeLessThan(2e-5);
});

test("the same text, and the device in what is printed", async () => {
  const text = async (device: string) =>
    JSON.parse(
      (await cli("generate", "models/tiny-world.q8_0.gguf", "-p", "One Monday", "-n", "20", "--json", "--device", device)).stdout,
    ).text;
  expect(await text("cuda")).toBe(await text("cpu"));
  const { stdout, stderr } = await cli("generate", "models/tiny-world.q8_0.gguf", "-p", "One", "-n", "2", "--device", "cuda");
  expect(stdout + stderr).toContain("cuda:0 (emulated)");
});
