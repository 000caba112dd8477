/** Windows read in slices: the same tokens as the whole text, no further than needed, and a stop within a step. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder } from "../../test/support/small-llama.js";
import { smallVocabulary } from "../../test/support/vocabularies.js";
import { createTokenizer } from "../tokenizer/index.js";
import { checkCorpus, corpus } from "./corpus.js";
import { windowsOf } from "./windows.js";

const tokenizer = createTokenizer(
  smallVocabulary([
    ["a", -9, 1],
    ["aa", -3, 1],
    ["aaaa", -2, 1],
    ["▁", -9, 1],
    ["é", -9, 1],
    ["▁é", -4, 1],
    ["🦙", -9, 1],
    ["<sep>", 0, 4],
  ]),
);
const bos = 1;
let dir: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  dir = await folder();
});
afterAll(() => dir.remove());
function file(name: string, content: string | Buffer): string {
  const path = join(dir.path, name);
  writeFileSync(path, content);
  return path;
}
const sha = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");

/** Windows by their definition, of the whole text. */
function expected(text: string, size: number, maxTokens?: number): number[][] {
  const tokens = tokenizer.encode(text, { special: false }).slice(0, maxTokens);
  return Array.from({ length: Math.floor(tokens.length / size) }, (_, w) => [bos, ...tokens.slice(w * size + 1, (w + 1) * size)]);
}
const lists = (windows: { readonly list: readonly Int32Array[] }) => windows.list.map((window) => [...window]);

describe("windows of a corpus", () => {
  // Characters of several bytes, special texts and spaces at every offset of a slice.
  const unit = "aaa é🦙 <sep> aa  é<sep>aéa\n";
  const text = `x${unit.repeat(9000)}`;

  it("are those of the whole text, from a file and from a string", async () => {
    for (const shift of ["", "a", "aa", "é"]) {
      const whole = shift + text;
      const path = file("whole.txt", whole);
      const windows = await windowsOf(corpus(path), tokenizer, 64, undefined);
      expect(lists(windows)).toEqual(expected(whole, 64));
      expect(windows.sha256).toBe(sha(whole));
      const given = await windowsOf(corpus.text(whole), tokenizer, 64, undefined);
      expect(lists(given)).toEqual(lists(windows));
      expect(given.sha256).toBe(windows.sha256);
    }
  });

  it("hold maxTokens, while the hash is the whole file's", async () => {
    const path = file("some.txt", text);
    for (const maxTokens of [64, 100, 12_345]) {
      const windows = await windowsOf(corpus(path, { maxTokens }), tokenizer, 50, undefined);
      expect(lists(windows)).toEqual(expected(text, 50, maxTokens));
      expect(windows.sha256).toBe(sha(text));
    }
  });

  it("tokenise no further than maxTokens needs", async () => {
    // What cannot be decoded would be an error: it is far behind the tokens that are needed, and only hashed.
    const content = Buffer.concat([Buffer.from(text), Buffer.from([0xff, 0xfe])]);
    const path = file("tail.bin", content);
    const windows = await windowsOf(corpus(path, { maxTokens: 512 }), tokenizer, 64, undefined);
    expect(lists(windows)).toEqual(expected(text, 64, 512));
    expect(windows.sha256).toBe(sha(content));
    await expect(windowsOf(corpus(path), tokenizer, 64, undefined)).rejects.toThrow(/is not UTF-8/);
    await expect(
      windowsOf(corpus(file("half.bin", Buffer.from("aaaa é").subarray(0, -1))), tokenizer, 4, undefined),
    ).rejects.toThrow(/is not UTF-8/);
  });

  it("let others run, and stop, even in 10 MB of one letter", async () => {
    const size = 10_000_000;
    for (const on of [corpus.text("a".repeat(size)), corpus(file("long.txt", "a".repeat(size))), corpus.text(" ".repeat(size))]) {
      const stop = new AbortController();
      let turns = 0;
      let asked = Number.POSITIVE_INFINITY;
      const timer = setInterval(() => {
        turns++;
        if (turns === 50) {
          asked = turns;
          stop.abort();
        }
      }, 0);
      try {
        await expect(windowsOf(on, tokenizer, 512, stop.signal)).rejects.toMatchObject({ code: "aborted" });
      } finally {
        clearInterval(timer);
      }
      // Others ran often before the stop, and few times after it; the whole text takes thousands of turns.
      expect(turns - asked).toBeLessThan(25);
    }
    await expect(windowsOf(corpus.text(text), tokenizer, 64, AbortSignal.abort())).rejects.toMatchObject({ code: "aborted" });
  });

  it("stop between the steps of one run without a place to cut", async () => {
    // Short enough to be one slice: all its steps are those of the run.
    const on = corpus.text("a".repeat(30_000));
    const stop = new AbortController();
    let turns = 0;
    const count = () => {
      if (++turns === 20) stop.abort();
      else if (turns < 20) setImmediate(count);
    };
    setImmediate(count);
    await expect(windowsOf(on, tokenizer, 64, stop.signal, 0)).rejects.toMatchObject({ code: "aborted" });
    expect(turns).toBe(20);
  });

  it("stop while the rest of the file is hashed", async () => {
    const path = file("rest.txt", text + "a".repeat(40_000_000));
    const stop = new AbortController();

    const running = windowsOf(corpus(path, { maxTokens: 64 }), tokenizer, 64, stop.signal);
    setImmediate(() => stop.abort());
    await expect(running).rejects.toMatchObject({ code: "aborted" });
  });

  it("refuse a file that changes while it is read", async () => {
    const path = file("growing.txt", text);
    // It grows from before the first read to the end of the last.
    let settled = false;
    const grow = () => {
      if (settled) return;
      appendFileSync(path, "more ");
      setImmediate(grow);
    };
    grow();
    const running = windowsOf(corpus(path), tokenizer, 64, undefined).finally(() => {
      settled = true;
    });
    await expect(running).rejects.toThrow(/changed while it was read/);
  });

  it("refuse other files, without waiting for a pipe", async () => {
    const pipe = join(dir.path, "pipe");
    execFileSync("mkfifo", [pipe]);
    await expect(windowsOf(corpus(pipe), tokenizer, 64, undefined)).rejects.toThrow(/it is a pipe, not a regular file/);
    await expect(windowsOf(corpus(dir.path), tokenizer, 64, undefined)).rejects.toThrow(/it is a folder/);
    await expect(windowsOf(corpus("The cat sat on the mat."), tokenizer, 64, undefined)).rejects.toThrow(
      /no such file.*corpus\.text\("…"\)/,
    );
    expect(() => corpus("two\nlines")).toThrow(/"two\\nlines" is a text.*corpus\.text\(…\)/);
    expect(() => checkCorpus("some text" as never)).toThrow(/corpus\("file\.txt"\), a text itself as corpus\.text\("…"\)/);
    expect(() => corpus.text("")).toThrow(/an empty one/);
    expect(() => corpus.text("a", { maxTokens: 1 })).toThrow(/maxTokens must be a whole number >= 2/);
    expect(() => corpus.text("a", { nmae: "x" } as never)).toThrow(/Did you mean "name"/);
  });

  it("say how to go on where the text is shorter than a window, with what works", async () => {
    const few = corpus.text("<sep>".repeat(9));
    const error = await windowsOf(few, tokenizer, 64, undefined).catch((caught: Error) => caught);
    const window = Number(/\{ window: (\d+) \} or less/.exec((error as Error).message)?.[1]);
    expect((await windowsOf(few, tokenizer, window, undefined)).list).toHaveLength(1);
    await expect(windowsOf(corpus.text("a"), tokenizer, 64, undefined)).rejects.toThrow(
      /has \d tokens; a window needs 64; use a longer text$/,
    );
    await expect(windowsOf(corpus.text(text, { maxTokens: 3 }), tokenizer, 64, undefined)).rejects.toThrow(
      /has 3 tokens, as maxTokens says; .*use a larger maxTokens$/,
    );
  });
});
