/** The texts whose token ids the golden files hold: of llama.cpp's own tests, by hand, and random ones, the same each time. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

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
/** @param models the folder models/ of llama.cpp's sources */
export const tokenizerTexts = (models) => [
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
