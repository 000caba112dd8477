/**
 * The engine survives ordinary code: mocked timers, polyfills and patches of the language's own objects. After each, cells print, show,
 * fail and are stopped as before.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Client } from "./client.js";

let kernel: Client;
const start = async (): Promise<void> => {
  kernel = await Client.start();
  await kernel.execute("let kept = 1");
};
beforeAll(start);
afterAll(() => kernel.close());
afterEach(async ({ task }) => {
  if (task.result?.state !== "fail") return;
  // The next test starts with a working kernel.
  await kernel.close();
  await start();
});

/** Checks everything that cells do, in a notebook whose built-ins were changed. */
async function works(what: string): Promise<void> {
  const printed = await kernel.execute(
    "console.log('printed', kept); process.stdout.write('raw\\n'); [kept, { a: 'b' }]",
    {},
    5_000,
  );
  expect(printed.reply.status, `${what}: ${printed.reply.evalue}`).toBe("ok");
  expect(printed.stdout, what).toBe("printed 1\nraw\n");
  expect(printed.text, what).toBe("[ 1, { a: 'b' } ]");
  const shown = await kernel.execute("await display({ 'text/html': '<b>x</b>' }, { raw: true }); await 0; 'after'", {}, 5_000);
  expect(shown.published.find((m) => m.type === "display_data")?.content.data, what).toEqual({ "text/html": "<b>x</b>" });
  expect(shown.text, what).toBe("'after'");
  const failed = await kernel.execute("\nthrow new RangeError('on purpose')", {}, 5_000);
  expect(failed.reply, what).toMatchObject({ status: "error", ename: "RangeError", evalue: "on purpose" });
  expect(failed.reply.traceback.join("\n"), what).toMatch(/cell \d+:2:7/);
  const begun = kernel.waitFor((m) => m.type === "stream" && m.content.text === "begun\n", 5_000);
  const looping = kernel.execute("console.log('begun'); for (;;) {}", {}, 5_000);
  await begun;
  await kernel.request("interrupt_request", {}, "control");
  expect((await looping).reply, what).toMatchObject({ status: "error", ename: "Interrupted", evalue: "the cell was stopped" });
}

const broken = "(() => { throw new Error('replaced') }) as any";
/** The built-ins and their replacements; the cell restores them at the end of its test. */
const replaced: Record<string, string> = {
  "globalThis.setImmediate": broken,
  "globalThis.setTimeout": broken,
  "globalThis.clearTimeout": broken,
  "globalThis.queueMicrotask": broken,
  "globalThis.structuredClone": broken,
  "globalThis.Promise": "undefined",
  "globalThis.JSON": "undefined",
  "globalThis.Buffer": "undefined",
  "globalThis.Map": "class {}",
  "globalThis.Set": "class {}",
  "globalThis.WeakMap": "undefined",
  "globalThis.Error": "class {}",
  "globalThis.Reflect": "undefined",
  "globalThis.Object": broken,
  "globalThis.AbortController": broken,
  "globalThis.Uint8Array": broken,
  "globalThis.TextEncoder": "undefined",
  "JSON.stringify": "() => 'replaced'",
  "JSON.parse": broken,
  "Object.keys": broken,
  "Object.entries": broken,
  "Object.fromEntries": broken,
  "Object.defineProperty": broken,
  "Object.getOwnPropertyDescriptors": broken,
  "Array.isArray": "() => false",
  "Array.from": broken,
  "Array.prototype.push": broken,
  "Array.prototype.map": broken,
  "Array.prototype.includes": broken,
  "Array.prototype.pop": "function (this: any) { return Reflect.apply(old, this, []) } as any",
  "Array.prototype.indexOf": broken,
  "Array.prototype.concat": broken,
  "Array.prototype.slice": broken,
  "Array.prototype.join": "() => 'replaced'",
  "Array.prototype[Symbol.iterator]": broken,
  "Map.prototype.get": broken,
  "Map.prototype.set": broken,
  "Map.prototype[Symbol.iterator]": broken,
  "Set.prototype.add": broken,
  "Set.prototype.has": broken,
  "String.prototype.replace": "() => 'replaced'",
  "String.prototype.split": broken,
  "String.prototype.slice": broken,
  "RegExp.prototype.exec": broken,
  "RegExp.prototype.test": broken,
  "Promise.prototype.then": broken,
  "Promise.resolve": broken,
  "Promise.race": broken,
  "Promise.all": broken,
  "Function.prototype.call": broken,
  // Functions of Node itself: one that throws ends every callback.
  "Function.prototype.apply": "function (this: any, ...given: any) { return Reflect.apply(old, this, given) } as any",
  "Function.prototype.bind": broken,
  "Date.now": "() => NaN",
  "Math.floor": "() => NaN",
  "Math.min": "() => NaN",
  "Reflect.apply": broken,
  "performance.now": "() => NaN",
  "process.nextTick": broken,
  "process.exit": broken,
  "process.memoryUsage": broken,
  "process.stdout.write": "() => true",
  "Buffer.from": broken,
  "Buffer.concat": broken,
  "Buffer.allocUnsafe": broken,
  "Buffer.prototype.toString": "() => 'replaced'",
  "Buffer.prototype.readUInt32LE": broken,
  "Uint8Array.prototype.subarray": broken,
  "Uint8Array.prototype.slice": broken,
  "Uint8Array.prototype.set": broken,
};
const spare = new Set(["process.stdout.write", "globalThis.Object", "globalThis.Reflect"]);

describe("replaced", () => {
  for (const [what, by] of Object.entries(replaced)) {
    test(what, async () => {
      const setup = `{ const old = ${what} as any; (${what} as any) = ${by}; (globalThis as any).back = () => { (${what} as any) = old } }`;
      const cell = await kernel.execute(setup, {}, 5_000);
      expect(cell.reply.status, cell.reply.evalue).toBe("ok");
      try {
        if (what === "process.stdout.write") {
          expect((await kernel.execute("console.log('printed')", {}, 5_000)).stdout).toBe("printed\n");
        } else await works(what);
      } finally {
        expect((await kernel.execute("(globalThis as any).back(); kept", {}, 5_000)).text).toBe("1");
      }
    });
  }
  test("the whole list is covered", () => expect(Object.keys(replaced).length - spare.size).toBeGreaterThan(50));
});

const codes: Record<string, string> = {
  "mock timers": `import { mock } from "node:test"; mock.timers.enable(); (globalThis as any).back = () => mock.timers.reset()`,
  "properties on every object": `Object.defineProperty(Object.prototype, "toJSON", { value: () => "x", configurable: true, writable: true });
    (Object.prototype as any).encoding = "hex"; (Object.prototype as any).get = 1;
    (globalThis as any).back = () => { for (const k of ["toJSON", "encoding", "get"]) delete (Object.prototype as any)[k] }`,
  "a patched event emitter and patched streams": `import { EventEmitter } from "node:events"; import { Readable, Writable } from "node:stream";
    const olds = [EventEmitter.prototype.emit, EventEmitter.prototype.on, Readable.prototype.push, Readable.prototype.read, Writable.prototype.write] as any[];
    const bad = (() => { throw new Error("patched") }) as any;
    EventEmitter.prototype.emit = bad; EventEmitter.prototype.on = bad; Readable.prototype.push = bad; Readable.prototype.read = bad; Writable.prototype.write = bad;
    (globalThis as any).back = () => { [EventEmitter.prototype.emit, EventEmitter.prototype.on, Readable.prototype.push, Readable.prototype.read, Writable.prototype.write] = olds }`,
  "replaced functions of node:fs and node:util": `import fs from "node:fs"; import util from "node:util"; import { syncBuiltinESMExports } from "node:module";
    const was = [fs.writeSync, util.inspect, util.types.isProxy] as any[];
    (fs as any).writeSync = () => { throw new Error("x") }; (util as any).inspect = () => "x"; syncBuiltinESMExports();
    (globalThis as any).back = () => { (fs as any).writeSync = was[0]; (util as any).inspect = was[1]; syncBuiltinESMExports() }`,
  "all handlers removed": `process.removeAllListeners(); (globalThis as any).back = () => {}`,
  "a replaced Error.prepareStackTrace that is put back": `const prepare = Error.prepareStackTrace; Error.prepareStackTrace = () => "x";
    (globalThis as any).back = () => {}; Error.prepareStackTrace = prepare`,
  "a frozen language": `(globalThis as any).back = () => {}; Object.freeze(Object.prototype); Object.freeze(Array.prototype); Object.freeze(Promise.prototype)`,
};
for (const [name, code] of Object.entries(codes)) {
  test(name, async () => {
    const cell = await kernel.execute(code, {}, 5_000);
    expect(cell.reply.status, cell.reply.evalue).toBe("ok");
    await works(name);
    await kernel.execute("(globalThis as any).back()", {}, 5_000);
  });
}

test("an error in a timer after all handlers were removed does not end the engine", async () => {
  await kernel.execute("process.removeAllListeners('uncaughtException'); process.removeAllListeners('unhandledRejection')");
  const reported = kernel.waitFor((m) => m.type === "stream" && m.content.text.includes("late failure"));
  await kernel.execute("setTimeout(() => { throw new Error('late failure') }, 20)");
  await reported;
  expect((await kernel.execute("kept")).text).toBe("1");
});
