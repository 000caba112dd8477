/** The language thread dies, or is busy for ever: it is replaced, and earlier names are still known. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, expect, test } from "vitest";
import type { LanguageClient as LanguageClientType } from "../../kernel/server/language-client.js";
import { Client } from "./client.js";

// The thread is started from compiled code.
const { LanguageClient } = (await import(pathToFileURL(resolve("dist/kernel/server/language-client.js")).href)) as {
  LanguageClient: typeof LanguageClientType;
};

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const it of open.splice(0)) await it.close();
});

/** A cell whose types take hours: each of its lines is at TypeScript's limit for one. */
const NEVER_ENDS = `type Grow<T, N extends 0[]> = N["length"] extends 40 ? T : Grow<[T], [...N, 0]> | Grow<{ x: T }, [...N, 0]>;
${Array.from({ length: 3000 }, (_, i) => `let never${i}: Grow<${i}, []> = null as never;`).join("\n")}`;

test("a stop during an endless type check: the thread is replaced, and later cells know the earlier names", async () => {
  const kernel = await Client.start();
  open.push(kernel);
  await kernel.execute("interface Kept { n: number }\nlet kept: Kept = { n: 1 }; let other = 'first'");
  await kernel.execute("let other = 2; const gone = await Promise.reject(new Error('no'))");
  const endless = kernel.execute(NEVER_ENDS);
  await kernel.waitFor((m) => m.type === "execute_input" && m.content.code === NEVER_ENDS);
  await kernel.request("interrupt_request", {}, "control");
  expect((await endless).reply.ename).toBe("Interrupted");
  const { reply, text } = await kernel.execute("const k: Kept = kept; k.n + other");
  expect(`${reply.status} ${reply.evalue ?? ""}`).toBe("ok ");
  expect(text).toBe("3");
  expect((await kernel.execute("kept.n.nothing")).reply.evalue).toContain("does not exist on type 'number'");
  expect((await kernel.execute("gone")).reply.status).toBe("error");
  expect((await kernel.execute("never1")).reply.evalue).toContain("Cannot find name 'never1'");
});

test("a thread that ran out of memory is replaced; waiting calls are answered, and reverted names stay reverted", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sparselab-thread-"));
  const language = new LanguageClient(folder, 220);
  open.push(language, { close: () => rmSync(folder, { recursive: true }) });
  const check = (code: string, label: string) => language.ask("check", { code, label });
  await check("const kept = { n: 1 }; let twice = 'text'", "cell 1");
  await check("let twice = 2; let lost = 3", "cell 2");
  await language.ask("revert", { names: ["lost"] });
  await check("let undone = 1", "cell 3");
  await language.ask("undo", { label: "cell 3" });
  const huge = check(`const huge = [${"{ a: [1, { b: 'text' }] }, ".repeat(400_000)}]`, "cell 4");
  const behind = check("kept.n.toFixed() + twice.toFixed()", "cell 5");
  await expect(huge).rejects.toThrow(/ran out of memory.*restarted/s);
  expect(await behind).toHaveProperty("cell");
  expect(await check("kept.n.nothing", "cell 6")).toHaveProperty("failure");
  expect(await check("lost", "cell 7")).toHaveProperty("failure");
  expect(await check("undone", "cell 8")).toHaveProperty("failure");
});

test("a replaced thread knows what cells changed besides names: failed cells, strict, references, globals, properties", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sparselab-thread-"));
  const language = new LanguageClient(folder, 220);
  open.push(language, { close: () => rmSync(folder, { recursive: true }) });
  const check = (code: string, label: string) => language.ask("check", { code, label });
  const said = async (code: string, label: string): Promise<string> => {
    const reply = await check(code, label);
    return "failure" in reply ? reply.failure.evalue : "fits";
  };
  await check("globalThis.shared = 1", "cell 1");
  await check('import { nothing } from "absent"; const wrong: number = "text"', "cell 2");
  await check("const config = { rate: 1 }", "cell 3");
  await check("config.steps = 5", "cell 4");
  await check("let reached = 1, later = 2", "cell 5");
  await language.ask("revert", { names: ["later"] });
  await check("let reached = 2", "cell 6");
  await check('/// <reference lib="dom" />\ndocument.title', "cell 7");
  const after = async (label: string): Promise<string[]> => [
    await said("shared + nothing.x + wrong.x + config.steps + document.title", `${label}a`),
    await said("later", `${label}b`),
    await said("function f(x) { return x; }", `${label}c`),
  ];
  const before = await after("first ");
  expect(before).toEqual(["fits", expect.stringMatching(/'later'\. Cell 5 declares it, but failed before/), "fits"]);
  const lose = (label: string) => check(`const huge = [${"{ a: [1, { b: 'text' }] }, ".repeat(400_000)}]`, label);
  await expect(lose("cell 8")).rejects.toThrow(/ran out of memory.*restarted/s);
  expect(await after("second ")).toEqual(before);
  const checked = await check("wrong", "cell 9");
  expect("cell" in checked && checked.cell.js).toContain("cell 2, which declares it, failed its check");
  await check("// @strict", "cell 10");
  await expect(lose("cell 11")).rejects.toThrow(/ran out of memory.*restarted/s);
  expect(await said("function g(x) { return x; }", "cell 12")).toContain("implicitly has an 'any' type");
}, 120_000);

test("a JSON of some MB, and of many, is any and keeps its names", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sparselab-thread-"));
  const language = new LanguageClient(folder, 400);
  open.push(language, { close: () => rmSync(folder, { recursive: true }) });
  writeFileSync(join(folder, "huge.json"), `{ "rows": [${'{ "a": [1, { "b": "text" }] },'.repeat(1_500_000)} 1] }`);
  writeFileSync(join(folder, "small.json"), '{ "rows": [1] }');
  const check = (code: string, label: string) => language.ask("check", { code, label });
  expect(
    await check(
      'import huge, { rows } from "./huge.json"; import * as all from "./huge.json"; rows[0].a + huge.x.y + all.z',
      "cell 1",
    ),
  ).toHaveProperty("cell");
  expect(await check("huge.anything.at.all", "cell 2")).toHaveProperty("cell");
  expect(await check('import small from "./small.json"; small.nothing', "cell 3")).toHaveProperty("failure");
});
