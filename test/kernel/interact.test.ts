/** `interact` and output areas over the real kernel. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, Client, type Received } from "./client.js";
import { imports, opened, updateFrom, updatesIn } from "./widget-messages.js";

let client: Client;
beforeAll(async () => {
  client = await Client.start();
});
afterAll(() => client?.close());
const update = (comm_id: string, state: object) => updateFrom(client, comm_id, state);

describe("interact", () => {
  const outputOf = (answer: Answer) => opened(answer.published).get("OutputModel")!.content.comm_id as string;
  const textOf = (message: Received) => JSON.stringify(message.content.data.state.outputs);

  test("shows the controls and what the call printed and returned; the cell ends after the first call", async () => {
    const made = await client.execute(`${imports}
let begun = 0;
const made = nb.interact(async ({ t, on, word, n }) => { begun++; await new Promise((r) => setImmediate(r)); console.log("t is", t); await display("shown"); return [t * 2, on, word, n]; },
  { t: nb.slider(0, 0.1), on: true, word: ["a", "b"], n: 3 });
console.log("returned before the call ended", begun);
made`);
    expect(made.stdout).toBe("returned before the call ended 0\n");
    expect(made.text).toBeUndefined();
    expect(opened(made.published).get("FloatSliderModel")!.content.data.state).toMatchObject({ min: 0, max: 0.1, step: 0.001 });
    expect(opened(made.published).get("IntSliderModel")!.content.data.state).toMatchObject({ value: 3, min: -3, max: 9 });
    const last = updatesIn(made.published, outputOf(made)).at(-1)!;
    expect(last.content.data.state.outputs).toEqual([
      { output_type: "stream", name: "stdout", text: "t is 0\n" },
      { output_type: "display_data", data: { "text/plain": "'shown'" }, metadata: {} },
      { output_type: "display_data", data: { "text/plain": "[ 0, true, 'a', 3 ]" }, metadata: {} },
    ]);
  });

  test("the latest value wins: the running call is aborted, prints no more, and its outputs are replaced", async () => {
    const made = await client.execute(`${imports}
const log: string[] = [];
nb.interact(async ({ t }, signal) => {
  console.log("begin", t);
  if (t > 0 && t < 5) await new Promise<void>((done) => signal.addEventListener("abort", () => done()));
  if (signal.aborted) log.push("aborted " + t);
  console.log("end", t);
  log.push("ended " + t);
}, { t: nb.slider(0, 9, { step: 1 }) });`);
    const slider = opened(made.published).get("FloatSliderModel")!.content.comm_id as string;
    const output = outputOf(made);
    const settled = client.waitFor((m) => m.content.comm_id === output && m.type === "comm_msg" && textOf(m).includes("end 5"));
    for (const value of [1, 2, 3, 4, 5]) await update(slider, { value });
    expect(textOf(await settled)).toContain("begin 5");
    expect(textOf(await settled)).not.toMatch(/ [0-4]\\n/);
    const { text } = await client.execute("log.join(', ')");
    expect(text).toMatch(/^'ended 0, aborted 1, (aborted \d, )*ended 5'$/);
  });

  test("a call that ignores its signal is superseded nevertheless", async () => {
    const made = await client.execute(`${imports}
let slow = "not begun", release!: () => void;
nb.interact(async ({ t }) => {
  if (t === 1) { slow = "running"; await new Promise<void>((done) => { release = done; }); slow = "ended"; }
  console.log("value", t, slow);
}, { t: nb.slider(0, 9, { step: 1 }) });`);
    const slider = opened(made.published).get("FloatSliderModel")!.content.comm_id as string;
    const drawn = (text: string) =>
      client.waitFor((m) => m.type === "comm_msg" && m.content.comm_id === outputOf(made) && textOf(m).includes(text));
    await update(slider, { value: 1 });
    const second = drawn("value 2 running");
    await update(slider, { value: 2 });
    await second;
    await client.execute('release(); while (slow !== "ended") await new Promise((r) => setTimeout(r, 1));');
    const third = drawn("value 3 ended");
    await update(slider, { value: 3 });
    await third;
    for (const state of updatesIn(client.received, outputOf(made))) expect(textOf(state)).not.toContain("value 1");
  });

  test("a cell that is stopped does not make the first call; its controls work nevertheless", async () => {
    const executing = client.execute(
      `${imports} nb.interact(({ t }) => console.log("called", t), { t: nb.slider(0, 9) }); await new Promise(() => {});`,
    );
    const model = await client.waitFor((m) => m.content.data?.state?._model_name === "FloatSliderModel");
    await client.waitFor((m) => m.type === "display_data");
    await client.request("interrupt_request", {}, "control");
    const made = await executing;
    expect(made.reply.ename).toBe("Interrupted");
    expect(updatesIn(made.published, outputOf(made))).toEqual([]);
    const called = client.waitFor(
      (m) => m.type === "comm_msg" && m.content.comm_id === outputOf(made) && textOf(m).includes("called 3"),
    );
    await update(model.content.comm_id, { value: 3 });
    await called;
  });

  test("an error is shown in the area until the next call", async () => {
    const made = await client.execute(
      `${imports} nb.interact(({ t }) => { if (t > 5) throw new RangeError("too far"); return t; }, { t: nb.slider(0, 9) });`,
    );
    const slider = opened(made.published).get("FloatSliderModel")!.content.comm_id as string;
    const failed = client.waitFor(
      (m) => m.content.comm_id === outputOf(made) && m.type === "comm_msg" && textOf(m).includes("RangeError"),
    );
    await update(slider, { value: 7 });
    expect((await failed).content.data.state.outputs[0]).toMatchObject({
      output_type: "error",
      ename: "RangeError",
      evalue: "too far",
    });
    const good = client.waitFor(
      (m) => m.content.comm_id === outputOf(made) && m.type === "comm_msg" && textOf(m).includes('"4"'),
    );
    await update(slider, { value: 4 });
    expect(textOf(await good)).not.toContain("RangeError");
  });

  /** The titles of the figures in a state of the area, and how many have a picture. */
  const figuresIn = (message: Received): { titles: string[]; pictures: number } => {
    const items = message.content.data.state.outputs as { data?: Record<string, { layout: { title: { text: string } } }> }[];
    const figures = items.filter((item) => item.data?.["application/vnd.plotly.v1+json"]);
    return {
      titles: figures.map((item) => item.data!["application/vnd.plotly.v1+json"]!.layout.title.text),
      pictures: figures.filter((item) => item.data!["image/png"]).length,
    };
  };

  test("returned figures: one at a time, in order, drawn while the slider moves; the picture when it rests", async () => {
    const made = await client.execute(`${imports} import { plot } from "sparselab";
nb.interact(({ t }) => { const f: any = plot.pareto([], "kl"); f.layout.title = { text: "t = " + t }; return f }, { t: nb.slider(0, 40, { step: 1 }) });`);
    const output = outputOf(made);
    const first = figuresIn(updatesIn(made.published, output).at(-1)!);
    expect(first).toEqual({ titles: ["t = 0"], pictures: 1 });
    const slider = opened(made.published).get("FloatSliderModel")!.content.comm_id as string;
    const from = client.received.length;
    const rested = client.waitFor(
      (m) =>
        m.type === "comm_msg" &&
        m.content.comm_id === output &&
        figuresIn(m).titles[0] === "t = 30" &&
        figuresIn(m).pictures === 1,
    );
    const onTheWay = client.waitFor(
      (m) => m.type === "comm_msg" && m.content.comm_id === output && figuresIn(m).titles[0] === "t = 1",
    );
    for (let t = 1; t <= 30; t++) {
      await update(slider, { value: t });
      if (t === 1) await onTheWay;
    }
    await rested;
    const states = updatesIn(client.received.slice(from), output).map(figuresIn);
    for (const { titles } of states) expect(titles.length).toBeLessThanOrEqual(1);
    const values = states.flatMap(({ titles }) => titles.map((title) => Number(title.slice(4))));
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(values.at(-1)).toBe(30);
  });

  test("values that take long to draw: only the newest is shown", async () => {
    const made = await client.execute(`${imports}
const drawing: (() => void)[] = [];
const slowly = (t: number) => new Promise<void>((done) => { if (t) drawing.push(done); else done(); });
nb.interact(({ t }) => ({ async [Symbol.for("Jupyter.display")]() { await slowly(t); return { "text/plain": "drawn " + t } } }), { t: nb.slider(0, 40, { step: 1 }) });`);
    const slider = opened(made.published).get("FloatSliderModel")!.content.comm_id as string;
    const output = outputOf(made);
    const rested = client.waitFor((m) => m.type === "comm_msg" && m.content.comm_id === output && textOf(m).includes("drawn 5"));
    for (let t = 1; t <= 5; t++) {
      await update(slider, { value: t });
      await client.execute(`while (drawing.length < ${t}) await new Promise((r) => setTimeout(r, 1))`);
    }
    await client.execute("for (const done of drawing) done();");
    await rested;
    const texts = updatesIn(client.received, output).map((m) =>
      (m.content.data.state.outputs as { data: Record<string, string> }[]).map((o) => o.data["text/plain"]),
    );
    for (const items of texts) expect(items.length).toBeLessThanOrEqual(1);
    expect(texts.at(-1)).toEqual(["drawn 5"]);
  });

  test("a figure's library goes below the cell, the figure into the area", async () => {
    const made = await client.execute(
      `${imports} import { plot } from "sparselab"; nb.interact(({ t }) => plot.pareto([], "kl"), { t: nb.slider(0, 9) });`,
    );
    const html = (m: Received): string => String(m.content.data?.["text/html"] ?? "");
    expect(made.published.filter((m) => html(m).includes("DecompressionStream"))).toHaveLength(1);
    const area = textOf(updatesIn(made.published, outputOf(made)).at(-1)!);
    expect(area).toContain("application/vnd.plotly.v1+json");
    expect(area).not.toContain("DecompressionStream");
  });
});

test("an output area takes what its code prints: many lines, an updated display, what comes after the code ended", async () => {
  const later = client.waitFor((m) => m.type === "comm_msg" && JSON.stringify(m.content).includes("later"));
  const made = await client.execute(`${imports}
const area = new nb.Output();
area.capture(() => { for (let i = 0; i < 100_000; i++) console.log("line", i); });
await display("under the cell");
await area.capture(() => display("first", { display_id: "place" }));
await display("second", { display_id: "place", update: true });
await area.capture(() => new Promise<void>((done) => setTimeout(() => { console.log("later"); done(); }, 1)));
console.log(area.outputs.length);`);
  expect(made.stdout).toBe("3\n");
  expect(made.published.filter((m) => m.type === "display_data").map((m) => m.content.data["text/plain"])).toEqual([
    "'under the cell'",
  ]);
  const output = opened(made.published).get("OutputModel")!.content.comm_id as string;
  const { content } = await later;
  expect(content.comm_id).toBe(output);
  const [lines, figure, last] = content.data.state.outputs;
  expect(lines.text).toBe(Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`).join(""));
  expect(figure.data["text/plain"]).toBe("'second'");
  expect(last.text).toBe("later\n");
});
