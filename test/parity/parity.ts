/**
 * `npm run parity -- [golden|random|models|int8|tokenizer|kernels|functions]`: compares the executor with something that shares nothing with it, prints a table and
 * exits with 1 if a line of it misses.
 *   golden      (the default) committed models against the logits of transformers
 *   random      new random models (--n COUNT, --seed NUMBER) against a forward pass in float64, and SiLU ones against llama.cpp if the variable
 *               NODE_LLAMA_CPP names a folder in which node-llama-cpp is installed
 *   models      every architecture in every weight type on every instruction set of this machine, as a table
 *   int8        arithmetic "int8" against llama.cpp, which the variable NODE_LLAMA_CPP names, on new random models (--n COUNT)
 *   tokenizer   token ids (--n random texts) against llama.cpp, which the variable NODE_LLAMA_CPP names
 *   kernels     every weight type on every instruction set, bit for bit against the plain twins
 *   functions   exp, tanh and erf of every float32 against long double (hours)
 */
import { runTarget } from "../support/targets.js";
import { golden } from "./golden.js";
import { int8 } from "./int8.js";
import { models } from "./models.js";
import { functions, kernels } from "./native.js";
import { random } from "./random.js";
import { tokenizer } from "./tokenizer.js";

await runTarget("parity", { golden, random, models, int8, tokenizer, kernels, functions }, 40);
