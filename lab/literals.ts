/**
 * Types for options that take one of a list of names. A plain string, which a loop or an object made earlier gives, passes and is checked
 * when it runs; a literal that is none of the names is a type error, with "Did you mean" and with completion between the quotes.
 *
 *     run<const S extends Loose<HookPoint> = never>(prompt: Prompt, options?: { capture?: Checked<S, HookPoint> }): Promise<Run<S>>
 */

/** One of the names, or a plain string. The constraint of a type parameter; `string & {}` keeps the names apart for completion. */
export type Loose<K extends string> = K | (string & {});

/** Whether S is a plain string or a template with a hole, such as `blocks.${string}.ffn.mid`: what it is, only running tells. */
// biome-ignore lint/complexity/noBannedTypes: it is what has no property; an index signature asks for none, a name does
export type IsPlain<S extends string> = [S] extends [never] ? false : {} extends Record<S, 1> ? true : false;

/**
 * The type that S is checked against: S where it is plain, else the names. (K stands only where a type is given, never after `extends`:
 * so what has a Checked<S, K> in its methods may be used in place of the same with more names.)
 */
// biome-ignore lint/complexity/noBannedTypes: as above
export type Checked<S extends string, K extends string> = S extends unknown ? ({} extends Record<S, 1> ? S : K) : never;

/** The names that S can be: S itself, or all of K where S is plain. */
export type Known<S extends string, K extends string> = IsPlain<S> extends true ? K : S & K;
