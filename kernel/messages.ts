/**
 * The messages between the kernel's three parts: the server (protocol), the language thread (TypeScript) and the engine (the process that
 * runs cells). Plain data only.
 */
import type { MimeBundle } from "../lab/display.js";
import type { CommOut, CommType } from "./comms/host.js";

/** An error in the form of the Jupyter protocol. */
export interface Failure {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

/** A cell ready to run: JavaScript in which every top-level declaration is an assignment. */
export interface CompiledCell {
  /** Its name in stack traces: `cell 3`. */
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
      /** Whether to show no result. */
      readonly silent: boolean;
      /** Whether to send the result with `done` (user_expressions) instead of showing it. */
      readonly expression?: boolean;
    }
  | {
      /** A comm message of the front end, with the frame's buffers. Answered by `commDone`. */
      readonly op: "comm";
      /** The message's msg_id. */
      readonly id: string;
      readonly type: CommType;
      readonly content: Readonly<Record<string, unknown>>;
      readonly metadata: Readonly<Record<string, unknown>>;
    }
  | {
      /** The front end's answer to `input()`, or the reason why it was not asked. */
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
  /** A comm message for the front end, with the frame's buffers. */
  | ({ readonly event: "comm" } & CommOut)
  /** The front end's comm message with this id was handled. */
  | { readonly event: "commDone"; readonly id: string }
  /** A prompt by `input()` or `password()`, whose name is `asker`. Answered by an `input` request. */
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
      /** Names that the failed cell declared but never assigned: they keep their earlier meaning. */
      readonly unassigned?: readonly string[];
      /** The result, where the request was for an expression. */
      readonly data?: MimeBundle;
    };

/** The bytes on the pipe for stop requests. */
export const STOP = "s";
export const QUIT = "q";

/** The engine writes it to its stdout and stderr when a cell ends, so that the server knows that all native output has arrived. */
export function endMarker(key: string): string {
  return `\u0000\u0001cell-end ${key}\u0001\u0000`;
}

export type CheckReply =
  /** `dropped`: labels of cells that a restarted language thread need not read again, perhaps this one. */
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

/** Requests to the language thread, with their replies. */
export interface LanguageCalls {
  check: { ask: { code: string; label: string }; reply: CheckReply };
  /** The last checked cell failed while it ran: these names keep their earlier meaning. */
  revert: { ask: { names: readonly string[] }; reply: null };
  /** This cell, if it was the last one checked, will not run: all its names keep their earlier meaning. */
  undo: { ask: { label: string }; reply: null };
  /** The engine was restarted: all names are forgotten. */
  reset: { ask: null; reply: null };
  complete: { ask: { code: string; cursor: number }; reply: CompleteReply };
  inspect: { ask: { code: string; cursor: number; detail: number }; reply: InspectReply };
  isComplete: { ask: { code: string }; reply: IsCompleteReply };
}
