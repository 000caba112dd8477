/**
 * Errors as a cell's output: positions in the running JavaScript become lines of the cell, frames of the kernel and of Node are left out,
 * and the line that failed is shown.
 */
import { SourceMap, type SourceMapPayload } from "node:module";
import { fileURLToPath } from "node:url";
import { types } from "node:util";
import type { CompiledCell, Failure } from "../messages.js";
import { codeFrame, cut, paint } from "../text.js";
import { bridge } from "./bridge.js";
import { cells as realm } from "./cell-realm.js";
import { inspect } from "./intrinsics.js";
import { Interrupted } from "./output.js";

interface CellSource {
  readonly code: string;
  /** The source map, JSON. */
  readonly payload: string;
  /** The line of the JavaScript that only starts the cell: frames there are left out. */
  readonly startLine: number;
  map?: SourceMap;
}
const cells = new Map<string, CellSource>();
/** A position in a cell: `cell 3:7:2`, and `cell *7:…` in one that is not counted. */
const POSITION = /(cell \*?\d+):(\d+):(\d+)/g;
const HIDDEN = /\(node:|^\s+at (?:async )?node:|\/kernel\/engine\/|\/kernel\/language\/|^\s+at (?:async )?<anonymous>$/;

export function rememberCell(cell: CompiledCell): void {
  cells.set(cell.label, { code: cell.code, payload: cell.map, startLine: cell.js.split("\n").length - 1 });
}

const STARTED = "the kernel";

/** A position in a local file: `file:///home/ada/x.ts?edited=2:7:2`. */
const FILE_POSITION = /(file:[^\s)]+?):(\d+):(\d+)/g;
const files = new Map<string, SourceMap>();

/** Positions in compiled local files -> in their own text, by path. */
function mapFiles(text: string): string {
  return text.replace(FILE_POSITION, (all, url: string, line: string, column: string) => {
    const payload = bridge().sources[url];
    if (payload === undefined) return all;
    const map = files.get(url) ?? new SourceMap(JSON.parse(payload) as SourceMapPayload);
    files.set(url, map);
    const entry = map.findEntry(Number(line) - 1, Number(column) - 1) as { originalLine?: number; originalColumn?: number };
    const path = fileURLToPath(url.replace(/\?.*$/, ""));
    return entry.originalLine === undefined ? path : `${path}:${entry.originalLine + 1}:${(entry.originalColumn ?? 0) + 1}`;
  });
}

/** Positions in the JavaScript of cells and local files -> in their own text. */
export function mapPositions(text: string): string {
  return mapFiles(text).replace(POSITION, (all, label: string, line: string, column: string) => {
    const cell = cells.get(label);
    if (!cell) return all;
    if (Number(line) >= cell.startLine) return STARTED;
    cell.map ??= new SourceMap(JSON.parse(cell.payload) as SourceMapPayload);
    const entry = cell.map.findEntry(Number(line) - 1, Number(column) - 1) as { originalLine?: number; originalColumn?: number };
    // Line 1 of the mapped file comes before the cell's own text.
    if (entry.originalLine === undefined || entry.originalLine < 1) return label;
    return `${label}:${entry.originalLine}:${(entry.originalColumn ?? 0) + 1}`;
  });
}

/** Makes `error.stack` give positions in the cell's own text, wherever it is printed. */
export function installStackTraces(beforeEachCell: (fn: () => void) => void): void {
  const prepare = (error: Error, frames: readonly NodeJS.CallSite[]): string => {
    let head: string;
    try {
      head = Error.prototype.toString.call(error);
    } catch {
      head = "Error";
    }
    // The array of frames is of the cells' realm: its methods may be replaced.
    const lines = (Reflect.apply(Array.prototype.map, frames, [(f: NodeJS.CallSite) => `    at ${f}`]) as string[]).filter(
      (l) => !HIDDEN.test(l),
    );
    return unmarked([head, ...lines.map(mapPositions).filter((l) => !l.endsWith(STARTED))].join("\n"));
  };
  const kinds = new Set([Error, realm.Error]);
  for (const kind of kinds) {
    kind.stackTraceLimit = 50; // V8's default, ten, may all be a library's and hide the cell.
    kind.prepareStackTrace = prepare;
  }
  // A cell may delete the hook, and without it stacks give positions in the rewritten JavaScript.
  beforeEachCell(() => {
    for (const kind of kinds) if (typeof kind.prepareStackTrace !== "function") kind.prepareStackTrace = prepare;
  });
}

/** Reads a property of a thrown value; undefined where reading it throws (a getter, a lazily made stack). */
function read(value: ErrorLike, key: keyof ErrorLike): unknown {
  try {
    return value[key];
  } catch {
    return undefined;
  }
}

function messageOf(error: ErrorLike): string {
  try {
    return cut(String(error.message ?? ""), MESSAGE);
  } catch {
    return "(its message cannot be read)";
  }
}

/** The error's name, or its class's where that only inherits one. */
function nameOf(error: ErrorLike): string {
  const name = String(read(error, "name") ?? "Error");
  const prototype = Object.getPrototypeOf(error) as object | null;
  // `class Refused extends TypeError {}` inherits the name "TypeError".
  if (!types.isNativeError(error) || !prototype || Object.hasOwn(error, "name") || Object.hasOwn(prototype, "name")) return name;
  const made = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as unknown;
  if (typeof made !== "function" || types.isProxy(made)) return name;
  const own = Object.getOwnPropertyDescriptor(made, "name")?.value as unknown;
  return typeof own === "string" && own !== "" ? own : name;
}

/** An error of any realm. */
interface ErrorLike {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly stack?: unknown;
  readonly cause?: unknown;
  readonly code?: unknown;
  readonly errors?: unknown;
}

const isErrorLike = (value: unknown): value is ErrorLike =>
  types.isNativeError(value) ||
  // A proxy's properties are not read: its traps are the user's code.
  (typeof value === "object" && value !== null && !types.isProxy(value) && "stack" in value && "message" in value);

/** Characters of a message, and of one line of a stack. */
const MESSAGE = 10_000;
const FRAME = 500;

/** The text without the invisible suffix of variables that shadow a global of Node (language/shadow.ts). */
const unmarked = (text: string): string => text.replace(/(?<=[\w$])\u200c/g, "");

/** Takes that suffix out of the message of an error that a cell has caught: V8 names variables as the running code does. */
export function unmarkCaught(thrown: unknown): void {
  if (!types.isNativeError(thrown)) return;
  const message = Object.getOwnPropertyDescriptor(thrown, "message");
  if (!message?.writable || typeof message.value !== "string") return;
  const clean = unmarked(message.value);
  if (clean !== message.value) thrown.message = clean;
}

export function failureOf(thrown: unknown): Failure {
  try {
    const { ename, evalue, traceback } = describe(thrown);
    return { ename, evalue: unmarked(evalue), traceback: traceback.map(unmarked) };
  } catch {
    // A getter or proxy throws. The cell must end nevertheless.
    const evalue = "a value was thrown that cannot be shown";
    return { ename: "Thrown", evalue, traceback: [`${paint("red", "Thrown")}: ${evalue}`] };
  }
}

function describe(thrown: unknown): Failure {
  if (!isErrorLike(thrown)) {
    const text = cut(inspect(thrown, { depth: 2, maxStringLength: MESSAGE }), MESSAGE);
    return {
      ename: "Thrown",
      evalue: text,
      traceback: [`${paint("red", "Thrown")}: ${text} (not an Error, so it has no stack)`],
    };
  }
  const ename = nameOf(thrown);
  const evalue = messageOf(thrown);
  return { ename, evalue, traceback: traceback(thrown) };
}

export function interruptedFailure(thrown?: unknown): Failure {
  const { name, message } = new Interrupted();
  const where = thrown === undefined || !isErrorLike(thrown) ? [] : traceback(thrown).slice(1);
  return { ename: name, evalue: message, traceback: [`${paint("red", name)}: ${message}`, ...where] };
}

function traceback(error: ErrorLike, depth = 0): string[] {
  const ename = nameOf(error);
  const message = messageOf(error);
  const given = read(error, "code");
  const code = typeof given === "string" ? ` ${paint("gray", `[${given}]`)}` : "";
  const lines = [`${paint("red", ename)}${code}: ${message}`];
  const frames = stackFrames(error);
  // An error of the lab explains itself: only the user's own frames are shown.
  const kept = ename === "LabError" ? frames.filter((l) => l.includes("cell ")) : frames;
  lines.push(...kept.slice(0, 20));
  const place = kept.join("\n").match(/(cell \*?\d+):(\d+):(\d+)/);
  const cell = place && cells.get(place[1]!);
  if (cell) lines.push(codeFrame(cell.code, Number(place[2]), Number(place[3])));
  if (depth < 5) {
    const errors = read(error, "errors");
    if (Array.isArray(errors)) {
      for (const e of errors.slice(0, 10)) lines.push(...indented(isErrorLike(e) ? traceback(e, depth + 1) : [shortly(e)]));
    }
    const by = read(error, "cause");
    if (by !== undefined) {
      const cause = isErrorLike(by) ? traceback(by, depth + 1) : [shortly(by)];
      lines.push(`caused by ${cause[0]}`, ...cause.slice(1));
    }
  }
  return ename === "LabError" ? withoutCauseFrames(lines) : lines;
}

/** The lines of a LabError without the frames of its cause, and without the cause where that only repeats that the call was aborted. */
function withoutCauseFrames(lines: readonly string[]): string[] {
  const by = lines.findIndex((line) => line.startsWith("caused by "));
  if (by < 0 || lines.slice(by).some((line) => line.includes("LabError"))) return [...lines];
  return lines.slice(0, lines[by]!.includes("AbortError") ? by : by + 1);
}

const shortly = (value: unknown): string => cut(inspect(value, { depth: 2, maxStringLength: FRAME }), FRAME);

/** The `at` lines of the stack. The message is cut off first, since it may contain such lines too. */
function stackFrames(error: ErrorLike): string[] {
  const stack = read(error, "stack");
  if (typeof stack !== "string") return [];
  let head = "";
  try {
    head = Error.prototype.toString.call(error);
  } catch {
    // Its name or message cannot be read.
  }
  const rest = stack.startsWith(head) ? stack.slice(head.length) : stack;
  return rest
    .split("\n")
    .filter((l) => /^\s+at /.test(l) && !HIDDEN.test(l))
    .map((l) => cut(l, FRAME));
}

const indented = (lines: readonly string[]): string[] => lines.map((l) => l.replace(/^/gm, "  "));
