/**
 * The lifetimes of native calls: they run beside Node's own threads, can be stopped while they wait, end with the worker or process that made them,
 * and hold what they need.
 */
import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadQuietly } from "../../lab/model/load.js";
import { callNative, callNativeSync, type NativeModel } from "../../lab/native.js";
import { openModel } from "../parity/forward.js";
import { folder } from "../support/small-llama.js";
import { program } from "./child.js";
import { longForward, writeMediumLlama } from "./long.js";

let dir: Awaited<ReturnType<typeof folder>>;
let path: string;
beforeAll(async () => {
  dir = await folder();
  chmodSync(dir.path, 0o755); // For the tests that give up being root.
  path = writeMediumLlama(dir.path);
});
afterAll(() => dir.remove());

const close = (models: readonly NativeModel[]) => {
  for (const model of models) callNativeSync((addon) => addon.closeModel(model));
};
const aborted = { code: "aborted" };

describe("models that run at the same time", () => {
  it("leave Node's threads alone: files are read, and another file is loaded, while five models run", async () => {
    const models = await Promise.all(Array.from({ length: 5 }, () => openModel(path)));
    const events: string[] = [];
    const passes = models.map((model) => longForward(model, 4, 1));
    passes.map(({ done }) => done.then(() => events.push("pass")));
    for (const { underWay } of passes) await underWay();
    await readFile(path).then(() => events.push("file"));
    await loadQuietly(path, { activation: "silu" }).then(({ model }) => {
      events.push("load");
      model.dispose();
    });
    await Promise.all(passes.map(({ done }) => done));
    expect(events).toEqual(["file", "load", "pass", "pass", "pass", "pass", "pass"]);
    close(models);
  });

  it("stop while the others continue, also if they share a pool of threads", async () => {
    const models = await Promise.all(Array.from({ length: 4 }, () => openModel(path)));
    const events: string[] = [];
    const passes = models.map((model) => longForward(model, 8, 2));
    passes.slice(0, 3).map(({ done }) => done.then(() => events.push("pass")));
    const last = passes[3]!;
    await last.underWay();
    callNativeSync((addon) => addon.abort(last.program));
    await expect(last.done).rejects.toMatchObject(aborted);
    events.push("stopped");
    await Promise.all(passes.slice(0, 3).map(({ done }) => done));
    expect(events).toEqual(["stopped", "pass", "pass", "pass"]);
    close(models);
  });

  it("a forward that waits for another call of its model can be stopped while it waits", async () => {
    const model = await openModel(path);
    const events: string[] = [];
    const first = longForward(model, 8);
    const second = longForward(model, 1);
    const ending = first.done.then(() => events.push("first"));
    await first.underWay();
    callNativeSync((addon) => addon.abort(second.program));
    await expect(second.done).rejects.toMatchObject(aborted);
    events.push("stopped");
    await ending;
    expect(events).toEqual(["stopped", "first"]);
    close([model]);
  });

  it("a load that was stopped is closed, and the next one works", async () => {
    const controller = new AbortController();
    const stopped = loadQuietly(path, { activation: "silu", signal: controller.signal });
    controller.abort();
    await expect(stopped).rejects.toMatchObject(aborted);
    const { file } = await callNative((addon) => addon.openFile(path));
    const opening = callNative((addon) => addon.open(file));
    callNativeSync((addon) => addon.closeFile(file));
    // Stopped before it began, or closed after its end: both are right, but it must not hang.
    await opening.then(
      (model) => close([model]),
      (error) => expect(error).toMatchObject(aborted),
    );
    await expect(callNative((addon) => addon.open(file))).rejects.toMatchObject({ code: "disposed" });
    (await loadQuietly(path, { activation: "silu" })).model.dispose();
  });
});

describe("the process", () => {
  it("stays alive for a pending call, and ends by itself after it, with models still open", async () => {
    const main = `
      loadQuietly(path, { activation: "silu" }).then(({ model }) => {
        globalThis.kept = model;
        model.run([1, 2, 3]).then(() => say("ran"));
      });`;
    expect(await program({ main }, path)).toMatchObject({ code: 0, signal: null, out: "ran\n" });
  });

  it("process.exit during a forward ends at once, with its own code", async () => {
    // A long pass: it is stopped, not waited for.
    const main = `
      const model = await openModel(path);
      const { underWay, done } = longForward(model, 40, 1);
      done.then(() => say("done"), () => say("rejected"));
      await underWay();
      process.on("exit", () => say("exit"));
      process.exit(7);`;
    expect(await program({ main }, path)).toMatchObject({ code: 7, signal: null, out: "exit\n", err: "" });
  });

  it("process.exit in a worker, and during a load", async () => {
    const main = `
      startWorker().on("exit", (code) => {
        say("worker " + code);
        void loadQuietly(path, { activation: "silu" });
        process.exit(8);
      });`;
    const worker = `
      const model = await openModel(path);
      const { underWay } = longForward(model, 40, 1);
      await underWay();
      process.exit(5);`;
    expect(await program({ main, worker }, path)).toMatchObject({ code: 8, signal: null, out: "worker 5\n", err: "" });
  });
});

describe("a worker that ends", () => {
  // The worker reports its progress and is terminated there; then the main thread uses the lab itself.
  const main = `
    const rounds = 6;
    for (let round = 0; round < rounds; round++) {
      const worker = startWorker();
      await new Promise((resolve) => worker.once("message", resolve));
      // Each round has some turns of the loop more, so that the worker is terminated elsewhere.
      for (let turn = 0; turn < 40 * round; turn++) await new Promise((resolve) => setImmediate(resolve));
      await worker.terminate();
    }
    const { model } = await loadQuietly(path, { activation: "silu" });
    say("logits " + (await model.run([1, 2, 3])).logits.data.every(Number.isFinite));`;
  const works = { code: 0, signal: null, out: "logits true\n", err: "" };

  it("during a forward", async () => {
    const worker = `
      const model = await openModel(path);
      const { underWay } = longForward(model, 24, 2);
      await underWay();
      parentPort.postMessage("under way");`;
    expect(await program({ main, worker }, path)).toMatchObject(works);
  });

  it("during run, one after another", async () => {
    const worker = `
      const { model } = await loadQuietly(path, { activation: "silu", threads: 2 });
      parentPort.postMessage("begins");
      for (;;) await model.run([1, 2, 3, 4], { capture: "blocks.*.ffn.mid" });`;
    expect(await program({ main, worker }, path)).toMatchObject(works);
  });

  it("during load, one after another", async () => {
    const worker = `
      parentPort.postMessage("begins");
      for (;;) (await loadQuietly(path, { activation: "silu" })).model.dispose();`;
    expect(await program({ main, worker }, path)).toMatchObject(works);
  });

  it("during weight, and while many calls wait", async () => {
    const worker = `
      const { model } = await loadQuietly(path, { activation: "silu" });
      parentPort.postMessage("begins");
      for (;;) await Promise.all(Array.from({ length: 50 }, () => model.weight("blk.2.ffn_up.weight")));`;
    expect(await program({ main, worker }, path)).toMatchObject(works);
  });

  it("while another thread runs a model of the same file", async () => {
    const other = `
      const model = await openModel(path);
      const { done, underWay } = longForward(model, 8, 2);
      await underWay();
      const worker = startWorker();
      await new Promise((resolve) => worker.once("message", resolve));
      await worker.terminate();
      say(await ending(done));`;
    const worker = `
      const model = await openModel(path);
      const { underWay } = longForward(model, 24, 2);
      await underWay();
      parentPort.postMessage("under way");`;
    expect(await program({ main: other, worker }, path)).toMatchObject({ code: 0, signal: null, out: "done\n", err: "" });
  });
});

describe("a thread that cannot be started", () => {
  // Root may always start threads. The limit counts all threads of the user, so with a limit of one none can be started.
  const limited = `
    const { model } = await loadQuietly(path, { activation: "silu", threads: 5 });
    if (process.getuid() === 0) process.setuid(65534);
    execFileSync("prlimit", ["--pid", String(process.pid), "--nproc=1:1"]);`;

  it("is an error of run, with the number of threads, and of load; the process continues", async () => {
    const main = `${limited}
      say(await ending(model.run([1, 2, 3])));
      say(await ending(loadQuietly(path, { activation: "silu" })));
      say(await ending(model.weight("output.weight")));`;
    const ended = await program({ main }, path);
    expect(ended, ended.err).toMatchObject({ code: 0, signal: null });
    expect(ended.out.split("\n")).toEqual([
      expect.stringMatching(/^out-of-memory: only 1 of 5 threads could be created: .*\{ threads: 1 \} or less/),
      expect.stringMatching(/^out-of-memory: could not create a thread for native calls/),
      "done",
      "",
    ]);
  });

  it("the suggested way out works", async () => {
    const main = `
      const { model: other } = await loadQuietly(path, { activation: "silu", threads: 1 });
      ${limited}
      say(await ending(other.run([1, 2, 3])));`;
    expect(await program({ main }, path)).toMatchObject({ code: 0, signal: null, out: "done\n" });
  });
});

describe("a call holds what it needs", () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  /** Collects garbage until the finalizers of everything unreachable have run. */
  async function collected(): Promise<void> {
    let gone = false;
    const registry = new FinalizationRegistry(() => (gone = true));
    (() => registry.register({ dropped: new Array(10) }, undefined))();
    while (!gone) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    // Finalizers registered before it are called in the same turn or the next.
    for (let i = 0; i < 3; i++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
  const load = async () => (await loadQuietly(path, { activation: "silu", threads: 1 })).model;

  it("a generation holds its model", async () => {
    const text = await (await load()).generate([1, 5, 6], { maxTokens: 4 }).text();
    const generations = [
      (await load()).generate([1, 5, 6], { maxTokens: 4 }),
      (await load()).generate([1, 5, 6], { maxTokens: 4 }),
    ];
    await collected();
    expect(await generations[0]!.text()).toBe(text);
    await generations[1]!.prompt;
    await collected();
    expect(await generations[1]!.text()).toBe(text);
  });

  it("which is freed with it: nothing unreachable is held", async () => {
    const model = new WeakRef(await load());
    await (async () => {
      const generation = model.deref()!.generate([1, 5, 6], { maxTokens: 2 });
      await generation.prompt;
    })();
    for (let i = 0; i < 20 && model.deref(); i++) await collected();
    expect(model.deref()).toBeUndefined();
  });
});

it("prlimit is installed for the tests above", () => {
  expect(execFileSync("prlimit", ["--version"]).toString()).toContain("util-linux");
});
