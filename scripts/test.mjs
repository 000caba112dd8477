#!/usr/bin/env node
/**
 * `npm test`: sets up what is missing and runs every test, the fast ones first, all of them even when one fails. The last line is
 * "N passed, N failed", and the exit code is 0 only when nothing failed.
 *   npm test -- --only unit,native            some of the suites
 */
import { join } from "node:path";
import { needChromium } from "./lib/chromium.mjs";
import { findClang, findEmulator } from "./lib/compilers.mjs";
import { needModel } from "./lib/model.mjs";
import { asksForHelp, parseOptions, unknown } from "./lib/options.mjs";
import { inClone, jupyterEnvironment, venv } from "./lib/paths.mjs";
import { filesUnder } from "./lib/stamp.mjs";
import { main, SetupError, seconds } from "./lib/step.mjs";
import { checks, counted, nodeTests, vitest } from "./lib/suite.mjs";
import { forNeon, testsOf, unitTests, withClang } from "./parts/native.mjs";
import { setUp } from "./setup.mjs";

const tool = (name) => join(venv, "bin", name);
const biome = inClone("node_modules", "@biomejs", "biome", "bin", "biome");
const tsc = inClone("node_modules", "typescript", "bin", "tsc");
const python = ["train", "test", "scripts"].map((folder) => inClone(folder));
const cpp = () => ["native", "cuda"].flatMap((folder) => filesUnder(inClone(folder), /\.(h|inl|cpp|cu|cuh)$/));

/** Each suite's name, what it is, and how it is run: () => { passed, failed }, or { absent } with the reason why it cannot run here. */
const suites = {
  lint: ["form and lint of TypeScript", () => checks([process.execPath, [biome, "check"]])],
  types: ["types of everything, tests included", () => checks([process.execPath, [tsc, "-p", ".", "--noEmit"]])],
  sources: [
    "form of Python and C++",
    () =>
      checks(
        [tool("ruff"), ["check", ...python]],
        [tool("ruff"), ["format", "--check", ...python]],
        [tool("clang-format"), ["--dry-run", "-Werror", ...cpp()]],
      ),
  ],
  scripts: ["the scripts of set-up", () => nodeTests(filesUnder(inClone("scripts"), /\.test\.mjs$/))],
  native: ["the executor's unit tests", () => counted(unitTests, [])],
  clang: [
    "kernels, results bit for bit: compiled with Clang",
    async () => {
      const { compiler, absent } = await findClang();
      if (absent) return { absent };
      await withClang(compiler);
      return counted(testsOf("clang"), []);
    },
  ],
  neon: [
    "the same on an emulated aarch64 processor",
    async () => {
      const { emulator, absent } = await findEmulator();
      if (absent) return { absent };
      await forNeon();
      return counted(emulator, [testsOf("neon")]);
    },
  ],
  unit: ["unit tests beside their files", () => vitest("unit", ["--exclude", "test/**"])],
  whole: ["what crosses folders", () => vitest("whole", ["test/", "--exclude", "test/{notebooks,browser,real}/**"], jupyter)],
  real: [
    "a real pretrained model",
    async () => {
      await needModel("smollm2");
      return vitest("real", ["test/real/"]);
    },
  ],
  notebooks: [
    "the notebooks, without a browser",
    async () => {
      await needModel("smollm2"); // for the fifth
      return vitest("notebooks", ["test/notebooks/"], jupyter);
    },
  ],
  browser: [
    "JupyterLab in a real browser",
    async () => {
      await needChromium();
      return vitest("browser", ["test/browser/"], jupyter);
    },
  ],
};
const jupyter = { env: jupyterEnvironment() };

function chosen(only) {
  const names = only?.split(",") ?? Object.keys(suites);
  for (const name of names) if (!(name in suites)) throw unknown("suite", name, Object.keys(suites));
  return names;
}

async function runSuite(name, [what, work]) {
  process.stdout.write(`\n── ${name}: ${what}\n`);
  const start = performance.now();
  const result = await work().catch((error) => {
    process.stdout.write(`${error instanceof SetupError ? error.message : error.stack}\n`);
    return { passed: 0, failed: 1 };
  });
  if (result.absent) process.stdout.write(`not run: ${result.absent}\n`);
  return { name, passed: 0, failed: 0, ...result, time: seconds(start) };
}

const help = `usage: npm test -- [--only SUITE,SUITE]

Sets up what is missing and runs every test. Suites:
${Object.entries(suites)
  .map(([name, [what]]) => `  ${name.padEnd(10)} ${what}\n`)
  .join("")}`;

main(async () => {
  if (asksForHelp(process.argv.slice(2))) return void process.stdout.write(help);
  const names = chosen(parseOptions(process.argv.slice(2), { "--only": "SUITE,SUITE" }).only);
  const start = performance.now();
  const results = [
    await runSuite("set-up", [
      "what is missing",
      () => setUp({ typesLater: true, tests: true }).then(() => ({ passed: 0, failed: 0 })),
    ]),
  ];
  if (results[0].failed === 0) for (const name of names) results.push(await runSuite(name, suites[name]));

  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  process.stdout.write("\n");
  for (const { name, passed, failed, absent, time } of results) {
    const counts = absent ? "not run" : `${passed} of ${passed + failed}`;
    process.stdout.write(`${name.padEnd(10)}${counts.padStart(12)}${time.padStart(10)}${failed ? "   FAILED" : ""}\n`);
  }
  process.stdout.write(`in all ${seconds(start)}\n\n${sum("passed")} passed, ${sum("failed")} failed\n`);
  return sum("failed") === 0 && sum("passed") > 0 ? 0 : 1;
});
