/**
 * Loaded before each script that npm runs (`node -r`): an old Node cannot even read them, and would answer with a syntax error.
 */
const { wrongNode } = require("./lib/versions.cjs");

const wrong = wrongNode();
if (wrong) {
  process.stderr.write(`${wrong}\nGet one from https://nodejs.org/en/download, then start again.\n`);
  process.exit(1);
}
