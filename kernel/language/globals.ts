/** The types of the globals that cells have besides Node's. The engine defines the values (`engine/display.ts`, `engine/input.ts`). */
export const GLOBAL_TYPES = `
/**
 * Shows a value below the cell: by its own \`[Symbol.for("Jupyter.display")]()\` method, as an image (PNG or JPEG bytes), or as text.
 * @param options.raw the value is a MIME bundle, to be shown as it is
 * @param options.display_id an id, by which a later call with \`update: true\` replaces the output
 */
declare function display(value: unknown, options?: { raw?: boolean; update?: boolean; display_id?: string }): Promise<void>;
/** Clears the cell's outputs: at once, or with \`wait\` when the next output comes. */
declare function clearOutput(wait?: boolean): void;
/**
 * Prompts the user below the running cell; resolves to the line typed: \`const name = await input("Name? ")\`.
 * Rejects where the front end has no user, or when the cell is stopped.
 */
declare function input(prompt?: string): Promise<string>;
/** Like \`input\`, but the text typed is hidden. */
declare function password(prompt?: string): Promise<string>;
/** Like \`input\` without \`await\`, as in browsers and Deno: blocks the engine. Returns \`value\` where nothing is typed. Prefer \`await input("Name? ")\`. */
declare function prompt(message?: string, value?: string): string;
/** Asks a yes-or-no question without \`await\`: blocks the engine. */
declare function confirm(message?: string): boolean;
/** Prints a line. */
declare function alert(message?: unknown): void;
/** For notebooks written for Deno's kernel. Nothing else of Deno exists here. */
declare namespace Deno.jupyter {
  const $display: unique symbol;
  function display(value: unknown, options?: { raw?: boolean; update?: boolean; display_id?: string }): Promise<void>;
  function broadcast(type: string, content: Record<string, unknown>, extra?: { metadata?: Record<string, unknown>; buffers?: readonly (ArrayBufferView | ArrayBuffer)[] }): Promise<void>;
  function format(value: unknown): Promise<Record<string, unknown>>;
  function md(strings: TemplateStringsArray, ...values: unknown[]): object;
  function html(strings: TemplateStringsArray, ...values: unknown[]): object;
  function svg(strings: TemplateStringsArray, ...values: unknown[]): object;
  function image(pathOrBytes: string | Uint8Array): object;
}

/* Calls that work in JavaScript but that TypeScript's own types refuse, or type as unknown. */
interface Array<T> {
  fill(): this;
}
interface SetConstructor {
  new (): Set<any>;
}
interface PromiseConstructor {
  new (executor: (resolve: (value?: any) => void, reject: (reason?: any) => void) => void): Promise<any>;
}
interface ArrayBufferConstructor {
  isView(value: any): value is ArrayBufferView & ArrayLike<any> & Iterable<any>;
}
interface Error {
  code?: any;
}
interface JSON {
  parse(text: Buffer, reviver?: (this: any, key: string, value: any) => any): any;
}
interface Response {
  json(): Promise<any>;
}
interface Request {
  json(): Promise<any>;
}
declare function parseInt(value: number, radix?: number): number;
declare function parseFloat(value: number): number;
declare function isNaN(value: string | Date): boolean;
declare function isFinite(value: string | Date): boolean;
`;
