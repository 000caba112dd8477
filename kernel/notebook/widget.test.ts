import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { displaySymbol } from "../../lab/display.js";
import { LabError } from "../../lab/errors.js";
import { receiveComm } from "../comms/comm.js";
import { type SampleHost, sampleHost } from "../comms/sample-host.js";
import * as notebook from "./index.js";
import { overwrite } from "./output.js";

const { AnyModel, Button, Checkbox, Dropdown, FloatSlider, HBox, HTML, IntSlider, Layout, Output, Play, Text, VBox } = notebook;

describe("outside a notebook", () => {
  it.each<[string, () => unknown]>([
    ["FloatSlider", () => new FloatSlider()],
    ["IntSlider", () => new IntSlider()],
    ["Dropdown", () => new Dropdown({ options: [1] })],
    ["Checkbox", () => new Checkbox()],
    ["Button", () => new Button()],
    ["Play", () => new Play()],
    ["HTML", () => new HTML()],
    ["Text", () => new Text()],
    ["HBox", () => new HBox()],
    ["VBox", () => new VBox()],
    ["Output", () => new Output()],
    ["AnyModel", () => new AnyModel({ esm: "" })],
    ["Layout", () => new Layout()],
    ["interact", () => notebook.interact(() => 1, { t: true })],
    ["FloatSlider", () => notebook.slider(0, 1)],
    ["display", () => notebook.display(1)],
    ["clearOutput", () => notebook.clearOutput()],
  ])("%s says that it needs one", (name, make) => {
    expect(make).toThrow(LabError);
    expect(make).toThrow(`${name} needs a notebook: a front end such as JupyterLab draws it`);
  });
});

describe("widgets", () => {
  let host: SampleHost;
  beforeEach(() => {
    host = sampleHost();
  });
  afterEach(() => host.remove());
  const fromPage = (id: string, state: object) =>
    receiveComm(
      "comm_msg",
      { comm_id: id, data: { method: "update", state, buffer_paths: [] } },
      { metadata: {}, buffers: [], id: "m" },
    );
  const updates = (id: string) =>
    host.sent
      .filter(({ type, content }) => type === "comm_msg" && content.comm_id === id)
      .map(({ content }) => content.data as { method: string; state: object });

  it("observe a named property, until the observer is removed", () => {
    const box = new Checkbox();
    const heard: unknown[] = [];
    const end = box.observe("description", (now, old) => heard.push([old, now]));
    box.description = "a";
    fromPage(box.id, { description: "b" });
    fromPage(box.id, { description: "b" });
    end();
    box.description = "c";
    expect(heard).toEqual([
      ["", "a"],
      ["a", "b"],
    ]);
    expect(() => box.observe("descriptoin" as "description", () => {})).toThrow('Did you mean "description"?');
  });

  it("may set themselves again in an observer", () => {
    const slider = new IntSlider({ max: 10 });
    slider.observe((v) => {
      if (v % 2) slider.value = v - 1;
    });
    fromPage(slider.id, { value: 7 });
    expect(slider.value).toBe(6);
    expect(updates(slider.id)).toEqual([
      { method: "echo_update", state: { value: 7 }, buffer_paths: [] },
      { method: "update", state: { value: 6 }, buffer_paths: [] },
    ]);
  });

  it("leave nothing open behind a constructor that fails", () => {
    expect(() => new FloatSlider({ min: 2, max: 1 })).toThrow("FloatSlider: min is 2 and max is 1: min must not be above max");
    const count = (type: string) => host.sent.filter((m) => m.type === type).length;
    expect(count("comm_open")).toBe(count("comm_close"));
  });

  it("have a valid value when none is given", () => {
    expect(new FloatSlider().value).toBe(0);
    expect(new FloatSlider({ min: 2, max: 3 }).value).toBe(2);
    expect(new FloatSlider({ min: -3, max: -2 }).value).toBe(-2);
    expect(() => new IntSlider({ value: 0.5 })).toThrow("IntSlider: value must be a whole number, received 0.5");
  });

  it("write as many decimals as a step has", () => {
    expect(new FloatSlider({ step: 0.001 }).readoutFormat).toBe(".3f");
    expect(new FloatSlider({ step: 0.25 }).readoutFormat).toBe(".2f");
    expect(new FloatSlider({ step: 1 }).readoutFormat).toBe(".0f");
    expect(new FloatSlider({ step: 0.1, readoutFormat: ".1%" }).readoutFormat).toBe(".1%");
    expect(notebook.slider(0, 0.1).step).toBe(0.001);
  });

  it("of a box keep their places, and outlive it", () => {
    const [a, b] = [new Text({ value: "a" }), new Text({ value: "b" })];
    const box = new HBox([a, b]);
    box.children = [b];
    expect(updates(box.id)[0]!.state).toEqual({ children: [`IPY_MODEL_${b.id}`] });
    box.close();
    expect(a.closed).toBe(false);
    expect(() => new HBox(["a" as never])).toThrow("HBox: children must be an array of widgets");
  });

  it("show themselves, and as text", () => {
    const slider = new FloatSlider({ value: 1, description: "t" });
    const bundle = slider[displaySymbol]() as Record<string, unknown>;
    expect(bundle["application/vnd.jupyter.widget-view+json"]).toEqual({
      version_major: 2,
      version_minor: 0,
      model_id: slider.id,
    });
    expect(bundle["text/plain"]).toBe("FloatSlider { value: 1, description: 't' }");
    slider.close();
    expect(() => slider[displaySymbol]()).toThrow("this FloatSlider is closed: make a new one");
  });

  it("Dropdown keeps values of any type, and the choice when the options change", () => {
    const [relu, silu] = [{ name: "relu" }, { name: "silu" }];
    const choice = new Dropdown({ options: [relu, silu], value: silu });
    const heard: unknown[] = [];
    choice.observe((now, old) => heard.push([old, now]));
    choice.options = { SiLU: silu, none: relu };
    expect(choice.value).toBe(silu);
    fromPage(choice.id, { index: 1 });
    expect(heard.at(-1)).toEqual([silu, relu]);
    fromPage(choice.id, { index: 9 });
    expect(choice.value).toBe(relu);
    expect(updates(choice.id).at(-1)).toMatchObject({ method: "update", state: { index: 1 } });
    expect(() => (choice.value = { name: "relu" })).toThrow("is not among its 2 options");
  });

  it("AnyModel refuses names of the protocol, and options that are state", () => {
    expect(() => new AnyModel({ esm: "", state: { _esm: 1 } })).toThrow("state._esm is a name of the widget protocol");
    expect(() => new AnyModel({ esm: "", count: 1 } as never)).toThrow('unknown option "count" of AnyModel');
  });

  it("Output keeps one line of a progress that is rewritten in place", () => {
    expect(overwrite("a\n", "\r10 %")).toBe("a\n10 %");
    expect(overwrite("a\n10 %", "\r100 %\n")).toBe("a\n100 %\n");
    expect(overwrite("long line", "\rshort")).toBe("shortline");
    expect(overwrite("10 %\r", "20 %")).toBe("20 %");
    expect(overwrite("", "a\r\nb\r\n")).toBe("a\nb\n");
  });

  it("Output gathers prints in order, joins those of one stream, and empties when the next comes", () => {
    const output = new Output();
    output.fail({ ename: "E", evalue: "v", traceback: [] });
    output.clear(true);
    expect(output.outputs).toHaveLength(1);
    output.settle();
    expect(output.outputs).toEqual([]);
    output.close();
  });
});
