/**
 * Rounds: in each, all engines and modes do the same task one right after the other, so that other programs and a drifting
 * clock and memory bandwidth affect all of them alike. The order rotates from round to round.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, machineCpuSeconds, type Program, usageOf } from "./program.js";

export const TASKS = ["decode", "prefill"] as const;
export type Task = (typeof TASKS)[number];
export const SIDES = ["llama.cpp", "dense", "exact"] as const;
/** Who does the task: llama.cpp, or ours with a strategy. */
export type Side = (typeof SIDES)[number];

export interface Turn {
  readonly seconds: number;
  readonly tokens: number;
  /** Hash of the last logits. */
  readonly hash: string;
  /** Bytes of weights of the whole turn, where they are counted. */
  readonly weightBytes?: number;
  readonly sparsity?: number;
  /** Cores that other programs used meanwhile. */
  readonly others: number;
  /** Cores that the other engine used meanwhile; it should be idle. */
  readonly idle: number;
  /** Pages that were read from the disk. */
  readonly diskFaults: number;
}

/** All sides of one task at one number of threads, and the ceilings of the same minute. */
export interface Round {
  readonly task: Task;
  readonly threads: number;
  readonly turns: Readonly<Partial<Record<Side, Turn>>>;
  /** Bytes a second from memory, in huge and in small pages; float32 operations a second. */
  readonly stream: number;
  readonly streamSmallPages: number;
  readonly fma: number;
}

export interface Engines {
  readonly ours: Program;
  readonly llama?: Program;
}

/** Other programs may use so many cores before a round counts as disturbed. */
export const QUIET = 0.1;

/** Waits, at most `seconds`, until other programs are quiet. */
async function waitForQuiet(seconds: number): Promise<void> {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    const before = machineCpuSeconds() - usageOf("self").cpuSeconds;
    await sleep(250);
    if ((machineCpuSeconds() - usageOf("self").cpuSeconds - before) / 0.25 <= QUIET) return;
  }
}

async function turn(engines: Engines, side: Side, task: Task, threads: number, tokens: number): Promise<Turn> {
  const [active, idle] = side === "llama.cpp" ? [engines.llama!, engines.ours] : [engines.ours, engines.llama];
  const mode = side === "llama.cpp" ? "silu" : side;
  const state = () => ({
    wall: performance.now() / 1000,
    all: machineCpuSeconds(),
    own: active.usage().cpuSeconds + usageOf("self").cpuSeconds,
    faults: active.usage().diskFaults,
    idle: idle?.usage().cpuSeconds ?? 0,
  });
  const before = state();
  const answer = (await active.ask(task, mode, threads, tokens)) as Answer & Pick<Turn, "seconds" | "tokens" | "hash">;
  const after = state();
  const wall = after.wall - before.wall;
  const used = after.idle - before.idle;
  return {
    ...answer,
    // Ticks of 10 ms are too coarse for a shorter turn.
    others: wall < 0.2 ? 0 : Math.max(0, (after.all - before.all - (after.own - before.own) - used) / wall),
    idle: used / wall,
    diskFaults: after.faults - before.faults,
  };
}

const perSecond = (answer: Answer): number => Number(answer.perSecond);

/** One round; `patience`: seconds to wait for a quiet machine before it. */
export async function measureRound(
  engines: Engines,
  task: Task,
  threads: number,
  tokens: number,
  number: number,
  streamBytes: number,
  patience: number,
): Promise<Round> {
  await waitForQuiet(patience);
  const present = SIDES.filter((side) => side !== "llama.cpp" || engines.llama);
  const turns: Partial<Record<Side, Turn>> = {};
  const stream = perSecond(await engines.ours.ask("stream", threads, streamBytes, "huge"));
  const streamSmallPages = perSecond(await engines.ours.ask("stream", threads, streamBytes, "small"));
  const fma = perSecond(await engines.ours.ask("fma", threads));
  for (let i = 0; i < present.length; i++) {
    const side = present[(i + number) % present.length]!;
    turns[side] = await turn(engines, side, task, threads, tokens);
  }
  if (turns.dense!.hash !== turns.exact!.hash)
    throw new Error(
      `${task} at ${threads} threads: exact gave other bits than dense (${turns.exact!.hash}, ${turns.dense!.hash})`,
    );
  return { task, threads, turns, stream, streamSmallPages, fma };
}
