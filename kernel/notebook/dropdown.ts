/** A choice among values of any type. The page has only the labels and the index; the values stay in the kernel. */
import { inspect } from "node:util";
import { LabError } from "../../lab/errors.js";
import { type ControlState, controlProperties } from "./controls.js";
import { type DescriptionStyleState, type Layout, type Style, styles } from "./looks.js";
import { addProperties, controlNames, type Options } from "./model.js";
import type { Property } from "./property.js";
import { type Spec, Widget } from "./widget.js";

interface DropdownState extends ControlState {
  labels: readonly string[];
  /** null: nothing is chosen. */
  index: number | null;
  style: Style<DescriptionStyleState>;
}
/** The values, or labels with their values. */
export type Choices<T> = readonly T[] | Readonly<Record<string, T>>;
/** What `new Dropdown` takes. */
export type DropdownOptions<T> = Omit<Options<DropdownState>, "labels" | "index"> & {
  /** The values, each labelled by its text; or an object of labels and values. */
  options: Choices<T>;
  /** The chosen value. Default: the first. */
  value?: T;
};

const labels: Property<readonly string[]> = {
  initial: [],
  expected: "an array of strings",
  take: (given) => (Array.isArray(given) && given.every((v) => typeof v === "string") ? (given as string[]) : undefined),
  wire: "_options_labels",
};
const index: Property<number | null> = {
  initial: null,
  expected: "the index of an option, or null",
  take: (given) =>
    given === null || (Number.isSafeInteger(given) && (given as number) >= 0) ? (given as number | null) : undefined,
};
const spec: Spec<DropdownState> = {
  name: "Dropdown",
  names: controlNames("Dropdown"),
  properties: { labels, index, ...controlProperties, style: styles.description },
  check: (state) =>
    state.index !== null && state.index >= state.labels.length
      ? `index is ${state.index}, but there are ${state.labels.length} options`
      : undefined,
};

/**
 * Chooses one of several values.
 * @defaultValue `value`: the first
 * @example
 * new Dropdown({ options: ["relu", "silu"] });
 * new Dropdown({ options: { strict: 0.01, loose: 0.1 }, value: 0.1 })
 */
export class Dropdown<T> extends Widget<DropdownState, T> {
  declare description: string;
  declare disabled: boolean;
  declare tooltip: string | null;
  declare readonly layout: Layout;
  declare readonly style: Style<DescriptionStyleState>;
  #values: readonly T[];

  constructor(options: DropdownOptions<T>) {
    const { options: choices, value, ...rest } = options ?? {};
    const { labels, values } = choicesOf(choices);
    super(spec, { ...rest, labels, index: values.length === 0 ? null : value === undefined ? 0 : indexOf(values, value) });
    this.#values = values;
  }

  /** The chosen value; undefined where there are no options. */
  get value(): T | undefined {
    const at = this.get("index");
    return at === null ? undefined : this.#values[at];
  }
  set value(value: T) {
    this.set({ index: indexOf(this.#values, value) });
  }

  get options(): readonly T[] {
    return this.#values;
  }
  /** Replaces the options. The choice stays where the chosen value is among them; otherwise the first is chosen. */
  set options(choices: Choices<T>) {
    const { labels, values } = choicesOf(choices);
    const before = this.value;
    this.#values = values;
    const at = values.findIndex((v) => Object.is(v, before));
    this.set({ labels, index: values.length === 0 ? null : Math.max(0, at) });
  }

  /** Calls `fn` with the newly chosen value and the previous one. Returns a function that removes it. */
  override observe(fn: (value: T, old: T) => unknown): () => void;
  override observe<K extends keyof DropdownState & string>(
    name: K,
    fn: (value: DropdownState[K], old: DropdownState[K]) => unknown,
  ): () => void;
  override observe(first: unknown, second?: unknown): () => void {
    if (typeof first !== "function") return super.observe(first as "index", second as (value: number | null) => unknown);
    return super.observe("index", (at, old) => {
      const values = this.#values;
      return (first as (value: unknown, old: unknown) => unknown)(
        at === null ? undefined : values[at],
        old === null ? undefined : values[old],
      );
    });
  }
}
addProperties(Dropdown.prototype, ["description", "disabled", "tooltip", "layout", "style"]);

function choicesOf<T>(choices: Choices<T>): { labels: string[]; values: T[] } {
  if (Array.isArray(choices)) {
    return {
      labels: choices.map((v) => (typeof v === "string" ? v : inspect(v, { depth: 1, breakLength: Infinity }))),
      values: [...choices],
    };
  }
  if (choices !== null && typeof choices === "object")
    return { labels: Object.keys(choices), values: Object.values(choices as Record<string, T>) };
  throw new LabError(
    "invalid-option",
    `Dropdown: options must be an array, or an object of labels and values, received ${typeof choices}`,
  );
}

function indexOf<T>(values: readonly T[], value: T): number {
  const at = values.findIndex((v) => Object.is(v, value));
  if (at >= 0) return at;
  throw new LabError(
    "invalid-option",
    `Dropdown: value ${inspect(value, { depth: 0 })} is not among its ${values.length} options: ${values
      .slice(0, 8)
      .map((v) => inspect(v, { depth: 0 }))
      .join(", ")}`,
  );
}
