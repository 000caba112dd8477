/** The types of what every cell has besides Node's globals: the engine defines the values (`engine/display.ts`). */
export const GLOBAL_TYPES = `
/**
 * Shows a value below the cell: as its own \`[Symbol.for("Jupyter.display")]()\` bundle, an image of PNG or JPEG bytes, or readable text.
 * @param options.raw the value is a MIME bundle, shown as it is
 * @param options.display_id a name under which a later call with \`update: true\` draws it anew in place
 */
declare function display(value: unknown, options?: { raw?: boolean; update?: boolean; display_id?: string }): Promise<void>;
/** Clears the cell's outputs: at once, or with \`wait\` when the next output arrives. */
declare function clearOutput(wait?: boolean): void;
/**
 * Asks whoever sits before the notebook, below the running cell, and resolves to the line that is typed there: \`const name = await input("Name? ")\`.
 * Refused where the front end has nobody to ask. The stop button ends the wait.
 */
declare function input(prompt?: string): Promise<string>;
/** As \`input\`, but what is typed is not seen. */
declare function password(prompt?: string): Promise<string>;
/** Asks without \`await\`, as browsers and Deno do: all else in the engine waits. Resolves to \`value\` where nothing is typed. Prefer \`await input("Name? ")\`. */
declare function prompt(message?: string, value?: string): string;
/** Asks a question of yes or no, without \`await\`. */
declare function confirm(message?: string): boolean;
/** Prints a line. */
declare function alert(message?: unknown): void;
/** What notebooks written for Deno's kernel use; of Deno this kernel has nothing else. */
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

/* What JavaScript takes and TypeScript's own types refuse, or give back as unknown. */
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
