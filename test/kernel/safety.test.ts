/** Only messages through the interface of the connection file reach the kernel. test/fuzz tests those messages. */
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "./client.js";

let kernel: Client;
beforeAll(async () => {
  kernel = await Client.start();
});
afterAll(() => kernel?.close());

const reaches = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const end = (reached: boolean) => () => {
      socket.destroy();
      resolve(reached);
    };
    socket.once("connect", end(true)).once("error", end(false)).once("timeout", end(false));
  });

// All of 127.0.0.0/8 is this machine on Linux: a socket on every interface would answer there, too. On macOS ::1 serves for that.
test.each(["shell", "control", "stdin", "iopub", "hb"])(
  "%s listens at the address of the connection file and at no other",
  async (channel) => {
    const port = Number(kernel.connection[`${channel}_port`]);
    expect(await reaches("127.0.0.1", port)).toBe(true);
    expect(await reaches("127.0.0.2", port)).toBe(false);
    expect(await reaches("::1", port)).toBe(false);
  },
);
