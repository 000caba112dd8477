/**
 * The five ZeroMQ sockets. zeromq.js allows one send at a time for a socket, so each has a queue; nothing is ever dropped for
 * want of room.
 */
import { Router, XPublisher } from "zeromq";
import { address, type Channel, type Connection } from "./connection.js";

type Receive = (frames: Buffer[]) => void;

export class SendQueue {
  readonly #send: (frames: Buffer[]) => Promise<void>;
  readonly #waiting: Buffer[][] = [];
  readonly #failed: (error: Error) => void;
  #sending: Promise<void> | undefined;

  constructor(send: (frames: Buffer[]) => Promise<void>, failed: (error: Error) => void) {
    this.#send = send;
    this.#failed = failed;
  }

  push(frames: Buffer[]): void {
    this.#waiting.push(frames);
    this.#sending ??= this.#drain();
  }

  /** Resolves when all that was pushed has been handed to ZeroMQ. */
  async drained(): Promise<void> {
    while (this.#sending) await this.#sending;
  }

  async #drain(): Promise<void> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      try {
        await this.#send(next);
      } catch (error) {
        this.#failed(error as Error);
      }
    }
    this.#sending = undefined;
  }
}

export class Sockets {
  readonly #connection: Connection;
  readonly #log: (text: string) => void;
  readonly #routers: Readonly<Record<"shell" | "control" | "stdin" | "hb", Router>>;
  readonly #iopub = new XPublisher({ sendHighWaterMark: 0, linger: 2000 });
  readonly #queues: Readonly<Record<Channel, SendQueue>>;

  constructor(connection: Connection, log: (text: string) => void) {
    this.#connection = connection;
    this.#log = log;
    const router = (): Router => new Router({ sendHighWaterMark: 0, receiveHighWaterMark: 0, linger: 2000 });
    this.#routers = { shell: router(), control: router(), stdin: router(), hb: router() };
    const queue = (channel: Channel, socket: Router | XPublisher): SendQueue =>
      new SendQueue(
        (frames) => socket.send(frames),
        (error) => log(`${channel}: ${error.message}`),
      );
    const { shell, control, stdin, hb } = this.#routers;
    this.#queues = {
      shell: queue("shell", shell),
      control: queue("control", control),
      stdin: queue("stdin", stdin),
      hb: queue("hb", hb),
      iopub: queue("iopub", this.#iopub),
    };
  }

  send(channel: Channel, frames: Buffer[]): void {
    this.#queues[channel].push(frames);
  }

  /** Binds all sockets and starts to receive. `subscribed` hears of each new listener of iopub, with its topic. */
  async open(
    receive: Readonly<Record<"shell" | "control" | "stdin", Receive>>,
    subscribed: (topic: Buffer) => void,
  ): Promise<void> {
    for (const channel of ["shell", "control", "stdin", "hb"] as const) {
      await this.#routers[channel].bind(address(this.#connection, channel));
    }
    await this.#iopub.bind(address(this.#connection, "iopub"));
    for (const channel of ["shell", "control", "stdin"] as const)
      void this.#listen(channel, this.#routers[channel], receive[channel]);
    void this.#listen("hb", this.#routers.hb, (frames) => this.send("hb", frames));
    void this.#listen("iopub", this.#iopub, ([frame]) => {
      if (frame?.[0] === 1) subscribed(frame.subarray(1));
    });
  }

  async #listen(channel: Channel, socket: Router | XPublisher, receive: Receive): Promise<void> {
    for (;;) {
      let frames: Buffer[];
      try {
        frames = await socket.receive();
      } catch {
        return; // Closed.
      }
      try {
        receive(frames);
      } catch (error) {
        this.#log(`${channel}: ${(error as Error).stack}`);
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#queues).map((q) => q.drained()));
    for (const socket of [...Object.values(this.#routers), this.#iopub]) socket.close();
  }
}
