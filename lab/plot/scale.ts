/**
 * The y axis for a measure of quality: linear, or logarithmic where the values spread over decades. A logarithmic axis has no zero, but the
 * reference's own KL is 0 (or slightly less, by rounding): such points are drawn on a floor below the others, with the tick "0".
 */
import { numberText, type QualityAxis } from "./quality.js";

export interface Scale {
  /** Options of the plotly axis. */
  readonly axis: object;
  /** Where a value is drawn: at itself, or at the floor where a logarithmic axis cannot show it. */
  place(value: number): number;
  /** The same for plotly's annotations, which take the exponent on a logarithmic axis. */
  inAxis(value: number): number;
}

/** Room for labels and notes below the lowest and above the highest value, as a share of their distance. */
const below = 0.16;
const above = 0.12;

function linear(values: readonly number[]): Scale {
  const finite = values.filter(Number.isFinite);
  const [least, most] = [Math.min(...finite), Math.max(...finite)];
  const span = most - least;
  const range = span > 0 ? { range: [least - below * span, most + above * span] } : {};
  return { axis: range, place: (value) => value, inAxis: (value) => value };
}

export function scaleFor(values: readonly number[], quality: QualityAxis): Scale {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  if (quality.name === "top1" || positive.length === 0) return linear(values);
  const [least, most] = [Math.min(...positive), Math.max(...positive)];
  // Perplexities differ by factors, not by decades: beyond a factor of four, the low end would be a flat line on a linear axis.
  if (quality.name === "perplexity") return most / least > 4 ? logarithmic(least, most, false) : linear(values);
  return most / least > 20
    ? logarithmic(
        least,
        most,
        values.some((value) => value <= 0),
      )
    : linear(values);
}

function logarithmic(least: number, most: number, zero: boolean): Scale {
  const place = (floor: number) => (value: number) => (value <= 0 ? floor : value);
  const inAxis = (floor: number) => (value: number) => Math.log10(place(floor)(value));
  const lowest = Math.floor(Math.log10(least));
  const floor = 10 ** (lowest - 1);
  const [bottom, top] = [Math.log10(least), Math.log10(most)];
  if (!zero) {
    const range = [bottom - below * (top - bottom), top + above * (top - bottom)];
    return { axis: { type: "log", dtick: most / least > 20 ? 1 : "D1", range }, place: place(least), inAxis: inAxis(least) };
  }
  const decades = Array.from({ length: Math.ceil(top) - lowest + 1 }, (_, i) => 10 ** (lowest + i));
  const axis = {
    type: "log",
    tickmode: "array",
    tickvals: [floor, ...decades],
    ticktext: ["0", ...decades.map(numberText)],
    range: [lowest - 1.3, top + above * (top - lowest + 1)],
  };
  return { axis, place: place(floor), inAxis: inAxis(floor) };
}
