/** Made-up results in the shape that measure and sweep give, for the tests of the figures. */
import type { Point, Provenance, Report } from "../measures/report.js";
import type { Policy } from "../policy/policy.js";

export function sampleProvenance(change: Partial<Provenance> = {}): Provenance {
  return {
    model: "tiny-world",
    sha256: "0123456789abcdef",
    weights: "Q8_0, F32",
    activation: "fatrelu_1.5",
    policy: { kind: "as-trained" },
    strategy: "exact",
    cutoff: null,
    interventions: 0,
    reference: null,
    arithmetic: "float",
    kv: "f32",
    corpus: "held.txt",
    corpusSha256: "fedcba9876543210",
    tokens: 8192,
    window: 512,
    bos: true,
    device: "cpu",
    threads: 2,
    version: "0.1.0",
    date: "2026-11-24T12:00:00.000Z",
    ...change,
  };
}

/** [t, sparsity, perplexity, kl, top1]: flat at first, then a knee. */
const curve = [
  [0, 0.914, 1.7099, 0, 1],
  [0.4, 0.947, 1.7098, 0.00004, 0.995],
  [0.8, 0.967, 1.7103, 0.00032, 0.989],
  [1.25, 0.98, 1.7137, 0.002, 0.978],
  [1.5, 0.984, 1.7208, 0.0062, 0.97],
  [2, 0.99, 1.8075, 0.054, 0.948],
  [2.5, 0.994, 2.2538, 0.273, 0.892],
  [3, 0.996, 3.8295, 0.802, 0.78],
] as const;

type Sample = Point<"sparsity" | "perplexity" | "kl" | "top1">;
export function samplePoints(change: Partial<Sample> = {}): Sample[] {
  return curve.map(([t, sparsity, perplexity, kl, top1]) => {
    const setting: Policy = { kind: "fatrelu", t };
    return {
      setting,
      done: true,
      tokens: 8192,
      provenance: sampleProvenance({ policy: setting }),
      sparsity: sampleSparsity(sparsity),
      perplexity: { value: perplexity, stderr: 0.02, bitsPerByte: 0.3 },
      kl: { mean: kl, stderr: kl / 20, median: kl / 4, p99: kl * 10, max: kl * 50 },
      top1: { agreement: top1, stderr: 0.002 },
      ...change,
    };
  });
}

export function sampleReport(mean: number, change: Partial<Provenance> = {}): Report<"sparsity"> {
  return { sparsity: sampleSparsity(mean), tokens: 8192, provenance: sampleProvenance(change) };
}

function sampleSparsity(mean: number): Report<"sparsity">["sparsity"] {
  const tilt = [-1, 0.4, 0.8, 0.5, 0, -0.7];
  return { mean, byLayer: Float32Array.from(tilt, (x) => mean + x * (1 - mean)), zerosInGate: mean - 0.001, rowsSkipped: 0 };
}
