/** Reads the connection file: where the five sockets listen and how messages are signed. */
import { readFileSync } from "node:fs";

export interface Connection {
  readonly transport: "tcp" | "ipc";
  readonly ip: string;
  readonly key: string;
  readonly ports: Readonly<Record<Channel, number>>;
}
export const CHANNELS = ["shell", "control", "stdin", "iopub", "hb"] as const;
export type Channel = (typeof CHANNELS)[number];

export function readConnection(path: string): Connection {
  let file: Record<string, unknown>;
  try {
    file = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  } catch (error) {
    throw new Error(`connection file ${path}: ${(error as Error).message}`);
  }
  const want = <T>(name: string, fits: (value: unknown) => boolean, expected: string): T => {
    if (!fits(file[name]))
      throw new Error(`connection file ${path}: ${name} must be ${expected}, received ${JSON.stringify(file[name])}`);
    return file[name] as T;
  };
  const scheme = file.signature_scheme;
  if (scheme !== undefined && scheme !== "hmac-sha256") {
    throw new Error(`connection file ${path}: signature_scheme must be hmac-sha256, received ${JSON.stringify(scheme)}`);
  }
  const port = (channel: Channel): number =>
    want<number>(`${channel}_port`, (v) => Number.isInteger(v) && (v as number) > 0, "a port number");
  return {
    transport: want("transport", (v) => v === "tcp" || v === "ipc", "tcp or ipc"),
    ip: want("ip", (v) => typeof v === "string" && v !== "", "an address"),
    key: want("key", (v) => typeof v === "string", "a string"),
    ports: Object.fromEntries(CHANNELS.map((c) => [c, port(c)])) as Record<Channel, number>,
  };
}

export function address({ transport, ip, ports }: Connection, channel: Channel): string {
  return transport === "ipc" ? `ipc://${ip}-${ports[channel]}` : `tcp://${ip.includes(":") ? `[${ip}]` : ip}:${ports[channel]}`;
}
