/**
 * Memory is counted before it is allocated: captures, logits, the KV cache and scratch are added up and compared with the free memory. An
 * error with numbers is better than an allocation that fails halfway through a corpus, or a machine that swaps.
 *
 * Calls run at the same time, and the system counts a page only once it is written: two calls that begin together would each see the memory
 * that the other is about to take. So a call reserves what it needs, and reports what it has written and what it has freed. A call that does
 * not fit beside running calls that end by themselves waits for them.
 */
import { freemem } from "node:os";
import { throwIfAborted, untilAborted } from "../abort.js";
import { LabError } from "../errors.js";
import { bytesText } from "../text.js";

/** Bytes that can still be allocated: the free memory of the machine, within the limit of the process's control group. */
export function freeBytes(): number {
  const limit = process.constrainedMemory?.() ?? 0;
  const limited = limit > 0 && limit < 2 ** 50;
  return Math.max(0, limited ? Math.min(freemem(), limit - process.memoryUsage.rss()) : freemem());
}

export interface Need {
  readonly what: string;
  readonly bytes: number;
  /** It is one JavaScript array, which has a maximum length. The executor's allocations have none. */
  readonly array?: true;
}
/** A Float32Array holds at most 2^32 values. */
const LONGEST_ARRAY = 2 ** 34;

/** Memory reserved for a call, from before it is allocated until the call ends. */
export interface Reservation {
  /** Reports that this share (0 to 1) has been written, so that the system counts it. The share never goes down. */
  settle(share: number): void;
  release(): void;
}

class Held implements Reservation {
  #settled = 0;
  constructor(
    readonly bytes: number,
    readonly endsByItself: boolean,
  ) {}
  get pending(): number {
    return Math.ceil(this.bytes * (1 - this.#settled)); // whole bytes, as the executor takes them
  }
  settle(share: number): void {
    this.#settled = Math.min(1, Math.max(this.#settled, share));
  }
  release(): void {
    if (!held.delete(this)) return;
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  }
}
const held = new Set<Held>();
let waiting: (() => void)[] = [];
const pendingBytes = () => [...held].reduce((sum, { pending }) => sum + pending, 0);

/**
 * Caches that wait for a generation that may go on from them, oldest first: memory that nobody needs, so it is given up when other memory
 * runs short.
 */
const idle = new Set<() => void>();
/** Adds a cache that `drop` frees, at once. */
export function addIdle(drop: () => void): void {
  idle.add(drop);
}
/** The cache is in use again, or was freed. */
export function removeIdle(drop: () => void): void {
  idle.delete(drop);
}
/** Frees idle caches, oldest first, until this many bytes are free or none is left. */
export function makeRoom(bytes: number): void {
  for (const drop of idle) {
    if (bytes <= availableBytes()) return;
    idle.delete(drop);
    drop();
  }
}

/** Free bytes that no running call has reserved. */
export function availableBytes(): number {
  return Math.max(0, freeBytes() - pendingBytes());
}

/** Reserves bytes without checking whether they fit, for a short time. */
export function reserveUnchecked(bytes: number): Reservation {
  return taken(bytes, true);
}

function taken(bytes: number, endsByItself: boolean): Held {
  const reservation = new Held(bytes, endsByItself);
  held.add(reservation);
  return reservation;
}

/**
 * Reserves the sum of `needs`. Where it will fit once other calls have ended, waits for them.
 * @param out what the caller can do about it
 * @param endsByItself whether the call ends without its caller; a generation does not, since it waits for its reader
 * @throws LabError out-of-memory, aborted
 */
export async function reserve(
  needs: readonly Need[],
  out: string,
  { endsByItself, signal }: { readonly endsByItself: boolean; readonly signal: AbortSignal | undefined },
): Promise<Reservation> {
  const sum = sumOf(needs);
  for (;;) {
    throwIfAborted(signal);
    makeRoom(sum);
    if (sum <= availableBytes()) break;
    const ending = [...held].filter((one) => one.endsByItself);
    const later = availableBytes() + ending.reduce((total, { bytes }) => total + bytes, 0);
    if (ending.length === 0 || sum > later) break;
    await untilAborted(new Promise<void>((resolve) => waiting.push(resolve)), signal);
  }
  checkMemory(needs, out);
  return taken(sum, endsByItself);
}

const sumOf = (needs: readonly Need[]) => needs.reduce((total, { bytes }) => total + bytes, 0);

/**
 * Throws `out-of-memory` where an array is longer than JavaScript allows, or the sum is more than the free memory.
 * @param out what the caller can do about it
 * @param given free bytes. Default: those that are, without idle caches if it takes that
 */
export function checkMemory(needs: readonly Need[], out: string, given?: number, longest = LONGEST_ARRAY): void {
  const parts = needs.filter(({ bytes }) => bytes > 0).map(({ what, bytes }) => `${what} ${bytesText(bytes)} (${bytes} bytes)`);
  for (const { what, bytes, array } of needs) {
    if (array && bytes > longest) {
      throw new LabError(
        "out-of-memory",
        `${what} takes ${bytesText(bytes)} (${bytes} bytes); one array holds at most ${bytesText(longest)}. ${out}`,
      );
    }
  }
  const sum = sumOf(needs);
  if (given === undefined) makeRoom(sum);
  const free = given ?? availableBytes();
  if (sum > free) {
    const others = held.size > 0 ? `, beside ${bytesText(pendingBytes())} reserved by ${callsText()}` : "";
    throw new LabError(
      "out-of-memory",
      `this needs ${bytesText(sum)} (${sum} bytes), ${bytesText(free)} are free${others}: ${parts.join(", ")}. ${out}`,
    );
  }
}

/** A Float32Array of zeros; a LabError where the allocation fails after all. */
export function floats(count: number): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(count);
  } catch (error) {
    throw new LabError("out-of-memory", `an array of ${bytesText(4 * count)} could not be allocated`, { cause: error });
  }
}

function callsText(): string {
  const open = [...held].filter(({ endsByItself }) => !endsByItself).length;
  const running = held.size - open;
  return [
    ...(running > 0 ? [`${running} ${running === 1 ? "call" : "calls"} that run`] : []),
    ...(open > 0 ? [`${open} ${open === 1 ? "generation" : "generations"} not read to the end`] : []),
  ].join(" and ");
}
