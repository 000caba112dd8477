/**
 * Options of the scripts. An unknown option is an error that names the nearest one. The edit distance is our own, since this runs before any
 * package is installed.
 */
import { SetupError } from "./step.mjs";

/** Levenshtein distance. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

export function unknown(what, name, known) {
  const nearest = [...known].sort((a, b) => distance(name, a) - distance(name, b))[0];
  const hint = distance(name, nearest) <= Math.max(2, name.length / 2) ? ` Did you mean ${nearest}?` : "";
  return new SetupError(`unknown ${what} ${name}.${hint} Known: ${known.join(", ")}`);
}

/** Whether the arguments ask for the usage. */
export const asksForHelp = (args) => args.includes("--help") || args.includes("-h");

/**
 * `known` gives each option as a flag ("flag") or with the name of its value ("N"): { "--port": "N", "--check": "flag" }.
 * Returns { check: true, port: "8888" }; an option is written `--port 8888` or `--port=8888`.
 */
export function parseOptions(args, known) {
  const values = {};
  for (let i = 0; i < args.length; i++) {
    const [name, inline] = args[i].split(/=(.*)/s);
    const kind = known[name];
    if (kind === undefined) throw unknown("option", name, Object.keys(known));
    const key = name.slice(2);
    if (kind === "flag") {
      if (inline !== undefined) throw new SetupError(`${name} takes no value`);
      values[key] = true;
    } else {
      const value = inline ?? args[++i];
      if (value === undefined) throw new SetupError(`${name} needs a value: ${name} ${kind}`);
      values[key] = value;
    }
  }
  return values;
}
