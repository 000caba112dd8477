/** What the tests use of paths.mjs. */
/** The Python of .venv/. */
export const python: string;
/** The environment in which every Jupyter program of ours runs. */
export function jupyterEnvironment(): NodeJS.ProcessEnv;
