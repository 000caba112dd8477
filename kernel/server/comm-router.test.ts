import { beforeEach, describe, expect, it } from "vitest";
import { CommRouter } from "./comm-router.js";
import type { Message } from "./wire.js";

const message = (msg_type: string, msg_id: string, content: Record<string, unknown>): Message =>
  ({ header: { msg_type, msg_id }, content, metadata: {}, buffers: [], identities: [], parentHeader: {} }) as unknown as Message;
const cell = message("execute_request", "cell", {});

describe("the comm router", () => {
  let log: string[];
  let engine: boolean;
  let comms: CommRouter;
  beforeEach(() => {
    log = [];
    engine = true;
    comms = new CommRouter({
      status: (state, parent) => log.push(`${state} ${parent.header.msg_id}`),
      publish: (type, content, parent) =>
        log.push(`${type} ${(content as { comm_id: string }).comm_id} for ${parent?.header.msg_id}`),
      toEngine: ({ id }) => {
        if (engine) log.push(`engine ${id}`);
        return engine;
      },
      cell: () => cell,
    });
  });
  const out = (type: "comm_open" | "comm_msg" | "comm_close", answers?: string) =>
    comms.publish({ type, content: { comm_id: "c", target_name: "t" }, metadata: {}, key: "cell", answers }, []);

  it("sends idle when the engine has handled the message, once", () => {
    expect(comms.receive(message("comm_msg", "m", { comm_id: "c" }))).toBe(true);
    expect(log).toEqual(["busy m", "engine m"]);
    out("comm_msg", "m");
    out("comm_msg");
    comms.done("m");
    comms.done("m");
    out("comm_msg", "m");
    expect(log.slice(2)).toEqual(["comm_msg c for m", "comm_msg c for cell", "idle m", "comm_msg c for cell"]);
  });

  it("lists open comms, whichever side opened them", () => {
    out("comm_open");
    comms.receive(message("comm_open", "m", { comm_id: "d", target_name: "u" }));
    expect(comms.info(undefined)).toEqual({ status: "ok", comms: { c: { target_name: "t" }, d: { target_name: "u" } } });
    expect(comms.info("u")).toEqual({ status: "ok", comms: { d: { target_name: "u" } } });
    out("comm_close");
    comms.receive(message("comm_close", "n", { comm_id: "d" }));
    expect(comms.info("")).toEqual({ status: "ok", comms: {} });
  });

  it("closes all comms and finishes pending messages when the engine is lost", () => {
    out("comm_open");
    comms.receive(message("comm_msg", "m", { comm_id: "c" }));
    log.length = 0;
    comms.lost();
    expect(log).toEqual(["comm_close c for undefined", "idle m"]);
    expect(comms.info(undefined)).toEqual({ status: "ok", comms: {} });
  });

  it("answers without an engine, and a message without a comm id", () => {
    engine = false;
    comms.receive(message("comm_open", "m", { comm_id: "c", target_name: "t" }));
    comms.receive(message("comm_msg", "n", {}));
    expect(log).toEqual(["busy m", "comm_close c for m", "idle m", "busy n", "idle n"]);
    expect(comms.receive(message("execute_request", "o", {}))).toBe(false);
  });
});
