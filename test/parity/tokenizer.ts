/**
 * `npm run parity -- tokenizer`: token ids beside llama.cpp's, on the vocabularies of its own tests and their expected ids, and on random texts. They
 * lie in node-llama-cpp's package; the variable NODE_LLAMA_CPP names a folder in which it is installed. SmolLM2's vocabulary joins where it was fetched.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { LabError } from "../../lab/errors.js";
import { smollm2 } from "../../lab/fetch/known.js";
import { callNative } from "../../lab/native.js";
import { createTokenizer, encodeSlices, type Tokenizer } from "../../lab/tokenizer/index.js";
import { belowGenerator } from "../support/random.js";
import type { Amount } from "../support/targets.js";

interface Library {
  getLlama(options: object): Promise<{
    loadModel(options: object): Promise<{ tokenize(text: string, special: boolean): number[]; dispose(): Promise<void> }>;
    dispose(): Promise<void>;
  }>;
}

type Pick = (below: (n: number) => number) => string;
const char = (code: number) => String.fromCodePoint(code >= 0xd800 && code < 0xe000 ? code - 0x800 : code);
const from = (...ranges: readonly (readonly [number, number])[]): Pick => {
  return (below) => {
    const [first, last] = ranges[below(ranges.length)]!;
    return char(first + below(last - first + 1));
  };
};
/** What random texts are made of: kinds of characters, and words that pre-tokenizers treat in their own ways. */
const KINDS: readonly Pick[] = [
  from([32, 126]),
  from([97, 122]),
  from([65, 90], [97, 122]),
  from([48, 57]),
  from([32, 32], [9, 13], [0x85, 0x85], [0xa0, 0xa0], [0x2000, 0x200a], [0x2028, 0x2029], [0x3000, 0x3000], [0xfeff, 0xfeff]),
  from([0xc0, 0x24f], [0x370, 0x3ff], [0x400, 0x4ff]),
  from([0x300, 0x36f], [0x591, 0x5c7], [0x900, 0x97f]),
  from([0x3041, 0x30ff], [0x4e00, 0x9fff], [0xac00, 0xd7a3], [0xff01, 0xff5e]),
  from([0x1f300, 0x1f6ff], [0x200d, 0x200d], [0xfe0f, 0xfe0f]),
  from([0x660, 0x669], [0x2150, 0x2189], [0xb2, 0xb3]),
  from([0x2010, 0x2030], [0x20a0, 0x20bf], [0x2200, 0x22ff]),
  from([0, 0x10ffff]),
  (below) => ["'s", "'T", "'re", "'VE", "'ll", "'M", "'d", "''"][below(8)]!,
  (below) => ["\n", "\r\n", "\n\n", " \n", "  ", "\t", "/"][below(7)]!,
  (below) => [" the", "Hello", " world", "ing", " def", "return", "。", "▁"][below(8)]!,
  (below) => ["<s>", "</s>", "<|im_start|>", "<|endoftext|>", "<|eot_id|>", "<end_of_turn>", "[INST]"][below(7)]!,
];

function randomText(below: (n: number) => number): string {
  const kinds = Array.from({ length: 1 + below(4) }, () => KINDS[below(KINDS.length)]!);
  return Array.from({ length: 1 + below(40) }, () => {
    const kind = kinds[below(kinds.length)]!;
    return Array.from({ length: 1 + below(below(4) === 0 ? 12 : 3) }, () => kind(below)).join("");
  }).join("");
}

/** The ids in slices of a few characters. */
function sliced(tokenizer: Tokenizer, text: string, special: boolean, size: number): number[] {
  const slices = encodeSlices(tokenizer, { special });
  const chars = Array.from(text);
  for (let at = 0; at < chars.length; at += size) {
    slices.add(chars.slice(at, at + size).join(""));
    for (const _ of slices.steps(false));
  }
  for (const _ of slices.steps(true));
  return slices.out;
}

const show = (text: string) => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** Returns whether all ids are the same. */
export async function tokenizer({ n, seed }: Amount): Promise<boolean> {
  const folder = process.env.NODE_LLAMA_CPP;
  if (!folder) {
    console.error(
      "the variable NODE_LLAMA_CPP must name a folder in which node-llama-cpp is installed: npm install --prefix FOLDER node-llama-cpp@3.22.1",
    );
    return false;
  }
  const home = join(folder, "node_modules", "node-llama-cpp");
  const sources = join(folder, "llama.cpp");
  if (!existsSync(sources)) execFileSync("git", ["clone", "-q", join(home, "llama", "gitRelease.bundle"), sources]);
  const library = (await import(pathToFileURL(join(home, "dist", "index.js")).href)) as Library;
  const llama = await library.getLlama({ gpu: false, build: "never", progressLogs: false, logLevel: "disabled" });
  const models = join(sources, "models");
  const files = [
    ...readdirSync(models)
      .filter((name) => name.endsWith(".gguf"))
      .map((name) => join(models, name)),
    ...(existsSync(smollm2) ? [smollm2] : []),
  ];
  console.log(`${n} random texts from seed ${seed}, each with and without special tokens, whole and in slices`);
  console.log(`${"vocabulary".padEnd(36)} own texts  random texts  refused  differ`);
  let missed = 0;
  let vocabularies = 0;
  for (const path of files) {
    const name = basename(path);
    let ours: Tokenizer;
    try {
      ours = createTokenizer(await callNative((addon) => addon.readHeader(path)));
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      console.log(`${name.padEnd(36)} refused: ${error.message.slice(0, 90)}…`);
      continue;
    }
    vocabularies++;
    let differ = 0;
    /** Texts with a byte for which the vocabulary has no piece: llama.cpp leaves such bytes out, and the lab refuses them. */
    let refused = 0;
    const idsOf = (text: string, special: boolean): readonly number[] | undefined => {
      try {
        return ours.encode(text, { bos: false, eos: false, special });
      } catch (error) {
        if (!(error instanceof LabError) || error.code !== "bad-file") throw error;
        refused++;
        return undefined;
      }
    };
    const compare = (text: string, special: boolean, theirs: readonly number[], ids: readonly number[]) => {
      if (ids.join() === theirs.join()) return;
      if (differ++ < 3)
        console.log(`  ${show(text)}${special ? ", special" : ""}:\n    ours   ${ids.join(" ")}\n    theirs ${theirs.join(" ")}`);
    };
    // 1. llama.cpp's own texts and ids.
    const texts = existsSync(`${path}.inp`) ? readFileSync(`${path}.inp`, "utf8").split("\n__ggml_vocab_test__\n") : [];
    const lines = texts.length > 0 ? readFileSync(`${path}.out`, "utf8").split("\n") : [];
    texts.forEach((text, i) => {
      const ids = idsOf(text, false);
      if (ids) compare(text, false, lines[i]!.trim() === "" ? [] : lines[i]!.trim().split(/\s+/).map(Number), ids);
    });
    // 2. Random texts.
    const model = await llama.loadModel({ modelPath: path, vocabOnly: true });
    const below = belowGenerator(seed);
    for (let i = 0; i < n; i++) {
      const text = randomText(below);
      for (const special of [false, true]) {
        const ids = idsOf(text, special);
        if (!ids) continue;
        compare(text, special, model.tokenize(text, special), ids);
        if (sliced(ours, text, special, 1 + below(20)).join() !== ours.encode(text, { special }).join()) {
          differ++;
          console.log(`  ${show(text)}: other ids in slices`);
        }
      }
    }
    await model.dispose();
    if (differ > 0) missed++;
    console.log(
      `${name.padEnd(36)} ${String(texts.length).padEnd(10)} ${String(n).padEnd(13)} ${String(refused).padEnd(8)} ${differ}`,
    );
  }
  await llama.dispose();
  console.log(`${vocabularies - missed} of ${vocabularies} vocabularies agree`);
  return missed === 0 && vocabularies > 0;
}
