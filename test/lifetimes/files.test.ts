/** Results belong to the file that was opened, whatever happens to its path or contents afterwards. */
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { corpus } from "../../lab/measures/corpus.js";
import { measure } from "../../lab/measures/measure.js";
import { loadQuietly } from "../../lab/model/load.js";
import type { Model } from "../../lab/model/model.js";
import type { LoadOptions } from "../../lab/model/options.js";
import { callNative, callNativeSync, type NativeModel } from "../../lab/native.js";
import { packageInfo } from "../../lab/package.js";
import { openModel } from "../parity/forward.js";
import { folder } from "../support/small-llama.js";
import { program } from "./child.js";
import { longForward, shape, writeMediumLlama } from "./long.js";

let dir: Awaited<ReturnType<typeof folder>>;
let text: string;
beforeAll(async () => {
  dir = await folder();
  text = join(dir.path, "text.txt");
  writeFileSync(text, "a bad cab faded indeed ".repeat(12));
});
afterAll(() => dir.remove());

const hashOf = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
const load = async (path: string, more: LoadOptions = {}) =>
  (await loadQuietly(path, { activation: "silu", threads: 2, ...more })).model;
const kl = (model: Model, reference: Model) => measure(model, corpus(text), { measure: ["kl"], reference, window: 40 });
const changed = { code: "bad-file", message: expect.stringContaining("was changed after it was loaded") };
let count = 0;
const fresh = (seed: number, magic?: "PWRI") => writeMediumLlama(dir.path, `model-${count++}.gguf`, seed, magic);
/** Writes bytes into the file in place: the same inode. */
function overwrite(path: string, bytes: Uint8Array, at: number): void {
  const fd = openSync(path, "r+");
  writeSync(fd, bytes, 0, bytes.length, at);
}

describe("another file at the path", () => {
  it.each(["GGUF", "PWRI"] as const)(
    "%s renamed over it: the model stays what was opened, a second load is another model",
    async (magic) => {
      const one = magic === "PWRI" ? fresh(11, "PWRI") : fresh(11);
      const two = magic === "PWRI" ? fresh(12, "PWRI") : fresh(12);
      const [first, second] = [hashOf(one), hashOf(two)];
      const old = await load(one);
      const before = (await old.run([1, 5, 6, 7])).logits.data;
      renameSync(two, one);
      const now = await load(one);
      expect([...(await old.run([1, 5, 6, 7])).logits.data]).toEqual([...before]);
      expect([...(await now.run([1, 5, 6, 7])).logits.data]).not.toEqual([...before]);
      const report = await kl(now, old);
      expect(report.kl.mean).toBeGreaterThan(0.001);
      expect(report.provenance.sha256).toBe(second);
      expect(report.provenance.reference).toContain(first.slice(0, 16));
      expect((await kl(old, now)).provenance.sha256).toBe(first);
      for (const model of [old, now]) model.dispose();
    },
  );

  it("deleted: it is still measured, by its own hash", async () => {
    const path = fresh(13);
    const digest = hashOf(path);
    const model = await load(path);
    unlinkSync(path);
    const report = await measure(model, corpus(text), { measure: ["perplexity"], window: 40 });
    expect(report.provenance.sha256).toBe(digest);
    model.dispose();
  });

  it("renamed, linked, chmod: only the hash is made again; a second load shares it, and is equal", async () => {
    const path = fresh(14);
    const digest = hashOf(path);
    const model = await load(path);
    expect((await kl(model, model)).provenance.sha256).toBe(digest);
    renameSync(path, `${path}.moved`);
    linkSync(`${path}.moved`, `${path}.linked`);
    chmodSync(`${path}.linked`, 0o600);
    const again = await load(`${path}.linked`);
    const report = await kl(model, again);
    expect([report.kl.max, report.provenance.sha256]).toEqual([0, digest]);
    expect(report.provenance.reference).not.toContain("sha256"); // The same weights.
    for (const one of [model, again]) one.dispose();
  });

  it("a copy of the same bytes is the same weights", async () => {
    const path = fresh(15);
    const copy = `${path}.copy`;
    copyFileSync(path, copy);
    const [one, two] = [await load(path), await load(copy)];
    expect((await kl(one, two)).provenance.reference).not.toContain("sha256");
    for (const model of [one, two]) model.dispose();
  });

  it("a link that flips between header and weights: both are of the file that was opened", async () => {
    const [one, two] = [fresh(16), fresh(17)];
    const link = join(dir.path, "link.gguf");
    symlinkSync(one, link);
    const { file } = await callNative((addon) => addon.openFile(link));
    unlinkSync(link);
    symlinkSync(two, link);
    const [own, expected, other] = [await callNative((addon) => addon.open(file)), await openModel(one), await openModel(two)];
    callNativeSync((addon) => addon.closeFile(file));
    const weight = async (of: NativeModel) => [...(await callNative((addon) => addon.weight(of, "blk.0.ffn_gate.weight"))).data];
    expect(await weight(own)).toEqual(await weight(expected));
    expect(await weight(own)).not.toEqual(await weight(other));
    for (const model of [own, expected, other]) callNativeSync((addon) => addon.closeModel(model));
  });
});

describe("the file written over in place", () => {
  it("during a forward: that forward fails, and so do waiting and later calls", async () => {
    const path = fresh(21);
    const native = await openModel(path);
    const { done, underWay } = longForward(native, 8);
    const weight = callNative((addon) => addon.weight(native, "token_embd.weight"));
    const setting = {
      activation: "silu" as const,
      t: new Float32Array(shape.layers),
      strategy: "dense" as const,
      interventions: [],
    };
    const plan = { settings: [setting], captures: [], sequences: 1, length: 1, threads: 1 };
    const program = callNativeSync((addon) => addon.compile(native, plan));
    const x = new Float32Array(shape.hidden);
    const ffn = callNative((addon) =>
      addon.ffn(program, 0, { settings: new Int32Array(1), x }, { y: new Float32Array(shape.hidden) }),
    );
    await underWay();
    overwrite(path, readFileSync(path).subarray(0, 4), 0);
    for (const call of [done, weight, ffn]) await expect(call).rejects.toMatchObject(changed);
    await expect(callNative((addon) => addon.stamp(native))).rejects.toMatchObject(changed);
    callNativeSync((addon) => addon.closeModel(native));
  });

  it("loaded again it is a new model; the old one reports the change", async () => {
    const [path, other] = [fresh(22), fresh(23)];
    const old = await load(path);
    overwrite(path, readFileSync(other), 0);
    const now = await load(path);
    await expect(old.run([1, 2, 3])).rejects.toMatchObject(changed);
    await expect(kl(now, old)).rejects.toMatchObject(changed);
    const report = await measure(now, corpus(text), { measure: ["sparsity"], window: 40 });
    expect(report.provenance.sha256).toBe(hashOf(other));
    for (const model of [old, now]) model.dispose();
  });

  it("with its modification time restored: the weights copied at load are compared", async () => {
    const path = fresh(24);
    const exact = { strategy: "exact" } as const; // ffn_down is regrouped, a copy
    const model = await load(path, exact);
    const { atime, mtime } = statSync(path);
    utimesSync(path, atime, mtime); // The same instant in the file's own precision, from here on.
    model.dispose();
    const again = await load(path, exact);
    const down = (await callNative((addon) => addon.readHeader(path))).tensors.find(
      ({ name }) => name === "blk.3.ffn_down.weight",
    )!;
    overwrite(path, new Uint8Array(4), down.offset + 400);
    utimesSync(path, atime, mtime);
    await expect(again.run([1, 2, 3])).rejects.toMatchObject(changed);
    await expect(measure(again, corpus(text), { measure: ["sparsity"], window: 40 })).rejects.toMatchObject(changed);
    again.dispose();
  });

  it("with its modification time restored and nothing copied: the hash differs from the earlier one", async () => {
    const path = fresh(25, "PWRI");
    const { atime, mtime } = statSync(path);
    utimesSync(path, atime, mtime);
    const model = await load(path);
    expect((await kl(model, model)).provenance.sha256).toBe(hashOf(path));
    const up = (await callNative((addon) => addon.readHeader(path))).tensors.find(({ name }) => name === "blk.3.ffn_up.weight")!;
    overwrite(path, new Uint8Array(4), up.offset + 400);
    utimesSync(path, atime, mtime);
    await expect(kl(model, model)).rejects.toMatchObject(changed);
    model.dispose();
  });
});

describe("the file cut while it is mapped", () => {
  const cut = `
    const native = await openModel(path);
    const { done, underWay } = longForward(native, 8);
    await underWay();
    fs.truncateSync(path, 4096);
    say(await ending(done));
    say(await ending(callNative((addon) => addon.weight(native, "output.weight"))));
  `;
  it("a pass that reads the missing pages fails with bad-file, and the process keeps its variables", async () => {
    const ended = await program({ main: `const kept = 42; ${cut} say("kept " + kept);` }, fresh(31));
    expect(ended, ended.err).toMatchObject({ code: 0, signal: null });
    const [pass, weight, kept] = ended.out.split("\n");
    for (const line of [pass, weight]) expect(line).toMatch(/^bad-file: ".*model-\d+\.gguf" was changed after it was loaded/);
    expect(kept).toBe("kept 42");
  });

  it("in a worker, too; the main thread continues", async () => {
    const main =
      'startWorker().on("exit", (code) => say("worker " + code)).on("error", (error) => say("error " + error.message));';
    const ended = await program({ main, worker: cut }, fresh(32));
    expect(ended, ended.err).toMatchObject({ code: 0, signal: null });
    const badFile = expect.stringMatching(/^bad-file: /);
    expect(ended.out.split("\n")).toEqual([badFile, badFile, "worker 0", ""]);
  });
});

describe("the command line", () => {
  it("ends with 1 and names the file that was cut while it measured", async () => {
    const path = fresh(33);
    const main = join(packageInfo().root, "dist", "cli", "main.js");
    // Far more text than is measured before the file is cut, even on a busy machine.
    const text = join(dir.path, "long.txt");
    writeFileSync(text, "a bad cab ".repeat(1_000_000));
    const child = spawn(process.execPath, [main, "measure", path, "--text", text, "--activation", "silu", "--json"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    const ended = new Promise((resolve) => child.once("close", (code, signal) => resolve({ code, signal })));
    // Cut as soon as the process has it mapped.
    const maps = `/proc/${child.pid}/maps`;
    while (!readFileSync(maps, "utf8").includes(path)) await new Promise((resolve) => setImmediate(resolve));
    truncateSync(path, 4096);
    expect(await ended).toEqual({ code: 1, signal: null });
    expect(errors).toMatch(/^sparselab: .*model-\d+\.gguf/);
  });
});

describe("files that are not regular", () => {
  it("is refused at once, and later loads are not held up", async () => {
    const path = fresh(41);
    const pipes = Array.from({ length: 5 }, (_, i) => join(dir.path, `pipe-${i}.gguf`));
    execFileSync("mkfifo", pipes);
    const link = join(dir.path, "to-pipe.gguf");
    symlinkSync(pipes[0]!, link);
    const loads = [...pipes, link].map((pipe) => load(pipe));
    await Promise.all(
      loads.map((one) =>
        expect(one).rejects.toMatchObject({ code: "bad-file", message: expect.stringContaining("it is a named pipe") }),
      ),
    );
    (await load(path)).dispose();
    await expect(load(dir.path)).rejects.toMatchObject({ code: "bad-file", message: expect.stringContaining("it is a folder") });
    await expect(load("/dev/zero")).rejects.toMatchObject({
      code: "bad-file",
      message: expect.stringContaining("it is a device"),
    });
    for (const pipe of pipes) rmSync(pipe);
  });
});
