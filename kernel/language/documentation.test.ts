import { expect, test } from "vitest";
import { documentationAbove } from "./documentation.js";

const text = `
/** Another thing. */
declare const other: number;
/**
 * Reads a \`file\`.
 *
 * Twice.
 * @since v0.1
 * @param path where it is
 */
export declare function read(path: string): void;
declare const bare: number;`;

test("the comment of a declaration, with its tags", () => {
  const found = documentationAbove(text, text.indexOf("function read"))!;
  expect(found.text).toBe("Reads a `file`.\n\nTwice.");
  expect(found.tags.map((t) => [t.name, t.text?.[0]?.text])).toEqual([
    ["since", "v0.1"],
    ["param", "path where it is"],
  ]);
});

test("none where another declaration is between, or there is no comment", () => {
  expect(documentationAbove(text, text.indexOf("bare"))).toBeUndefined();
  expect(documentationAbove("let x", 4)).toBeUndefined();
});
