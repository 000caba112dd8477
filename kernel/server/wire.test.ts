import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Message, Wire, wellFormedJson } from "./wire.js";

const decoded = (result: Message | string): Message => {
  if (typeof result === "string") throw new Error(result);
  return result;
};

test("JSON with lone surrogates replaced, and otherwise equal", () => {
  type Wellable = { toWellFormed(): string };
  const well = (value: unknown): unknown =>
    typeof value === "string"
      ? (value as unknown as Wellable).toWellFormed()
      : Array.isArray(value)
        ? value.map(well)
        : value !== null && typeof value === "object"
          ? Object.fromEntries(Object.entries(value).map(([k, v]) => [well(k), well(v)]))
          : value;
  const unit = fc.constantFrom("\ud83d", "\ude00", "😀", "\\", "\\ud83d", "u", "d83d", '"', "\n", "é");
  fc.assert(
    fc.property(
      fc.array(fc.record({ a: fc.string({ unit }), b: fc.dictionary(fc.string({ unit }), fc.string({ unit })) })),
      (value) => {
        expect(JSON.parse(wellFormedJson(value))).toEqual(JSON.parse(JSON.stringify(well(value))));
      },
    ),
  );
});

describe("Wire", () => {
  test("decodes what it encodes, with identities and buffers", () => {
    const frames = new Wire("secret").encode({
      type: "stream",
      content: { text: "Grüße 🙂" },
      identities: [Buffer.from([0, 1, 255])],
      metadata: { m: 1 },
      buffers: [new Uint8Array([1, 2])],
    });
    const message = decoded(new Wire("secret").decode(frames));
    expect(message.header).toMatchObject({ msg_type: "stream", version: "5.4" });
    expect(message.content).toEqual({ text: "Grüße 🙂" });
    expect(message.metadata).toEqual({ m: 1 });
    expect(message.identities.map((i) => [...i])).toEqual([[0, 1, 255]]);
    expect(message.buffers.map((b) => [...b])).toEqual([[1, 2]]);
  });

  test("signs the four parts with HMAC-SHA-256", () => {
    const frames = new Wire("secret").encode({ type: "x", content: {} });
    const signature = createHmac("sha256", "secret")
      .update(Buffer.concat(frames.slice(2, 6)))
      .digest("hex");
    expect(frames[1]!.toString()).toBe(signature);
    expect(new Wire("").encode({ type: "x", content: {} })[1]!.toString()).toBe("");
  });

  test("refuses another key, a changed byte and a duplicate", () => {
    const frames = new Wire("secret").encode({ type: "x", content: { code: "1" } });
    expect(new Wire("other").decode(frames)).toBe("wrong signature");
    const changed = [...frames];
    changed[5] = Buffer.from('{"code":"2"}');
    const wire = new Wire("secret");
    expect(wire.decode(changed)).toBe("wrong signature");
    expect(typeof wire.decode(frames)).toBe("object");
    expect(wire.decode(frames)).toBe("duplicate message");
  });

  test("says what is malformed, for any frames", () => {
    const wire = new Wire("");
    const delimiter = Buffer.from("<IDS|MSG>");
    const parts = (...texts: string[]): Buffer[] => [delimiter, Buffer.from(""), ...texts.map((t) => Buffer.from(t))];
    expect(wire.decode([Buffer.from("x")])).toContain("<IDS|MSG>");
    expect(wire.decode(parts("{}", "{}"))).toContain("expected at least 5");
    expect(wire.decode(parts("{", "{}", "{}", "{}"))).toContain("not JSON");
    expect(wire.decode(parts("[]", "{}", "{}", "{}"))).toContain("objects");
    expect(wire.decode(parts("{}", "{}", "{}", "{}"))).toContain("msg_type");
    expect(wire.decode(parts(`{"a":${"[".repeat(9000)}${"]".repeat(9000)}}`, "{}", "{}", "{}"))).toContain(
      "header of 18006 bytes",
    );
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 9 }), (noise) => {
        const frames = noise.map((n) => Buffer.from(n));
        expect(typeof wire.decode([...frames, delimiter, ...frames])).toBe("string");
      }),
    );
  });
});
