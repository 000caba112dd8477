/**
 * Writes the names that C++ and TypeScript share from one table, native/vocabulary/vocabulary.json:
 *   native/vocabulary/vocabulary.h   enums of the C boundary, and their names and properties for C++
 *   lab/vocabulary.ts                the same names as types and lists
 * Both are committed. `node scripts/vocabulary.mjs` writes them, `node scripts/vocabulary.mjs --check` fails where they are out of date.
 *
 * A name with `later` belongs to the public API and is not computed yet: the lab refuses it by name, and C++ has no number for it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const SOURCE = "native/vocabulary/vocabulary.json";
const NOTE = `Made from ${SOURCE} by scripts/vocabulary.mjs: change that table and run "node scripts/vocabulary.mjs".`;

/** The two files' contents, by path. */
export function vocabularyFiles() {
  const table = JSON.parse(readFileSync(at(SOURCE), "utf8"));
  return { "native/vocabulary/vocabulary.h": cpp(table), "lab/vocabulary.ts": typescript(table) };
}

const built = (list) => list.filter((one) => !one.later);
const upper = (name) => name.toUpperCase().replace(/[.-]/g, "_");

function cpp(table) {
  const enumOf = (type, list, prefix = "SL_", last = undefined) =>
    `typedef enum {\n${[...built(list).map(({ name }) => prefix + upper(name)), ...(last ? [last] : [])]
      .map((name) => `  ${name}`)
      .join(",\n")}\n} ${type};`;
  const names = (variable, list) =>
    `inline constexpr const char* ${variable}[] = {${built(list)
      .map(({ name }) => `"${name}"`)
      .join(", ")}};`;
  const axis = (name) => `Axis::${name}`;
  const code = (name) => name.replaceAll("-", "_");
  const computed = table.weightTypes.filter((type) => type.computed);
  return `// clang-format off
/* ${NOTE} */
#ifndef SPARSELAB_VOCABULARY_H
#define SPARSELAB_VOCABULARY_H

/* Hook points, in the order in which they are computed. */
${enumOf("SlPoint", table.points, "SL_", "SL_POINTS")}
${enumOf("SlActivation", table.activations)}
${enumOf("SlStrategy", table.strategies)}
/* Which neurons count as inactive. as-trained: the activation's own rule. */
${enumOf("SlPolicyKind", table.policies, "SL_POLICY_")}
${enumOf("SlIntervene", table.interventions)}
/* Sums over the tokens of a setting, kept by the program. */
${enumOf("SlReducer", table.reducers, "SL_REDUCE_", "SL_REDUCERS")}

#ifdef __cplusplus
#include <cstddef>
#include <cstdint>

namespace sparselab {

enum class Axis : uint8_t { none, ${[...new Set(table.points.flatMap(({ axes }) => axes))].join(", ")} };
struct PointTraits {
  const char* name;
  bool in_layer;    // in every layer; otherwise once in the model
  bool needs_gate;  // only where the FFN has a gate
  Axis axes[3];
};
inline constexpr PointTraits kPoints[SL_POINTS] = {
${built(table.points)
  .map(
    ({ name, scope, axes, needs }) =>
      `    {"${name}", ${scope === "layer"}, ${needs === "gate"}, {${[...axes, "none", "none"].slice(0, 3).map(axis).join(", ")}}},`,
  )
  .join("\n")}
};
${names("kActivations", table.activations)}
${names("kStrategies", table.strategies)}
${names("kPolicies", table.policies)}
${names("kInterventions", table.interventions)}
${names("kReducers", table.reducers)}

// The weight types that the executor computes with: EACH(ggml's name, ggml's number).
#define SPARSELAB_WEIGHT_TYPES(EACH) ${computed.map(({ name, number }) => `EACH(${name}, ${number})`).join(" ")}
inline constexpr size_t kWeightTypes = ${computed.length};
enum TensorType : uint32_t { ${computed.map(({ name, number }) => `${name} = ${number}`).join(", ")} };
// Every type that GGUF names, so that a file's spans can be checked.
struct TypeTraits {
  uint32_t number;
  const char* name;
  uint32_t block;        // elements of a block
  uint32_t block_bytes;  // bytes of a block
  bool computed;         // the executor has kernels for it
};
inline constexpr TypeTraits kTypeTraits[] = {
${table.weightTypes
  .map(({ name, number, block, bytes, computed = false }) => `    {${number}, "${name}", ${block}, ${bytes}, ${computed}},`)
  .join("\n")}
};

// What an error is, for programs. It crosses every boundary as its name.
enum class Code { ${table.errors.map(code).join(", ")} };
inline constexpr const char* kCodes[] = {${table.errors.map((name) => `"${name}"`).join(", ")}};

}  // namespace sparselab
#endif
#endif
`;
}

function typescript(table) {
  const quoted = (list) => list.map(({ name }) => `"${name}"`);
  const union = (type, list) => `export type ${type} = ${quoted(list).join(" | ")};`;
  const list = (variable, type, of) => `export const ${variable}: readonly ${type}[] = [${quoted(of).join(", ")}];`;
  const laters = (variable, of) =>
    `export const ${variable}: Readonly<Record<string, string>> = {${of
      .filter(({ later }) => later)
      .map(({ name, later }) => `"${name}": ${JSON.stringify(later === true ? "" : later)}`)
      .join(", ")}};`;
  const planned = (type, of) =>
    union(
      type,
      of.filter(({ later }) => later),
    );
  return `/**
 * ${NOTE}
 *
 * The names that the lab and the executor share, one list for each idea. Those under "later" belong to the API, but nothing
 * computes them yet: they are refused by name.
 */

/** Names of hook points without their layers. */
${union("PointName", built(table.points))}
/** An axis of a captured point, before the layers of a range. */
export type Axis = ${[...new Set(table.points.flatMap(({ axes }) => axes))].map((name) => `"${name}"`).join(" | ")};
/** The axes of each point. */
export interface PointAxes {
${built(table.points)
  .map(({ name, axes }) => `  "${name}": [${axes.map((one) => `"${one}"`).join(", ")}];`)
  .join("\n")}
}
/** Points of every layer. */
export type LayerPoint = ${built(table.points)
    .filter(({ scope }) => scope === "layer")
    .map(({ name }) => `"${name}"`)
    .join(" | ")};
/** Points that the model has once. */
export type ModelPoint = ${built(table.points)
    .filter(({ scope }) => scope === "model")
    .map(({ name }) => `"${name}"`)
    .join(" | ")};
export interface PointTraits {
  readonly name: PointName;
  /** "layer": in every layer; "model": once. */
  readonly scope: "layer" | "model";
  readonly axes: readonly Axis[];
  /** Exists only where the FFN has a gate. */
  readonly needs?: "gate";
}
/** Hook points, in the order in which they are computed. */
export const points: readonly PointTraits[] = [
${built(table.points)
  .map(
    ({ name, scope, axes, needs }) =>
      `  { name: "${name}", scope: "${scope}", axes: [${axes.map((one) => `"${one}"`).join(", ")}]${needs ? `, needs: "${needs}"` : ""} },`,
  )
  .join("\n")}
];
export const laterPoints: readonly string[] = [${quoted(table.points.filter(({ later }) => later)).join(", ")}];

${union("ActivationKind", table.activations)}
${list("activations", "ActivationKind", table.activations)}
/** A model trained with one activation may run with another one of its family. */
export const activationFamily: Readonly<Record<ActivationKind, ${[...new Set(table.activations.map(({ family }) => family))].map((name) => `"${name}"`).join(" | ")}>> = { ${table.activations.map(({ name, family }) => `${name}: "${family}"`).join(", ")} };

${union("StrategyKind", built(table.strategies))}
${list("strategies", "StrategyKind", built(table.strategies))}
${planned("PlannedStrategy", table.strategies)}
/** What to use instead. */
${laters("laterStrategies", table.strategies)}

${union("PolicyKind", built(table.policies))}
${list("policyKinds", "PolicyKind", built(table.policies))}
${planned("PlannedPolicy", table.policies)}
${laters("laterPolicies", table.policies)}

${union("InterventionKind", built(table.interventions))}
${list("interventionKinds", "InterventionKind", built(table.interventions))}
${laters("laterInterventions", table.interventions)}

${union("ReducerKind", built(table.reducers))}

/** Types in which weights are stored and computed with, by the names of GGUF. */
${union(
  "WeightType",
  table.weightTypes.filter(({ computed }) => computed),
)}
${list(
  "weightTypes",
  "WeightType",
  table.weightTypes.filter(({ computed }) => computed),
)}

/** What kind of error a \`LabError\` is, for programs: \`if (error.code === "out-of-memory")\`. */
export type LabErrorCode = ${table.errors.map((name) => `"${name}"`).join(" | ")};
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stale = [];
  for (const [path, text] of Object.entries(vocabularyFiles())) {
    if (process.argv.includes("--check")) {
      if (readFileSync(at(path), "utf8") !== text) stale.push(path);
    } else {
      writeFileSync(at(path), text);
    }
  }
  if (stale.length > 0) {
    console.error(`out of date: ${stale.join(", ")}; run "node scripts/vocabulary.mjs"`);
    process.exit(1);
  }
}
