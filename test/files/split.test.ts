/** Models that are split into several files: the first part opens all, and the numbers, the hash and the errors are those of one model. */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { corpus } from "../../lab/measures/corpus.js";
import { measure } from "../../lab/measures/measure.js";
import { describeFile } from "../../lab/model/description.js";
import { closeFile, loadQuietly, openFile, readHeader } from "../../lab/model/load.js";
import { callNative } from "../../lab/native.js";
import { createTokenizer } from "../../lab/tokenizer/tokenizer.js";
import type { Meta } from "../support/gguf.js";
import { folder, writeSmallLlama } from "../support/small-llama.js";
import { partName, type Split, writeSplit } from "../support/split.js";

let at: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  at = await folder();
});
afterAll(() => at.remove());

let count = 0;
/** A whole model, and the same one in parts, which lie alone in a folder. */
function split(options: Split, magic: "GGUF" | "PWRI" = "GGUF", seed = ++count) {
  const whole = writeSmallLlama(at.path, { file: `whole-${++count}.gguf`, magic, seed });
  const into = join(at.path, `parts-${count}`);
  mkdirSync(into);
  return { whole, into, parts: writeSplit(whole, into, "m", options) };
}
const load = async (path: string) => (await loadQuietly(path, { activation: "relu", threads: 2 })).model;
const logits = async (path: string) => {
  const model = await load(path);
  const { data } = (await model.run([1, 5, 9, 7, 30])).logits;
  model.dispose();
  return [...data];
};
const fails = async (path: string, ...parts: readonly (string | RegExp)[]) => {
  const error = await load(path).then(
    () => undefined,
    (e: { code: string; message: string }) => e,
  );
  expect(error).toMatchObject({ code: "bad-file" });
  for (const part of parts) expect(error!.message).toMatch(part);
};
const u16 = (value: number): Meta => ({ type: "u16", value });

describe("a split model", () => {
  it.each([
    ["2 parts", { parts: 2 }, "GGUF"],
    ["7 parts", { parts: 7 }, "GGUF"],
    ["keys in a part of their own", { parts: 3, keysApart: true }, "GGUF"],
    ["PowerInfer's container", { parts: 3 }, "PWRI"],
  ] as const)("%s: the same bits as the whole", async (_, options, magic) => {
    const { whole, parts } = split(options, magic);
    expect(await logits(parts[0]!)).toEqual(await logits(whole));
  });

  it("weights of every part are those of the whole", async () => {
    const { whole, parts } = split({ parts: 4 });
    const [one, many] = [await load(whole), await load(parts[0]!)];
    for (const name of ["token_embd.weight", "blk.0.ffn_down.weight", "blk.1.attn_norm.weight", "blk.1.ffn_down.weight"] as const)
      expect([...(await many.weight(name)).data], name).toEqual([...(await one.weight(name)).data]);
    one.dispose();
    many.dispose();
  });

  it("hash, bytes and description are those of all parts in order", async () => {
    const { parts } = split({ parts: 3 });
    const bytes = parts.map((path) => readFileSync(path));
    const text = join(at.path, "text.txt");
    writeFileSync(text, "a bad cab faded indeed ".repeat(4));
    const model = await load(parts[0]!);
    const { provenance } = await measure(model, corpus(text), { measure: ["sparsity"], window: 40 });
    expect(provenance.sha256).toBe(createHash("sha256").update(Buffer.concat(bytes)).digest("hex"));
    model.dispose();

    const opened = await openFile(parts[0]!);
    const { table, file } = opened;
    const all = Buffer.concat(bytes);
    expect(table.parts).toEqual(parts);
    expect(table.fileBytes).toBe(all.length);
    for (const { name, part, offset, bytes: n } of table.tensors)
      expect(offset + n, name).toBeLessThanOrEqual(bytes[part]!.length);
    expect(new Set(table.tensors.map(({ part }) => part))).toEqual(new Set([0, 1, 2]));
    const native = await callNative((addon) => addon.open(file));
    // Over the borders of the parts, and over the end.
    for (const [from, n] of [
      [bytes[0]!.length - 5, 10],
      [bytes[0]!.length, 1],
      [bytes[0]!.length - 1, bytes[1]!.length + 2],
      [all.length - 3, 10],
      [all.length, 4],
    ] as const) {
      const into = new Uint8Array(n);
      const got = await callNative((addon) => addon.read(native, into, from));
      expect(got).toBe(Math.min(n, all.length - from));
      expect(Buffer.compare(into.subarray(0, got), all.subarray(from, from + got))).toBe(0);
    }
    const facts = await describeFile(opened, "relu");
    const fact = facts.find(({ key }) => key === "file")!;
    expect(fact.value).toMatchObject({ parts: 3, bytes: all.length });
    expect(fact.text).toContain("in 3 parts");
    closeFile(opened);
  });

  it("its tokenizer is that of the whole", async () => {
    const { whole, parts } = split({ parts: 3, keysApart: true });
    const [one, many] = [createTokenizer(await readHeader(whole)), createTokenizer(await readHeader(parts[0]!))];
    expect([...many.encode("a bad cab")]).toEqual([...one.encode("a bad cab")]);
  });

  it("opens through links in a folder of links, as download caches keep files", async () => {
    const { whole, parts } = split({ parts: 2 });
    const links = join(at.path, `links-${count}`);
    mkdirSync(links);
    parts.forEach((path, i) => {
      const blob = join(dirname(path), `blob${i}`);
      renameSync(path, blob);
      symlinkSync(blob, join(links, basename(path)));
    });
    expect(await logits(join(links, basename(parts[0]!)))).toEqual(await logits(whole));
  });

  it("stays what was opened: a part renamed over is another model, a part written over is an error", async () => {
    const { parts } = split({ parts: 3 }, "GGUF", 5);
    const other = split({ parts: 3 }, "GGUF", 6);
    const model = await load(parts[0]!);
    const before = [...(await model.run([1, 2, 3])).logits.data];
    renameSync(other.parts[2]!, parts[2]!);
    expect([...(await model.run([1, 2, 3])).logits.data]).toEqual(before);
    const now = await load(parts[0]!);
    const mixed = [...(await now.run([1, 2, 3])).logits.data];
    expect(mixed).not.toEqual(before);
    truncateSync(parts[1]!, 200);
    await expect(model.run([1, 2, 3])).rejects.toMatchObject({
      code: "bad-file",
      message: expect.stringContaining(`${JSON.stringify(parts[1])} was changed after it was loaded`),
    });
    model.dispose();
    now.dispose();
  });
});

describe("parts that do not make a model name the file that is needed", () => {
  it("a missing part", async () => {
    const { parts } = split({ parts: 3 });
    rmSync(parts[1]!);
    await fails(parts[0]!, /3 parts.*missing: /, `missing: "${parts[1]}"`);
    const many = split({ parts: 7 });
    for (const part of many.parts.slice(1)) rmSync(part);
    await fails(many.parts[0]!, `"${many.parts[3]}" and 3 more`);
  });
  it("a later part in place of the first, with its name or without", async () => {
    const { parts, into } = split({ parts: 3 });
    await fails(parts[2]!, "part 3 of the 3 files", `open the first of them, "${parts[0]}"`);
    const renamed = join(into, "model.gguf");
    copyFileSync(parts[1]!, renamed);
    await fails(renamed, "part 2 of the 3 files", "NAME-00001-of-00003.gguf");
    await expect(readHeader(parts[1]!)).rejects.toMatchObject({ code: "bad-file" });
  });
  it("a first part with another name", async () => {
    const { parts, into } = split({ parts: 2 });
    const renamed = join(into, "model.gguf");
    renameSync(parts[0]!, renamed);
    await fails(renamed, "first of the 2 files", "rename it to NAME-00001-of-00002.gguf");
  });
  it("parts in the wrong order", async () => {
    const { parts, into } = split({ parts: 3 });
    const aside = join(into, "aside");
    renameSync(parts[1]!, aside);
    renameSync(parts[2]!, parts[1]!);
    renameSync(aside, parts[2]!);
    await fails(parts[0]!, parts[1]!, /by its name this is part 2 of 3, by its keys .* part 3 of 3/);
  });
  it("a whole file in place of a part", async () => {
    const { whole, parts } = split({ parts: 2 });
    copyFileSync(whole, parts[1]!);
    await fails(parts[0]!, parts[1]!, "by its name this is part 2 of 2", "part 1 of 1");
  });
  it("a part of another split", async () => {
    const { parts } = split({ parts: 3 });
    copyFileSync(split({ parts: 3, keysApart: true }).parts[1]!, parts[1]!);
    await fails(parts[0]!, /tensor "[^"]+" is also in "/);
    const short = split({
      parts: 3,
      change: ({ tensors, metadata }, i) => (i === 2 ? { metadata, tensors: tensors.slice(1) } : undefined),
    });
    await fails(short.parts[0]!, /tensors; key "split\.tensors\.count" says/);
    const counted = split({
      parts: 2,
      change: ({ metadata }, i) => {
        if (i === 1) metadata.set("split.tensors.count", { type: "i32", value: 3 });
        return undefined;
      },
    });
    await fails(counted.parts[0]!, /"split\.tensors\.count" is not that of the first part/);
  });
  it("keys that the first part does not have", async () => {
    const own = split({
      parts: 2,
      change: ({ metadata }, i) => {
        if (i === 1) metadata.set("llama.rope.freq_base", { type: "f32", value: 5 });
        return undefined;
      },
    });
    await fails(own.parts[0]!, own.parts[1]!, /"llama\.rope\.freq_base" is not that of the first part/);
    const wide = split({
      parts: 2,
      change: ({ metadata, ...rest }, i) =>
        i === 0 ? { metadata: metadata.set("general.alignment", { type: "u32", value: 64 }), ...rest, alignment: 64 } : undefined,
    });
    await fails(wide.parts[0]!, wide.parts[1]!, /alignment 64.*llama-gguf-split --merge/);
  });
  it.each([
    ["split.no", u16(9), /"split\.no" is not a whole number from 0 to 1/],
    ["split.no", { type: "i32", value: -1 }, /"split\.no"/],
    ["split.count", { type: "i32", value: -2 }, /"split\.count" is not a whole number from 0 to 65535/],
    ["split.count", { type: "u64", value: 2n ** 64n - 1n }, /"split\.count"/],
    ["split.count", { type: "numbers", element: "u16", value: [2] }, /"split\.count"/],
    ["split.tensors.count", { type: "f32", value: 3 }, /"split\.tensors\.count"/],
    ["split.tensors.count", undefined, /"split\.tensors\.count" is missing/],
  ] as readonly (readonly [string, Meta | undefined, RegExp])[])("a bad %s", async (key, value, message) => {
    const bad = split({
      parts: 2,
      change: ({ metadata }) => {
        if (value) metadata.set(key, value);
        else metadata.delete(key);
        return undefined;
      },
    });
    await fails(bad.parts[0]!, message);
  });
  it("a part that is damaged, or no model's", async () => {
    const { parts } = split({ parts: 2 });
    truncateSync(parts[1]!, 400);
    await fails(parts[0]!, parts[1]!, /truncated/);
    writeFileSync(parts[1]!, "<html>not found</html>");
    await fails(parts[0]!, parts[1]!, /HTML/);
  });
  it("bytes of one part", async () => {
    const { parts } = split({ parts: 2 });
    await expect(callNative((addon) => addon.openFile(new Uint8Array(readFileSync(parts[0]!))))).rejects.toMatchObject({
      code: "bad-file",
      message: expect.stringContaining("part 1 of the 2 files"),
    });
  });
});

it("a part's name has five digits", () => expect(partName("m", 1, 12)).toBe("m-00002-of-00012.gguf"));
