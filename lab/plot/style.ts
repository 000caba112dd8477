/**
 * The common style of all figures: one type face, one palette, one frame, so that a figure's own file has only what it shows.
 *
 * Colours are Okabe and Ito's (2008), told apart by colour-blind readers; the heat scale is ColorBrewer's YlGnBu, dark where the model
 * works and pale where it is silent, which also survives a black and white print.
 */

export const ink = "#1f2933";
export const muted = "#6b7785";
const line = "#9aa5b1";
const grid = "#e8ecf0";
export const accent = "#d55e00";

/** Series colours in order; the ninth series begins again with the first. */
const palette = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4b4b4b", "#b2a300"] as const;
export function seriesColor(index: number): string {
  return palette[index % palette.length]!;
}

/** Low values dark, high values pale: [place from 0 to 1, colour]. */
export const heatScale: readonly (readonly [number, string])[] = [
  [0, "#081d58"],
  [0.15, "#253494"],
  [0.3, "#225ea8"],
  [0.45, "#1d91c0"],
  [0.6, "#41b6c4"],
  [0.75, "#7fcdbb"],
  [0.88, "#c7e9b4"],
  [1, "#ffffe5"],
];

export const fontFamily = '"Inter", "Source Sans 3", "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif';

/** Margins hold the title above and, below the axis, the caption. */
const margin = { l: 76, r: 32, t: 88, b: 112 };

export interface Frame {
  readonly title: string;
  /** The figure's result, in one line below the title. */
  readonly subtitle?: string;
  /** Where the numbers come from: lines below the axis. */
  readonly caption?: readonly string[];
  readonly height?: number;
  /** Pixels that the ticks' texts need below the x axis beyond one line. */
  readonly tickRoom?: number;
  readonly axes: Readonly<Record<string, object>>;
  readonly legend?: boolean;
  readonly shapes?: readonly object[];
  readonly annotations?: readonly object[];
}

/** A plotly layout in the common style. Texts are plain; they are escaped here. */
export function layout(frame: Frame): Record<string, unknown> {
  const { tickRoom = 0 } = frame;
  const caption = (frame.caption ?? []).map(escapeText).join("<br>");
  const captionNote = {
    xref: "paper",
    yref: "paper",
    x: 0,
    y: 0,
    xanchor: "left",
    yanchor: "top",
    yshift: -62 - tickRoom,
    align: "left",
    showarrow: false,
    text: caption,
    font: { size: 10.5, color: muted },
  };
  return {
    height: (frame.height ?? 450) + tickRoom,
    margin: { ...margin, b: margin.b + tickRoom },
    font: { family: fontFamily, size: 13, color: ink },
    title: {
      text: `<b>${escapeText(frame.title)}</b>`,
      font: { size: 17, color: ink },
      x: 0,
      xref: "paper",
      xanchor: "left",
      y: 1,
      yref: "container",
      yanchor: "top",
      pad: { t: 22 },
      ...(frame.subtitle ? { subtitle: { text: escapeText(frame.subtitle), font: { size: 12.5, color: muted } } } : {}),
    },
    paper_bgcolor: "#ffffff",
    plot_bgcolor: "#ffffff",
    hovermode: "closest",
    hoverlabel: { bgcolor: "#ffffff", bordercolor: line, align: "left", font: { family: fontFamily, size: 12, color: ink } },
    showlegend: frame.legend ?? false,
    legend: { orientation: "h", x: 1, xanchor: "right", y: 1.01, yanchor: "bottom", font: { size: 12 } },
    // A live update keeps the zoom.
    uirevision: "sparselab",
    ...frame.axes,
    shapes: frame.shapes ?? [],
    annotations: [...(frame.annotations ?? []), ...(caption ? [captionNote] : [])],
  };
}

/** An axis in the house style; `title` names the quantity and its unit. */
export function axis(title: string, options: object = {}): object {
  return {
    title: { text: escapeText(title), standoff: 12, font: { size: 13, color: ink } },
    showline: true,
    linecolor: line,
    linewidth: 1,
    ticks: "outside",
    ticklen: 5,
    tickcolor: line,
    tickfont: { size: 12, color: ink },
    gridcolor: grid,
    gridwidth: 1,
    zeroline: false,
    ...options,
  };
}

/** A note in the middle of an empty frame. */
export function emptyNote(text: string): object {
  return {
    xref: "paper",
    yref: "paper",
    x: 0.5,
    y: 0.5,
    xanchor: "center",
    yanchor: "middle",
    showarrow: false,
    text: escapeText(text),
    font: { size: 14, color: muted },
  };
}

/** What the toolbar over a figure offers: nothing that sends data anywhere. */
export const config = {
  displaylogo: false,
  showSendToCloud: false,
  plotlyServerURL: "",
  responsive: true,
  modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
  toImageButtonOptions: { format: "svg", filename: "sparselab" },
} as const;

/** Escapes the HTML that plotly reads in texts, where `<s>` would vanish as a tag. Line breaks and tabs become visible signs. */
export function escapeText(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\r?\n/g, "↵").replace(/\t/g, "⇥");
}

/** Sparsity in percent of the neurons, to a thousandth of a percent: what a figure's data hold. */
export function percent(share: number): number {
  return Math.round(share * 1e5) / 1e3;
}
/** `91.4 %`; two decimals from 99 % on, where they count. */
export function percentText(share: number): string {
  return `${(100 * share).toFixed(share >= 0.99 && share < 1 ? 2 : 1)} %`;
}
/** 32768 -> "32 768", with a thin space. */
export function thousandsText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}
