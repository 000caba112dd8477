/**
 * Terminating a script inside a callback leaves Node's stack of async ids unbalanced, and Node 20 and 22 then abort the process when
 * AsyncLocalStorage is in use. So the checks are switched off, and the stack is cleared after a stop. This uses an internal of Node (there in
 * 20.20, not needed in 24): where it is missing, a stop in a callback at worst ends the engine, with a message that says so.
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

/** Called before each cell, since code that enables another hook switches the checks on again. */
export function uncheckAsyncHooks(): void {
  if (!wrap) return;
  wrap.async_hook_fields[wrap.constants.kCheck] = 0;
  wrap.async_hook_fields[wrap.constants.kTotals] = 0;
}

/** Called after a script was terminated. */
export function repairAsyncHooks(): void {
  uncheckAsyncHooks();
  wrap?.clearAsyncIdStack();
}
