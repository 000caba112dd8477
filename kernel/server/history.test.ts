import { expect, test } from "vitest";
import { History } from "./history.js";

const history = new History();
["a = 1", "b = 2", "a = 1", "c?"].forEach((input, i) => {
  history.add(i + 1, input);
});
const inputs = (request: object): string[] => history.find(request).map(([, , input]) => input);

test("tail, range and search", () => {
  expect(inputs({ hist_access_type: "tail", n: 2 })).toEqual(["a = 1", "c?"]);
  expect(history.find({ hist_access_type: "range", session: 1, start: 2, stop: 3 })).toEqual([[1, 2, "b = 2"]]);
  expect(inputs({ hist_access_type: "search", pattern: "a*" })).toEqual(["a = 1", "a = 1"]);
  expect(inputs({ hist_access_type: "search", pattern: "? = [0-9]" })).toEqual([]);
  expect(inputs({ hist_access_type: "search", pattern: "*=*", unique: true })).toEqual(["b = 2", "a = 1"]);
  expect(inputs({ hist_access_type: "search", pattern: "*", n: 1 })).toEqual(["c?"]);
});
