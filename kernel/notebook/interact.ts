/**
 * `interact(fn, { t: slider(0, 0.1) })`: controls, and below them what `fn` shows for their values. A new value aborts the running call: the
 * latest value wins.
 */
import { randomUUID } from "node:crypto";
import { inspect, types } from "node:util";
import { type Displayable, type Draftable, displaySymbol, draftSymbol, type MimeBundle, notebook } from "../../lab/display.js";
import { LabError } from "../../lab/errors.js";
import { hostFor } from "../comms/host.js";
import { engine } from "../engine/shared.js";
import type { Finisher, Task } from "../engine/task.js";
import type { Failure } from "../messages.js";
import { type AnyWidget, VBox } from "./boxes.js";
import { Checkbox, FloatSlider, IntSlider, Text } from "./controls.js";
import { Dropdown } from "./dropdown.js";
import { Output } from "./output.js";
import { Widget } from "./widget.js";

/** A control, or a value that makes one: a boolean makes a check box, a string a text field, an array a dropdown, a number a slider around it. */
export type Control = boolean | number | string | readonly unknown[] | (AnyWidget & { readonly value: unknown });
/** The value that `fn` receives for a control. */
export type ControlValue<C> = C extends { readonly value: infer V }
  ? V
  : C extends boolean
    ? boolean
    : C extends number
      ? number
      : C extends string
        ? string
        : C extends readonly (infer T)[]
          ? T
          : never;
/** The values that `fn` receives, by the controls' names. */
export type ControlValues<C> = { readonly [K in keyof C]: ControlValue<C[K]> };

/** A shown interaction. As a cell's last value it is not shown again. */
export interface Interaction<C = Readonly<Record<string, Control>>> extends Displayable {
  /** The controls by name. */
  readonly controls: { readonly [K in keyof C]: C[K] extends AnyWidget ? C[K] : AnyWidget };
  /** The area in which `fn` prints. */
  readonly output: Output;
  /** Aborts a running call, and removes controls and output from the page. */
  close(): void;
}

/** Milliseconds that an aborted call has to end before the next begins. */
const PATIENCE = 100;
/** Milliseconds without a new value before a call's finishers run: drawing a static picture takes longer than a slider's step. */
const REST = 250;

/**
 * Shows the controls and calls `fn` with their values, at once and whenever one of them changes. What `fn` prints, shows and returns appears
 * below the controls, in place of the previous call's outputs.
 *
 * Returns as soon as the controls are shown. The first call is part of the cell, which ends after it; later calls run at any time, also while
 * another cell awaits something.
 * @param fn its second argument is a signal that is aborted when a newer value comes or the stop button is pressed. It is the default signal
 *   of all calls of the lab in `fn`, so these end by themselves.
 * @example interact(({ t }) => console.log(t), { t: slider(0, 0.1) })
 */
export function interact<const C extends Readonly<Record<string, Control>>>(
  fn: (values: ControlValues<C>, signal: AbortSignal) => unknown,
  controls: C,
): Interaction<C> {
  const host = hostFor("interact");
  if (typeof fn !== "function")
    throw new LabError("invalid-option", `interact takes a function and its controls, received ${typeof fn}`);
  const made = Object.entries(controls).map(([name, control]) => [name, widgetFor(name, control)] as const);
  const output = new Output();
  const box = new VBox([...made.map(([, widget]) => widget), output]);
  const calls = new Calls(output, (signal) =>
    fn(Object.fromEntries(made.map(([name, widget]) => [name, widget.value])) as ControlValues<C>, signal),
  );
  const ends = made.map(([, widget]) => widget.observe(() => void calls.again()));
  // Where widgets are not drawn (an untrusted or exported notebook), their names are shown.
  const names = made.map(([name, widget]) => `${name} = ${inspect(widget.value)}`).join(", ");
  const asText = { "text/plain": `controls: ${names}. Run the cell to use them.` };
  notebook()?.display({ ...box[displaySymbol](), ...asText }, `interact-${box.id}`);
  const key = host.cell();
  const signal = notebook()?.signal();
  notebook()?.atEnd(async () => {
    // The cell was stopped before its end: the controls are shown, and the first change of one makes the first call.
    if (signal?.aborted) return;
    // On behalf of the cell that shows the controls.
    await new Promise<void>((done) => host.handle(key, () => calls.again().then(done, done)));
  });
  return {
    controls: Object.fromEntries(made) as unknown as Interaction<C>["controls"],
    output,
    close() {
      for (const end of ends) end();
      calls.stop();
      for (const [, widget] of made) widget.close();
      output.close();
      box.close();
    },
    [displaySymbol]: (): MimeBundle => ({}),
  };
}

/** Calls of one function: one runs at a time, and only the latest counts. */
class Calls {
  readonly #output: Output;
  readonly #fn: (signal: AbortSignal) => unknown;
  /** What must run once no new value has come for a while: a figure's static picture. */
  readonly #atEnd: Finisher[] = [];
  #running: { readonly task: Task; readonly ended: Promise<void> } | undefined;
  #serial = 0;
  /** Calls that a newer value has aborted. */
  #superseded = new WeakSet<Task>();
  /** The figure's id on the page: the next figure is drawn in its place. */
  readonly #key = `interact-figure-${randomUUID()}`;

  constructor(output: Output, fn: (signal: AbortSignal) => unknown) {
    this.#output = output;
    this.#fn = fn;
  }

  /** Calls the function with the current values. Resolves when that call, or the one that superseded it, has ended. */
  async again(): Promise<void> {
    const mine = ++this.#serial;
    const before = this.#running;
    if (before) {
      this.stop();
      await Promise.race([before.ended, new Promise<void>((done) => engine.setTimeout(done, PATIENCE))]);
    }
    // A newer value came while the old call was ending: its call counts.
    if (mine !== this.#serial) return this.#latest();
    const task = new engine.Task(this.#atEnd);
    const running = { task, ended: this.#run(task) };
    this.#running = running;
    await running.ended;
    if (this.#running === running) this.#running = undefined;
    else return this.#latest();
  }

  /** Aborts the running call. */
  stop(): void {
    if (!this.#running) return;
    this.#superseded.add(this.#running.task);
    this.#running.task.controller.abort();
  }

  async #latest(): Promise<void> {
    for (let at = this.#running; at; at = this.#running === at ? undefined : this.#running) await at.ended;
  }

  /** Shows what the call returned; nothing where a newer value comes meanwhile. */
  async #show(value: unknown, task: Task): Promise<void> {
    const { signal } = task.controller;
    if (!isDraftable(value)) return this.#output.show(value, signal);
    const draft = value[draftSymbol](this.#key);
    this.#output.capture(() => engine.showBundle(draft.now, this.#key));
    task.atEnd.push(async () => {
      if (this.#superseded.has(task)) return;
      const whole = await draft.later();
      if (!this.#superseded.has(task)) engine.showBundle(whole, this.#key, true);
    });
  }

  async #run(task: Task): Promise<void> {
    const { signal } = task.controller;
    this.#output.clear(true);
    let failure: Failure | undefined;
    try {
      await engine.runTask(task, async () => {
        const value = await this.#output.capture(() => this.#fn(signal));
        if (value !== undefined && !signal.aborted) await this.#show(value, task);
      });
      if (signal.aborted) failure = engine.interruptedFailure();
    } catch (error) {
      failure = signal.aborted ? engine.interruptedFailure() : engine.failureOf(error);
    }
    if (this.#superseded.has(task)) return;
    if (failure) this.#output.fail(failure);
    this.#output.settle();
    if (this.#atEnd.length === 0) return;
    await Promise.race([new Promise<void>((done) => engine.setTimeout(done, REST)), aborted(signal)]);
    if (this.#superseded.has(task)) return;
    await engine.finishTask(task);
    if (!this.#superseded.has(task)) this.#output.settle();
  }
}

const isDraftable = (value: unknown): value is Draftable =>
  typeof value === "object" && value !== null && !types.isProxy(value) && draftSymbol in value;

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener("abort", () => done(), { once: true });
  });

type Valued = AnyWidget & { readonly value: unknown };

function widgetFor(name: string, control: Control): Valued {
  if (control instanceof Widget) {
    const widget = control as Valued;
    if (!("value" in widget)) throw new LabError("invalid-option", `interact: the widget of ${name} has no value`);
    if (!widget.get("description")) widget.set({ description: name });
    return widget;
  }
  const description = name;
  if (typeof control === "boolean") return new Checkbox({ value: control, description });
  if (typeof control === "string") return new Text({ value: control, description });
  if (Array.isArray(control)) return new Dropdown({ options: control as readonly unknown[], description });
  if (typeof control === "number" && Number.isFinite(control)) {
    // The range is ipywidgets': around the number, with whole steps for a whole number.
    const [min, max] = control === 0 ? [0, 1] : control > 0 ? [-control, 3 * control] : [3 * control, -control];
    return Number.isInteger(control)
      ? new IntSlider({ value: control, min, max, description })
      : new FloatSlider({ value: control, min, max, step: (max - min) / 100, description });
  }
  throw new LabError(
    "invalid-option",
    `interact: the control of ${name} must be a widget with a value, such as slider(0, 0.1), or a boolean, a string, a number or an array of choices; received ${control === null ? "null" : typeof control}`,
  );
}

/**
 * A slider from `min` to `max`.
 * @param options.step default: a hundredth of the range
 * @param options.value initial value; default: `min`
 * @defaultValue `step`: a hundredth of the range; `value`: `min`
 * @example
 * interact(({ t }) => console.log(t), { t: slider(0, 3, { step: 0.25, value: 1 }) })
 */
export function slider(
  min: number,
  max: number,
  options: { step?: number; value?: number; description?: string; continuousUpdate?: boolean; layout?: { width?: string } } = {},
): FloatSlider {
  const { step = (max - min) / 100, value = min, ...rest } = options;
  return new FloatSlider({ min, max, step, value, ...rest });
}
