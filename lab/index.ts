/** What a notebook imports: `import { load, sweep, plot } from "sparselab"`. */
export { LabError, type LabErrorCode } from "./errors.js";
export type { BlockHook, FfnHook, HookDims, HookPoint, ResidHook } from "./hooks.js";
export type { Measure, MeasureMap, Point, Provenance, Report } from "./measures/report.js";
export { fatrelu, type PerLayer, type Policy } from "./policy/policy.js";
export { type Tensor, tensor } from "./tensor.js";
