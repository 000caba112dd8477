/**
 * The walls between the rooms: who may import what (rooms.ts), no circles of imports, every folder in the table, and the same table in
 * docs/architecture.md.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageInfo } from "../../lab/package.js";
import { circles, type Files, forbidden, isCode, roomOf } from "./imports.js";
import { exceptions, type Room, rooms } from "./rooms.js";

const { root } = packageInfo();
const paths = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\0")
  .filter((path) => path !== "" && existsSync(join(root, path)));
const files: Files = new Map(paths.filter(isCode).map((path) => [path, readFileSync(join(root, path), "utf8")]));

describe("the walls", () => {
  it("every file imports only what its room may", () => {
    expect(files.size).toBeGreaterThan(200);
    const found = forbidden(files, rooms);
    expect(found.filter((fault) => !exceptions.includes(fault))).toEqual([]);
    expect(exceptions.filter((fault) => !found.includes(fault))).toEqual([]);
  });

  it("no imports form a circle, imports of types included", () => {
    expect(circles(files)).toEqual([]);
  });

  it("every folder is a room, so that a new one does not appear unnoticed", () => {
    const folders = new Set(paths.map((path) => dirname(path)).filter((folder) => folder !== "." && !folder.startsWith(".")));
    expect([...folders].filter((folder) => !roomOf(`${folder}/any`, rooms))).toEqual([]);
    const names = rooms.map(({ name }) => name);
    expect(names.filter((name, i) => names.indexOf(name) < i)).toEqual([]);
  });

  it("docs/architecture.md shows the same table", () => {
    expect(documented()).toEqual(expected());
  });
});

/** The code in a cell of the document's table. */
const codeIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!.replace(/\/$/, ""));

/** room -> what it may import, according to the document. */
function documented(): Record<string, readonly string[]> {
  const text = readFileSync(join(root, "docs", "architecture.md"), "utf8");
  const [, section] = /^## The rooms\n(.*?)^## /ms.exec(text)!;
  const rows = section!.split("\n").filter((line) => /^\| `/.test(line));
  const table: Record<string, readonly string[]> = {};
  for (const row of rows) {
    const cells = row.split("|").slice(1, -1);
    for (const name of codeIn(cells[0]!)) table[name] = cells[2]!.trim() === "anything" ? ["anything"] : codeIn(cells[2]!).sort();
  }
  return table;
}
function expected(): Record<string, readonly string[]> {
  const list = ({ mayImport }: Room) => (mayImport === "anything" ? ["anything"] : [...mayImport].sort());
  return Object.fromEntries(rooms.map((room) => [room.name, list(room)]));
}

describe("the check itself", () => {
  const rules: readonly Room[] = [
    { name: "lab", mayImport: [] },
    { name: "lab/model", mayImport: ["lab", "typescript"] },
    { name: "kernel", mayImport: ["lab/display.ts"] },
    { name: "native/gguf", mayImport: ["native"] },
    { name: "native", mayImport: [] },
    { name: "native/executor", mayImport: "anything" },
    { name: "test", mayImport: "anything", deep: true },
  ];
  const repository = (changed: Record<string, string>): Files =>
    new Map(
      Object.entries({
        "lab/errors.ts": "export class E {}",
        "lab/display.ts": "export const d = 1;",
        "lab/model/model.ts": 'import { E } from "../errors.js"; import ts from "typescript";',
        "lab/model/model.test.ts": 'import "./model.js"; import "vitest"; import "../../test/support/x.js";',
        "kernel/pipe.ts": 'import { d } from "../lab/display.js"; import { join } from "node:path";',
        "native/error.h": "",
        "native/gguf/reader.h": '#include "error.h"\n#include <vector>\n',
        "native/executor/plan.h": '#include "gguf/reader.h"',
        "test/support/x.ts": 'import "../../kernel/pipe.js";',
        ...changed,
      }),
    );
  const both = (changed: Record<string, string>) => [...forbidden(repository(changed), rules), ...circles(repository(changed))];

  it("allows what the rules allow", () => {
    expect(both({})).toEqual([]);
  });

  it.each([
    ["an import", "lab/model/a.ts", 'import { pipe } from "../../kernel/pipe.js";', "lab/model/a.ts imports kernel/pipe.ts"],
    ["of types only", "lab/a.ts", 'import type { M } from "./model/model.js";', "lab/a.ts imports lab/model/model.ts"],
    ["as a type", "lab/a.ts", 'let m: import("./model/model.js").M;', "lab/a.ts imports lab/model/model.ts"],
    ["while it runs", "kernel/a.ts", 'await import("../lab/errors.js");', "kernel/a.ts imports lab/errors.ts"],
    ["passed on", "kernel/a.ts", 'export * from "../lab/errors.js";', "kernel/a.ts imports lab/errors.ts"],
    ["of a package", "kernel/a.ts", 'import x from "zeromq/lib";', "kernel/a.ts imports zeromq"],
    ["of a test", "lab/model/a.ts", 'import "../../test/support/x.js";', "lab/model/a.ts imports test/support/x.ts"],
    ["of no file", "lab/a.ts", 'import "../dist/lab/errors.js";', "lab/a.ts imports dist/lab/errors.js"],
    ["in C++", "native/gguf/a.cpp", '#include "executor/plan.h"\n', "native/gguf/a.cpp imports native/executor/plan.h"],
    [
      "in C++ beside it",
      "native/gguf/a.cpp",
      '  #  include "../executor/plan.h"',
      "native/gguf/a.cpp imports native/executor/plan.h",
    ],
  ])("refuses an import %s", (_, file, text, fault) => {
    expect(both({ [file]: text }).join()).toContain(fault);
  });

  it("finds circles, of types and of includes", () => {
    expect(
      circles(
        repository({
          "lab/a.ts": 'import type { B } from "./b.js";',
          "lab/b.ts": 'import { c } from "./c.js";',
          "lab/c.ts": 'export type { A } from "./a.js";',
        }),
      ),
    ).toEqual(["lab/a.ts -> lab/b.ts -> lab/c.ts -> lab/a.ts"]);
    expect(circles(repository({ "native/error.h": '#include "gguf/reader.h"' }))).toEqual([
      "native/error.h -> native/gguf/reader.h -> native/error.h",
    ]);
  });
});
