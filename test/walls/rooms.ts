/**
 * The rooms of the repository: every folder with code, and what the files in it may import. This table is what walls.test.ts checks, and
 * docs/architecture.md shows the same one to people.
 *
 * A room is a folder without the folders in it, or one file that has rules of its own. It may import itself, and what Node or the C++
 * standard library has. The rest is listed: other rooms, single files of them, packages. Unit tests beside the files (`*.test.ts`,
 * `*.test.cpp`, `sample*.ts`) may also import any room of their own tree, test/support or native/testing, and any package.
 */
export interface Room {
  readonly name: string;
  readonly mayImport: readonly string[] | "anything";
  /** The folders in it are part of it. */
  readonly deep?: true;
}

const lab = ["lab"];
const labFolders = [
  "lab",
  "lab/policy",
  "lab/tokenizer",
  "lab/runtime",
  "lab/model",
  "lab/measures",
  "lab/sweep",
  "lab/plot",
  "lab/save",
  "lab/fetch",
];
const native = ["native", "native/vocabulary"];

export const rooms: readonly Room[] = [
  // The kernel.
  { name: "kernel", mayImport: ["kernel/comms", "lab/display.ts"] },
  { name: "kernel/server", mayImport: ["kernel", "kernel/comms", "kernel/language", "lab/display.ts", "zeromq"] },
  { name: "kernel/language", mayImport: ["kernel", "typescript"] },
  { name: "kernel/engine", mayImport: ["kernel", "kernel/comms", "lab/display.ts", "typescript"] },
  { name: "kernel/comms", mayImport: ["lab/errors.ts"] },
  { name: "kernel/notebook", mayImport: ["kernel", "kernel/comms", "kernel/engine", "lab/display.ts", "lab/errors.ts"] },
  { name: "kernel/jupyterlab", mayImport: [], deep: true },
  { name: "kernel/papermill", mayImport: [] },
  { name: "kernel/logos", mayImport: [] },

  // The lab.
  { name: "lab", mayImport: ["fastest-levenshtein"] },
  { name: "lab/index.ts", mayImport: labFolders.filter((name) => name !== "lab/runtime") },
  { name: "lab/policy", mayImport: lab },
  { name: "lab/fetch", mayImport: [...lab, "fflate"] },
  { name: "lab/save", mayImport: [...lab, "csv-stringify", "fflate"] },
  { name: "lab/runtime", mayImport: lab },
  { name: "lab/tokenizer", mayImport: [...lab, "lab/runtime/memory.ts", "@huggingface/jinja"] },
  { name: "lab/model", mayImport: [...lab, "lab/policy", "lab/runtime", "lab/tokenizer", "lab/fetch/known.ts"] },
  { name: "lab/measures", mayImport: [...lab, "lab/policy", "lab/runtime", "lab/tokenizer", "lab/model"] },
  { name: "lab/sweep", mayImport: [...lab, "lab/policy", "lab/model", "lab/measures"] },
  { name: "lab/plot", mayImport: [...lab, "lab/policy", "lab/measures/report.ts", "lab/plot/picture"] },
  { name: "lab/plot/picture", mayImport: ["lab/plot/library.ts", "@napi-rs/canvas", "jsdom"] },

  // The command line.
  { name: "cli", mayImport: ["cli/commands", "lab", "lab/policy", "lab/model"] },
  {
    name: "cli/commands",
    mayImport: ["cli", "kernel/install.ts", ...labFolders.filter((name) => name !== "lab/runtime" && name !== "lab/plot")],
  },

  // The executor.
  { name: "native", mayImport: ["native/vocabulary"] },
  { name: "native/vocabulary", mayImport: [] },
  { name: "native/backend", mayImport: [...native, "native/cpu/isa.h"] },
  { name: "native/quant", mayImport: native },
  { name: "native/gguf", mayImport: [...native, "native/quant"] },
  { name: "native/architectures", mayImport: [...native, "native/backend", "native/gguf", "native/quant"] },
  { name: "native/cpu", mayImport: [...native, "native/quant"], deep: true },
  { name: "native/weights", mayImport: [...native, "native/gguf", "native/quant", "native/cpu"] },
  {
    name: "native/ffn",
    mayImport: [
      ...native,
      "native/backend",
      "native/quant",
      "native/cpu",
      "native/weights",
      "native/executor/pass.h",
      "native/executor/plan.h",
    ],
  },
  {
    name: "native/executor",
    mayImport: [...native, "native/backend", "native/quant", "native/cpu", "native/weights", "native/ffn"],
  },
  {
    name: "native/node",
    mayImport: [
      ...native,
      "native/backend",
      "native/architectures",
      "native/gguf",
      "native/quant",
      "native/weights",
      "native/cpu/isa.h",
    ],
  },
  { name: "native/fuzz", mayImport: [...native, "native/backend", "native/architectures", "native/gguf", "native/quant"] },
  { name: "native/testing", mayImport: "anything", deep: true },
  { name: "native/hybrid", mayImport: [] },
  { name: "cuda", mayImport: [] },
  { name: "cuda/emulator", mayImport: [] },
  { name: "cuda/compat", mayImport: ["cuda/emulator", "native/quant/half.h"] },
  { name: "cuda/kernels", mayImport: ["cuda/compat", "native/quant/half.h"] },
  {
    name: "cuda/backend",
    mayImport: [
      ...native,
      "cuda/compat",
      "cuda/kernels",
      "native/backend",
      "native/executor",
      "native/quant",
      "native/weights/matrix.h",
    ],
  },
  {
    name: "cuda/bench",
    mayImport: [
      ...native,
      "cuda/backend",
      "cuda/compat",
      "cuda/kernels",
      "native/backend",
      "native/executor",
      "native/quant/half.h",
    ],
    deep: true,
  },

  // Around them.
  { name: "notebooks", mayImport: [], deep: true },
  { name: "train", mayImport: [] },
  { name: "docs", mayImport: [] },
  { name: "scripts", mayImport: ["package.json"], deep: true },
  { name: "bench", mayImport: "anything", deep: true },
  { name: "test", mayImport: "anything", deep: true },
];

/** Exceptions: imports that no rule allows, until the imported file has moved to its room. An unused exception fails the test. */
export const exceptions: readonly string[] = [];
