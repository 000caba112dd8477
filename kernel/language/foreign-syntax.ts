/** Hints for lines that run in other notebooks and shells but not here: IPython's magics, shell commands, `pip install`, Python. */

interface Hint {
  readonly is: RegExp;
  readonly say: (match: RegExpExecArray, folder: string) => string;
}

const quoted = (text: string): string => JSON.stringify(text.trim());

const TERMINAL = (command: string, folder: string): string =>
  `Install packages in a terminal, in ${folder}: \`${command.trim()}\`. Then import the package in a cell; the kernel need not be restarted.`;
const PYTHON = (folder: string): string =>
  `pip and conda install Python packages, but cells are TypeScript. For an npm package: in a terminal, in ${folder}, \`npm install NAME\`.`;

/** Hints by the line's beginning; the first match counts. */
const HINTS: readonly Hint[] = [
  { is: /^[%!]*\s*(?:python3? -m )?(?:pip3?|conda|mamba|uv)\s+\S/, say: (_, folder) => PYTHON(folder) },
  {
    is: /^[%!]*\s*((?:npm|npx|yarn|pnpm|bun|deno|corepack)(?:\s+[\w@./:=^~-]+)+)\s*$/,
    say: ([, command = ""], folder) => TERMINAL(command, folder),
  },
  {
    is: /^%{1,2}(?:time|timeit|prun|lprun|memit|mprun)\b\s*(.*)/,
    say: ([, code]) =>
      `Measure time with console.time("t"); ${code?.trim() || "…"}; console.timeEnd("t"). The lab's calls report their own times.`,
  },
  {
    is: /^%(?:matplotlib|pylab|config\s+InlineBackend)\b/,
    say: () => "Figures need no set-up here: a figure as the last line of a cell, or show(figure), is drawn below it.",
  },
  {
    is: /^%(?:load_ext\s+autoreload|autoreload|aimport)\b/,
    say: () => "Local files need no autoreload here: run the cell that imports them again, and edited files are reloaded.",
  },
  { is: /^%load_ext\b/, say: () => "There are no IPython extensions here: import npm packages instead." },
  { is: /^%(?:env|set_env)\s+(\w+)[=\s]\s*(.+)/, say: ([, name, value]) => `Here: process.env.${name} = ${quoted(value!)}` },
  { is: /^%env\b/, say: () => "The environment is process.env." },
  { is: /^[%!]?cd\s+(\S.*)/, say: ([, to]) => `Here: process.chdir(${quoted(to!)})` },
  { is: /^[%!]?pwd\s*$/, say: () => "Here: process.cwd()" },
  {
    is: /^%(?:run|load)\s+(\S+)/,
    say: ([, file]) => `To run a TypeScript or JavaScript file: await import(${quoted(relative(file!))})`,
  },
  { is: /^%(?:reset|restart)\b/, say: () => "To delete all variables: Kernel → Restart." },
  {
    is: /^%(?:who|whos)\b/,
    say: () => "There is no list of variables here: a name as the last line shows its value, NAME? its type.",
  },
  {
    is: /^%(?:debug|pdb)\b/,
    say: () => "There is no debugger here; an error shows the line of the cell, and console.log a value.",
  },
  { is: /^%(?:history|hist|recall)\b/, say: () => "The front end shows the history: use the arrow keys in a console." },
  { is: /^%(?:pinfo2?|pdoc|psource)\s+(\S+)/, say: ([, name]) => `Here: ${name}?` },
  {
    is: /^%%(?:writefile|file)\s+(\S+)/,
    say: ([, file]) => `Here: (await import("node:fs")).writeFileSync(${quoted(file!)}, \`…\`)`,
  },
  { is: /^%%(?:html|svg|HTML|SVG)\b/, say: ([all]) => mime(/svg/i.test(all!) ? "image/svg+xml" : "text/html") },
  { is: /^%%(?:markdown|md|latex)\b/, say: ([all]) => mime(all === "%%latex" ? "text/latex" : "text/markdown") },
  { is: /^%%(?:javascript|js|typescript|ts)\b/, say: () => "Cells are TypeScript already: omit the first line." },
  { is: /^%%(?:bash|sh|script|system|cmd|powershell)\b/, say: () => shell("…") },
  { is: /^%%(?:python3?|pypy|ruby|perl)\b/, say: () => "Cells are TypeScript: a Python notebook needs a Python kernel." },
  { is: /^%{1,2}(?:sx|system|sc)\s+(.*)/, say: ([, command]) => shell(command!) },
  { is: /^%%?(\w[\w.]*)/, say: ([all]) => `${all} is an IPython magic; cells here are plain TypeScript.` },
  { is: /^!{1,2}\s*([A-Za-z_.~/$][^;=()]*)$/, say: ([, command]) => shell(command!) },
  {
    is: /^((?:ls|dir|cat|head|tail|mkdir|rm|cp|mv|touch|git|curl|wget|grep|find|which|echo|nvidia-smi|htop|make|cmake|docker|ssh|apt|apt-get|brew|sudo)(?:\s+[^=;()]*)?)$/,
    say: ([, command]) => shell(command!),
  },
  { is: /^\?{1,2}\s*(\S*)/, say: ([, name]) => `For help on a name, make it a cell of its own: ${name || "NAME"}?` },
  {
    is: /^([\p{ID_Start}$_][\p{ID_Continue}$.]*)\?{1,2}\s*$/u,
    say: ([, name]) => `For help on a name, make it a cell of its own: ${name}?`,
  },
  {
    is: /^(?:from\s+(\S+)\s+import\s|import\s+(\w+)\s+as\s)/,
    say: () => 'That is Python. Here: import { load } from "sparselab", or import * as fs from "node:fs"',
  },
  {
    is: /^for\s+[\w\s,()]+\sin\s.+:(?!.*[{;])/,
    say: () => "That is Python. Here: for (const x of xs) { … }, or for (let i = 0; i < n; i++) { … }",
  },
  { is: /^def\s+(\w+)\s*\((.*?)\).*:/, say: ([, name, args]) => `That is Python. Here: function ${name}(${args}) { return … }` },
  {
    is: /^(?:if|elif|while)\s+[^({][^{;?]*:(?:\s|$)/,
    say: () => "That is Python. Here: if (…) { … } else if (…) { … }, and while (…) { … }",
  },
];

const mime = (type: string): string => `Here: display({ "${type}": \`…\` }, { raw: true })`;

function shell(command: string): string {
  const safe = command.trim().replace(/[\\`]|\$\{/g, "\\$&");
  return (
    "Cells cannot run shell commands. Here: " + `(await import("node:child_process")).execSync(\`${safe}\`, { encoding: "utf8" })`
  );
}

const relative = (file: string): string => (/^[./]/.test(file) ? file : `./${file}`);

/** What to do instead of a line in another language or shell. @param folder where packages are looked for */
export function foreignSyntaxHint(line: string, folder: string): string | undefined {
  const text = line.trim();
  for (const { is, say } of HINTS) {
    const match = is.exec(text);
    if (match) return say(match, folder);
  }
  return undefined;
}
