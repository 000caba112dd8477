#!/usr/bin/env node
/** `node scripts/picture.mjs`: writes docs/pareto.png again, after the first notebook was saved. */
import { writeFileSync } from "node:fs";
import { picture, savedPicture } from "./lib/picture.mjs";

writeFileSync(picture, savedPicture());
process.stdout.write(`${picture}\n`);
