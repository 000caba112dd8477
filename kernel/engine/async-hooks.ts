/**
 * Ending a script inside a callback leaves Node's bookkeeping of asynchronous contexts unbalanced, and Node 20 and 22 abort the process over it
 * when AsyncLocalStorage is in use. The checks are switched off, and the books put straight after a stop. Where Node does not let us (it does
 * in 20.20), or no longer needs it (24), a stop in a callback costs at worst a new engine, with a message that says so.
 */
interface AsyncWrap {
  readonly async_hook_fields: Uint32Array;
  readonly constants: { readonly kCheck: number; readonly kTotals: number };
  clearAsyncIdStack(): void;
}

function binding(): AsyncWrap | undefined {
  const flags = process as { noDeprecation?: boolean };
  const quiet = flags.noDeprecation;
  flags.noDeprecation = true;
  try {
    const get = (process as unknown as { binding?: (name: string) => unknown }).binding;
    const wrap = get?.call(process, "async_wrap") as Partial<AsyncWrap> | undefined;
    return wrap?.async_hook_fields && wrap.constants && wrap.clearAsyncIdStack ? (wrap as AsyncWrap) : undefined;
  } catch {
    return undefined;
  } finally {
    flags.noDeprecation = quiet;
  }
}

const wrap = binding();

/** Before each cell: code that starts another hook switches the checks on again. */
export function uncheckAsyncHooks(): void {
  if (!wrap) return;
  wrap.async_hook_fields[wrap.constants.kCheck] = 0;
  wrap.async_hook_fields[wrap.constants.kTotals] = 0;
}

/** After a script was ended. */
export function repairAsyncHooks(): void {
  uncheckAsyncHooks();
  wrap?.clearAsyncIdStack();
}
