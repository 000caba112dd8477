import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StopText } from "./stop-text.js";

describe("stop strings", () => {
  it("end the text before them, and never show half of one", () => {
    const stop = new StopText(["END", "\n\n"]);
    expect([stop.push("a E"), stop.push("N"), stop.push("B"), stop.push(" E"), stop.push("ND x")]).toEqual([
      "a ",
      "",
      "ENB",
      " ",
      "",
    ]);
    expect(stop.stopped).toBe(true);
  });
  it("give what was held back at the end", () => {
    const stop = new StopText(["END"]);
    expect(stop.push("the EN")).toBe("the ");
    expect(stop.flush()).toBe("EN");
    expect(() => new StopText([""])).toThrow(/at least one character/);
  });
  it("equal a search in the whole text, however it is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 3 }), { maxLength: 12 }), (parts) => {
        const stops = ["abc", "bb"];
        const text = parts.join("");
        const at = stops.map((s) => text.indexOf(s)).filter((i) => i >= 0);
        const stop = new StopText(stops);
        let shown = "";
        for (const part of parts) if (!stop.stopped) shown += stop.push(part);
        if (!stop.stopped) shown += stop.flush();
        expect(stop.stopped).toBe(at.length > 0);
        // Of two stop strings the one that is complete first ends the text, so it may end later than the earliest beginning.
        if (at.length === 0) expect(shown).toBe(text);
        else expect(text.startsWith(shown)).toBe(true);
        for (const s of stops) expect(shown.includes(s)).toBe(false);
      }),
    );
  });
});
