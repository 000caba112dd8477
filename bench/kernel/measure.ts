/** One round of one kernel: a fresh process, from its start to a flood of output. */
import { setTimeout as sleep } from "node:timers/promises";
import { median } from "../machine.js";
import type { Engine } from "./engines.js";
import { Session } from "./session.js";

/** How much is measured. The smoke test takes less. */
export interface Size {
  /** Cells before "after many cells". */
  readonly cells: number;
  /** Cells, or completions, behind each median. */
  readonly repeats: number;
  /** Cells in all before memory is read. */
  readonly memoryCells: number;
  readonly floodLines: number;
}
export const FULL: Size = { cells: 300, repeats: 20, memoryCells: 350, floodLines: 200_000 };

/** Times in ms, memory in MiB. */
export interface Round {
  /** From the start of the process to the first kernel_info_reply. */
  readonly start: number;
  /** From the start of the process to the reply of the first cell. */
  readonly firstCell: number;
  /** A cell with text that is new, reply and idle: median of the first `repeats` after the first cell. */
  readonly newCell: number;
  /** The same after `cells` cells. */
  readonly cellAfter: number;
  /** Completion of a member of a variable after `cells` cells: median. */
  readonly completion: number;
  /** Resident, all processes of the kernel, after `memoryCells` cells. */
  readonly memory: number;
  /** From the request until the last line arrived, and how many of `floodLines` arrived. */
  readonly flood: number;
  readonly floodArrived: number;
  /** The flood ended with an idle status. */
  readonly floodIdle: boolean;
  /** Other requests without an idle status. */
  readonly idlesLost: number;
}

const sources = {
  typescript: {
    cell: (i: number) => `const v${i} = [${i}, ${i} * 2];\nv${i}[1]`,
    member: (i: number) => `v${i}.rever`,
    flood: (lines: number) => `for (let i = 0; i < ${lines}; i++) console.log("line", i);`,
  },
  python: {
    cell: (i: number) => `v${i} = [${i}, ${i} * 2]\nv${i}[1]`,
    member: (i: number) => `v${i}.rever`,
    flood: (lines: number) => `for i in range(${lines}): print("line", i)`,
  },
};

export async function measureRound(engine: Engine, size: Size = FULL): Promise<Round> {
  const source = sources[engine.language];
  const session = await Session.start(engine);
  try {
    await session.execute("1 + 1", { idle: false });
    const firstCell = session.sinceStart();
    // A kernel without iopub_welcome does not tell when its listener is connected.
    await sleep(500);

    let i = 0;
    const cells = async (count: number): Promise<number[]> => {
      const times: number[] = [];
      for (let k = 0; k < count; k++) times.push((await session.execute(source.cell(++i))).ms);
      return times;
    };
    const newCell = median(await cells(size.repeats));
    await cells(size.cells - size.repeats);
    const cellAfter = median(await cells(size.repeats));

    const completions: number[] = [];
    for (let k = 0; k < size.repeats; k++) {
      const code = source.member(i - k);
      const { reply, replyMs } = await session.request("complete_request", { code, cursor_pos: code.length });
      if (!(reply.matches as unknown[] | undefined)?.length) throw new Error(`${engine.name} has no completions for ${code}`);
      completions.push(replyMs);
    }

    await cells(size.memoryCells - i);
    const memory = session.residentMib();
    const flood = await session.flood(source.flood(size.floodLines), size.floodLines);
    return {
      start: session.startMs,
      firstCell,
      newCell,
      cellAfter,
      completion: median(completions),
      memory,
      flood: flood.ms,
      floodArrived: flood.lines,
      floodIdle: flood.idle,
      idlesLost: session.idlesLost,
    };
  } finally {
    await session.close();
  }
}
