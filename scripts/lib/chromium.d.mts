/** What the browser tests use of chromium.mjs. */
export function findChromium(): string | undefined;
