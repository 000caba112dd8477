/**
 * A widget: a model whose state the kernel and the page share, by the protocol `jupyter.widget` 2.1. What is set here changes on the page,
 * wherever the widget is shown; what the user changes there is set here, and observers are called. A widget may be shown several times, and a
 * page that is loaded again requests its state.
 */
import { inspect } from "node:util";
import { type Displayable, displaySymbol, type MimeBundle } from "../../lab/display.js";
import { LabError, unknownName } from "../../lab/errors.js";
import { type BufferPath, bytesOf, join, type Split, split } from "../comms/buffers.js";
import { Comm, type CommMessage } from "../comms/comm.js";
import { hostFor } from "../comms/host.js";
import { answerStateRequests, live } from "./live-widgets.js";
import { checkedValue, type Properties, type Property, snake } from "./property.js";

const PROTOCOL = "2.1.0";
const reference = "IPY_MODEL_";

/** What a front end needs to find the model and its view. */
export interface ModelNames {
  readonly module: string;
  readonly version: string;
  readonly model: string;
  /** null: it has no view of its own. */
  readonly view: string | null;
  /** The view's module, where it is another. */
  readonly viewModule?: string;
  readonly viewVersion?: string;
}

export interface Spec<S> {
  /** The class's name for the user. */
  readonly name: string;
  readonly names: ModelNames;
  readonly properties: Properties<S>;
  /** Checks properties against each other; returns the error's text, or undefined. */
  check?(state: Readonly<S>): string | undefined;
}

/** What `observe(fn)` watches. */
export type ValueOf<S> = S extends { value: infer V } ? V : never;
type Observer = (value: unknown, old: unknown) => unknown;
type MessageHandler = (content: unknown, buffers: readonly Uint8Array[]) => unknown;

/**
 * The base class of all widgets: shared properties, `set`, `observe` and `close`. Use a subclass, such as `FloatSlider`.
 * @typeParam V the value that `observe(fn)` receives
 * @example
 * const t: Widget<SliderState> = new FloatSlider();
 * t.observe("value", (value) => console.log(value));
 */
export class Widget<S extends object, V = ValueOf<S>> implements Displayable {
  readonly #spec: Spec<S>;
  readonly #comm: Comm;
  readonly #observers = new Map<keyof S, Set<Observer>>();
  readonly #handlers = new Set<MessageHandler>();
  /** Layout and style that were made for this widget alone. */
  readonly #looks: { close(): void }[] = [];
  readonly #byWire: ReadonlyMap<string, keyof S & string>;
  #state: S;

  constructor(spec: Spec<S>, given: object = {}) {
    hostFor(spec.name);
    this.#spec = spec;
    const names = Object.keys(spec.properties) as (keyof S & string)[];
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(spec.properties, name)) throw unknownName("invalid-option", `option of ${spec.name}`, name, names);
    }
    this.#byWire = new Map(names.map((name) => [this.#wireName(name), name]));
    this.#state = this.#first(names, given as Record<string, unknown>);
    answerStateRequests();
    const { state, paths, buffers } = this.wireState();
    this.#comm = Comm.open("jupyter.widget", { state, buffer_paths: paths }, { metadata: { version: PROTOCOL }, buffers });
    this.#comm.onMessage = (message) => this.#receive(message);
    this.#comm.onClose = () => this.close();
    live.set(this.id, this);
  }

  /** The comm's id, which is the model's id on the page. */
  get id(): string {
    return this.#comm.id;
  }

  get closed(): boolean {
    return this.#comm.closed;
  }

  get<K extends keyof S>(name: K): S[K] {
    this.#known(name);
    return this.#state[name];
  }

  /** Sets several properties at once, in one message: `slider.set({ max: 10, value: 8 })`. Observers are called. */
  set(changes: Partial<S>): void {
    this.#open();
    const next: Partial<S> = {};
    for (const name of Object.keys(changes) as (keyof S & string)[]) {
      this.#known(name);
      next[name] = checkedValue(this.#spec.name, name, this.#spec.properties[name], changes[name]);
    }
    this.#check({ ...this.#state, ...next });
    this.#change(next, true);
  }

  /**
   * Calls `fn` with the new and the old value whenever a property changes, here or on the page. The default property is `value`.
   * What `fn` prints goes to the cell that made the widget. Returns a function that removes the observer.
   */
  observe(fn: (value: V, old: V) => unknown): () => void;
  observe<K extends keyof S & string>(name: K, fn: (value: S[K], old: S[K]) => unknown): () => void;
  observe(first: unknown, second?: unknown): () => void {
    const name = (typeof first === "function" ? "value" : first) as keyof S;
    const fn = (typeof first === "function" ? first : second) as Observer;
    this.#known(name);
    if (typeof fn !== "function")
      throw new LabError("invalid-option", `${this.#spec.name}.observe takes a function, received ${typeof fn}`);
    const observers = this.#observers.get(name) ?? new Set();
    this.#observers.set(name, observers.add(fn));
    return () => void observers.delete(fn);
  }

  /** Sends the view a custom message, with binary `buffers`. */
  send(content: unknown, buffers: readonly (ArrayBuffer | ArrayBufferView)[] = []): void {
    this.#open();
    this.#comm.send({ method: "custom", content }, { buffers: buffers.map((b) => this.#bytes(b)) });
  }

  /** Calls `fn` with each custom message of the view. Returns a function that removes the handler. */
  onMessage(fn: MessageHandler): () => void {
    this.#handlers.add(fn);
    return () => void this.#handlers.delete(fn);
  }

  /** Removes the widget from the page, everywhere it is shown, and closes its layout and style. */
  close(): void {
    if (!live.delete(this.id)) return;
    for (const model of this.#looks) model.close();
    this.#observers.clear();
    this.#handlers.clear();
    this.#comm.close();
  }

  [displaySymbol](): MimeBundle {
    this.#open();
    return {
      "application/vnd.jupyter.widget-view+json": { version_major: 2, version_minor: 0, model_id: this.id },
      "text/plain": inspect(this),
    };
  }

  /** `FloatSlider { value: 0.5, min: 0, … }` */
  [inspect.custom](_depth: number, options: object): string {
    const printed = Object.entries(this.#state).filter(
      ([name, value]) =>
        !Object.is(value, (this.#spec.properties[name as keyof S] as Property<unknown>).initial) && !isSubmodel(value),
    );
    const closed = this.closed ? " (closed)" : "";
    return `${this.#spec.name}${closed} ${inspect(Object.fromEntries(printed), { ...options, depth: 1, maxStringLength: 60, breakLength: Number.POSITIVE_INFINITY })}`;
  }

  /** The whole state, as sent to the page. */
  wireState(): Split {
    const { module, version, model, view, viewModule = module, viewVersion = version } = this.#spec.names;
    return split({
      _model_module: module,
      _model_module_version: version,
      _model_name: model,
      _view_module: viewModule,
      _view_module_version: viewVersion,
      _view_name: view,
      ...this.#toWire(this.#state),
    });
  }

  #toWire(state: Partial<S>): Record<string, unknown> {
    return Object.fromEntries(
      (Object.keys(state) as (keyof S & string)[]).map((name) => [this.#wireName(name), withReferences(state[name])]),
    );
  }

  #wireName(name: keyof S & string): string {
    return this.#spec.properties[name].wire ?? snake(name);
  }

  /** The initial state. */
  #first(names: readonly (keyof S & string)[], given: Readonly<Record<string, unknown>>): S {
    const state: Record<string, unknown> = {};
    try {
      for (const name of names) {
        const property = this.#spec.properties[name] as Property<unknown>;
        const value = given[name] === undefined ? property.initial : given[name];
        const made = checkedValue(this.#spec.name, name, property, value);
        state[name] = made;
        if (made instanceof Widget && made !== value) this.#looks.push(made);
      }
      this.#check(state as S);
      return state as S;
    } catch (error) {
      for (const model of this.#looks) model.close();
      throw error;
    }
  }

  /** Sets what has changed; sends it to the page, if `tell`; then calls the observers. */
  #change(next: Partial<S>, tell: boolean): void {
    const old = this.#state;
    const changed = (Object.keys(next) as (keyof S & string)[]).filter((name) => !Object.is(next[name], old[name]));
    if (changed.length === 0) return;
    this.#state = { ...old, ...next };
    if (tell) this.#tell(Object.fromEntries(changed.map((name) => [name, next[name]])) as Partial<S>);
    for (const name of changed) {
      for (const observer of [...(this.#observers.get(name) ?? [])]) this.#call(() => observer(next[name], old[name]));
    }
  }

  #tell(changes: Partial<S>): void {
    const { state, paths, buffers } = split(this.#toWire(changes));
    this.#comm.send({ method: "update", state, buffer_paths: paths }, { buffers });
  }

  /** Each handler is a task of its own: a failing handler doesn't stop the others. */
  #call(fn: () => unknown): void {
    hostFor(this.#spec.name).handle(this.#comm.key, fn);
  }

  #receive({ data, buffers, id }: CommMessage): void {
    if (data.method === "request_state") {
      const { state, paths, buffers: own } = this.wireState();
      this.#comm.send({ method: "update", state, buffer_paths: paths }, { buffers: own, answers: id });
    } else if (data.method === "custom") {
      for (const handler of [...this.#handlers]) this.#call(() => handler(data.content, buffers));
    } else if (data.method === "update") this.#update(data, buffers, id);
  }

  #update(data: CommMessage["data"], buffers: readonly Uint8Array[], id: string): void {
    const state = { ...(data.state as Record<string, unknown>) };
    const paths = (data.buffer_paths ?? []) as readonly BufferPath[];
    // The page waits for the echo before it sends the next change, and other pages get the change by the echo.
    this.#comm.send({ method: "echo_update", state, buffer_paths: paths }, { buffers, answers: id });
    const received = structuredClone(state);
    join(received, paths, buffers);
    const next: Partial<S> = {};
    const refused: Partial<S> = {};
    for (const [wire, given] of Object.entries(received)) {
      const name = this.#byWire.get(wire);
      if (name === undefined) continue;
      const value = this.#spec.properties[name].take(likeBefore(fromReferences(given), this.#state[name]));
      if (value === undefined) refused[name] = this.#state[name];
      else next[name] = value;
    }
    if (this.#spec.check?.({ ...this.#state, ...next })) Object.assign(refused, pick(this.#state, next));
    else this.#change(next, false);
    // Refused values: the page gets the current ones back.
    if (Object.keys(refused).length) this.#tell(refused);
  }

  #check(state: S): void {
    const fault = this.#spec.check?.(state);
    if (fault) throw new LabError("invalid-option", `${this.#spec.name}: ${fault}`);
  }

  #known(name: keyof S): void {
    if (Object.hasOwn(this.#spec.properties, name)) return;
    throw unknownName("invalid-option", `property of ${this.#spec.name}`, String(name), Object.keys(this.#spec.properties));
  }

  #open(): void {
    if (this.closed) throw new LabError("disposed", `this ${this.#spec.name} is closed: make a new one`);
  }

  #bytes(value: ArrayBuffer | ArrayBufferView): Uint8Array {
    const bytes = bytesOf(value);
    if (bytes) return bytes;
    throw new LabError(
      "invalid-option",
      `${this.#spec.name}.send takes buffers that are typed arrays or ArrayBuffers, received ${typeof value}`,
    );
  }
}

/** Whether it is a layout or style. */
const isSubmodel = (value: unknown): boolean => value instanceof Widget;

function withReferences(value: unknown): unknown {
  if (value instanceof Widget) return reference + value.id;
  return Array.isArray(value) && value.some((v) => v instanceof Widget) ? value.map(withReferences) : value;
}

function fromReferences(value: unknown): unknown {
  if (typeof value === "string" && value.startsWith(reference)) return live.get(value.slice(reference.length)) ?? value;
  return Array.isArray(value) ? value.map(fromReferences) : value;
}

type TypedArray = Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array;

/** Bytes from the page, as an array of the same type as the previous value. */
function likeBefore(value: unknown, before: unknown): unknown {
  if (!(value instanceof Uint8Array) || !ArrayBuffer.isView(before) || before instanceof DataView) return value;
  const kind = before.constructor as { new (buffer: ArrayBufferLike): TypedArray; readonly BYTES_PER_ELEMENT: number };
  return value.byteLength % kind.BYTES_PER_ELEMENT === 0 ? new kind(value.buffer) : value;
}

function pick<S extends object>(from: S, names: Partial<S>): Partial<S> {
  return Object.fromEntries((Object.keys(names) as (keyof S & string)[]).map((name) => [name, from[name]])) as Partial<S>;
}
