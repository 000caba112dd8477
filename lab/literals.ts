/**
 * Types for options that take one of a list of names. A plain string (from a loop, or from an object made earlier) passes, and is checked
 * when the code runs; a literal that is none of the names is a type error with "Did you mean", and names complete between the quotes.
 *
 *     run<const S extends Loose<HookPoint> = never>(prompt: Prompt, options?: { capture?: Checked<S, HookPoint> }): Promise<Run<S>>
 */

/** One of the names, or a plain string, as the constraint of a type parameter. `string & {}` keeps the names for completion. */
export type Loose<K extends string> = K | (string & {});

/** Whether S is a plain string or a template with a hole, such as `blocks.${string}.ffn.mid`: its value is known only at run time. */
// biome-ignore lint/complexity/noBannedTypes: {} has no properties; a record over plain strings requires none, over names it does
export type IsPlain<S extends string> = [S] extends [never] ? false : {} extends Record<S, 1> ? true : false;

/**
 * The type that S is checked against: S where it is plain, else the names. (K is used only as a result, never after `extends`, so that a
 * type with Checked<S, K> in its methods is assignable to the same type with more names.)
 */
// biome-ignore lint/complexity/noBannedTypes: as above
export type Checked<S extends string, K extends string> = S extends unknown ? ({} extends Record<S, 1> ? S : K) : never;

/** `Checked` for an option that also has names which are planned: the type error for one of them says so. */
export type CheckedOrPlanned<S extends string, K extends string, Planned extends string> = S extends unknown
  ? // biome-ignore lint/complexity/noBannedTypes: as above
    {} extends Record<S, 1>
    ? S
    : S extends Planned
      ? NotYet<S>
      : K
  : never;
/** What TypeScript shows in place of a name that is planned. */
export type NotYet<S extends string> = `not available yet: ${S}`;

/** The names that S can be: S itself, or all of K where S is plain. */
export type Known<S extends string, K extends string> = IsPlain<S> extends true ? K : S & K;
