/**
 * Where a model runs: the CPU, or a GPU through the CUDA backend, a library beside the addon that is there where the build found CUDA's
 * compiler. The environment variable SPARSELAB_CUDA=emulated takes its twin instead, which runs the same kernels on the CPU, slowly: for
 * tests, and for reading what a GPU would do.
 */
import { existsSync } from "node:fs";
import { LabError, unknownName } from "./errors.js";
import { addonFolder, callNative, callNativeSync } from "./native.js";
import { received } from "./received.js";

export interface Device {
  /** Of the registry: "cpu" or "cuda". */
  readonly backend: string;
  readonly number: number;
  /** "cpu", or such as "cuda:0 (NVIDIA H100 80GB HBM3)" */
  readonly name: string;
  /** Of "auto": why it is the CPU. */
  readonly why?: string;
}

export const CPU: Device = { backend: "cpu", number: 0, name: "cpu" };
const LIBRARIES = { "": "sparselab_cuda", emulated: "sparselab_cuda_emulated" } as const;

/** Checks the form of the option: "auto", "cpu", "cuda" or "cuda:N". */
export function checkDevice(option: unknown): void {
  if (option === undefined) return;
  if (typeof option !== "string")
    throw new LabError("invalid-option", `device must be one of "auto", "cpu", "cuda", "cuda:1", received ${received(option)}`);
  if (option === "hybrid")
    throw new LabError("invalid-option", 'device "hybrid" is not available yet; use "cuda" where the model fits, or "cpu"');
  if (/^cuda:\d{1,4}$/.test(option) || ["auto", "cpu", "cuda"].includes(option)) return;
  throw unknownName("invalid-option", "device", option, ["auto", "cpu", "cuda", "cuda:0"]);
}

/**
 * The device of an option that was checked. "auto" is a GPU where there is one that can be used, else the CPU.
 * @throws LabError no-device, with the reason and a way out
 */
export async function chooseDevice(option = "auto"): Promise<Device> {
  if (option === "cpu") return CPU;
  if (option !== "auto") return cuda(option);
  const kind = cudaKind();
  if (kind === "emulated") return { ...CPU, why: 'SPARSELAB_CUDA is "emulated", which is slower; ask for it with device "cuda"' };
  try {
    return await cuda("cuda:0");
  } catch (error) {
    if (!(error instanceof LabError) || error.code !== "no-device") throw error;
    return { ...CPU, why: error.message };
  }
}

function cudaKind(): keyof typeof LIBRARIES {
  const kind = process.env.SPARSELAB_CUDA ?? "";
  if (kind === "" || kind === "emulated") return kind;
  throw new LabError("invalid-option", `SPARSELAB_CUDA is ${received(kind)}; expected "emulated", or nothing for a real GPU`);
}

async function cuda(option: string): Promise<Device> {
  const number = Number(option.slice("cuda:".length) || 0);
  const backend = loaded(cudaKind());
  const { name } = await callNative((addon) => addon.device(backend, number));
  return { backend, number, name: `cuda:${number} (${name})` };
}

/** The one that was loaded: both libraries give their backend the same name. */
let inUse: keyof typeof LIBRARIES | undefined;

function loaded(kind: keyof typeof LIBRARIES): string {
  if (inUse === kind) return "cuda";
  if (inUse !== undefined)
    throw new LabError(
      "no-device",
      `SPARSELAB_CUDA changed from "${inUse}" to "${kind}" after a CUDA backend was loaded; start the process again`,
    );
  const path = `${addonFolder()}/${LIBRARIES[kind]}.so`;
  if (!existsSync(path)) {
    throw new LabError(
      "no-device",
      kind === "emulated"
        ? 'the emulated CUDA backend was not built; build it with "npm run build"'
        : 'this build has no CUDA backend: no CUDA compiler (nvcc) was found when it was built. Install a CUDA 13 toolkit (or "npm run setup:cuda") and run "npm run build", or use device "cpu"',
    );
  }
  const name = callNativeSync((addon) => addon.loadBackend(path));
  inUse = kind;
  return name;
}
