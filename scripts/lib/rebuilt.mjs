/** What a build did, in one line, from the output of `tsc --watch --listEmittedFiles` and of `cmake --build`. */
import { relative } from "node:path";
import { root } from "./paths.mjs";

/** "a.cpp", "a.cpp, b.cpp and c.cpp", "40 files" */
function named(files, most = 3) {
  if (files.length > most) return `${files.length} files`;
  return files.length < 2 ? files.join("") : `${files.slice(0, -1).join(", ")} and ${files.at(-1)}`;
}

/** Of CMake's output (Ninja's or make's): what was compiled and linked, or undefined where nothing was. */
export function compiled(output) {
  const built = (pattern) => [...output.matchAll(pattern)].map(([, name]) => name);
  const sources = built(/Building CXX object \S*?CMakeFiles\/[^/\s]+\.dir\/(\S+)\.o\b/g);
  const linked = built(/Linking CXX (?:shared module|shared library|executable) (\S+)/g);
  if (sources.length === 0 && linked.length === 0) return undefined;
  return `compiled ${named(sources) || "nothing"}${linked.length > 0 ? `, linked ${named(linked)}` : ""}`;
}

/**
 * Takes the compiler's output in pieces and calls `say` with whole lines: each error unchanged, and at the end of each round how
 * many files were written and how many errors there are.
 */
export function typescriptSpeaker(say) {
  let rest = "";
  let written = [];
  return (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    for (const line of lines.map((text) => text.replace(/\r$/, ""))) {
      const file = line.match(/^TSFILE: (.*)$/)?.[1];
      const errors = line.match(/Found (\d+) errors?\. Watching/)?.[1];
      if (file !== undefined) written.push(relative(root, file));
      else if (errors !== undefined) {
        const scripts = written.filter((path) => path.endsWith(".js"));
        const wrote = scripts.length > 0 ? `wrote ${named(scripts)}` : "no file changed";
        say(`${wrote}${errors === "0" ? "" : `; ${errors} ${errors === "1" ? "error" : "errors"}`}`);
        written = [];
      } else if (line !== "" && !/Starting compilation in watch mode|File change detected/.test(line)) say(line);
    }
  };
}
