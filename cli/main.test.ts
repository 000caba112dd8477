/** The command line as a process: the built one, as users start it. `npm test` builds it first. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { packageInfo, tinyWorld } from "../lab/package.js";
import { folder, writeSmallLlama } from "../test/support/small-llama.js";

const command = join(packageInfo().root, "dist", "cli", "main.js");
const held = join(dirname(tinyWorld), "held.txt");
let dir: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  if (!existsSync(command)) throw new Error(`${command} is missing: build it with npm run build`);
  dir = await folder();
});
afterAll(() => dir.remove());

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}
function sparselab(args: readonly string[], during?: (child: ReturnType<typeof spawn>) => void): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [command, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, out, err }));
    during?.(child);
  });
}
const ok = async (...args: string[]) => {
  const ended = await sparselab(args);
  expect(ended.code, ended.err).toBe(0);
  return ended.out;
};
const file = (name: string, text: string) => {
  const path = join(dir.path, name);
  writeFileSync(path, text);
  return path;
};

describe("sparselab", () => {
  it("fetch lists what it can bring, names the nearest, and is named by what needs it", async () => {
    vi.stubEnv("SPARSELAB_CACHE", join(dir.path, "cache"));
    try {
      expect(await ok("fetch")).toMatch(/^smollm2 .*Apache-2\.0; not fetched$/m);
      expect(await sparselab(["fetch", "smolm"])).toMatchObject({
        code: 2,
        err: expect.stringMatching(/Did you mean "smollm2"\?/),
      });
      expect(await sparselab(["info", "smollm2"])).toMatchObject({
        code: 1,
        err: expect.stringMatching(/not on this machine yet\. Run "npx sparselab fetch smollm2"/),
      });
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it("info describes a file, also one with only a vocabulary or an undecided activation", async () => {
    const plain = await ok("info", tinyWorld);
    expect(plain).toMatch(/^device +CPU \([a-z0-9]+\); no GPU: .*use device "cpu"|^device +cuda:0/m);
    expect(plain).toMatch(/^architecture +llama$/m);
    expect(plain).toMatch(/^activation +fatrelu_[\d.]+ \(from the file's key llama\.hidden_activation\)$/m);
    expect(JSON.parse(await ok("info", tinyWorld, "--json"))).toMatchObject({
      shape: { layers: 6, neurons: 768 },
      weights: { Q8_0: expect.any(Number) },
      tokenizer: { bos: 1 },
      licence: null,
      cache: [{ context: 512, bytes: expect.any(Number) }],
    });
    const pwri = JSON.parse(await ok("info", writeSmallLlama(dir.path, { file: "p.gguf", magic: "PWRI" }), "--json"));
    expect(pwri).toMatchObject({
      activation: { name: "relu", from: "architecture" },
      predictors: [{ rank: 8 }, { rank: 9 }],
      down: "native",
      file: { magic: "PWRI" },
    });
    expect(await ok("info", writeSmallLlama(dir.path, { file: "vocab.gguf", change: () => [] }))).toMatch(
      /only a vocabulary[\s\S]*SentencePiece, 40 pieces/,
    );
    expect(await ok("info", writeSmallLlama(dir.path, { file: "relu-llama.gguf" }))).toMatch(/activation +undecided\. .*Choose/);
  });

  it("--kv f16 reaches the model: near the logits of f32, and not the same", async () => {
    const rows = async (kv: string) => {
      const path = join(dir.path, `${kv}.f32`);
      await ok("logits", tinyWorld, "--tokens", "1,17,300,41", "--kv", kv, "--out", path);
      return new Float32Array(new Uint8Array(readFileSync(path)).buffer);
    };
    const [full, half] = [await rows("f32"), await rows("f16")];
    const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    const error = norm(full.map((value, i) => value - half[i]!)) / norm(full);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(5e-3);
  });

  it("tokenize: the whole text on one line, or a line for each line, plain or special", async () => {
    const vocabulary = writeSmallLlama(dir.path, { file: "v.gguf", change: () => [] });
    // Pieces: 3 "▁", 4 "a", 5 "b", 6 "c", 34 "▁a", 35 "▁b"; anything else is <unk>.
    expect(await ok("tokenize", vocabulary, "--text-file", file("a.txt", "a bc"))).toBe("34 35 6\n");
    expect(await ok("tokenize", vocabulary, "--lines", "--text-file", file("b.txt", "a\n\n b \nc"))).toBe(
      ["34", "", "3 35 3", "36", ""].join("\n"),
    );
    expect(await ok("tokenize", vocabulary, "--lines", "--text-file", file("c.txt", "a\n"))).toBe("34\n");
    expect(await ok("tokenize", vocabulary, "--lines", "--text-file", file("d.txt", ""))).toBe("");
    expect(await ok("tokenize", vocabulary, "--special", "--text-file", file("e.txt", "a</s>b"))).toMatch(/^1 34 2 \d+\n$/);
    expect((await ok("tokenize", tinyWorld, "--text-file", file("f.txt", "</s>"))).trim().split(" ").length).toBeGreaterThan(1);
    expect(JSON.parse(await ok("tokenize", vocabulary, "--lines", "--json", "--text-file", file("g.txt", "a\nb\n")))).toEqual([
      [34],
      [35],
    ]);
    // A carriage return and U+FEFF are part of the text.
    const ids = (await ok("tokenize", tinyWorld, "--text-file", file("h.txt", "\ufeffa\r\nb"))).trim().split(" ");
    expect(ids.length).toBeGreaterThan(6);
  });

  it("generate prints text, or with --json its tokens and settings", async () => {
    const text = await ok("generate", tinyWorld, "-p", "The rope is in the", "-n", "8");
    const json = JSON.parse(await ok("generate", tinyWorld, "-p", "The rope is in the", "-n", "8", "--json", "--threads", "1"));
    expect(json).toMatchObject({ text: text.replace(/\n$/, ""), strategy: "exact", tokens: expect.any(Array) });
    expect(json.tokens.length).toBeLessThanOrEqual(8);
    const chat = JSON.parse(
      await ok(
        "generate",
        tinyWorld,
        "-p",
        "Where is the rope?",
        "-n",
        "2",
        "--chat",
        "--json",
        "--temp",
        "0.8",
        "--seed",
        "3",
        "--t",
        "0",
      ),
    );
    expect(chat.prompt.slice(0, 2)).toEqual([1, 3]);
    expect(chat.policy).toEqual({ kind: "fatrelu", t: 0 });
  });

  it("generate samples as its flags say", async () => {
    const tokens = async (...flags: string[]) =>
      JSON.parse(await ok("generate", tinyWorld, "-p", "The", "-n", "40", "--json", "--seed", "5", ...flags)).tokens as number[];
    const greedy = await tokens();
    const warm = await tokens("--temp", "3");
    expect(warm).not.toEqual(greedy);
    // Each of these leaves one token to draw from.
    expect(await tokens("--temp", "3", "--top-k", "1")).toEqual(greedy);
    expect(await tokens("--temp", "3", "--top-p", "0.000001")).toEqual(greedy);
    expect(await tokens("--temp", "3", "--min-p", "1")).toEqual(greedy);
    const without = await tokens("--repeat-penalty", "1000000");
    expect(new Set(without).size).toBe(without.length);
  });

  it("logits writes a row for each token and each greedy token", async () => {
    const out = join(dir.path, "missing", "folder", "l.f32");
    expect(await ok("logits", tinyWorld, "--tokens", "1,17,300", "--greedy", "2", "--out", out)).toMatch(/token 5 × vocab 1536/);
    expect(readFileSync(out).length).toBe(5 * 1536 * 4);
    await ok("logits", tinyWorld, "--tokens", "1,17", "--out", out, "--capture", "blocks.2.ffn.mid");
    expect(readFileSync(out).length).toBe(2 * 768 * 4);
  });

  it("measure and sweep write reports and points", async () => {
    const text = ["--text", held, "--window", "64", "--max-tokens", "128"];
    const report = JSON.parse(
      await ok(
        "measure",
        tinyWorld,
        ...text,
        "--measure",
        "sparsity, perplexity,kl",
        "--t",
        "2",
        "--reference",
        tinyWorld,
        "--json",
      ),
    );
    expect(report).toMatchObject({ tokens: 128, provenance: { policy: { kind: "fatrelu", t: 2 } } });
    expect(report.kl.mean).toBeGreaterThan(0);
    expect(report.provenance.reference).toMatch(/policy as-trained/);
    const out = join(dir.path, "a", "folder", "x.json");
    expect(await ok("sweep", tinyWorld, ...text, "--t", "0,2", "--measure", "sparsity,perplexity,kl", "--out", out)).toMatch(
      /^setting {2}zeros in x₁, % {2}perplexity {3}KL, nats\nt = 0 [^\n]*\d\nt = 2 [^\n]*\d\n$/,
    );
    const points = JSON.parse(readFileSync(out, "utf8"));
    expect(points).toMatchObject([
      { setting: { t: 0 }, done: true },
      { setting: { t: 2 }, done: true, sparsity: { mean: report.sparsity.mean }, perplexity: report.perplexity, kl: report.kl },
    ]);
  });

  it("compares KL with the given reference, and requires one", async () => {
    const text = file("letters.txt", "a bad cab, a faded deed. ".repeat(12));
    const [one, two] = [
      writeSmallLlama(dir.path, { file: "one.gguf", seed: 1 }),
      writeSmallLlama(dir.path, { file: "two.gguf", seed: 2 }),
    ];
    const kl = ["--text", text, "--window", "40", "--measure", "kl,top1"];
    const asked = await sparselab(["measure", one, ...kl]);
    expect([asked.code, asked.out]).toEqual([2, ""]);
    expect(asked.err).toMatch(
      /kl and top1 compare with a reference: give --reference FILE \(--reference .*one\.gguf for the same/,
    );
    // The way out that the message gives.
    const self = await sparselab(["measure", one, ...kl, "--reference", one, "--json"]);
    expect(JSON.parse(self.out)).toMatchObject({ kl: { max: 0 }, top1: { agreement: 1 } });
    expect(self.err).toMatch(/the same file with the same activation/);
    const other = JSON.parse(await ok("measure", one, ...kl, "--reference", two, "--json"));
    const relu = JSON.parse(await ok("measure", one, ...kl, "--reference", two, "--reference-activation", "relu", "--json"));
    expect(other.kl.mean).toBeGreaterThan(0);
    expect(relu.kl.mean).not.toBe(other.kl.mean);
    expect(other.provenance.reference).toMatch(/activation silu/);
    expect(relu.provenance.reference).toMatch(/activation relu/);
    const table = await sparselab(["measure", one, ...kl, "--reference", two]);
    expect(table.out).toMatch(/^KL, nats +\d.*\nKL median, 99 %, largest +\d.*\nsame top token +\d/);
    expect(table.err).toMatch(/compared with small .*activation silu/);
    // A sweep compares with its own file as it was trained, and says so, or with the given one.
    const stated = await sparselab(["sweep", one, ...kl, "--activation", "relu", "--t", "0.5", "--out", join(dir.path, "s.csv")]);
    expect(stated.err).toMatch(/against small, activation relu, policy as-trained/);
    const named = JSON.parse(await ok("sweep", one, ...kl, "--activation", "relu", "--t", "0", "--json", "--reference", two));
    expect(named[0].provenance.reference).toMatch(/activation silu/);
    expect(named[0].kl.mean).toBeGreaterThan(0);
  });

  it("measures sparsity and perplexity by default, and prints a table", async () => {
    const text = ["--text", held, "--window", "64", "--max-tokens", "64"];
    expect(await ok("measure", tinyWorld, ...text)).toMatch(
      /^zeros in x₁ +\d.*\n(.*\n)*perplexity +\d.*\nbits per byte +\d.*\n$/,
    );
  });

  it("keeps the points of a sweep that Ctrl-C stops", async () => {
    const out = join(dir.path, "stopped.json");
    const long = file("long.txt", readFileSync(held, "utf8").repeat(8));
    const args = ["sweep", tinyWorld, "--text", long, "--t", "0,0.5,1,1.5,2,3", "--measure", "sparsity", "--out", out];
    // The table's heading is printed when the sweep begins.
    const ended = await sparselab(args, (child) => child.stdout!.once("data", () => child.kill("SIGINT")));
    expect([ended.code, ended.err]).toEqual([1, "sparselab: stopped\n"]);
    // Perhaps before the first point.
    for (const point of JSON.parse(readFileSync(out, "utf8")))
      expect(point).toMatchObject({ done: false, tokens: expect.any(Number) });
  });

  it("exits with 2 for wrong usage and 1 for any other failure, and prints one line", async () => {
    const cases: [number, RegExp, string[]][] = [
      [2, /missing COMMAND/, []],
      [2, /Did you mean "info"/, ["inof"]],
      [2, /missing FILE/, ["info"]],
      [2, /--kv: unknown kv "f8".*Known: f32, f16/, ["logits", tinyWorld, "--tokens", "1", "--out", "x.f32", "--kv", "f8"]],
      [2, /would be no \.npz file; name it FILE\.f32/, ["logits", tinyWorld, "--tokens", "1", "--out", "x.npz"]],
      [2, /unexpected argument "b"; expected FILE/, ["info", "a", "b"]],
      [2, /unknown option --verison\. Did you mean --version/, ["--verison"]],
      [2, /unknown option -v\. Known: --activation/, ["info", tinyWorld, "-v"]],
      [2, /unknown option -x/, ["info", tinyWorld, "-x"]],
      [2, /Did you mean "measure"/, ["help", "mesure"]],
      [2, /missing value of --t; --measure is an option/, ["measure", tinyWorld, "--text", held, "--t", "--measure", "kl"]],
      [2, /missing value of -n/, ["generate", tinyWorld, "-p", "x", "-n"]],
      [2, /missing value of -p; -n is an option/, ["generate", tinyWorld, "-p", "-n", "3"]],
      [2, /--json takes no value, received "yes"/, ["info", tinyWorld, "--json=yes"]],
      [2, /duplicate option --t/, ["measure", tinyWorld, "--text", held, "--t", "1", "--t", "2"]],
      [2, /FILE must name a model file/, ["measure", "", "--text", held]],
      [2, /--text: corpus needs the path/, ["measure", tinyWorld, "--text", ""]],
      [2, /missing --text/, ["measure", tinyWorld]],
      [2, /--t: FATReLU's t must be a finite number >= 0, received -1/, ["measure", tinyWorld, "--text", held, "--t", "-1"]],
      [2, /--t: FATReLU's t .*received -1/, ["sweep", tinyWorld, "--text", held, "--t", "-1,2", "--out", "x.json"]],
      [2, /-n must be a whole number >= 1, received "-5"/, ["generate", tinyWorld, "-p", "x", "-n", "-5"]],
      [2, /-n must be a number, received "many"/, ["generate", tinyWorld, "-p", "x", "-n=many"]],
      [2, /--threads must be a whole number from 1 to 1024/, ["generate", tinyWorld, "-p", "x", "--threads", "5000"]],
      [2, /--reference-activation needs --reference/, ["measure", tinyWorld, "--text", held, "--reference-activation", "relu"]],
      [2, /--reference is used by kl and top1 only/, ["measure", tinyWorld, "--text", held, "--reference", tinyWorld]],
      [
        2,
        /--reference-activation: .*Did you mean "relu"/,
        ["measure", tinyWorld, "--text", held, "--measure", "kl", "--reference", tinyWorld, "--reference-activation", "rleu"],
      ],
      [2, /--port must be a whole number from 1 to 65535/, ["lab", "--port", "-1"]],
      [2, /unknown option --json/, ["lab", "--json"]],
      [2, /--prefix must name a folder/, ["install", "--prefix", ""]],
      [2, /is a folder/, ["logits", tinyWorld, "--tokens", "1", "--out", dir.path]],
      [
        2,
        /is a folder/,
        ["sweep", tinyWorld, "--text", held, "--t", "0", "--out", `${dir.path}/x.json/`].map((arg) =>
          arg.replace(/x\.json\/$/, "folder.json"),
        ),
      ],
      [1, /--out .* cannot be written/, ["logits", tinyWorld, "--tokens", "1", "--out", join(held, "l.f32")]],
      [
        1,
        /--reference: .*nowhere\.gguf/,
        ["measure", tinyWorld, "--text", held, "--measure", "kl", "--reference", "nowhere.gguf"],
      ],
      [2, /Did you mean --temp/, ["generate", tinyWorld, "-p", "x", "--tmep", "1"]],
      [2, /missing -p TEXT/, ["generate", tinyWorld]],
      [2, /unknown option --topk\. Did you mean --top-k/, ["generate", tinyWorld, "-p", "x", "--topk", "3"]],
      [2, /--top-p: topP must be/, ["generate", tinyWorld, "-p", "x", "--top-p", "2"]],
      [2, /unknown option --devise\. Did you mean --device/, ["generate", tinyWorld, "-p", "x", "--devise", "cpu"]],
      [2, /unknown device "gpu"/, ["generate", tinyWorld, "-p", "x", "--device", "gpu"]],
      [2, /unexpected argument "words"; expected FILE \(the text goes into a file/, ["tokenize", tinyWorld, "words"]],
      [2, /--tokens must be token ids such as/, ["logits", tinyWorld, "--tokens", "", "--out", "l"]],
      [2, /temperature must be/, ["generate", tinyWorld, "-p", "x", "--temp=-1"]],
      [2, /"screened" is not available yet/, ["generate", tinyWorld, "-p", "x", "--strategy", "screened"]],
      [2, /belongs to strategy "predicted"/, ["generate", tinyWorld, "-p", "x", "--cutoff", "1"]],
      [2, /Did you mean "relu"/, ["generate", tinyWorld, "-p", "x", "--activation", "rleu"]],
      [2, /Did you mean "sparsity"/, ["measure", tinyWorld, "--text", held, "--measure", "sparsty"]],
      [2, /--t: FATReLU's t/, ["sweep", tinyWorld, "--text", held, "--t=-1", "--measure", "kl", "--out", "x.json"]],
      [2, /writes \.json and \.csv/, ["sweep", tinyWorld, "--text", held, "--t", "0", "--measure", "kl", "--out", "x.xls"]],
      [2, /--tokens must be/, ["logits", tinyWorld, "--tokens", "1,x", "--out", "l"]],
      [1, /nowhere\.gguf/, ["info", "nowhere.gguf"]],
      [1, /not a GGUF file/, ["info", held]],
      [1, /another family/, ["generate", tinyWorld, "-p", "x", "--activation", "silu"]],
      [1, /^sparselab: --text "nowhere\.txt": no such file$/m, ["measure", tinyWorld, "--text", "nowhere.txt"]],
      [1, /vocabulary has tokens 0 to 1535/, ["logits", tinyWorld, "--tokens", "99999", "--out", join(dir.path, "q")]],
      [1, /the context holds 512\. Set -n to at most/, ["generate", tinyWorld, "-p", "x", "-n", "600"]],
    ];
    mkdirSync(join(dir.path, "folder.json"));
    for (const [code, message, args] of cases) {
      const ended = await sparselab(args);
      expect([ended.code, ended.out], args.join(" ")).toEqual([code, ""]);
      expect(ended.err).toMatch(message);
      expect(ended.err.trimEnd().split("\n").length, ended.err).toBe(1);
    }
  });

  it("shows the stack only with --debug, and help on request", async () => {
    expect((await sparselab(["info", "nowhere.gguf", "--debug"])).err).toMatch(/\n +at /);
    expect(await ok("--help")).toMatch(/usage: sparselab COMMAND[\s\S]*sweep +measures FATReLU/);
    expect(await ok("sweep", "--help")).toMatch(/^usage: sparselab sweep FILE/);
    expect(await ok("--version")).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await ok("-v")).toBe(await ok("--version"));
    expect(await ok("help", "measure")).toBe(await ok("measure", "--help"));
    const names = [...(await ok("help")).matchAll(/^ {2}(\w+) {2}/gm)].map(([, name]) => name!);
    expect(names.length).toBeGreaterThan(8);
    for (const name of names) {
      const text = await ok(name, "-h");
      expect(text).toMatch(new RegExp(`^usage: sparselab ${name}`));
      expect(await ok(name, "x", "--help")).toBe(text);
    }
    // The help has every option.
    for (const name of names) {
      const { err } = await sparselab([name, "--no-such-option"]);
      const options = /Known: (.*?) \(/.exec(err)![1]!.split(", ");
      const text = await ok(name, "--help");
      for (const option of options.filter((one) => !["--help", "-h"].includes(one)))
        expect(text, `${name} ${option}`).toContain(option);
    }
  });

  it("takes the argument after an option as its value, and arguments after -- literally", async () => {
    const text = await ok("generate", tinyWorld, "--prompt=-- a dash", "-n=2", "--json");
    expect(JSON.parse(text).prompt).toEqual(
      JSON.parse(await ok("generate", tinyWorld, "-p", "-- a dash", "-n", "2", "--json")).prompt,
    );
    const path = writeSmallLlama(dir.path, { file: "-dash.gguf" });
    expect(await ok("info", "--", path)).toMatch(/^architecture +llama$/m);
    const ended = await sparselab(["info", "--", "--help"]);
    expect([ended.code, ended.out]).toEqual([1, ""]);
    expect(ended.err).toMatch(/--help/);
  });

  it("install writes the kernelspec under a prefix, and uninstall removes it", async () => {
    const { folder: at } = JSON.parse(await ok("install", "--prefix", dir.path, "--json"));
    expect(JSON.parse(readFileSync(join(at, "kernel.json"), "utf8"))).toMatchObject({ language: "typescript" });
    expect(await ok("uninstall", "--prefix", dir.path)).toBe(`removed kernel sparselab: ${at}\n`);
    expect(existsSync(at)).toBe(false);
    expect(await ok("uninstall", "--prefix", dir.path)).toBe(`no kernel sparselab was installed in ${at}\n`);
  });
  it("install without a prefix writes to Jupyter's data folder of the user", async () => {
    const data = join(dir.path, "data");
    const before = process.env.JUPYTER_DATA_DIR;
    process.env.JUPYTER_DATA_DIR = data; // The command inherits it.
    try {
      const { folder: at } = JSON.parse(await ok("install", "--json"));
      expect(at).toBe(join(data, "kernels", "sparselab"));
      expect(existsSync(join(at, "logo-svg.svg"))).toBe(true);
      expect(JSON.parse(await ok("uninstall", "--json"))).toEqual({ folder: at, removed: true });
    } finally {
      if (before === undefined) delete process.env.JUPYTER_DATA_DIR;
      else process.env.JUPYTER_DATA_DIR = before;
    }
  });
});
