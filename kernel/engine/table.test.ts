import { expect, test } from "vitest";
import { tableOf } from "./table.js";

test("columns are all names in the order of their first use, texts are escaped, numbers are aligned right", () => {
  const html = tableOf([
    { t: 0.01, "<b>": "<script>alert('x')</script>" },
    { t: 10n, when: new Date(0), none: undefined },
  ])!;
  expect(html.match(/<th>[^<]*<\/th>/g)).toEqual([
    "<th></th>",
    "<th>t</th>",
    "<th>&lt;b&gt;</th>",
    "<th>when</th>",
    "<th>none</th>",
    "<th>0</th>",
    "<th>1</th>",
  ]);
  expect(html).toContain('<td style="text-align: right">0.01</td>');
  expect(html).toContain("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
  expect(html).not.toContain("<script>");
  expect(html).toContain('<td></td><td style="text-align: left">1970-01-01T00:00:00.000Z</td>');
});

test("a large one says what it leaves out", () => {
  const wide = Object.fromEntries(Array.from({ length: 34 }, (_, i) => [`c${i}`, "x".repeat(500)]));
  const html = tableOf(Array.from({ length: 1000 }, () => wide))!;
  expect(html).toContain("<p>900 more rows, 4 more columns</p>");
  expect(html.match(/<tr>/g)!.length).toBe(101);
  expect(html.length).toBeLessThan(1_000_000);
});

test("other values are not tables; getters and proxies are not read", () => {
  let called = 0;
  const getter = {
    get x() {
      called++;
      return 1;
    },
  };
  const trap = new Proxy({}, { ownKeys: () => [String(called++)] });
  const others = [[], [1], ["a"], [{}], [{ a: [1] }], [{ a: 1 }, null], [{ a: 1 }, [1]], [new Map()], [new Error("x")], [getter]];
  for (const value of [
    ...others,
    [trap],
    trap,
    Object.assign(new Array(2), { 1: { a: 1 } }),
    [
      new (class A {
        a = 1;
      })(),
    ],
    { a: 1 },
    "text",
  ]) {
    expect(tableOf(value)).toBeUndefined();
  }
  expect(called).toBe(0);
});
