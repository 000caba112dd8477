/**
 * The Jupyter wire protocol: one message is `identities… <IDS|MSG> signature header parent metadata content buffers…`.
 * Signatures are compared in constant time. Malformed, wrongly signed and replayed messages are refused with a reason.
 */
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";

export const PROTOCOL = "5.4";
const DELIMITER = Buffer.from("<IDS|MSG>");
/** Most bytes of a header. Every answer carries its request's header, so a large one would be multiplied. */
const HEADER_BYTES = 8192;

export interface Header {
  readonly msg_id: string;
  readonly session: string;
  readonly username: string;
  readonly date: string;
  readonly msg_type: string;
  readonly version: string;
}

export interface Message {
  readonly identities: readonly Buffer[];
  readonly header: Header;
  readonly parentHeader: Partial<Header>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly content: Readonly<Record<string, unknown>>;
  readonly buffers: readonly Buffer[];
}

export interface OutgoingMessage {
  /** The msg_id; defaults to a new UUID. */
  readonly id?: string;
  readonly type: string;
  readonly content: object;
  readonly parent?: Pick<Message, "header">;
  readonly identities?: readonly Buffer[];
  readonly metadata?: object;
  readonly buffers?: readonly Uint8Array[];
}

/** Signatures are remembered against replays: the last 16384 at least, and at most twice as many. */
const REMEMBERED = 16_384;

/**
 * JSON whose strings are well-formed. JSON can hold a lone surrogate (`"😀"[0]`) as an escape, but a notebook with one cannot be saved: it
 * becomes U+FFFD, as in Node's own output.
 */
export function wellFormedJson(value: unknown): string {
  const json = JSON.stringify(value);
  // JSON.stringify escapes only lone surrogates. The regular expression reads escaped backslashes too, so as not to match `\\ud83d`.
  if (!/\\ud[89a-f]/.test(json)) return json;
  return json.replace(/\\(?:u(d[89a-f][0-9a-f]{2})|.)/g, (escaped, half?: string) => (half === undefined ? escaped : "\ufffd"));
}

export class Wire {
  readonly #key: string;
  readonly #session = randomUUID();
  #seen = new Set<string>();
  #seenBefore = new Set<string>();

  /** @param key from the connection file; where it is empty, messages are not signed */
  constructor(key: string) {
    this.#key = key;
  }

  encode(message: OutgoingMessage): Buffer[] {
    const header: Header = {
      msg_id: message.id ?? randomUUID(),
      session: this.#session,
      username: "kernel",
      date: new Date().toISOString(),
      msg_type: message.type,
      version: PROTOCOL,
    };
    const parts = [header, message.parent?.header ?? {}, message.metadata ?? {}, message.content].map((p) =>
      Buffer.from(wellFormedJson(p)),
    );
    const buffers = (message.buffers ?? []).map((b) => Buffer.from(b.buffer, b.byteOffset, b.byteLength));
    return [...(message.identities ?? []), DELIMITER, Buffer.from(this.#sign(parts)), ...parts, ...buffers];
  }

  /** The message, or why it is refused. */
  decode(frames: readonly Buffer[]): Message | string {
    const at = frames.findIndex((f) => f.equals(DELIMITER));
    if (at < 0) return "no <IDS|MSG> among the frames";
    const signature = frames[at + 1];
    const parts = frames.slice(at + 2, at + 6);
    if (!signature || parts.length < 4) return `${frames.length - at - 1} frames after <IDS|MSG>, expected at least 5`;
    if (this.#key) {
      const expected = Buffer.from(this.#sign(parts));
      if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) return "wrong signature";
      if (this.#replayed(signature.toString("latin1"))) return "duplicate message";
    }
    if (parts[0]!.length > HEADER_BYTES) return `a header of ${parts[0]!.length} bytes, at most ${HEADER_BYTES} are allowed`;
    let parsed: unknown[];
    try {
      parsed = parts.map((p) => JSON.parse(p.toString("utf8")) as unknown);
    } catch (error) {
      return `not JSON: ${(error as Error).message}`;
    }
    if (!parsed.every((p) => p !== null && typeof p === "object" && !Array.isArray(p)))
      return "header, parent, metadata and content must be objects";
    const [header, parentHeader, metadata, content] = parsed as [
      Header,
      Partial<Header>,
      Message["metadata"],
      Message["content"],
    ];
    if (typeof header.msg_type !== "string" || typeof header.msg_id !== "string") return "header without msg_type or msg_id";
    return { identities: frames.slice(0, at), header, parentHeader, metadata, content, buffers: frames.slice(at + 6) };
  }

  #sign(parts: readonly Buffer[]): string {
    if (!this.#key) return "";
    const hmac = createHmac("sha256", this.#key);
    for (const p of parts) hmac.update(p);
    return hmac.digest("hex");
  }

  #replayed(signature: string): boolean {
    if (this.#seen.has(signature) || this.#seenBefore.has(signature)) return true;
    this.#seen.add(signature);
    if (this.#seen.size >= REMEMBERED) [this.#seenBefore, this.#seen] = [this.#seen, new Set()];
    return false;
  }
}
