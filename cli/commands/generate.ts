/** `sparselab generate`: generates text from a prompt, and streams it. */
import { LabError } from "../../lab/errors.js";
import { strategyText } from "../../lab/measures/job.js";
import { checkSampling, type SamplingOptions } from "../../lab/model/sampler.js";
import { policyText } from "../../lab/policy/policy.js";
import { type Command, countOf, modelOptions, numberOf, parse, required, usage } from "../arguments.js";
import { abortOnInterrupt, loadOptions, note, openModel, out, print, printJson } from "../model.js";

const help = `usage: sparselab generate FILE -p TEXT [-n N] [--temp T] [--seed N] [--chat] [options]

  -p, --prompt TEXT   raw text (with BOS where the vocabulary has one; the text of a special token becomes that token)
  --chat              apply the file's chat template to the prompt, as a user's message
  -n N                most tokens; default: as many as fit into the context
  --temp T            temperature; default 0, always the most likely token
  --top-k K           keep the K most likely tokens; default 0, all
  --top-p P           keep the most likely tokens with P of the probability; default 1, all
  --min-p P           keep tokens with at least P of the highest probability; default 0, all
  --repeat-penalty R  weaken tokens among the last 64; default 1, none
  --seed N            random seed; default 0
                      (the order, as in llama.cpp: penalty, top-k, top-p, min-p, temperature)
  --activation NAME   silu, gelu, gelu_tanh, relu, relu2, fatrelu_0.01
  --strategy NAME     auto, dense, exact, predicted (by the file's predictors: approximate)
  --device NAME       auto, cpu, cuda, or cuda:1 for the second GPU; default: auto
  --arithmetic NAME   float, or int8 (activations as integers, as in llama.cpp; for quantised weights)
  --kv TYPE           of the KV cache: f32, or f16 (half the memory, about 5e-4 of the logits)
  --cutoff SCORE      with predicted: the score below which a neuron is skipped; default: the file's, else 0
  --recall            with predicted: count what the predictors miss, which takes the whole gate
  --t T               FATReLU threshold instead of the activation's own
  --threads N         default: one for each CPU
  --json              print prompt tokens, tokens, text, share of zeros, tokens per second`;

export const generate: Command = {
  about: "generates text from a prompt",
  help,
  async run(args) {
    const options = {
      ...modelOptions,
      prompt: { type: "string", short: "p" },
      n: { type: "string", short: "n" },
      temp: { type: "string" },
      "top-k": { type: "string" },
      "top-p": { type: "string" },
      "min-p": { type: "string" },
      "repeat-penalty": { type: "string" },
      seed: { type: "string" },
      chat: { type: "boolean" },
      recall: { type: "boolean" },
    } as const;
    const { values, positionals } = parse(args, options, ["FILE"]);
    const text = required(values.prompt, "-p TEXT");
    const maxTokens = countOf("-n", values.n, 1);
    const sampling = samplingOf(values);
    const { model, summary } = await openModel(positionals[0]!, loadOptions(values));

    const { generation, prompt } = await inFlags(async () => {
      const started = model.generate(values.chat ? [{ role: "user", content: text }] : text, {
        ...sampling,
        ...(maxTokens === undefined ? {} : { maxTokens }),
        ...(values.recall ? { recall: true } : {}),
        signal: abortOnInterrupt(),
      });
      return { generation: started, prompt: await started.prompt };
    });
    if (!values.json) note(summary);
    const start = performance.now();
    const tokens: number[] = [];
    let zeros = 0;
    const mean = (shares: Float32Array) => shares.reduce((sum, share) => sum + share, 0) / shares.length;
    const sums = { predictedSparsity: 0, recall: 0 };
    for await (const step of generation) {
      tokens.push(step.token);
      zeros += mean(step.sparsity);
      if (step.predictedSparsity) sums.predictedSparsity += mean(step.predictedSparsity);
      if (step.recall) sums.recall += mean(step.recall);
      if (!values.json) out(step.text);
    }
    const seconds = (performance.now() - start) / 1000;
    const sparsity = zeros / tokens.length;
    const predicted = model.strategy === "predicted" && {
      predictedSparsity: sums.predictedSparsity / tokens.length,
      recall: values.recall ? sums.recall / tokens.length : null,
    };
    // The first token is computed with the prompt: it does not count.
    const rate = tokens.length > 1 ? (tokens.length - 1) / seconds : null;
    if (values.json) {
      const { activation, policy, strategy } = model;
      printJson({
        prompt: prompt.tokens,
        tokens,
        text: await generation.text(),
        sparsity,
        tokensPerSecond: rate,
        activation: activation.name,
        policy,
        strategy,
        ...(predicted && { cutoff: model.cutoff, ...predicted }),
      });
    } else {
      print("");
      note(
        `${tokens.length} ${tokens.length === 1 ? "token" : "tokens"}, ${rate === null ? "" : `${rate.toFixed(1)} per second, `}${(100 * sparsity).toFixed(1)} % zeros in x₁, policy ${policyText(model.policy)}, strategy ${strategyText(model)}${
          predicted
            ? `, ${(100 * predicted.predictedSparsity).toFixed(1)} % predicted silent${predicted.recall === null ? "; --recall counts the misses" : `, recall ${(100 * predicted.recall).toFixed(1)} %`}`
            : ""
        }`,
      );
    }
    model.dispose();
  },
};

const samplingFlags = {
  temp: "temperature",
  "top-k": "topK",
  "top-p": "topP",
  "min-p": "minP",
  "repeat-penalty": "repeatPenalty",
  seed: "seed",
} as const;

/** The sampling flags as options, each checked under its own name. */
function samplingOf(values: { readonly [F in keyof typeof samplingFlags]?: string | undefined }): SamplingOptions {
  const sampling: SamplingOptions = {};
  for (const [flag, option] of Object.entries(samplingFlags) as [keyof typeof samplingFlags, keyof SamplingOptions][]) {
    const value = values[flag];
    if (value === undefined) continue;
    sampling[option] = numberOf(`--${flag}`, value);
    usage(`--${flag}`, () => checkSampling({ [option]: sampling[option] }));
  }
  return sampling;
}

/** Runs a call of the lab; its errors name the flag instead of the option. */
async function inFlags<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof LabError) throw new LabError(error.code, error.message.replaceAll("maxTokens", "-n"), { cause: error });
    throw error;
  }
}
