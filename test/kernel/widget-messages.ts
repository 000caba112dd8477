/** What tests of widgets read from, and send in, the messages of the protocol `jupyter.widget`. */
import type { Answer, Client, Received } from "./client.js";

export const imports = 'import * as nb from "sparselab/notebook";';

const view = "application/vnd.jupyter.widget-view+json";
/** The id of the widget that a cell shows. */
export const shownBy = ({ published }: Answer): string =>
  published.find((m) => m.content.data?.[view])!.content.data[view].model_id as string;

/** The messages that opened models, by the model's name. */
export const opened = (messages: readonly Received[]): Map<string, Received> =>
  new Map(messages.filter((m) => m.type === "comm_open").map((m) => [m.content.data.state._model_name as string, m] as const));

/** The updates of a model that the kernel sent. */
export const updatesIn = (messages: readonly Received[], id: string): Received[] =>
  messages.filter((m) => m.type === "comm_msg" && m.content.comm_id === id && m.content.data.method === "update");

/** Sends an update of a model as a page does; resolves when the kernel has handled it. */
export const updateFrom = (
  page: Client,
  comm_id: string,
  state: object,
  buffer_paths: unknown[] = [],
  buffers?: Uint8Array[],
): Promise<readonly Received[]> => page.comm("comm_msg", { comm_id, data: { method: "update", state, buffer_paths } }, buffers);
