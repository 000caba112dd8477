/**
 * What VS Code needs of a kernel, as messages: it stops a cell by an interrupt_request if the kernelspec says so, takes the language of the cells
 * from language_info, and shows html in a page without scripts from outside.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client, type Received } from "../kernel/client.js";
import { askedFor, runModule } from "./jupyter.js";

let kernel: Client;
beforeAll(async () => {
  kernel = await Client.start();
});
afterAll(() => kernel?.close());

const html = (published: readonly Received[]): string[] =>
  published.flatMap(({ content }) => (content.data?.["text/html"] === undefined ? [] : [String(content.data["text/html"])]));

test("the kernelspec, as Jupyter's own programs find it: interrupted by message, for TypeScript", {
  timeout: 60_000,
}, async () => {
  const { code, out, err } = await runModule("jupyter", "kernelspec", "list", "--json");
  expect(code, err).toBe(0);
  const { kernelspecs } = JSON.parse(out) as { kernelspecs: Record<string, { resource_dir: string; spec: object }> };
  expect(kernelspecs.sparselab?.spec).toMatchObject({
    argv: [expect.any(String), expect.any(String), "{connection_file}"],
    display_name: "sparselab (TypeScript)",
    language: "typescript",
    interrupt_mode: "message",
  });
});

test("language_info has all that the protocol lists", async () => {
  const { reply } = await kernel.request("kernel_info_request");
  expect(reply).toMatchObject({ status: "ok", protocol_version: "5.4", implementation: "sparselab", banner: expect.any(String) });
  expect(reply.language_info).toEqual({
    name: "typescript",
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    mimetype: "text/typescript",
    file_extension: ".ts",
    pygments_lexer: "typescript",
    codemirror_mode: "typescript",
    nbconvert_exporter: "script",
  });
});

test.each([
  ["a busy loop", 'console.log("begun"); for (;;);'],
  ["a cell that waits", 'console.log("begun"); await new Promise(() => {});'],
])("interrupt_request on control is answered, and stops %s", { timeout: 60_000 }, async (_, code) => {
  const begun = kernel.waitFor((m) => m.type === "stream" && m.content.text.includes("begun"));
  const cell = kernel.execute(code);
  await begun;
  const { reply } = await kernel.request("interrupt_request", {}, "control");
  expect(reply).toEqual({ status: "ok" });
  expect((await cell).reply.status).toBe("error");
  expect((await kernel.execute("1 + 1")).text).toBe("2");
});

test("a figure's html contains its script and its library, and fetches nothing", { timeout: 60_000 }, async () => {
  const { reply, published } = await kernel.execute(
    'import { show } from "sparselab";\nshow({ data: [{ z: [[1, 2], [3, 4]], type: "heatmap" }], layout: { title: { text: "map" } } });',
  );
  expect(reply.status, JSON.stringify(reply)).toBe("ok");
  const parts = html(published);
  expect(parts.some((part) => part.includes("DecompressionStream"))).toBe(true);
  // Its last state: while its cell runs, a figure has no picture yet.
  const figure = parts.filter((part) => part.includes('id="figure-')).at(-1);
  expect(figure).toContain("<script>");
  expect(figure).toContain("data:image/svg+xml;base64,");
  for (const part of parts) {
    expect(askedFor(part)).toEqual([]);
    // A page of VS Code has no require.js.
    expect(part).not.toMatch(/\brequire(js)?\s*[.(]/);
  }
});

test("a figure is shown by its html where no extension draws plotly's own type: both travel together", {
  timeout: 60_000,
}, async () => {
  const { published } = await kernel.execute("show({ data: [{ x: [1, 2], y: [3, 4] }], layout: {} });");
  const bundles = published.flatMap(({ content }) => (content.data?.["application/vnd.plotly.v1+json"] ? [content.data] : []));
  expect(Object.keys(bundles.at(-1)).sort()).toEqual(["application/vnd.plotly.v1+json", "image/png", "text/html", "text/plain"]);
});
