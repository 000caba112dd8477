/** The results: medians, ratios to llama.cpp, shares of what the machine can do, and our executor against its targets. */
import { median } from "../machine.js";
import { QUIET, type Round, SIDES, type Side, type Task, type Turn } from "./measure.js";
import { denseBytes, prefillOperations, type Shape, type WeightType } from "./model.js";

export interface Summary {
  readonly type: WeightType;
  readonly task: Task;
  readonly threads: number;
  /** Medians are of these many rounds; `disturbed`: fewer than three were left alone by other programs, so all count. */
  readonly rounds: number;
  readonly disturbed: boolean;
  readonly stream: number;
  readonly streamSmallPages: number;
  readonly fma: number;
  readonly sides: Readonly<Partial<Record<Side, SideSummary>>>;
}
export interface SideSummary {
  readonly tokensPerSecond: number;
  /** Over llama.cpp: the median of the rounds' ratios, not the ratio of medians, as the machine drifts between rounds. */
  readonly ratio?: number;
  /** Decode: bytes of weights a token times tokens a second, over the stream of the same round. */
  readonly ofStream?: number;
  /** Dense prefill: operations a second over the FMA peak of the same round. */
  readonly ofPeak?: number;
  readonly bytesPerToken?: number;
  readonly sparsity?: number;
}

const rate = (turn: Turn): number => turn.tokens / turn.seconds;
const isQuiet = (round: Round): boolean =>
  Object.values(round.turns).every((turn) => turn.others <= QUIET && turn.diskFaults === 0);

export function summarise(shape: Shape, type: WeightType, all: readonly Round[]): Summary {
  const { task, threads } = all[0]!;
  const quiet = all.filter(isQuiet);
  const disturbed = quiet.length < Math.min(3, all.length);
  const rounds = disturbed ? all : quiet;
  const of = (value: (round: Round) => number) => median(rounds.map(value));
  const sides: Partial<Record<Side, SideSummary>> = {};
  for (const side of SIDES) {
    const first = rounds[0]!.turns[side];
    if (!first) continue;
    // llama.cpp does not count; it reads every weight.
    const bytes = (turn: Turn) => (turn.weightBytes === undefined ? denseBytes(shape, type) : turn.weightBytes / turn.tokens);
    const compared = side !== "llama.cpp" && rounds[0]!.turns["llama.cpp"];
    sides[side] = {
      tokensPerSecond: of(({ turns }) => rate(turns[side]!)),
      ...(compared && { ratio: of(({ turns }) => rate(turns[side]!) / rate(turns["llama.cpp"]!)) }),
      ...(task === "decode" && {
        ofStream: of(({ turns, stream }) => (bytes(turns[side]!) * rate(turns[side]!)) / stream),
        bytesPerToken: bytes(first),
      }),
      ...(task === "prefill" &&
        side !== "exact" && {
          ofPeak: of(({ turns, fma }) => prefillOperations(shape, turns[side]!.tokens) / turns[side]!.seconds / fma),
        }),
      ...(first.sparsity !== undefined && { sparsity: first.sparsity }),
    };
  }
  return {
    type,
    task,
    threads,
    rounds: rounds.length,
    disturbed,
    stream: of((round) => round.stream),
    streamSmallPages: of((round) => round.streamSmallPages),
    fma: of((round) => round.fma),
    sides,
  };
}

/** What ours should reach over llama.cpp with two threads at 90 % sparsity on a Zen 5 CPU. */
const RATIOS: readonly (readonly [WeightType, Task, "dense" | "exact", number])[] = [
  ["f16", "decode", "dense", 0.93],
  ["f16", "decode", "exact", 1.5],
  ["q8_0", "decode", "dense", 0.9],
  ["q8_0", "decode", "exact", 1.55],
  ["f16", "prefill", "dense", 1.8],
  ["f16", "prefill", "exact", 2.5],
  ["q8_0", "prefill", "dense", 1.05],
  ["q8_0", "prefill", "exact", 1.5],
];
const TARGET_THREADS = 2;
/** On another CPU a share of what that CPU can do counts as well: of the stream in decode, of the FMA peak in dense prefill. */
const OF_STREAM = 0.8;
const OF_PEAK = 0.55;

export interface Target {
  readonly type: WeightType;
  readonly task: Task;
  readonly side: "dense" | "exact";
  readonly ratio?: number;
  readonly ratioLimit: number;
  readonly share?: number;
  readonly shareLimit?: number;
  /** Undefined: it was not measured. */
  readonly reached?: boolean;
}

export function targets(summaries: readonly Summary[], zen5: boolean): Target[] {
  return RATIOS.map(([type, task, side, ratioLimit]) => {
    const summary = summaries.find((s) => s.type === type && s.task === task && s.threads === TARGET_THREADS);
    const measured = summary?.sides[side];
    const shareLimit = task === "decode" ? OF_STREAM : side === "dense" ? OF_PEAK : undefined;
    const share = task === "decode" ? measured?.ofStream : measured?.ofPeak;
    const byShare = !zen5 && share !== undefined && shareLimit !== undefined ? share >= shareLimit : undefined;
    const byRatio = measured?.ratio === undefined ? undefined : measured.ratio >= ratioLimit;
    const reached = byShare === undefined && byRatio === undefined ? undefined : byShare === true || byRatio === true;
    return { type, task, side, ratio: measured?.ratio, ratioLimit, share, shareLimit: zen5 ? undefined : shareLimit, reached };
  });
}

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
const percent = (value: number | undefined): string => (value === undefined ? "" : `${(value * 100).toFixed(0)} %`);

/** Columns, the first two aligned left. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((row) => row[c]!.length)));
  return rows
    .map((row) =>
      row
        .map((text, c) => (c < 2 ? text.padEnd(widths[c]!) : text.padStart(widths[c]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function table(summaries: readonly Summary[]): string {
  const rows = [["", "", "threads", "tok/s", "of llama.cpp", "of the stream", "of the FMA peak", "rounds"]];
  for (const { type, task, threads, rounds, disturbed, sides } of summaries)
    for (const side of SIDES) {
      const s = sides[side];
      if (!s) continue;
      rows.push([
        `${type} ${task}`,
        side,
        String(threads),
        digits(s.tokensPerSecond),
        s.ratio === undefined ? "" : digits(s.ratio),
        percent(s.ofStream),
        percent(s.ofPeak),
        `${rounds}${disturbed ? " disturbed" : ""}`,
      ]);
    }
  return columns(rows);
}

export function ceilingLines(summaries: readonly Summary[]): string {
  const threads = [...new Set(summaries.map((s) => s.threads))];
  return threads
    .map((t) => {
      const of = (value: (s: Summary) => number) => digits(median(summaries.filter((s) => s.threads === t).map(value)) / 1e9);
      return `${t} thread${t === 1 ? "" : "s"}: stream ${of((s) => s.stream)} GB/s (in 4 KiB pages ${of((s) => s.streamSmallPages)}), float32 FMA ${of((s) => s.fma)} GFLOP/s`;
    })
    .join("\n");
}

export function targetLines(list: readonly Target[]): string {
  return list
    .map(({ type, task, side, ratio, ratioLimit, share, shareLimit, reached }) => {
      const word = reached === undefined ? "not measured" : reached ? "reached" : "MISSED";
      const what = task === "decode" ? "of the stream" : "of the FMA peak";
      const byRatio = `${ratio === undefined ? "-" : digits(ratio)} of llama.cpp (${ratioLimit})`;
      const byShare = shareLimit === undefined ? "" : ` or ${share === undefined ? "-" : digits(share)} ${what} (${shareLimit})`;
      return `${word.padEnd(12)}  ${type} ${task} ${side}: ${byRatio}${byShare}`;
    })
    .join("\n");
}
