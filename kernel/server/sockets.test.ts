import { expect, test } from "vitest";
import { address, type Connection } from "./connection.js";
import { SendQueue } from "./sockets.js";

test("a queue sends one at a time, in order, and goes on after a failure", async () => {
  const sent: string[] = [];
  const failures: string[] = [];
  let inFlight = 0;
  const queue = new SendQueue(
    async ([frame]) => {
      expect(++inFlight).toBe(1);
      await new Promise((done) => setTimeout(done, 1));
      inFlight--;
      if (frame!.toString() === "3") throw new Error("no route");
      sent.push(frame!.toString());
    },
    (error) => failures.push(error.message),
  );
  for (let i = 0; i < 6; i++) queue.push([Buffer.from(String(i))]);
  await queue.drained();
  queue.push([Buffer.from("later")]);
  await queue.drained();
  expect(sent).toEqual(["0", "1", "2", "4", "5", "later"]);
  expect(failures).toEqual(["no route"]);
});

test("addresses of tcp, ipc and IPv6", () => {
  const connection = { transport: "tcp", ip: "127.0.0.1", key: "", ports: { shell: 5 } } as unknown as Connection;
  expect(address(connection, "shell")).toBe("tcp://127.0.0.1:5");
  expect(address({ ...connection, ip: "::1" }, "shell")).toBe("tcp://[::1]:5");
  expect(address({ ...connection, transport: "ipc", ip: "k" }, "shell")).toBe("ipc://k-5");
});
