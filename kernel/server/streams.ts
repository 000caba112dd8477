/**
 * Joins printed text: pieces from the same cell and stream within 20 ms become one message. Whatever else is published calls `flush` first,
 * so that the order is kept.
 */
const WAIT_MS = 20;
const FULL = 1 << 18;

export class Streams<Parent> {
  readonly #send: (name: "stdout" | "stderr", text: string, parent: Parent) => void;
  #name: "stdout" | "stderr" = "stdout";
  #parent: Parent | undefined;
  #pieces: string[] = [];
  #length = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(send: (name: "stdout" | "stderr", text: string, parent: Parent) => void) {
    this.#send = send;
  }

  write(name: "stdout" | "stderr", text: string, parent: Parent): void {
    if (this.#pieces.length && (this.#name !== name || this.#parent !== parent)) this.flush();
    this.#name = name;
    this.#parent = parent;
    this.#pieces.push(text);
    this.#length += text.length;
    if (this.#length >= FULL) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), WAIT_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#pieces.length) return;
    const text = this.#pieces.join("");
    this.#pieces = [];
    this.#length = 0;
    this.#send(this.#name, text, this.#parent as Parent);
  }
}
