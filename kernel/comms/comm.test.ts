import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Comm, receiveComm, registerTarget } from "./comm.js";
import { type SampleHost, sampleHost } from "./sample-host.js";

const rest = { metadata: {}, buffers: [], id: "m1" };

describe("a comm", () => {
  let host: SampleHost;
  beforeEach(() => {
    host = sampleHost();
  });
  afterEach(() => host.remove());

  it("is opened, sends messages, and is closed once", () => {
    const comm = Comm.open("target", { a: 1 }, { metadata: { version: "1" } });
    comm.send({ b: 2 }, { buffers: [Uint8Array.of(3)], answers: "m7" });
    comm.close();
    comm.close();
    expect(host.sent).toEqual([
      {
        type: "comm_open",
        content: { comm_id: comm.id, target_name: "target", data: { a: 1 } },
        metadata: { version: "1" },
        key: "cell-1",
        answers: undefined,
        buffers: [],
      },
      {
        type: "comm_msg",
        content: { comm_id: comm.id, data: { b: 2 } },
        metadata: {},
        key: "cell-1",
        answers: "m7",
        buffers: [Uint8Array.of(3)],
      },
      {
        type: "comm_close",
        content: { comm_id: comm.id, data: {} },
        metadata: {},
        key: "cell-1",
        answers: undefined,
        buffers: [],
      },
    ]);
    expect(() => comm.send({})).toThrow("the comm to target is closed");
  });

  it("receives its own messages, on behalf of the cell that opened it, until it is closed", () => {
    const comm = Comm.open("target");
    host.cell = "cell-2";
    const heard: unknown[] = [];
    comm.onMessage = ({ data }) => heard.push(data);
    comm.onClose = () => heard.push("closed");
    receiveComm("comm_msg", { comm_id: comm.id, data: { n: 1 } }, rest);
    receiveComm("comm_msg", { comm_id: "another", data: { n: 2 } }, rest);
    receiveComm("comm_close", { comm_id: comm.id, data: {} }, rest);
    receiveComm("comm_msg", { comm_id: comm.id, data: { n: 3 } }, rest);
    expect(heard).toEqual([{ n: 1 }, "closed"]);
    expect(host.handled).toEqual(["cell-1", "cell-1"]);
    expect(comm.closed).toBe(true);
  });

  it("that the page opens reaches its target, or is closed at once", () => {
    const opened: string[] = [];
    registerTarget("known", (comm) => opened.push(comm.id));
    receiveComm("comm_open", { comm_id: "c1", target_name: "known", data: {} }, rest);
    receiveComm("comm_open", { comm_id: "c2", target_name: "toString", data: {} }, rest);
    expect(opened).toEqual(["c1"]);
    expect(host.sent.map(({ type, content }) => [type, content.comm_id])).toEqual([["comm_close", "c2"]]);
  });
});

it("without a notebook a comm says what it needs", () => {
  expect(() => Comm.open("target")).toThrow(/a comm to target needs a notebook/);
});
