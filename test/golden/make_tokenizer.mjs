/**
 * Makes test/golden/tokenizer/: token ids that llama.cpp itself gives (through node-llama-cpp), for the tokenizer's tests.
 *
 *   npm run build && node test/golden/make_tokenizer.mjs
 *
 * Of the vocabularies in llama.cpp's sources Llama 2's is kept here, compressed. The other vocabularies are edits of it (a list in cases.json), so that the tests can rebuild them without node-llama-cpp.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { readGguf } from "../../dist/test/support/gguf.js";
import { editVocabulary } from "../../dist/test/support/vocabularies.js";
import { folder, llama, models, source } from "./node_llama_cpp.mjs";
import { tokenizerTexts } from "./tokenizer_texts.mjs";

const here = import.meta.dirname;
const out = join(here, "tokenizer");
mkdirSync(out, { recursive: true });

const texts = tokenizerTexts(models);

// ── Vocabularies ──────────────────────────────────────────────────────────────────
const llamaFile = join(models, "ggml-vocab-llama-spm.gguf");
writeFileSync(join(out, "llama-spm.gguf.gz"), gzipSync(readFileSync(llamaFile), { level: 9 }));
const base = readGguf(llamaFile);

/** The differences of Phi-3's vocabulary from Llama 2's. */
function phiEdit() {
  const read = (file) => {
    const get = (key) => file.metadata.get(`tokenizer.ggml.${key}`).value;
    const { bytes, offsets } = get("tokens");
    return { text: (i) => new TextDecoder().decode(bytes.subarray(offsets[i], offsets[i + 1])), size: offsets.length - 1, scores: get("scores"), types: get("token_type") };
  };
  const file = readGguf(join(models, "ggml-vocab-phi-3.gguf"));
  const [phi, old] = [read(file), read(base)];
  const pieces = [];
  for (let i = 0; i < phi.size; i++) {
    if (i < old.size && phi.text(i) === old.text(i) && phi.scores[i] === old.scores[i] && phi.types[i] === old.types[i]) continue;
    pieces.push([i, phi.text(i), phi.scores[i], phi.types[i]]);
  }
  return { pieces, meta: { "general.name": "Phi3", "tokenizer.ggml.eos_token_id": 32000, "tokenizer.ggml.padding_token_id": 32000 } };
}
const pieceTexts = (({ bytes, offsets }) => Array.from({ length: offsets.length - 1 }, (_, i) => new TextDecoder().decode(bytes.subarray(offsets[i], offsets[i + 1]))))(base.metadata.get("tokenizer.ggml.tokens").value);
const idOf = (text) => pieceTexts.indexOf(text);
const edits = {
  "llama-spm": {},
  "phi-3": phiEdit(),
  "no-space-prefix": { meta: { "tokenizer.ggml.add_space_prefix": false } },
  // User-defined pieces, one inside another's text, one of spaces, one that merging could also give, and an unused one.
  "user-defined": {
    pieces: [[32000, "<tool>", 0, 4], [32001, "</tool>", 0, 4], [32002, "  ", 0, 4], [32003, "xyzzy", 0, 5], [32004, "<tool><tool>", 0, 3]],
    types: [["ab", 4], ["▁▁", 4], ["▁x", 5]],
  },
  // Ordinary pieces that keys name, and others to which ids default: none of them is special.
  "named-ordinary": {
    meta: {
      "tokenizer.ggml.padding_token_id": idOf("a"), "tokenizer.ggml.eot_token_id": idOf("th"), "tokenizer.ggml.eos_token_id": idOf("e"),
      "tokenizer.ggml.unknown_token_id": idOf("he"), "tokenizer.ggml.bos_token_id": idOf("▁a"),
    },
  },
  "default-ordinary": {
    pieces: [[0, "zq", -20, 1], [1, "zqx", -21, 1], [2, "xq", -22, 1]],
    without: ["bos", "eos", "unknown", "padding"].map((name) => `tokenizer.ggml.${name}_token_id`),
  },
  "no-types": { without: ["tokenizer.ggml.token_type"] },
  // No scores at all: every pair counts the same, the leftmost goes first.
  "no-scores": { without: ["tokenizer.ggml.scores"] },
};

const cases = [];
for (const [name, edit] of [...Object.entries(edits), ["tiny-world", null]]) {
  const path = edit ? join(folder, `${name}.gguf`) : resolve(here, "../../notebooks/models/tiny-world.q8_0.gguf");
  if (edit) writeFileSync(path, editVocabulary(base, edit));
  const model = await llama.loadModel({ modelPath: path, vocabOnly: true });
  const ids = (special) => texts.map((text) => model.tokenize(text, special));
  cases.push({ name, edit, plain: ids(false), special: ids(true) });
  await model.dispose();
  console.log(name, cases.at(-1).plain.flat().length, "ids");
}
const json = JSON.stringify({ source, texts, cases });
writeFileSync(join(out, "cases.json.gz"), gzipSync(json, { level: 9 }));
console.log(`${texts.length} texts, ${cases.length} vocabularies`);
await llama.dispose();
