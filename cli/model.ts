/** What commands share: options for loading a model, checked before the file is opened; Ctrl-C; printing. */
import { checkDevice } from "../lab/device.js";
import { type Activation, parseActivation } from "../lab/model/activation.js";
import { loadQuietly } from "../lab/model/load.js";
import type { Model } from "../lab/model/model.js";
import { checkChoice, type DeviceName, type LoadOptions, type Strategy, takeCutoff } from "../lab/model/options.js";
import { checkPolicy } from "../lab/policy/policy.js";
import { countOf, numberOf, UsageError, usage } from "./arguments.js";

export interface ModelFlags {
  readonly activation?: string | undefined;
  readonly strategy?: string | undefined;
  readonly device?: string | undefined;
  readonly arithmetic?: string | undefined;
  readonly kv?: string | undefined;
  readonly cutoff?: string | undefined;
  readonly t?: string | undefined;
  readonly threads?: string | undefined;
}

/** Options of `load`. `--t` is the policy (`sweep` has a list of them and leaves it out). */
export function loadOptions(flags: ModelFlags): LoadOptions {
  const { activation, strategy, device, arithmetic, kv, t } = flags;
  if (activation !== undefined) usage("--activation", () => parseActivation(activation));
  if (strategy !== undefined) usage("--strategy", () => checkChoice("strategy", strategy));
  if (device !== undefined) usage("--device", () => checkDevice(device));
  if (arithmetic !== undefined) usage("--arithmetic", () => checkChoice("arithmetic", arithmetic));
  if (kv !== undefined) usage("--kv", () => checkChoice("kv", kv));
  const cutoff =
    flags.cutoff === undefined
      ? undefined
      : usage("--cutoff", () => takeCutoff(numberOf("--cutoff", flags.cutoff!), strategy as Strategy | undefined));
  const threads = countOf("--threads", flags.threads, 1, 1024);
  return {
    ...(activation === undefined ? {} : { activation: activation as Activation }),
    ...(strategy === undefined ? {} : { strategy: strategy as Strategy }),
    ...(device === undefined ? {} : { device: device as DeviceName }),
    ...(arithmetic === undefined ? {} : { arithmetic: arithmetic as "float" | "int8" }),
    ...(kv === undefined ? {} : { kv: kv as "f32" | "f16" }),
    ...(cutoff === undefined ? {} : { cutoff }),
    ...(t === undefined ? {} : { policy: usage("--t", () => checkPolicy({ kind: "fatrelu", t: numberOf("--t", t) })) }),
    ...(threads === undefined ? {} : { threads }),
  };
}

export interface OpenedModel {
  readonly model: Model;
  readonly summary: string;
}
export const openModel = (path: string, options: LoadOptions): Promise<OpenedModel> => {
  if (path === "") throw new UsageError("FILE must name a model file, received an empty name");
  return loadQuietly(path, options);
};

/** A signal that the first Ctrl-C aborts. The second one ends the process. */
export function abortOnInterrupt(): AbortSignal {
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  return controller.signal;
}

export const out = (text: string): void => void process.stdout.write(text);
export const print = (line: string): void => out(`${line}\n`);
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));
/** Prints a line to stderr, for people: stdout has only the result. */
export const note = (line: string): void => void process.stderr.write(`${line}\n`);
