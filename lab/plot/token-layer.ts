/** Token (x) by layer (y), coloured by sparsity: dark where the model works, pale where it is silent. After the SparsingLaw repository. */
import { LabError } from "../errors.js";
import { refusePromise } from "../promised.js";
import { received } from "../received.js";
import type { Tensor } from "../tensor.js";
import { type Figure, figure } from "./figure.js";
import { axis, emptyNote, escapeText, heatScale, layout, percent, percentText, thousandsText } from "./style.js";

export interface TokenLayerInput {
  readonly pieces: readonly string[];
  /** Share of zeros in x₁. */
  readonly sparsity: Tensor<["layer", "token"]>;
}

/**
 * A run's sparsity, each token under its own piece of text.
 * @example
 * show(plot.tokenLayer(await model.run("The rope is in the")));
 */
export function tokenLayer(run: TokenLayerInput): Figure {
  const { pieces, layers, values } = checkRun(run);
  const tokens = pieces.length;
  const shares = Array.from({ length: layers }, (_, layer) => Array.from(values.subarray(layer * tokens, (layer + 1) * tokens)));
  const gap = tokens * layers <= 2000 ? 1 : 0;
  const lowest = Math.floor(20 * shares.flat().reduce((least, share) => Math.min(least, share), 1)) * 5;
  const heat = {
    type: "heatmap",
    x: pieces.map((_, token) => token),
    y: shares.map((_, layer) => layer),
    z: shares.map((row) => row.map(percent)),
    zmin: Math.min(lowest, 95),
    zmax: 100,
    colorscale: heatScale,
    xgap: gap,
    ygap: gap,
    colorbar: {
      title: { text: "zeros in x₁ (%)", side: "right", font: { size: 13 } },
      tickfont: { size: 12 },
      thickness: 14,
      len: 1,
      outlinewidth: 0,
      ticks: "outside",
      ticklen: 4,
    },
    hovertemplate: "%{customdata}, layer %{y}<br>zeros in x₁ %{z:.2f} %<extra></extra>",
    customdata: shares.map(() => pieces.map((piece, token) => `<b>${pieceText(piece)}</b> · token ${token}`)),
  };
  const empty = tokens === 0 || layers === 0;
  return figure(
    empty ? [] : [heat],
    layout({
      title: "Where the model works",
      subtitle: empty ? "" : subtitle(pieces, shares),
      caption: ["Each column is one token, each row one layer; sparsity is the share of zeros in x₁ = act(x·W_gate) ⊙ (x·W_up)."],
      height: Math.min(700, 260 + 24 * layers),
      tickRoom: 36,
      axes: {
        xaxis: axis("", { ...tokenTicks(pieces), showgrid: false, showline: false, ticks: "" }),
        yaxis: axis("layer", { dtick: Math.max(1, Math.ceil(layers / 16)), showgrid: false, showline: false, ticks: "" }),
      },
      annotations: empty ? [emptyNote("no tokens")] : [],
    }),
  );
}

function subtitle(pieces: readonly string[], shares: readonly (readonly number[])[]): string {
  const means = pieces.map((_, token) => shares.reduce((sum, row) => sum + row[token]!, 0) / shares.length);
  const busiest = means.indexOf(Math.min(...means));
  const mean = means.reduce((sum, share) => sum + share, 0) / means.length;
  return `${thousandsText(pieces.length)} tokens, ${percentText(mean)} zeros; busiest at “${pieces[busiest]}” (${percentText(means[busiest]!)})`;
}

/** The pieces as ticks; of a long text only every n-th, so that they stay readable. */
function tokenTicks(pieces: readonly string[]): object {
  const step = Math.max(1, Math.ceil(pieces.length / 64));
  const labelled = pieces.flatMap((piece, token) => (token % step === 0 ? [{ piece, token }] : []));
  return {
    tickmode: "array",
    tickvals: labelled.map(({ token }) => token),
    ticktext: labelled.map(({ piece }) => pieceText(piece)),
    tickangle: -60,
    tickfont: { size: pieces.length > 40 ? 10 : 12 },
  };
}

/** A piece as it can be read: shortened when long, a space at its start as SentencePiece's sign. */
function pieceText(piece: string): string {
  const short = piece.length > 14 ? `${piece.slice(0, 13)}…` : piece;
  return escapeText(short.replace(/ /g, "▁"));
}

function checkRun(run: TokenLayerInput): { pieces: readonly string[]; layers: number; values: Float32Array } {
  refusePromise("plot.tokenLayer", run);
  const { pieces, sparsity } = run ?? ({} as Partial<TokenLayerInput>);
  const dims = sparsity?.dims as readonly string[] | undefined;
  const named = Array.isArray(dims) && dims.every((name) => typeof name === "string");
  const size = sparsity?.size;
  if (!Array.isArray(pieces) || !named || dims.join() !== "layer,token" || typeof size !== "object" || size === null) {
    throw new LabError(
      "invalid-option",
      `plot.tokenLayer takes a run with pieces and sparsity (layer, token); received ${named ? `sparsity (${dims.join(", ")})` : "no sparsity"}`,
    );
  }
  const odd = Array.from(pieces as readonly unknown[]).findIndex((piece) => typeof piece !== "string");
  if (odd >= 0)
    throw new LabError("invalid-option", `plot.tokenLayer: piece ${odd} must be a text, received ${received(pieces[odd])}`);
  if (!(sparsity.data instanceof Float32Array) || sparsity.data.length !== size.layer * size.token)
    throw new LabError("invalid-option", "plot.tokenLayer: the data of sparsity must be a Float32Array of layer × token values");
  const { layer, token } = size;
  if (token !== pieces.length) {
    throw new LabError(
      "invalid-option",
      `plot.tokenLayer: ${pieces.length} pieces but sparsity of ${token} tokens; both must be of one run`,
    );
  }
  return { pieces, layers: layer, values: sparsity.data };
}
