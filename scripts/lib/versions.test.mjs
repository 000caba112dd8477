import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { inClone } from "./paths.mjs";
import { admits, inWords, oldest, wrongNode } from "./versions.cjs";

const read = (...path) => readFileSync(inClone(...path), "utf8");
const { engines } = JSON.parse(read("package.json"));

test("a range admits what npm says it does", () => {
  const cases = [
    [
      "^20.19.0 || ^22.13.0 || >=24.0.0",
      ["20.19.0", "20.20.2", "22.13.1", "24.0.0", "25.1.0"],
      ["18.20.0", "20.18.9", "22.12.9", "23.9.0"],
    ],
    [">= 10", ["10.0.0", "20.1.2"], ["9.9.9"]],
    ["6.* || 8.* || >= 10.*", ["6.1.0", "8.0.0", "11.0.0"], ["7.0.0", "9.9.9"]],
    ["20 || >=22", ["20.0.0", "20.9.9", "22.0.0"], ["21.0.0"]],
    [">=16 || 14 >=14.17", ["14.17.0", "16.0.0"], ["14.16.9", "15.0.0"]],
    ["~20.19.1 || >=v12 <13", ["20.19.2", "12.5.0"], ["20.20.0", "20.19.0", "13.0.0"]],
  ];
  for (const [range, good, bad] of cases) {
    for (const version of good) assert.ok(admits(range, version), `${range} admits ${version}`);
    for (const version of bad) assert.ok(!admits(range, version), `${range} does not admit ${version}`);
  }
  assert.throws(() => admits("latest", "20.0.0"), /unknown form of a version range: latest/);
});

test("every package admits the oldest Nodes that package.json promises", () => {
  const refused = Object.entries(JSON.parse(read("package-lock.json")).packages).flatMap(([path, { engines: wanted }]) =>
    oldest(engines.node).flatMap((version) => (admits(wanted?.node ?? "*", version) ? [] : [`${path} refuses Node ${version}`])),
  );
  assert.deepEqual(refused, []);
});

test("README.md promises the Nodes that package.json admits", () => {
  assert.equal(read("README.md").match(/You need Node ([^,]*(, [^,]*\+ or [^,]*)?),/)?.[1], inWords(engines.node));
});

test("a Node that is too old, or in a gap, is named with what is needed", () => {
  assert.equal(wrongNode("v12.22.9"), "Node 20.19+, 22.13+ or 24+ is needed; this is v12.22.9.");
  assert.equal(wrongNode("v22.5.0"), "Node 20.19+, 22.13+ or 24+ is needed; this is v22.5.0.");
  assert.equal(wrongNode("v26.0.0"), undefined);
  assert.equal(wrongNode(), undefined);
});

test("every script of package.json that runs a file of ours looks at the Node first", () => {
  const scripts = Object.entries(JSON.parse(read("package.json")).scripts).filter(([, command]) => command.includes("scripts/"));
  assert.ok(scripts.length >= 6);
  for (const [name, command] of scripts) assert.match(command, /^node -r \.\/scripts\/node\.cjs scripts\//, name);
});
