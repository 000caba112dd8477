import { expect, test } from "vitest";
import { Dealer, Router } from "zeromq";
import { address, type Connection } from "./connection.js";
import { Receiver, SendQueue } from "./sockets.js";

test("a queue sends one message at a time, in order, and continues after a failure", async () => {
  const sent: string[] = [];
  const failures: string[] = [];
  let inFlight = 0;
  const queue = new SendQueue(
    async ([frame]) => {
      expect(++inFlight).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
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

test("drained: everything that has arrived was handed on, however much it is", async () => {
  // Over inproc a message has arrived as soon as it was sent; a socket of zeromq.js sends 512 in one go.
  const router = new Router({ receiveHighWaterMark: 0 });
  const dealers = Array.from({ length: 13 }, () => new Dealer({ sendHighWaterMark: 0 }));
  await router.bind("inproc://drained");
  for (const dealer of dealers) dealer.connect("inproc://drained");
  const received: string[] = [];
  const failures: string[] = [];
  const receiver = new Receiver(
    router,
    (frames) => {
      if (received.push(frames.at(-1)!.toString()) === 7) throw new Error("the seventh");
    },
    (error) => failures.push(error.message),
  );
  const [last, ...first] = dealers;
  await receiver.drained();
  for (const dealer of first) for (let i = 0; i < 400; i++) void dealer.send(`${i}`);
  expect(received).toEqual([]);
  await receiver.drained();
  expect(received.length).toBe(4800);
  void last!.send("last");
  await receiver.drained();
  expect(received.at(-1)).toBe("last");
  expect(failures).toEqual(["the seventh"]);
  for (const socket of [router, ...dealers]) socket.close();
});
