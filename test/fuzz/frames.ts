/**
 * `npm run fuzz -- frames`: sends every kind of attack to a running kernel, on all five channels. It must keep answering, keep its variables, run
 * only correctly signed new messages, log each message that it refuses, and not grow.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Dealer } from "zeromq";
import { Client } from "../kernel/client.js";
import { belowGenerator } from "../support/random.js";
import { attacks, type Target } from "./attacks.js";
import { rawBytes, rawConnection, strangeHeartbeat, strangeSubscriber } from "./intruders.js";

/** Attacks between two checks whether the kernel still answers. */
const BATCH = 100;
/** Limit for the growth of the kernel's heap, after a collection, from the first tenth of the attacks to the last. */
const HELD_MIB = 8;
/** Limit of the resident memory of its process, with the language thread. */
const RESIDENT_MIB = 800;
/** Limit of a line of the log, whatever a message contains. */
const LOG_LINE = 1200;
const TARGETS: readonly Target[] = ["shell", "control", "stdin"];

export interface Result {
  readonly sent: number;
  /** Messages that had to be refused. */
  readonly refused: number;
  readonly misses: readonly string[];
  /** Bytes of its heap after a tenth of the attacks and after all, and the resident memory at the end. */
  readonly mib: { readonly before: number; readonly after: number; readonly resident: number };
  readonly seconds: number;
}

const residentMib = (pid: number): number =>
  Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) / 1024;

/** Bytes of the kernel's heap after a garbage collection (memory-probe.ts). */
async function heldMib(pid: number, probe: string): Promise<number> {
  rmSync(probe, { force: true });
  process.kill(pid, "SIGUSR2");
  for (let tries = 0; tries < 200; tries++) {
    await sleep(50);
    const bytes = existsSync(probe) ? readFileSync(probe, "utf8") : "";
    if (bytes) return Number(bytes) / 2 ** 20;
  }
  throw new Error("the memory probe did not answer");
}

async function startProbed(probe: string): Promise<Client> {
  const { NODE_OPTIONS } = process.env;
  // The kernel inherits them.
  process.env.NODE_OPTIONS = `${NODE_OPTIONS ?? ""} --import ${pathToFileURL(resolve("dist/test/fuzz/memory-probe.js"))}`;
  process.env.SPARSELAB_MEMORY_PROBE = probe;
  try {
    return await Client.start();
  } finally {
    delete process.env.SPARSELAB_MEMORY_PROBE;
    if (NODE_OPTIONS === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = NODE_OPTIONS;
  }
}

export async function attackKernel(n: number, seed: number): Promise<Result> {
  // 1. A kernel, and the attacker's sockets.
  const folder = mkdtempSync(join(tmpdir(), "sparselab-fuzz-"));
  const probe = join(folder, "memory");
  const client = await startProbed(probe);
  const trace = join(client.folder, "trace");
  const leave = (what: string): string => `require("node:fs").appendFileSync(${JSON.stringify(trace)}, "${what}\\n")`;
  const port = (channel: string): number => Number(client.connection[`${channel}_port`]);
  const sockets = Object.fromEntries(
    TARGETS.map((target) => {
      const socket = new Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 });
      socket.connect(`tcp://127.0.0.1:${port(target)}`);
      return [target, socket];
    }),
  ) as Record<Target, Dealer>;
  // Answers to the attacker are read and ignored.
  const reading = TARGETS.map(async (target) => {
    try {
      for await (const _ of sockets[target]);
    } catch {
      // Closed.
    }
  });

  // 2. Attacks, with signs of life in between.
  const misses: string[] = [];
  const begin = performance.now();
  let [sent, refused, strange, taken] = [0, 0, 0, 0];
  let before = 0;
  try {
    await client.execute("let kept = 41;");
    let known = client.frames("execute_request", { code: leave("taken"), silent: true });
    const kinds = Object.keys(attacks);
    for (; sent < n && misses.length === 0; sent++) {
      const random = belowGenerator(seed + sent * 7919);
      if (sent % BATCH === 0) {
        // A message of our own: accepted once, and a replay from then on.
        known = client.frames("execute_request", { code: leave("taken"), silent: true });
        await client.sendFrames(known);
        taken++;
        misses.push(...(await signsOfLife(client)));
      }
      if (before === 0 && sent >= n / 10) before = await heldMib(client.process.pid!, probe);
      const kind = sent % (kinds.length + 3);
      if (kind === kinds.length)
        await rawConnection(port(["shell", "control", "stdin", "iopub", "hb"][random(5)]!), rawBytes(random));
      else if (kind === kinds.length + 1) await strangeSubscriber(port("iopub"), random);
      else if (kind === kinds.length + 2) misses.push(...[await strangeHeartbeat(port("hb"), random)].filter(Boolean));
      else {
        const scene = { key: String(client.connection.key), trace: leave("obeyed"), taken: known, id: `${seed}-${sent}` };
        const attack = attacks[kinds[kind]!]!(scene, random);
        if (attack.refused) refused++;
        else strange++;
        await sockets[TARGETS[random(3)]!].send([...attack.frames]);
      }
    }
    misses.push(...(await signsOfLife(client)));
    const kept = await client.execute("kept");
    if (kept.text !== "41") misses.push(`a variable that was 41 is ${kept.text}: the engine did not survive`);

    // 3. What was obeyed, what the log has, and the memory.
    const traces = existsSync(trace) ? readFileSync(trace, "utf8").trim().split("\n") : [];
    const obeyed = traces.filter((line) => line === "obeyed").length;
    if (obeyed) misses.push(`${obeyed} messages were obeyed that should have been refused`);
    if (traces.length - obeyed !== taken)
      misses.push(`${taken} good messages were sent, once each; ${traces.length - obeyed} cells ran`);
    misses.push(...(await faultsOfLog(client, refused, strange)));
    const after = await heldMib(client.process.pid!, probe);
    const resident = residentMib(client.process.pid!);
    if (after - before > HELD_MIB)
      misses.push(
        `a leak: the heap held ${before.toFixed(1)} MiB after a tenth of the attacks, ${after.toFixed(1)} MiB after all`,
      );
    if (resident > RESIDENT_MIB) misses.push(`memory: ${resident.toFixed(0)} MiB resident, at most ${RESIDENT_MIB}`);
    return { sent, refused, misses, mib: { before, after, resident }, seconds: (performance.now() - begin) / 1000 };
  } finally {
    for (const target of TARGETS) sockets[target].close();
    await Promise.all(reading);
    await client.close();
    rmSync(folder, { recursive: true });
  }
}

/** The faults of a kernel that should be working: it has exited, or does not answer on one of its channels. */
async function signsOfLife(client: Client): Promise<string[]> {
  const { exitCode, signalCode } = client.process;
  if (exitCode !== null || signalCode !== null) return [`the kernel ended: ${signalCode ?? exitCode}`];
  const looks: Record<string, () => Promise<unknown>> = {
    heartbeat: () => client.heartbeat(),
    shell: () => client.request("kernel_info_request", {}, "shell", 20_000),
    control: () => client.request("kernel_info_request", {}, "control", 20_000),
  };
  const misses: string[] = [];
  for (const [name, look] of Object.entries(looks)) {
    await look().catch((error: Error) => misses.push(`no answer on ${name}: ${error.message.slice(0, 300)}`));
  }
  const sum = await client.execute("1 + 1", {}, 20_000).catch((error: Error) => ({ text: error.message.slice(0, 300) }));
  if (sum.text !== "2") misses.push(`a cell with 1 + 1 gave ${sum.text}`);
  return misses;
}

/** One line for each refused message, none of them long, and no error of the kernel's own. Messages that are only unusual may be refused, too. */
async function faultsOfLog(client: Client, refused: number, strange: number): Promise<string[]> {
  const ignored = (): number => client.log.match(/a message was ignored/g)?.length ?? 0;
  for (let tries = 0; tries < 50 && ignored() < refused; tries++) await sleep(100);
  const lines = client.log.split("\n");
  const faults: string[] = [];
  if (ignored() < refused || ignored() > refused + strange)
    faults.push(`${refused} messages had to be refused, the log has ${ignored()}`);
  const long = lines.find((line) => line.length > LOG_LINE);
  if (long) faults.push(`a line of the log has ${long.length} characters: ${long.slice(0, 100)}…`);
  const stray = lines.find((line) => line !== "" && !line.startsWith("sparselab kernel: "));
  if (stray !== undefined) faults.push(`the log has a line that is not the kernel's: ${JSON.stringify(stray.slice(0, 200))}`);
  const own = lines.find((line) => / at \S.*:\d+:\d+/.test(line));
  if (own) faults.push(`the kernel had an error of its own: ${own}`);
  return faults;
}

/** Attacks a kernel `n` times and prints the result; returns the number of misses. */
export async function fuzzFrames(n: number, seed: number): Promise<number> {
  console.log(
    `${n} attacks of ${Object.keys(attacks).length + 3} kinds on a running kernel; seed ${seed} (npm run fuzz -- frames --n ${n} --seed ${seed})`,
  );
  const { sent, refused, misses, mib, seconds } = await attackKernel(n, seed);
  for (const miss of misses) console.log(`MISS after ${sent}: ${miss}`);
  console.log(
    `${sent} sent, ${refused} of them to be refused; heap ${mib.before.toFixed(1)} MiB after a tenth, ${mib.after.toFixed(1)} MiB at the end (at most ${HELD_MIB} more), resident ${mib.resident.toFixed(0)} MiB (at most ${RESIDENT_MIB}); ${misses.length} misses in ${seconds.toFixed(1)} s`,
  );
  return misses.length;
}
