/**
 * Loaded before each script that npm runs (`node -r`): an old Node cannot parse them, and would fail with a syntax error.
 */
const { wrongNode } = require("./lib/versions.cjs");

const wrong = wrongNode();
if (wrong) {
  process.stderr.write(`${wrong}\nGet one from https://nodejs.org/en/download, then run the command again.\n`);
  process.exit(1);
}
