/** Widgets over the real kernel: the messages of the protocol `jupyter.widget` 2.1, as a page sends and receives them. */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, Client } from "./client.js";
import { imports, opened, shownBy, updateFrom, updatesIn } from "./widget-messages.js";

let client: Client;
beforeAll(async () => {
  client = await Client.start();
});
afterAll(() => client?.close());
const update = (comm_id: string, state: object, buffer_paths: unknown[] = [], buffers?: Uint8Array[]) =>
  updateFrom(client, comm_id, state, buffer_paths, buffers);
const click = (comm_id: string) => client.comm("comm_msg", { comm_id, data: { method: "custom", content: { event: "click" } } });

describe("a slider", () => {
  let made: Answer;
  let id: string;
  let cell: string;
  beforeAll(async () => {
    made = await client.execute(`${imports}
const heard: number[] = [];
const s = new nb.FloatSlider({ value: 0.25, min: 0, max: 1, step: 0.001, description: "t" });
s.observe((value, old) => { heard.push(value); console.log("moved from", old, "to", value); });
s`);
    id = shownBy(made);
    cell = made.published[0]!.parent;
  });

  test("is opened with its layout and style, these first", () => {
    const models = opened(made.published);
    expect([...models.keys()]).toEqual(["LayoutModel", "SliderStyleModel", "FloatSliderModel"]);
    const { metadata, content } = models.get("FloatSliderModel")!;
    expect(metadata).toEqual({ version: "2.1.0" });
    expect(content).toMatchObject({ comm_id: id, target_name: "jupyter.widget" });
    expect(content.data.state).toMatchObject({
      _model_module: "@jupyter-widgets/controls",
      _model_module_version: "2.0.0",
      _view_name: "FloatSliderView",
      value: 0.25,
      min: 0,
      max: 1,
      step: 0.001,
      readout_format: ".3f",
      continuous_update: true,
      layout: `IPY_MODEL_${models.get("LayoutModel")!.content.comm_id}`,
      style: `IPY_MODEL_${models.get("SliderStyleModel")!.content.comm_id}`,
    });
    expect(made.reply.status).toBe("ok");
  });

  test("moved by the page: echoed, observed, and what the observer prints goes to the cell that made it", async () => {
    const elsewhere = await client.execute("1 + 1");
    const printed = client.waitFor((m) => m.type === "stream" && m.content.text.includes("0.75"));
    const answers = await update(id, { value: 0.75 });
    const echo = answers.find((m) => m.type === "comm_msg")!;
    expect(echo.content).toEqual({ comm_id: id, data: { method: "echo_update", state: { value: 0.75 }, buffer_paths: [] } });
    expect(answers.map((m) => m.content.execution_state ?? m.type)).toEqual(["busy", "comm_msg", "idle"]);
    expect((await printed).parent).toBe(cell);
    expect((await printed).parent).not.toBe(elsewhere.published[0]!.parent);
    expect((await client.execute("[s.value, heard]")).text).toBe("[ 0.75, [ 0.75 ] ]");
  });

  test("moved by the kernel: one update for the pages", async () => {
    const { published } = await client.execute(
      "s.value = 0.5; s.value = 0.5; s.set({ min: 0.1, max: 2 }); s.layout.width = '300px';",
    );
    expect(updatesIn(published, id).map((m) => m.content.data.state)).toEqual([{ value: 0.5 }, { min: 0.1, max: 2 }]);
    expect(published.find((m) => m.content.data?.state?.width)?.content.data.state).toEqual({ width: "300px" });
  });

  test("shown again, it is the same model", async () => {
    const again = await client.execute("s");
    expect(shownBy(again)).toBe(id);
    expect(opened(again.published).size).toBe(0);
  });

  test("refuses invalid values; a page that sends one gets the old value back", async () => {
    const answers = await update(id, { value: "high" });
    expect(answers.filter((m) => m.type === "comm_msg").map((m) => m.content.data.method)).toEqual(["echo_update"]);
    await client.execute("0");
    expect(updatesIn(client.received, id).at(-1)!.content.data.state).toEqual({ value: 0.5 });
    await update(id, { value: 70 });
    expect((await client.execute("s.value")).text).toBe("0.5");
    const here = await client.execute("s.value = 70");
    expect(here.reply).toMatchObject({ status: "error", ename: "LabError" });
    expect(here.reply.evalue).toBe(
      "FloatSlider: value is 70, outside of 0.1 to 2. To move the limits too, set them together: set({ value, min, max })",
    );
    const types = await client.execute("s.value = 'high'");
    expect(types.reply.evalue).toContain("Type 'string' is not assignable to type 'number'");
    const unknown = await client.execute("// @ts-nocheck\nnew nb.FloatSlider({ valeu: 1 })");
    expect(unknown.reply.evalue).toContain('unknown option of FloatSlider "valeu". Did you mean "value"?');
  });

  test("a page that was loaded again gets the comms, the state, and all states at once", async () => {
    const { reply } = await client.request("comm_info_request", { target_name: "jupyter.widget" });
    expect(reply.comms[id]).toEqual({ target_name: "jupyter.widget" });
    expect((await client.request("comm_info_request", { target_name: "other" })).reply.comms).toEqual({});
    const [state] = (await client.comm("comm_msg", { comm_id: id, data: { method: "request_state" } })).filter(
      (m) => m.type === "comm_msg",
    );
    expect(state!.content.data).toMatchObject({
      method: "update",
      state: { value: 0.5, min: 0.1, _view_name: "FloatSliderView" },
    });

    const control = "11111111-0000-4000-8000-000000000000";
    await client.comm("comm_open", { comm_id: control, target_name: "jupyter.widget.control", data: {} });
    const [states] = (await client.comm("comm_msg", { comm_id: control, data: { method: "request_states" } })).filter(
      (m) => m.type === "comm_msg",
    );
    expect(states!.content.data.method).toBe("update_states");
    expect(Object.keys(states!.content.data.states).sort()).toEqual(Object.keys(reply.comms).sort());
    expect(states!.content.data.states[id]).toMatchObject({ model_name: "FloatSliderModel", state: { value: 0.5 } });
    await client.comm("comm_close", { comm_id: control, data: {} });
  });

  test("closed: its layout and style are closed, too", async () => {
    const { published } = await client.execute("s.close(); s.closed");
    expect(published.filter((m) => m.type === "comm_close").length).toBe(3);
    expect((await client.request("comm_info_request", {})).reply.comms).toEqual({});
    expect((await client.execute("s.value = 0.3")).reply.evalue).toBe("this FloatSlider is closed: make a new one");
    expect(await update(id, { value: 0.9 })).toHaveLength(2); // Messages for closed comms are dropped.
  });
});

test("a comm to an unknown target is closed; one to a known target sends both ways, with buffers", async () => {
  const nobody = "22222222-0000-4000-8000-000000000000";
  const closed = client.waitFor((m) => m.type === "comm_close" && m.content.comm_id === nobody);
  await client.comm("comm_open", { comm_id: nobody, target_name: "nobody", data: {} });
  await closed;
  await client.execute(`${imports}
nb.registerTarget("doubler", (comm, first) => {
  console.log("opened with", first.data);
  comm.onMessage = ({ data, buffers }) => comm.send({ got: data }, { buffers: buffers.map((b) => b.map((x) => 2 * x)) });
  comm.onClose = () => console.log("closed");
});`);
  const comm_id = "33333333-0000-4000-8000-000000000000";
  const printed = client.waitFor((m) => m.type === "stream");
  await client.comm("comm_open", { comm_id, target_name: "doubler", data: { a: 1 } });
  expect((await printed).content.text).toBe("opened with { a: 1 }\n");
  const answer = client.waitFor((m) => m.type === "comm_msg" && m.content.comm_id === comm_id);
  await client.comm("comm_msg", { comm_id, data: { b: 2 } }, [Uint8Array.of(1, 2, 3), Uint8Array.of(7)]);
  expect((await answer).content.data).toEqual({ got: { b: 2 } });
  expect((await answer).buffers.map((b) => [...b])).toEqual([[2, 4, 6], [14]]);
  const end = client.waitFor((m) => m.type === "stream");
  await client.comm("comm_close", { comm_id, data: {} });
  expect((await end).content.text).toBe("closed\n");
});

test("AnyModel: binary state is sent as bytes, both ways, at any depth", async () => {
  const made = await client.execute(`${imports}
const w = new nb.AnyModel({ esm: "export default { render() {} }", state: { curve: Float32Array.of(1, 2), count: 0, deep: { list: [Uint8Array.of(9)] } } });
w.observe("curve", (curve) => console.log(curve));
w.onMessage((content, buffers) => w.send({ back: content }, buffers.map((b) => b.slice().reverse())));
w`);
  const id = shownBy(made);
  const { content, buffers } = opened(made.published).get("AnyModel")!;
  expect(content.data.state).toMatchObject({
    _model_module: "anywidget",
    count: 0,
    deep: { list: [null] },
    _esm: "export default { render() {} }",
  });
  expect(content.data.state).not.toHaveProperty("curve");
  expect(content.data.buffer_paths).toEqual([["curve"], ["deep", "list", 0]]);
  expect(new Float32Array(new Uint8Array(buffers[0]!).buffer)).toEqual(Float32Array.of(1, 2));

  const printed = client.waitFor((m) => m.type === "stream");
  const [echo] = (await update(id, { count: 5 }, [["curve"]], [new Uint8Array(Float32Array.of(0.5, 4, 8).buffer)])).filter(
    (m) => m.type === "comm_msg",
  );
  expect(echo!.content.data).toEqual({ method: "echo_update", state: { count: 5 }, buffer_paths: [["curve"]] });
  expect(echo!.buffers[0]).toHaveLength(12);
  expect((await printed).content.text).toBe("Float32Array(3) [ 0.5, 4, 8 ]\n");
  expect((await client.execute('w.get("count") + w.get("curve")[2]')).text).toBe("13");

  const control = "44444444-0000-4000-8000-000000000000";
  await client.comm("comm_open", { comm_id: control, target_name: "jupyter.widget.control", data: {} });
  const [states] = (await client.comm("comm_msg", { comm_id: control, data: { method: "request_states" } })).filter(
    (m) => m.type === "comm_msg",
  );
  const place = states!.content.data.buffer_paths.findIndex((path: string[]) => path.join() === `${id},state,curve`);
  expect(new Float32Array(new Uint8Array(states!.buffers[place]!).buffer)).toEqual(Float32Array.of(0.5, 4, 8));

  const back = client.waitFor((m) => m.type === "comm_msg" && m.content.data.method === "custom");
  await client.comm("comm_msg", { comm_id: id, data: { method: "custom", content: "hi" } }, [Uint8Array.of(1, 2)]);
  expect((await back).content.data.content).toEqual({ back: "hi" });
  expect([...(await back).buffers[0]!]).toEqual([2, 1]);
});

test("every control opens and receives changes, in boxes", async () => {
  const made = await client.execute(`${imports}
const all = {
  i: new nb.IntSlider({ value: 3, max: 9 }), d: new nb.Dropdown({ options: { low: 0.1, high: 0.9 }, value: 0.9 }), c: new nb.Checkbox({ value: true }),
  b: new nb.Button({ description: "go", icon: "play", style: { buttonColor: "tomato" } }), p: new nb.Play({ max: 5 }), h: new nb.HTML({ value: "<b>hi</b>" }), t: new nb.Text({ value: "a" }),
};
all.b.onClick(() => console.log("clicked"));
all.d.observe((value, old) => console.log("from", old, "to", value));
const box = new nb.VBox([new nb.HBox([all.i, all.d]), all.c, all.b, all.p, all.h, all.t]);
box`);
  expect(made.stderr + (made.reply.evalue ?? "")).toBe("");
  const models = opened(made.published);
  const idOf = (name: string) => models.get(name)!.content.comm_id as string;
  const controls = ["IntSlider", "Dropdown", "Checkbox", "Button", "Play", "HTML", "Text", "HBox", "VBox"].map(
    (n) => `${n}Model`,
  );
  for (const name of controls) expect(models.get(name)?.content.data.state._model_module).toBe("@jupyter-widgets/controls");
  expect(models.get("VBoxModel")!.content.data.state.children[0]).toBe(`IPY_MODEL_${idOf("HBoxModel")}`);
  expect(models.get("DropdownModel")!.content.data.state).toMatchObject({ _options_labels: ["low", "high"], index: 1 });
  expect(models.get("ButtonStyleModel")!.content.data.state).toMatchObject({ button_color: "tomato" });

  const clicked = client.waitFor((m) => m.type === "stream");
  await click(idOf("ButtonModel"));
  expect((await clicked).content.text).toBe("clicked\n");
  const chosen = client.waitFor((m) => m.type === "stream");
  await update(idOf("DropdownModel"), { index: 0 });
  expect((await chosen).content.text).toBe("from 0.9 to 0.1\n");
  await update(idOf("CheckboxModel"), { value: false });
  await update(idOf("TextModel"), { value: "b" });
  expect((await client.execute("[all.d.value, all.c.value, all.t.value, all.i.value + 1]")).text).toBe("[ 0.1, false, 'b', 4 ]");
});

test("a slider reaches the engine while a cell awaits", async () => {
  const made = await client.execute(`${imports} const w2 = new nb.IntSlider(); w2`);
  const id = shownBy(made);
  const waits = client.waitFor((m) => m.type === "stream" && m.content.text === "waits\n");
  const awaiting = client.execute(
    'await new Promise<void>((done) => { w2.observe((v) => { if (v === 7) done(); }); console.log("waits"); }); w2.value',
  );
  await waits;
  await update(id, { value: 7 });
  expect((await awaiting).text).toBe("7");
});

test("a failing handler is reported below its cell and does not stop the others", async () => {
  const made = await client.execute(`${imports} const w3 = new nb.IntSlider();
w3.observe(() => { throw new RangeError("too far"); });
w3.observe(async (v) => { console.log("heard", v); await null; throw new TypeError("later"); });
w3`);
  const texts: string[] = [];
  const all = client.waitFor((m) => {
    if (m.type === "stream" && m.parent === made.published[0]!.parent) texts.push(m.content.text);
    return /too far.*heard 1.*later/s.test(texts.join(""));
  });
  await update(shownBy(made), { value: 1 });
  await all;
});

test("the stop button stops a handler in a loop and one that awaits, with no cell running", async () => {
  const made = await client.execute(`${imports}
const loop = new nb.Button({ description: "loop" }), wait = new nb.Button({ description: "wait" });
let turns = 0, aborted = false;
loop.onClick(() => { console.log("loops"); for (;;) turns++; });
wait.onClick(() => new Promise<void>((_, fail) => {
  const signal = (globalThis as any)[Symbol.for("sparselab.notebook")].signal() as AbortSignal;
  signal.addEventListener("abort", () => { aborted = true; fail(signal.reason); });
}));
new nb.HBox([loop, wait])`);
  const [loop, wait] = made.published
    .filter((m) => m.content.data?.state?._model_name === "ButtonModel")
    .map((m) => m.content.comm_id);
  const loops = client.waitFor((m) => m.type === "stream" && m.content.text === "loops\n");
  const looping = click(loop);
  await loops;
  await client.request("interrupt_request", {}, "control");
  await looping;
  await click(wait);
  await client.request("interrupt_request", {}, "control");
  const { text } = await client.execute("while (!aborted) await new Promise((r) => setTimeout(r, 1)); [turns > 0, aborted]");
  expect(text).toBe("[ true, true ]");
});

test("when the engine ends, its widgets are closed", async () => {
  const made = await client.execute(`${imports} const w4 = new nb.Checkbox(); w4`);
  const closed = client.waitFor((m) => m.type === "comm_close" && m.content.comm_id === shownBy(made));
  await client.execute("process.exit(3)");
  await closed;
  expect((await client.request("comm_info_request", {})).reply.comms).toEqual({});
});

test("a notebook run by nbclient keeps the widgets' states", { timeout: 60_000 }, async () => {
  const source = `${imports.replace("* as nb", "{ FloatSlider }")} const s = new FloatSlider({ max: 1 }); s.value = 0.3; s`;
  const kernelspec = { name: "sparselab", display_name: "sparselab", language: "typescript" };
  const cells = [{ cell_type: "code", id: "a", metadata: {}, source, outputs: [], execution_count: null }];
  const path = join(client.folder, "widgets.ipynb");
  writeFileSync(path, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells }));
  const script = `import sys, nbformat, nbclient
nb = nbformat.read(sys.argv[1], 4); nbclient.NotebookClient(nb, kernel_name="sparselab").execute(); nbformat.write(nb, sys.argv[1])`;
  await new Promise<void>((done, fail) => {
    execFile(resolve(".venv/bin/python"), ["-c", script, path], (error, _out, err) => (error ? fail(new Error(err)) : done()));
  });
  const { metadata } = JSON.parse(readFileSync(path, "utf8"));
  const { state } = metadata.widgets["application/vnd.jupyter.widget-state+json"];
  const models = Object.values(state) as { model_name: string; state: { value?: number } }[];
  expect(models.map((m) => m.model_name).sort()).toEqual(["FloatSliderModel", "LayoutModel", "SliderStyleModel"]);
  expect(models.find((m) => m.model_name === "FloatSliderModel")!.state.value).toBe(0.3);
});
