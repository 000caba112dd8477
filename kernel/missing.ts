/** What to do about a module that is not found, for the check of a cell and for the engine (`import(name)`, `require(name)`). */
import { builtinModules } from "node:module";

/** Python packages that people try to import. */
const PYTHON = new Set(
  "numpy np pandas pd torch tensorflow matplotlib sklearn scipy seaborn transformers datasets tqdm requests os.path sys polars jax keras".split(
    " ",
  ),
);

/** The advice, in a sentence or two; undefined where the specifier names a file. */
export function missingModule(specifier: string, folder: string): string | undefined {
  if (/^(?:\.{1,2}(?:\/|$)|\/|file:)/.test(specifier)) return undefined;
  const url = /^(npm|jsr|https?|node|bun|data|blob):(.*)$/s.exec(specifier);
  if (url) {
    const [, scheme, rest = ""] = url;
    if (scheme === "npm") {
      const name = packageOf(rest).replace(/(?!^)@.*$/, "");
      return `Import packages without \`npm:\` here: import "${name}". ${install(name, folder)}`;
    }
    if (scheme === "jsr")
      return `JSR packages come through npm: in a terminal, in ${folder}, run \`npx jsr add ${packageOf(rest)}\`.`;
    if (scheme === "node") return `Node ${process.versions.node}, which runs the cells, has no such module.`;
    if (scheme === "bun") return "This notebook runs on Node, which does not have Bun's modules.";
    return "Modules are not loaded from the network: install the package with npm, or save the file beside the notebook.";
  }
  if (specifier.startsWith("#"))
    return `"${specifier}" must be listed under "imports" in the package.json of ${folder} or of a folder above it.`;
  const name = packageOf(specifier);
  if (builtinModules.includes(`node:${name}`) || builtinModules.includes(name))
    return `Node's own modules are imported as "node:${name}".`;
  if (PYTHON.has(name)) return `${name} is a Python package: cells are TypeScript and import packages from npm.`;
  return install(name, folder);
}

const install = (name: string, folder: string): string =>
  `If it is an npm package: in a terminal, in ${folder}, run \`npm install ${name}\`, then run the cell again. The kernel need not be restarted.`;

/** `@scope/name/sub/path` -> `@scope/name`. */
export function packageOf(specifier: string): string {
  return /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
}
