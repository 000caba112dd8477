/**
 * The pinned Python packages fit every Python that README.md promises, from its first patch release on: pip resolves them for each, without
 * installing. It uses the package index, and says so if that cannot be reached.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { python } from "../../scripts/lib/paths.mjs";
import { reasonIn } from "../../scripts/lib/reason.mjs";

const root = join(import.meta.dirname, "..", "..");
const lines = (name: string) =>
  readFileSync(join(root, "scripts", name), "utf8")
    .split("\n")
    .filter((line) => /^[^#]/.test(line));
const constraints = lines("constraints.txt");

/** The first patch release of each Python from README.md's on, and every version at which a marker's value changes. */
const oldest = Number(readFileSync(join(root, "README.md"), "utf8").match(/Python >= 3\.(\d+)/)![1]);
const named = constraints.flatMap((line) => line.match(/python_full_version [<>]=? "([\d.]+)"/)?.[1] ?? []);
const firsts = Array.from({ length: 14 - oldest + 1 }, (_, i) => `3.${oldest + i}.0`);
const versions = [...new Set([...firsts, ...named])];

type Resolved = Record<string, Record<string, string>>;
let resolved: Resolved;
beforeAll(async () => {
  const env = { ...process.env, PIP_RETRIES: "1", PYTHONNOUSERSITE: "1" };
  const printed = await new Promise<string>((resolve, reject) => {
    execFile(python, [join(import.meta.dirname, "resolve.py"), ...versions], { env, maxBuffer: 1 << 24 }, (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    );
  });
  resolved = JSON.parse(printed) as Resolved;
}, 240_000);

test("README.md promises Python 3.10 or later", () => {
  expect(versions).toEqual(expect.arrayContaining(["3.10.0", "3.11.0", "3.11.5", "3.14.0"]));
});

test.each(versions)("Python %s gets compatible packages, all of them pinned", (version) => {
  const { error, ...packages } = resolved[version]!;
  const offline = error !== undefined && reasonIn(error)?.includes("could not be reached");
  if (offline)
    throw new Error("this test asks the package index for versions, and it could not be reached: is the machine offline?");
  expect(error).toBe(undefined);
  const pins = [...lines("requirements.txt"), ...constraints].map((line) =>
    line
      .split(";")[0]!
      .trim()
      .toLowerCase()
      .replace(/[_.](?=.*==)/g, "-"),
  );
  for (const [name, pinned] of Object.entries(packages)) expect(pins, `${name} on ${version}`).toContain(`${name}==${pinned}`);
});

test("a marker names a full version: python_version does not see patch releases", () => {
  expect(constraints.filter((line) => line.includes("python_version"))).toEqual([]);
});
