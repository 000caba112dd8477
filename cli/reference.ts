/** The reference of KL and top-1 agreement: `--reference FILE` and `--reference-activation NAME`. */
import { LabError } from "../lab/errors.js";
import { parseActivation } from "../lab/model/activation.js";
import type { Model } from "../lab/model/model.js";
import { UsageError, usage } from "./arguments.js";
import { loadOptions, openModel } from "./model.js";

export const referenceOptions = {
  reference: { type: "string" },
  "reference-activation": { type: "string" },
} as const;
export const referenceHelp = `  --reference FILE    the model that kl and top1 compare with; for the model as it was trained, the same FILE
  --reference-activation NAME   its activation; default: from its file`;

export interface ReferenceFlags {
  readonly reference?: string | undefined;
  readonly "reference-activation"?: string | undefined;
}

/** Checks the flags, before any file is opened. `names`: the measures. */
export function checkReference(flags: ReferenceFlags, names: readonly string[]): void {
  const compared = names.filter((name) => name === "kl" || name === "top1");
  const { reference, "reference-activation": activation } = flags;
  if (reference === "") throw new UsageError("--reference must name a model file");
  if (activation !== undefined) {
    usage("--reference-activation", () => parseActivation(activation));
    if (reference === undefined) throw new UsageError("--reference-activation needs --reference FILE");
  }
  if (reference !== undefined && compared.length === 0)
    throw new UsageError(`--reference is used by kl and top1 only; --measure is ${names.join(", ")}`);
}

/** Throws where kl or top1 is measured without a reference. */
export function needReference(flags: ReferenceFlags, names: readonly string[], file: string): void {
  const compared = names.filter((name) => name === "kl" || name === "top1");
  if (flags.reference !== undefined || compared.length === 0) return;
  throw new UsageError(
    `${compared.join(" and ")} ${compared.length === 1 ? "compares" : "compare"} with a reference: give --reference FILE (--reference ${file} for the same model as it was trained)`,
  );
}

/** Opens the reference with its own activation; undefined where none is given. */
export async function openReference(flags: ReferenceFlags, threads: string | undefined): Promise<Model | undefined> {
  const { reference, "reference-activation": activation } = flags;
  if (reference === undefined) return undefined;
  try {
    return (await openModel(reference, loadOptions({ activation, threads }))).model;
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    throw new LabError(error.code, `--reference: ${error.message}`, { cause: error });
  }
}
