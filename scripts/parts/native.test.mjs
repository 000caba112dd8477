/** What the presets of CMakePresets.json build: a user gets neither the tests nor warnings as errors, and work on the executor gets both. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { inClone } from "../lib/paths.mjs";

/** The compile commands of a preset, and the targets of a plain build. */
function configured(preset) {
  const folder = mkdtempSync(join(tmpdir(), "sparselab-preset-"));
  try {
    const cmake = (...args) => spawnSync("cmake", args, { cwd: inClone(), encoding: "utf8" });
    const { status, stderr } = cmake("--preset", preset, "-B", folder, "-G", "Unix Makefiles");
    assert.equal(status, 0, stderr);
    const commands = JSON.parse(readFileSync(join(folder, "compile_commands.json"), "utf8"));
    const makefile = readFileSync(join(folder, "CMakeFiles", "Makefile2"), "utf8");
    return { commands, targets: [...makefile.matchAll(/^all: CMakeFiles\/(\w+)\.dir\/all$/gm)].map(([, name]) => name) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
const commandOf = ({ commands }, end) => commands.find(({ file }) => file.endsWith(end)).command;

const expected = {
  release: { tests: false, errors: false, sanitizers: false },
  ci: { tests: false, errors: true, sanitizers: false },
  dev: { tests: true, errors: true, sanitizers: false },
  sanitize: { tests: true, errors: true, sanitizers: true },
};
for (const [preset, { tests, errors, sanitizers }] of Object.entries(expected)) {
  test(`preset ${preset}: ${tests ? "with" : "without"} the tests, warnings are ${errors ? "errors" : "warnings"}`, () => {
    const made = configured(preset);
    const command = commandOf(made, "native/executor/program.cpp");
    assert.ok(made.targets.includes("sparselab"), made.targets.join(", "));
    assert.equal(made.targets.includes("sparselab_tests"), tests);
    // Nor the tests' libraries and the bench's programs. The backend for a GPU is there where nvcc is.
    const others = made.targets.filter((target) => target !== "sparselab_cuda").sort();
    if (!tests) assert.deepEqual(others, ["sparselab", "sparselab_core", "sparselab_cuda_emulated"]);
    assert.equal(/ -Werror( |$)/.test(command), errors);
    assert.equal(/-fsanitize=address,undefined/.test(command), sanitizers);
    assert.match(command, / -ffp-contract=off /); // the bits are part of the contract
  });
}

test("each kernel file alone gets the flags of its instruction set", () => {
  const made = configured("release");
  const vector = made.commands.filter(({ command }) => /-mavx|-mfma/.test(command)).map(({ file }) => file.split("/").at(-1));
  const wanted = process.arch === "x64" ? ["avx2.cpp", "avx512.cpp"] : [];
  assert.deepEqual(vector.sort(), wanted);
});
