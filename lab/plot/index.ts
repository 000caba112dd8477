/** The lab's figures: pure functions from results to figures, one in each file. */
import { pareto } from "./pareto.js";
import { sparsityByLayer } from "./sparsity-by-layer.js";
import { threshold } from "./threshold.js";
import { tokenLayer } from "./token-layer.js";

export type { Figure } from "./figure.js";
export type { Quality } from "./quality.js";
export { type Live, show } from "./show.js";
export type { TokenLayerInput } from "./token-layer.js";

/**
 * The figures of the lab: results in, a figure out.
 * @example
 * show(plot.pareto(points, "kl"));
 */
export const plot = { sparsityByLayer, pareto, threshold, tokenLayer } as const;
