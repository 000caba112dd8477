/**
 * Hostile messages to a kernel, each kind from a seeded generator. Messages that must be refused (wrongly signed, or replayed) contain code that
 * leaves a trace, so that a kernel which runs it is caught.
 */
import { createHmac } from "node:crypto";
import type { Below } from "../support/random.js";

/** A channel for messages of the protocol. */
export type Target = "shell" | "control" | "stdin";

export interface Attack {
  readonly frames: readonly Buffer[];
  /** The kernel must refuse it with a line in its log. False: it is correctly signed and only unusual, so it may be accepted. */
  readonly refused: boolean;
}

export interface Scene {
  /** The connection's key. */
  readonly key: string;
  /** Code that leaves a trace where it is run. */
  readonly trace: string;
  /** A message that was sent before, and accepted. */
  readonly taken: readonly Buffer[];
  /** Changes with every attack. */
  readonly id: string;
}

const DELIMITER = Buffer.from("<IDS|MSG>");
/** Without requests to stop and to shut down, which a kernel obeys from everyone who has the key. */
const REQUESTS = [
  "execute_request",
  "complete_request",
  "inspect_request",
  "is_complete_request",
  "history_request",
  "kernel_info_request",
  "comm_info_request",
  "comm_open",
  "comm_msg",
  "comm_close",
  "connect_request",
  "input_reply",
  "debug_request",
];
const FIELDS = [
  "code",
  "cursor_pos",
  "detail_level",
  "silent",
  "store_history",
  "stop_on_error",
  "allow_stdin",
  "user_expressions",
  "hist_access_type",
  "n",
  "pattern",
  "session",
  "start",
  "stop",
  "unique",
  "output",
  "raw",
  "comm_id",
  "target_name",
  "data",
  "value",
  "__proto__",
];

const pick = <T>(list: readonly T[], random: Below): T => list[random(list.length)]!;
const bytes = (length: number, random: Below): Buffer => Buffer.from(Array.from({ length }, () => random(256)));

const strangeValue = (random: Below): unknown =>
  pick<() => unknown>(
    [
      () => null,
      () => true,
      () => random(2 ** 31) - 2 ** 30,
      () => 1e308,
      () => -0.5,
      () => "",
      () => "tail",
      () => "search",
      () => "range",
      () => `${"(".repeat(5000)}1`,
      () => "[".repeat(20_000),
      () => "`${".repeat(2000),
      () => "\u0000\u0001cell-end x\u0001\u0000",
      () => "\ud800",
      () => "a.b?",
      () => "*?[]{}()\\".repeat(20),
      () => "*".repeat(40),
      () => "🙂".repeat(50),
      () => [],
      () => [[null]],
      () => ({ toString: 1, length: -1, constructor: null }),
      () => ({ __proto__: null, hasOwnProperty: 1 }),
      () => Array.from({ length: 50 }, (_, i) => i),
    ],
    random,
  )();

/** JSON that is nested so deeply. */
const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

function header(type: unknown, scene: Scene): object {
  return {
    msg_id: scene.id,
    session: "fuzz",
    username: "fuzz",
    date: "2020-01-01T00:00:00Z",
    msg_type: type,
    version: "5.4",
  };
}

const sign = (parts: readonly Buffer[], key: string): Buffer =>
  Buffer.from(createHmac("sha256", key).update(Buffer.concat(parts)).digest("hex"));

/** A whole message with its four parts given as text, correctly signed. */
function signed(parts: readonly (string | Buffer)[], key: string, before: readonly Buffer[] = [], after: readonly Buffer[] = []) {
  const raw = parts.map((p) => (typeof p === "string" ? Buffer.from(p) : p));
  return [...before, DELIMITER, sign(raw, key), ...raw, ...after];
}
const message = (type: unknown, content: unknown, scene: Scene): string[] => [
  JSON.stringify(header(type, scene)),
  "{}",
  "{}",
  JSON.stringify(content),
];
/** Requests that an intruder might send. */
const wish = (scene: Scene, random: Below): string[] =>
  random(8) === 0
    ? message("shutdown_request", { restart: false }, scene)
    : message("execute_request", { code: scene.trace, silent: false }, scene);

type Kind = (scene: Scene, random: Below) => Attack;

const refused =
  (make: (scene: Scene, random: Below) => readonly Buffer[]): Kind =>
  (scene, random) => ({ frames: make(scene, random), refused: true });
const strange =
  (make: (scene: Scene, random: Below) => readonly Buffer[]): Kind =>
  (scene, random) => ({ frames: make(scene, random), refused: false });

const withSignature = (scene: Scene, random: Below, change: (signature: Buffer) => Buffer): Buffer[] => {
  const frames = signed(wish(scene, random), scene.key);
  frames[1] = change(frames[1]!);
  return frames;
};

export const attacks: Readonly<Record<string, Kind>> = {
  noise: refused((_, random) => Array.from({ length: 1 + random(9) }, () => bytes(random(60), random))),
  empty: refused((_, random) => Array.from({ length: 1 + random(9) }, () => Buffer.alloc(0))),
  unsigned: refused((scene, random) => withSignature(scene, random, () => Buffer.alloc(0))),
  otherKey: refused((scene, random) => signed(wish(scene, random), pick(["", "other", scene.key.slice(1)], random) || "x")),
  flippedSignature: refused((scene, random) =>
    withSignature(scene, random, (signature) => {
      signature[random(signature.length)]! ^= 1 << random(7);
      return signature;
    }),
  ),
  longSignature: refused((scene, random) =>
    withSignature(scene, random, (s) => pick([Buffer.concat([s, s]), s.subarray(1), bytes(1000, random)], random)),
  ),
  rawSignature: refused((scene, random) => withSignature(scene, random, (s) => Buffer.from(s.toString(), "hex"))),
  upperSignature: refused((scene, random) =>
    withSignature(scene, random, (s) => Buffer.from(`${s.toString().toUpperCase().slice(0, -1)}G`)),
  ),
  changed: refused((scene, random) => {
    const frames = signed(message("execute_request", { code: "1" }, scene), scene.key);
    frames[5] = Buffer.from(JSON.stringify({ code: scene.trace }));
    if (random(2)) frames[3] = Buffer.from('{"x":1}');
    return frames;
  }),
  swapped: refused((scene, random) => {
    const frames = signed(wish(scene, random), scene.key);
    [frames[2], frames[5]] = [frames[5]!, frames[2]!];
    return frames;
  }),
  cutFrames: refused((scene, random) => signed(wish(scene, random), scene.key).slice(0, 1 + random(5))),
  cutBytes: refused((scene, random) => {
    const frames = signed(wish(scene, random), scene.key);
    const last = frames[5]!;
    frames[5] = last.subarray(0, random(last.length));
    return frames;
  }),
  replay: refused((scene) => scene.taken),
  replayWithBuffers: refused((scene, random) => [bytes(5, random), ...scene.taken, bytes(random(50), random)]),
  twoDelimiters: refused((scene, random) => [DELIMITER, ...signed(wish(scene, random), scene.key)]),
  hugeUnsigned: refused((scene, random) => {
    const frames = signed(wish(scene, random), "other");
    frames[2 + random(4)] = Buffer.alloc(1 << (16 + random(7)), 0x20);
    return frames;
  }),
  notJson: refused((scene, random) => {
    const parts: (string | Buffer)[] = wish(scene, random);
    const bad = [
      "",
      "{",
      "{]",
      "NaN",
      "{'a':1}",
      '{"a":1}x',
      '{"a":"\n"}',
      Buffer.from([0xff, 0xfe]),
      "\u0000",
      `${nested(500)}]`,
    ];
    parts[random(4)] = pick(bad, random);
    return signed(parts, scene.key, [], [Buffer.from(scene.id)].slice(random(2)));
  }),
  notObjects: refused((scene, random) => {
    const parts = wish(scene, random);
    parts[random(4)] = pick(["null", "1", '"text"', "[]", "[{}]", "true"], random) + " ".repeat(random(1000));
    return signed(parts, scene.key);
  }),
  headers: refused((scene, random) => {
    const [, ...rest] = wish(scene, random);
    const bad = [{}, { msg_type: "execute_request" }, { ...header(["execute_request"], scene) }, { ...header(null, scene) }];
    const missing = { ...header("execute_request", scene), msg_id: pick([undefined, 7, null, ["a"]], random) };
    return signed([JSON.stringify(random(2) ? missing : pick(bad, random)) + " ".repeat(random(1000)), ...rest], scene.key);
  }),
  wrongTypes: strange((scene, random) => {
    const content = Object.fromEntries(Array.from({ length: random(6) }, () => [pick(FIELDS, random), strangeValue(random)]));
    return signed(message(pick(REQUESTS, random), content, scene), scene.key);
  }),
  strangeTypes: strange((scene, random) => {
    const type = pick(
      ["", "__proto__", "toString", "execute_reply", "status", "x".repeat(100_000), "a\nb\u001b[31m", "🙂"],
      random,
    );
    return signed(message(type, { code: scene.trace }, scene), scene.key);
  }),
  strangeHeader: strange((scene, random) => {
    const [, , , content] = message("kernel_info_request", {}, scene);
    const head = {
      ...header("kernel_info_request", scene),
      session: strangeValue(random),
      date: 1,
      version: strangeValue(random),
    };
    return signed([JSON.stringify(head), JSON.stringify({ msg_id: strangeValue(random) }), "{}", content!], scene.key);
  }),
  deep: strange((scene, random) => {
    // The messages of the latest cells are kept, for what they print later: that is not a leak.
    const types = REQUESTS.filter((type) => type !== "execute_request");
    const parts = message(pick(types, random), {}, scene);
    const depth = pick([100, 5000, 200_000], random);
    const at = random(4);
    parts[at] = at === 0 ? `${parts[0]!.slice(0, -1)},"a":${nested(depth)}}` : nested(depth);
    return signed(parts, scene.key);
  }),
  hugeSigned: strange((scene, random) =>
    signed(message("comm_msg", { comm_id: "none", data: "x".repeat(1 << (16 + random(6))) }, scene), scene.key),
  ),
  manyFrames: strange((scene, random) => {
    const many = Array.from({ length: 1 + random(500) }, () => bytes(random(20), random));
    return signed(message(pick(["comm_msg", "comm_info_request"], random), { comm_id: "none" }, scene), scene.key, [], many);
  }),
  manyIdentities: strange((scene, random) => {
    const many = Array.from({ length: 1 + random(100) }, () => bytes(random(20), random));
    return signed(message("connect_request", {}, scene), scene.key, many);
  }),
};
