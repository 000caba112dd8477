/** What the tests use of reason.mjs. */
export function reasonIn(output: string, options?: { folder?: string }): string | undefined;
