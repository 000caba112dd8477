/** Errors as a cell catches them and as the notebook shows them: messages, names of classes, lines, even after the cell changed the built-ins. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "./client.js";

let kernel: Client;
beforeAll(async () => {
  kernel = await Client.start();
});
afterAll(() => kernel.close());

/** What a cell that must run prints. */
async function printed(cell: string): Promise<string> {
  const { reply, stdout } = await kernel.execute(cell);
  expect(`${reply.status} ${reply.evalue ?? ""}`, cell).toBe("ok ");
  return stdout;
}

async function failing(cell: string): Promise<{ ename: string; evalue: string; text: string }> {
  const { reply } = await kernel.execute(cell);
  expect(reply.status, cell).toBe("error");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
  return { ...reply, text: reply.traceback.join("\n").replace(/\u001b\[\d+m/g, "") };
}

describe("a variable with the name of one of Node's", () => {
  test("has its own name in a caught error's message", async () => {
    await printed("const fetch = 3 as any; const status = undefined as any;");
    expect(await printed("try { fetch() } catch (e) { console.log(JSON.stringify([e.message, String(e)])) }")).toBe(
      '["fetch is not a function","TypeError: fetch is not a function"]\n',
    );
    expect(await printed("try { fetch() } catch ({ message: [...m] }) { console.log(m.join('')) }")).toBe(
      "fetch is not a function\n",
    );
    expect(
      await printed(
        "const later = async () => { try { await (async () => fetch())() } catch (fetch) { return fetch.message } }; console.log(JSON.stringify(await later()))",
      ),
    ).toBe('"fetch is not a function"\n');
    expect(await printed("try { new status() } catch { console.log('nameless') }")).toBe("nameless\n");
  });

  test("leaves other caught values unchanged", async () => {
    const values = "[null, 1, 'x', Object.freeze(new Error('a\\u200cb')), new Proxy({}, { get() { throw 1 } })]";
    expect(
      await printed(
        `const thrown: any[] = ${values}; for (const v of thrown) { try { throw v } catch (e) { console.log(e === v) } }`,
      ),
    ).toBe("true\n".repeat(5));
  });
});

describe("a thrown error", () => {
  test("has the name of its class", async () => {
    expect(await failing("class Refused extends TypeError {}\nthrow new Refused('no')")).toMatchObject({
      ename: "Refused",
      text: expect.stringMatching(/^Refused: no\n\s+at cell \d+:2:7\n/),
    });
    expect((await failing("throw new (class extends Error {})('x')")).ename).toBe("Error");
    expect((await failing("throw Object.assign(new RangeError('x'), { name: 'Mine' })")).ename).toBe("Mine");
  });

  test("keeps its message if its stack cannot be made", async () => {
    expect(
      await failing("Error.prepareStackTrace = () => { throw new Error('in here') }; throw new TypeError('seen')"),
    ).toMatchObject({ ename: "TypeError", evalue: "seen" });
  });

  test("has its own line again after a cell removed the stack's format", async () => {
    for (const away of ["Error.prepareStackTrace = undefined", "delete (Error as any).prepareStackTrace"]) {
      await printed(away);
      expect((await failing("type A = 1\n\nthrow new Error('third')")).text).toMatch(/at cell \d+:3:7\n/);
    }
  });
});

test("a promise of one cell that a later one awaits brings no warning of Node's", async () => {
  const first = await kernel.execute("const late = Promise.reject(new Error('late')); 1");
  expect(first.stderr).toMatch(/^Unhandled rejection: .*Error.*: late\n/);
  const second = await kernel.execute("try { await late } catch (e) { console.log(e.message) }");
  const third = await kernel.execute("await new Promise((done) => setImmediate(done))");
  expect([second.stdout, second.stderr, third.stderr]).toEqual(["late\n", "", ""]);
});

test("importing a file that is not a module: the error says how to read it", async () => {
  writeFileSync(join(kernel.folder, "notes.txt"), "hello");
  const { evalue } = await failing('import notes from "./notes.txt"');
  expect(evalue).toBe(
    `Cannot find module './notes.txt'. notes.txt exists, but is not a module. Read it: import { readFileSync } from "node:fs"; readFileSync("./notes.txt", "utf8")`,
  );
  expect(await printed('import { readFileSync } from "node:fs"; console.log(readFileSync("./notes.txt", "utf8"))')).toBe(
    "hello\n",
  );
});
