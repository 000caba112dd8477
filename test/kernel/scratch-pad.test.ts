/** A cell is a scratch pad: ordinary programs pass the check and give the right value; what is certainly wrong is stopped with a message that helps. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "./client.js";
import { lab, model, plain, wrong } from "./scratch-pad.js";

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
    const { reply, text: shown } = await kernel.execute(cell);
    expect(reply.status === "ok" ? "ok" : plainText(reply.traceback), cell).toBe("ok");
    text = shown;
  }
  return text;
}

describe("programs that run", () => {
  test.each(plain)("$name", async ({ cells, gives }) => {
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
