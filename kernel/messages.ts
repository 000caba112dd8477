/**
 * What the three parts of the kernel say to each other: the server (protocol), the language thread (TypeScript) and the engine
 * (the process that runs cells). Plain data only.
 */
import type { MimeBundle } from "../lab/display.js";
import type { CommOut, CommType } from "./comms/host.js";

/** A failure as the Jupyter protocol words it. */
export interface Failure {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

/** A cell ready to run: JavaScript in which every top-level declaration is an assignment. */
export interface CompiledCell {
  /** How stack traces name it: `cell 3`. */
  readonly label: string;
  readonly js: string;
  /** Source map (version 3, JSON) from `js` to the cell's own text. */
  readonly map: string;
  /** The cell's own text, for the lines that an error shows. */
  readonly code: string;
  /** Names that must exist as live variables before the cell runs. */
  readonly names: readonly string[];
}

export type EngineRequest =
  | {
      readonly op: "run";
      readonly cell: CompiledCell;
      /** Key of the cell that outputs are attributed to (the request's msg_id). */
      readonly key: string;
      /** No result is shown. */
      readonly silent: boolean;
      /** The result is wanted with `done` (user_expressions), not below the cell. */
      readonly expression?: boolean;
    }
  | {
      /** A comm message of the front end; its buffers are the frame's. Answered by `commDone`. */
      readonly op: "comm";
      /** The message's msg_id. */
      readonly id: string;
      readonly type: CommType;
      readonly content: Readonly<Record<string, unknown>>;
      readonly metadata: Readonly<Record<string, unknown>>;
    }
  | {
      /** What the front end says to a question of `input()`; `refused`: that it takes none. */
      readonly op: "input";
      readonly id: string;
      readonly answer?: string;
      readonly refused?: string;
    };

export type RunRequest = Extract<EngineRequest, { op: "run" }>;
export type CommRequest = Extract<EngineRequest, { op: "comm" }>;

export type InputRequest = Extract<EngineRequest, { op: "input" }>;

export type OutputType = "display_data" | "update_display_data" | "execute_result" | "clear_output";

export type EngineEvent =
  | { readonly event: "ready" }
  | { readonly event: "stream"; readonly key: string | undefined; readonly name: "stdout" | "stderr"; readonly text: string }
  | {
      readonly event: "output";
      readonly key: string | undefined;
      readonly type: OutputType;
      readonly data?: MimeBundle;
      readonly metadata?: Readonly<Record<string, unknown>>;
      readonly displayId?: string;
      readonly wait?: boolean;
    }
  /** A comm message for the front end; its buffers are the frame's. */
  | ({ readonly event: "comm" } & CommOut)
  /** The front end's comm message was dealt with. */
  | { readonly event: "commDone"; readonly id: string }
  /** `input()` or `password()` (the asker) asks the front end; answered by an `input` request. */
  | {
      readonly event: "input";
      readonly key: string;
      readonly id: string;
      readonly asker: string;
      readonly prompt: string;
      readonly password: boolean;
    }
  | {
      readonly event: "done";
      readonly key: string;
      readonly failure?: Failure;
      /** Names the failed cell declared but never assigned: their earlier meaning stands. */
      readonly unassigned?: readonly string[];
      /** The result, where it was asked for. */
      readonly data?: MimeBundle;
    };

/** What the server writes on the pipe for stop requests. */
export const STOP = "s";
export const QUIT = "q";

/** Written by the engine on its own stdout and stderr when a cell ends, so that the server knows all native output has arrived. */
export function endMarker(key: string): string {
  return `\u0000\u0001cell-end ${key}\u0001\u0000`;
}

export type CheckReply =
  /** `dropped`: labels of cells, this one perhaps among them, without which later cells mean the same. */
  | { readonly cell: CompiledCell; readonly dropped?: readonly string[] }
  | { readonly failure: Failure; readonly dropped?: readonly string[] };

export interface CompleteReply {
  readonly status: "ok";
  readonly matches: readonly string[];
  readonly cursor_start: number;
  readonly cursor_end: number;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface InspectReply {
  readonly status: "ok";
  readonly found: boolean;
  readonly data: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export type IsCompleteReply =
  | { readonly status: "complete" | "invalid" | "unknown" }
  | { readonly status: "incomplete"; readonly indent: string };

/** Requests to the language thread and what each answers. */
export interface LanguageCalls {
  check: { ask: { code: string; label: string }; reply: CheckReply };
  /** The last checked cell failed: these names keep their earlier meaning. */
  revert: { ask: { names: readonly string[] }; reply: null };
  /** This cell, if it was the last to be checked, will not run: all its names keep their earlier meaning. */
  undo: { ask: { label: string }; reply: null };
  /** The engine lost its variables: so do we. */
  reset: { ask: null; reply: null };
  complete: { ask: { code: string; cursor: number }; reply: CompleteReply };
  inspect: { ask: { code: string; cursor: number; detail: number }; reply: InspectReply };
  isComplete: { ask: { code: string }; reply: IsCompleteReply };
}
