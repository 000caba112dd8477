/**
 * Makes test/golden/tokenizer/: token ids that llama.cpp itself gives (through node-llama-cpp), for the tokenizer's tests.
 *
 *   npm run build && node test/golden/make_tokenizer.mjs
 *
 * node-llama-cpp is installed in a folder of its own (it is not a dependency of the project): $NODE_LLAMA_CPP or a temporary one. Its
 * package carries llama.cpp's sources as a git bundle, with vocabularies under models/; Llama 2's is kept here, compressed.
 * The other vocabularies are edits of it (a list in cases.json), so that the tests can rebuild them without node-llama-cpp.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { readGguf } from "../../dist/test/support/gguf.js";
import { editVocabulary } from "../../dist/test/support/vocabularies.js";

const here = import.meta.dirname;
const out = join(here, "tokenizer");
mkdirSync(out, { recursive: true });

// ── node-llama-cpp in a folder of its own ─────────────────────────────────────────
const folder = process.env.NODE_LLAMA_CPP ?? mkdtempSync(join(tmpdir(), "node-llama-cpp-"));
const packageFolder = join(folder, "node_modules", "node-llama-cpp");
if (!existsSync(packageFolder)) {
  execFileSync("npm", ["init", "-y"], { cwd: folder });
  execFileSync("npm", ["install", "--omit=optional", "node-llama-cpp@3.22.1", "@node-llama-cpp/linux-x64@3.22.1"], { cwd: folder, stdio: "inherit" });
}
const models = join(folder, "llama.cpp", "models");
if (!existsSync(models)) execFileSync("git", ["clone", "-q", join(packageFolder, "llama", "gitRelease.bundle"), join(folder, "llama.cpp")]);
const { version } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8"));
const { tag } = JSON.parse(readFileSync(join(packageFolder, "llama", "llama.cpp.info.json"), "utf8"));
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(join(packageFolder, "dist", "index.js")));
const llama = await getLlama({ gpu: false, build: "never", progressLogs: false, logLevel: LlamaLogLevel.error });

// ── Texts ─────────────────────────────────────────────────────────────────────────
let state = 1;
/** xorshift32: the same texts each time. */
function random(n) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % n;
}
const ALPHABETS = {
  ascii: () => 32 + random(95),
  whitespace: () => [32, 32, 32, 9, 10, 13, 0xa0, 0x3000, 0x2003, 97, 46][random(11)],
  latin: () => [0x61 + random(26), 0xc0 + random(0x17f - 0xc0), 32][random(3)],
  cjk: () => [0x4e00 + random(0x5000), 0x3041 + random(86), 0xac00 + random(11172), 0x3001, 32][random(5)],
  emoji: () => [0x1f300 + random(0x200), 0x1f600 + random(80), 0x200d, 0xfe0f, 0x1f3fb + random(5), 32][random(6)],
  any: () => {
    for (;;) {
      const code = random(random(4) ? 0x3000 : 0x110000);
      if (code < 0xd800 || code > 0xdfff) return code;
    }
  },
  specials: () => [..."<s>/unk|pad用户AI[INST]▁ \n"][random(24)].codePointAt(0),
};
const texts = [
  ...readFileSync(join(models, "ggml-vocab-llama-spm.gguf.inp"), "utf8").split("\n__ggml_vocab_test__\n"),
  "The quick brown fox jumps over the lazy dog.",
  "In 1815, M. Charles-François-Bienvenu Myriel was Bishop of D——. He was an old man of about seventy-five years of age.",
  "Привет, как дела? Сегодня хорошая погода.",
  "今天天气很好,我们去公园散步吧。你好世界!",
  "日本語のテキストをトークン化します。カタカナとひらがな。",
  "안녕하세요, 오늘 날씨가 좋네요.",
  "مرحبا بالعالم، كيف حالك اليوم؟",
  "שלום עולם",
  "नमस्ते दुनिया, आप कैसे हैं?",
  "สวัสดีชาวโลก",
  "Ελληνικά: καλημέρα κόσμε",
  "Tiếng Việt có nhiều dấu",
  "naïve café résumé Zoë Ångström 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ﬁ ½ ²",
  "👨‍👩‍👧‍👦 family, 🏳️‍🌈 flag, 👍🏽 thumb, 🇩🇪 🇯🇵",
  "e\u0301 vs \u00e9, a\u0308\u0323",
  "\ufeffbyte order mark in front and \ufeff inside",
  "zero\u0000byte, \u0001\u001f controls, \u007f, \u0085, \u200b, \ufffd",
  " ", "  ", "   ", "    ", "                ", "                                 ", "a                                  b",
  "\t", "\t\t", " \t ", "\n", "\n\n", "\n\n\n\n", "\r\n", " \n ", "line\nline\n  indented\n\ttabbed\n",
  " leading", "trailing ", "  two  spaces  between  ", "\u00a0nbsp\u00a0", "ideographic　space",
  "▁", "▁▁ ▁", "a▁b", "x=▁",
  "def f(x):\n    if x > 0:\n        return x ** 2\n    else:\n\t\treturn -x\n",
  "for (let i = 0; i < 10; i++) {\n  console.log(`${i}: ${a[i]?.b ?? 'none'}`);\n}",
  "#include <vector>\nint main() { std::vector<int> v{1,2,3}; return v[0]; } // <s> is no tag here",
  "<html><body><p class=\"a\">Hi &amp; bye</p><br/></body></html>",
  '{"key": [1, 2.5e-10, null, true], "nested": {"a": "\\u00e9"}}',
  "https://example.org/path?q=1&r=%20#frag  user@example.com",
  "1234567890 3.14159 1e10 0x7fff 1,000,000 ½ ⅓ ⅔",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ababababababababab", "........................", "=============", "-----------------",
  "hhhhhaaaahhh loooool nooooo!!!!!!????",
  "<s>", "</s>", "<unk>", "<s>Hello</s>", "<s> Hello </s> again", "Hello<s>world", "a</s></s>b", "<s><s>", "<unk><unk> <unk>", "< s>", "<s", "s>", "</s", "<<s>>", "<s>\n", "\n<s>",
  "<0x0A>", "<0xE4>", "text <0x41> text", "[INST] Hi [/INST]", "<<SYS>>\nBe brief.\n<</SYS>>\n\n",
  "<|user|>\nHello<|end|>\n<|assistant|>\n", "<|system|> x <|end|>  y", "<|endoftext|>\n a", "<|placeholder1|><|placeholder2|>", "[PAD32011] [PAD32012]",
  "<tool>call</tool>", "use <tool> now <tool>", "abcab c ab", "<tool><tool>x", "<to<tool>ol>", "  <tool>  ", "x ab y", "a b", "ab", "  ", "a  b  c",
  "<用户>hello,tell me a story please.<AI>", "<用户>", "<AI>", "用户 AI",
  "xq", " xq  xq zq", "a xqzq\n xq a", "zq<s>xq</s> zq", "that a the e",
  ...Object.values(ALPHABETS).flatMap((pick) =>
    [1, 3, 8, 20, 60, 200].flatMap((length) => [0, 1].map(() => String.fromCodePoint(...Array.from({ length }, pick)))),
  ),
];

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
const json = JSON.stringify({ source: `node-llama-cpp ${version}, llama.cpp ${tag}`, texts, cases });
writeFileSync(join(out, "cases.json.gz"), gzipSync(json, { level: 9 }));
console.log(`${texts.length} texts, ${cases.length} vocabularies`);
await llama.dispose();
