/** What the browser tests use of jupyterlab.mjs. */
export interface JupyterLab {
  readonly port: number;
  readonly token: string;
  /** The address that opens a notebook, named by its path below the server's folder. */
  address(notebook: string): string;
  /** Settles when the server has ended. */
  readonly ended: Promise<number | null>;
  stop(): Promise<void>;
}
export function startJupyterLab(options: {
  folder: string;
  port?: number;
  log?: string;
  env?: Record<string, string>;
}): Promise<JupyterLab>;
