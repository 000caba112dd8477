/**
 * Properties of widgets: which values each accepts, and its name in messages to the page, which is in snake case.
 */
import { inspect } from "node:util";
import { LabError } from "../../lab/errors.js";

/** One property of a widget. */
export interface Property<T> {
  /** The default value. */
  readonly initial: T;
  /** What it accepts, in words, for an error. */
  readonly expected: string;
  /** The property's value for what was given; undefined where that is not accepted. */
  take(given: unknown): T | undefined;
  /** Its name in messages. Default: the property's name in snake case. */
  readonly wire?: string;
}
export type Properties<S> = { readonly [K in keyof S]-?: Property<S[K]> };

function property<T>(initial: T, expected: string, fits: (given: unknown) => boolean): Property<T> {
  return { initial, expected, take: (given) => (fits(given) ? (given as T) : undefined) };
}
const isNumber = (v: unknown): boolean => typeof v === "number" && Number.isFinite(v);
const isText = (v: unknown): boolean => typeof v === "string";

export const number = (initial: number): Property<number> => property(initial, "a finite number", isNumber);
export const integer = (initial: number): Property<number> => property(initial, "a whole number", Number.isSafeInteger);
export const flag = (initial: boolean): Property<boolean> => property(initial, "true or false", (v) => typeof v === "boolean");
export const text = (initial = ""): Property<string> => property(initial, "a string", isText);
/** null: the front end's default. */
export const maybeText = (): Property<string | null> =>
  property<string | null>(null, "a string or null", (v) => v === null || isText(v));
export function oneOf<const T extends string>(initial: NoInfer<T>, ...all: readonly T[]): Property<T> {
  return property<T>(initial, `one of ${all.map((v) => JSON.stringify(v)).join(", ")}`, (v) =>
    (all as readonly unknown[]).includes(v),
  );
}

/** `readoutFormat` -> `readout_format` */
export const snake = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

/** The property's value for what was given, or an error: `FloatSlider: max must be a finite number, received "1"`. */
export function checkedValue<T>(widget: string, name: string, { take, expected }: Property<T>, given: unknown): T {
  const value = take(given);
  if (value !== undefined) return value;
  throw new LabError("invalid-option", `${widget}: ${name} must be ${expected}, received ${inspect(given, { depth: 0 })}`);
}
