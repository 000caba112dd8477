/** `sparselab logits`: writes raw rows of logits, or of a hook point, for comparison with other programs. */
import { writeFile } from "node:fs/promises";
import { greedyRows } from "../../lab/model/greedy.js";
import { type Command, countOf, modelOptions, parse, required, UsageError } from "../arguments.js";
import { abortOnInterrupt, loadOptions, openModel, print, printJson } from "../model.js";
import { prepareOut } from "../out.js";

const help = `usage: sparselab logits FILE --tokens 1,17,300 [--greedy N] --out FILE.f32 [--capture POINT] [options]

Writes raw little-endian float32 rows of the vocabulary's size: one for each token, then one for each greedy token, tokens + N rows in all.
No token is added to those given.

  --tokens IDS        separated by commas
  --greedy N          then feed the most likely token N times; default 0
  --out FILE.f32      the file; missing folders are made
  --capture POINT     rows of this hook point instead, such as blocks.3.ffn.mid; for a range, layer after layer
  --activation --strategy --device --arithmetic --kv --cutoff --t --threads, as for generate
  --json              print the shape, the tokens fed, and the file`;

export const logits: Command = {
  about: "writes raw rows of logits, or of a hook point",
  help,
  async run(args) {
    const known = {
      ...modelOptions,
      tokens: { type: "string" },
      greedy: { type: "string" },
      out: { type: "string" },
      capture: { type: "string" },
    } as const;
    const { values, positionals } = parse(args, known, ["FILE"]);
    const given = required(values.tokens, "--tokens IDS, such as --tokens 1,17,300");
    if (given.trim() === "") throw new UsageError("--tokens must be token ids such as 1,17,300, received none");
    const tokens = given.split(",").map((text) => countOf("--tokens", text, 0)!);
    const file = required(values.out, "--out FILE.f32");
    // Rows without a header, whatever the name: a reader of such a file would find no such format in it.
    const other = /\.(npz|npy|safetensors|json|csv|gguf)$/i.exec(file)?.[0];
    if (other)
      throw new UsageError(
        `--out writes raw float32 rows without a header, so "${file}" would be no ${other} file; name it FILE.f32 (numpy reads it with fromfile(FILE, "<f4"), and save() of the lab writes .npz and .safetensors)`,
      );
    const greedy = countOf("--greedy", values.greedy, 0) ?? 0;
    const options = loadOptions(values);
    const path = await prepareOut(file);
    const { model } = await openModel(positionals[0]!, options);
    const { rows, tokens: fed } = await greedyRows(model, tokens, greedy, values.capture ?? "logits", abortOnInterrupt());
    await writeFile(path, new Uint8Array(rows.data.buffer, rows.data.byteOffset, rows.data.byteLength));
    const shape = rows.dims.map((name) => rows.size[name]!);
    if (values.json) printJson({ out: file, dims: rows.dims, shape, tokens: fed });
    else print(`${file}: ${rows.dims.map((name) => `${name} ${rows.size[name]}`).join(" × ")}, float32; tokens ${fed.join(",")}`);
    model.dispose();
  },
};
