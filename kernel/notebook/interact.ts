/**
 * `interact(fn, { t: slider(0, 0.1) })`: controls, and below them what `fn` shows for their values. A new value ends the call that
 * still runs, and the latest value wins.
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

/** A control, or what stands for one: `true` a check box, a text a text field, an array a choice, a number a slider around it. */
export type Control = boolean | number | string | readonly unknown[] | (AnyWidget & { readonly value: unknown });
/** What `fn` is given for a control. */
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
/** What `fn` is given for all controls, by their names. */
export type ControlValues<C> = { readonly [K in keyof C]: ControlValue<C[K]> };

/** A shown interaction. As a cell's last value it shows nothing more. */
export interface Interaction<C = Readonly<Record<string, Control>>> extends Displayable {
  /** The controls by their names. */
  readonly controls: { readonly [K in keyof C]: C[K] extends AnyWidget ? C[K] : AnyWidget };
  /** Where `fn` prints. */
  readonly output: Output;
  /** Ends a running call, and takes controls and output off the page. */
  close(): void;
}

/** Milliseconds that a call has to end after its signal, before the next begins. */
const PATIENCE = 100;
/** Milliseconds that values must rest before what a call left for the end is done: a picture takes longer than a step of the mouse. */
const REST = 250;

/**
 * Shows the controls and calls `fn` with their values, at once and whenever one of them changes. What `fn` prints, shows and returns
 * stands below the controls and replaces what the call before it left there.
 *
 * Returns once shown. Its first call belongs to the cell, which is done when the call is; the others run whenever they are asked for, also
 * while another cell awaits something.
 * @param fn its second argument is a signal that is aborted when a newer value has come, or the stop button was pressed. Calls of the lab
 *   in it end by themselves then, since this is their default signal.
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
  // Where widgets are not drawn (an untrusted notebook, a printed one), at least their names.
  const names = made.map(([name, widget]) => `${name} = ${inspect(widget.value)}`).join(", ");
  const asText = { "text/plain": `controls: ${names}. Run the cell to use them.` };
  notebook()?.display({ ...box[displaySymbol](), ...asText }, `interact-${box.id}`);
  const key = host.cell();
  const signal = notebook()?.signal();
  notebook()?.atEnd(async () => {
    // The cell was stopped before it came to its end: the controls stand there, the call waits for one of them to move.
    if (signal?.aborted) return;
    // In the name of the cell that shows it, whatever started it.
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

/** Calls of one function, of which one runs at a time and only the latest counts. */
class Calls {
  readonly #output: Output;
  readonly #fn: (signal: AbortSignal) => unknown;
  /** What must be done when values have come to rest: a figure's static picture. */
  readonly #atEnd: Finisher[] = [];
  #running: { readonly task: Task; readonly ended: Promise<void> } | undefined;
  #serial = 0;
  #overtaken = new WeakSet<Task>();
  /** Names the figure of this interaction on the page, so that the next one is drawn in its place. */
  readonly #key = `interact-figure-${randomUUID()}`;

  constructor(output: Output, fn: (signal: AbortSignal) => unknown) {
    this.#output = output;
    this.#fn = fn;
  }

  /** Calls with the values of now; resolves when that call, or the one that overtook it, has ended. */
  async again(): Promise<void> {
    const mine = ++this.#serial;
    const before = this.#running;
    if (before) {
      this.stop();
      await Promise.race([before.ended, new Promise<void>((done) => engine.setTimeout(done, PATIENCE))]);
    }
    // A newer value came while the old call ended: its call is the one.
    if (mine !== this.#serial) return this.#latest();
    const task = new engine.Task(this.#atEnd);
    const running = { task, ended: this.#run(task) };
    this.#running = running;
    await running.ended;
    if (this.#running === running) this.#running = undefined;
    else return this.#latest();
  }

  /** Ends the running call. */
  stop(): void {
    if (!this.#running) return;
    this.#overtaken.add(this.#running.task);
    this.#running.task.controller.abort();
  }

  async #latest(): Promise<void> {
    for (let at = this.#running; at; at = this.#running === at ? undefined : this.#running) await at.ended;
  }

  /** What the call returned. A newer value may come while it is drawn: then it is dropped, since only the latest counts. */
  async #show(value: unknown, task: Task): Promise<void> {
    const { signal } = task.controller;
    if (!isDraftable(value)) return this.#output.show(value, signal);
    const draft = value[draftSymbol](this.#key);
    this.#output.capture(() => engine.showBundle(draft.now, this.#key));
    task.atEnd.push(async () => {
      if (this.#overtaken.has(task)) return;
      const whole = await draft.later();
      if (!this.#overtaken.has(task)) engine.showBundle(whole, this.#key, true);
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
    if (this.#overtaken.has(task)) return;
    if (failure) this.#output.fail(failure);
    this.#output.settle();
    if (this.#atEnd.length === 0) return;
    await Promise.race([new Promise<void>((done) => engine.setTimeout(done, REST)), aborted(signal)]);
    if (this.#overtaken.has(task)) return;
    await engine.finishTask(task);
    if (!this.#overtaken.has(task)) this.#output.settle();
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
    // As ipywidgets does: around the number, whole steps for a whole number.
    const [min, max] = control === 0 ? [0, 1] : control > 0 ? [-control, 3 * control] : [3 * control, -control];
    return Number.isInteger(control)
      ? new IntSlider({ value: control, min, max, description })
      : new FloatSlider({ value: control, min, max, step: (max - min) / 100, description });
  }
  throw new LabError(
    "invalid-option",
    `interact: the control of ${name} must be a widget with a value, such as slider(0, 0.1), or true, a text, a number, an array of choices; received ${control === null ? "null" : typeof control}`,
  );
}

/**
 * A slider from `min` to `max`.
 * @param options.step default: a hundredth of the way
 * @param options.value where it stands; default: `min`
 * @defaultValue `step`: a hundredth of the way; `value`: `min`
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
