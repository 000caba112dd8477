/**
 * Traffic to the ports of a kernel that is not a message: noise on the heartbeat, strange subscriptions, and bytes that are not ZeroMQ, or only
 * begin like it.
 */
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Dealer, XSubscriber } from "zeromq";
import type { Below } from "../support/random.js";

const noise = (length: number, random: Below): Buffer => Buffer.from(Array.from({ length }, () => random(256)));

/** ZMTP 3.0: https://rfc.zeromq.org/spec/23/ */
const GREETING = Buffer.concat([
  Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0]),
  Buffer.from("NULL".padEnd(20, "\0")),
  Buffer.alloc(32),
]);
const property = (name: string, value: string): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), length, Buffer.from(value)]);
};
const READY = ((body) => Buffer.concat([Buffer.from([4, body.length]), body]))(
  Buffer.concat([Buffer.from([5]), Buffer.from("READY"), property("Socket-Type", "DEALER")]),
);
/** A frame with this length in its header. */
const longFrame = (length: bigint): Buffer => {
  const head = Buffer.alloc(9);
  head[0] = 2;
  head.writeBigUInt64BE(length, 1);
  return head;
};

/** The bytes of one connection that is not a client. */
export function rawBytes(random: Below): Buffer {
  const kinds = [
    () => noise(1 + random(200), random),
    () => Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    () => GREETING.subarray(0, random(GREETING.length)),
    () => Buffer.concat([GREETING, noise(random(100), random)]),
    () => Buffer.concat([GREETING, READY, noise(random(100), random)]),
    () => Buffer.concat([GREETING, READY, longFrame(2n ** BigInt(20 + random(43))), noise(50, random)]),
    () => Buffer.concat([GREETING, READY, longFrame(2n ** 64n - 1n)]),
  ];
  return kinds[random(kinds.length)]!();
}

/** Connects, sends this, and disconnects without waiting for an answer. */
export async function rawConnection(port: number, bytes: Buffer): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("data", () => {});
  await new Promise<void>((sent) => {
    socket.on("error", () => sent());
    socket.write(bytes, () => sent());
  });
  socket.destroy();
}

/** Subscribes to unknown topics in unusual forms, and disconnects. */
export async function strangeSubscriber(port: number, random: Below): Promise<void> {
  const socket = new XSubscriber({ linger: 0, receiveHighWaterMark: 1 });
  socket.connect(`tcp://127.0.0.1:${port}`);
  for (let i = 0; i < 4; i++) {
    const topic = random(4) === 0 ? Buffer.alloc(10_000, 0x61 + random(26)) : noise(random(20), random);
    await socket.send([Buffer.concat([Buffer.from([random(4)]), topic])]);
  }
  await sleep(5); // For ZeroMQ's own thread, which sends. An attack that was not sent is not counted as a miss.
  socket.close();
}

/** Heartbeats that the kernel must echo unchanged; resolves to the faults. */
export async function strangeHeartbeat(port: number, random: Below): Promise<string> {
  const socket = new Dealer({ linger: 0, receiveTimeout: 5000 });
  socket.connect(`tcp://127.0.0.1:${port}`);
  try {
    const frames = Array.from({ length: 1 + random(5) }, () => noise(random(3) ? random(40) : 100_000, random));
    await socket.send(frames);
    const back = await socket.receive();
    return Buffer.concat(back).equals(Buffer.concat(frames)) ? "" : "the heartbeat gave back something else";
  } catch (error) {
    return `the heartbeat: ${(error as Error).message}`;
  } finally {
    socket.close();
  }
}
