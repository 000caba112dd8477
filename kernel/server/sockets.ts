/**
 * The five ZeroMQ sockets. zeromq.js allows one send at a time for a socket, so each has a queue. Nothing is dropped: no queue has a
 * high-water mark.
 */
import { Router, XPublisher } from "zeromq";
import { address, type Channel, type Connection } from "./connection.js";

type Receive = (frames: Buffer[]) => void;
type ReceivingSocket = Pick<Router | XPublisher, "receive">;

/** Passes on the messages of a socket, one by one, until it is closed. */
export class Receiver {
  /** Messages passed on so far. */
  #count = 0;

  constructor(socket: ReceivingSocket, receive: Receive, failed: (error: Error) => void) {
    void this.#listen(socket, receive, failed);
  }

  /**
   * Resolves when every message that has reached this process by now was passed on. Each turn of the event loop polls the socket; the first
   * whole turn that brings no message means that it is empty. (zeromq.js passes on at most 512 messages a turn.)
   */
  async drained(): Promise<void> {
    for (let before = -1; before !== this.#count; ) {
      before = this.#count;
      // The rest of this turn, and a whole one.
      await turn();
      await turn();
    }
  }

  async #listen(socket: ReceivingSocket, receive: Receive, failed: (error: Error) => void): Promise<void> {
    for (;;) {
      let frames: Buffer[];
      try {
        frames = await socket.receive();
      } catch {
        return; // Closed.
      }
      this.#count++;
      try {
        receive(frames);
      } catch (error) {
        failed(error as Error);
      }
    }
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

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
  readonly #receivers = new Map<Channel, Receiver>();

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

  /** Binds all sockets and starts to receive. `subscribed` is called for each new subscriber of iopub, with its topic. */
  async open(
    receive: Readonly<Record<"shell" | "control" | "stdin", Receive>>,
    subscribed: (topic: Buffer) => void,
  ): Promise<void> {
    for (const channel of ["shell", "control", "stdin", "hb"] as const) {
      await this.#routers[channel].bind(address(this.#connection, channel));
    }
    await this.#iopub.bind(address(this.#connection, "iopub"));
    const listen = (channel: Channel, socket: ReceivingSocket, receive: Receive): void => {
      this.#receivers.set(channel, new Receiver(socket, receive, (error) => this.#log(`${channel}: ${error.stack}`)));
    };
    for (const channel of ["shell", "control", "stdin"] as const) listen(channel, this.#routers[channel], receive[channel]);
    listen("hb", this.#routers.hb, (frames) => this.send("hb", frames));
    listen("iopub", this.#iopub, ([frame]) => {
      if (frame?.[0] === 1) subscribed(frame.subarray(1));
    });
  }

  /** Resolves when every message that has arrived on this channel by now was handed to its receiver. */
  async arrived(channel: Channel): Promise<void> {
    await this.#receivers.get(channel)?.drained();
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#queues).map((q) => q.drained()));
    for (const socket of [...Object.values(this.#routers), this.#iopub]) socket.close();
  }
}
