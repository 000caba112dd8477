/** The tokenizer of a model, as the rest of the lab imports it. */
export type { Slices } from "./slices.js";
export type { Message } from "./template.js";
export type { TextStream } from "./text-stream.js";
export { createTextStream, createTokenizer, encodeSlices, type Tokenizer, templateWords, tokenizerSteps } from "./tokenizer.js";
export type { Token } from "./vocabulary.js";
