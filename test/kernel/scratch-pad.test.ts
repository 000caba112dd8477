/** A cell is a scratch pad: ordinary programs pass the check and give the right value; wrong ones are stopped with a helpful message. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "./client.js";
import { lab, model } from "./scratch-pad/lab.js";
import { language } from "./scratch-pad/language.js";
import { wrong } from "./scratch-pad/wrong.js";

let kernel: Client;
beforeAll(async () => {
  kernel = await Client.start();
});
afterAll(() => kernel.close());

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours
const plainText = (lines: readonly string[]) => lines.join("\n").replace(/\u001b\[\d+m/g, "");

async function last(cells: readonly string[]): Promise<string | undefined> {
  let text: string | undefined;
  for (const cell of cells) {
    const answer = await kernel.execute(cell);
    expect(answer.reply.status === "ok" ? "ok" : plainText(answer.reply.traceback), cell).toBe("ok");
    text = answer.text;
  }
  return text;
}

describe("programs that run", () => {
  test.each(language)("$name", async ({ cells, gives }) => {
    expect(await last(cells)).toBe(gives);
  });
});

describe("programs on a model that run", () => {
  beforeAll(async () => {
    await last(model);
  });
  test.each(lab)("$name", async ({ cells, gives }) => {
    expect(await last(cells)).toBe(gives);
  });
});

describe("after a cell that failed its check", () => {
  test("later cells run; a use of its names says which cell failed, until they have a value", async () => {
    const { reply } = await kernel.execute('const lost: number = "a"; class Lost { static n = 1 }');
    expect(reply.ename).toBe("TypeScriptError");
    const label = `cell ${reply.execution_count}`;
    await last(["const useLater = () => lost + Lost.n; const holds = { typeOf: typeof lost };"]);
    const used = await kernel.execute("1 + useLater()");
    expect(used.reply.evalue).toBe(`lost is not defined: ${label}, which declares it, failed its check`);
    expect(used.reply.ename).toBe("ReferenceError");
    expect(await last(["const lost = 4; class Lost { static n = 1 }", "useLater()"])).toBe("5");
  });

  test("a name of a cell that failed at run time", async () => {
    const { reply } = await kernel.execute('const early = 1; throw new Error("x"); const laterOn = 2;');
    const again = await kernel.execute("early + laterOn");
    expect(again.reply.evalue).toBe(
      `Cannot find name 'laterOn'. Cell ${reply.execution_count} declares it, but failed before that line.`,
    );
    expect(await last(["early"])).toBe("1");
  });

  test("names that a cell makes global", async () => {
    expect(await last(["globalThis.shared = { a: 1 }", "shared.a + 1"])).toBe("2");
  });
});

describe("cells that are wrong", () => {
  beforeAll(async () => {
    await kernel.close();
    kernel = await Client.start();
    await last(model);
  });
  test.each(wrong)("$cells", async ({ cells, says }) => {
    await last(cells.slice(0, -1));
    const { reply } = await kernel.execute(cells.at(-1)!);
    expect(reply.status).toBe("error");
    expect(reply.ename).toBe("TypeScriptError");
    expect(reply.evalue).toMatch(says);
  });
});
