/**
 * The process in which damaged files are opened: loads the file that the fuzzer names and, if that works, tokenises, runs and generates as a
 * notebook would. It answers how that ended; if the process dies instead, that is a miss.
 */
import { LabError } from "../../lab/errors.js";
import { loadQuietly } from "../../lab/model/load.js";
import type { Ending } from "./ending.js";

async function use(path: string): Promise<void> {
  const { model } = await loadQuietly(path, { threads: 1 });
  try {
    // Token ids run with any vocabulary, which is read with the first text.
    const run = await model.run([1, 5, 2], { capture: "blocks.*.ffn.mid" });
    if (!run.logits.data.every(Number.isFinite)) throw new Error("logits that are not finite came back without an error");
    if (run.logits.data.every((value) => value === 0)) throw new Error("logits of 0 came back without an error");
    const { tokenizer } = model;
    const text = "the cat </s> été 🦙";
    tokenizer.decode(tokenizer.encode(text));
    try {
      tokenizer.template([{ role: "user", content: text }]);
    } catch (error) {
      // Most files have no template.
      if (!(error instanceof LabError)) throw error;
    }
    await model.generate("a b", { maxTokens: 3 }).text();
  } finally {
    model.dispose();
  }
}

process.on("message", async (path: string) => {
  let how = "ran";
  let message = "";
  try {
    await use(path);
  } catch (error) {
    how = error instanceof LabError ? error.code : "stack";
    message = error instanceof LabError ? error.message : String((error as Error)?.stack ?? error);
  }
  process.send?.({ path, how, message, maxBytes: process.resourceUsage().maxRSS * 1024 } satisfies Ending);
});
