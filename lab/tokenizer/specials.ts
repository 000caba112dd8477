/**
 * Special texts: which pieces are matched whole before anything is merged, and the cutting of a text at them.
 *
 * As in llama.cpp, user-defined pieces are always matched, control and unknown pieces only when special tokens are asked for; longer
 * pieces go first, and each takes its matches from what the ones before it left. A key that names a piece (as padding, say) does not
 * make it special, nor does an id that defaults to it: its kind alone does.
 *
 * Where special tokens are asked for, some pieces are matched too that the file calls ordinary (llama.cpp would spell them out), but
 * only those that no merge can build, so that no ordinary text could ever give them:
 *   - the markers that the file's chat template writes, and MiniCPM's <用户> and <AI>;
 *   - pieces <|...|>.
 */
import { unitStarts } from "./merge.js";
import { byteString, kind, type Token, textOf, type Vocabulary } from "./vocabulary.js";

export interface Special {
  readonly token: Token;
  /** Byte string. */
  readonly text: string;
  /** Matched even where special tokens are not asked for. */
  readonly always: boolean;
  /** Whitespace after it belongs to it (Phi-3). */
  readonly eatsSpace: boolean;
}

/** A vocabulary with its special texts. */
export interface SpecialVocabulary extends Vocabulary {
  /** In the order in which they are matched. */
  readonly specials: readonly Special[];
  readonly specialTokens: ReadonlySet<Token>;
}

export const MINICPM_USER = "<用户>";
export const MINICPM_AI = "<AI>";

/** Whether merging could give the piece: it is one character, or some split leaves on each side a piece or a character. */
function canMerge(text: string, ids: ReadonlyMap<string, Token>): boolean {
  const starts = unitStarts(text);
  const last = starts.length - 1;
  if (last <= 1) return true;
  for (let i = 1; i < last; i++) {
    const leftFits = i === 1 || ids.has(text.slice(0, starts[i]));
    const rightFits = i === last - 1 || ids.has(text.slice(starts[i]));
    if (leftFits && rightFits) return true;
  }
  return false;
}

/** Finds the special texts of a vocabulary. */
export function withSpecials(vocabulary: Vocabulary): SpecialVocabulary {
  const { texts, kinds, byteOf, chatTemplate, ids } = vocabulary;
  const markers = new Set((chatTemplate?.match(/<[^<>\s{}%'"]+>|\[\/?[A-Z_]+\]/g) ?? []).map(byteString));
  markers.add(byteString(MINICPM_USER)).add(MINICPM_AI);
  const phi = /phi-?3/i.test(vocabulary.name);
  const specials: Special[] = [];
  for (let token = 0; token < texts.length; token++) {
    const text = texts[token]!;
    const typed = kinds[token]! & (kind.control | kind.userDefined | kind.unknown);
    const shaped = text.length > 4 && text.startsWith("<|") && text.endsWith("|>");
    if (!typed && (byteOf[token]! >= 0 || !(shaped || markers.has(text)) || canMerge(text, ids))) continue;
    const always = (kinds[token]! & kind.userDefined) !== 0 && (kinds[token]! & (kind.control | kind.unknown)) === 0;
    specials.push({
      token,
      text,
      always,
      eatsSpace: phi && typed !== 0 && !["<unk>", "<s>", "<|endoftext|>"].includes(textOf(text)),
    });
  }
  specials.sort((a, b) => b.text.length - a.text.length || a.token - b.token);
  return { ...vocabulary, specials, specialTokens: new Set(specials.map((special) => special.token)) };
}

export const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);

/** Cuts a byte string at special texts; the strings between them are never empty. */
export function partition(text: string, specials: readonly Special[]): readonly (string | Token)[] {
  let parts: (string | Token)[] = text === "" ? [] : [text];
  for (const special of specials) {
    if (!text.includes(special.text)) continue;
    parts = parts.flatMap((part) => (typeof part === "string" ? cutAt(part, special) : [part]));
  }
  return parts;
}

/** Cuts a byte string at one special text. */
export function cutAt(text: string, special: Special): (string | Token)[] {
  const parts: (string | Token)[] = [];
  let from = 0;
  for (;;) {
    const at = text.indexOf(special.text, from);
    if (at < 0) break;
    if (at > from) parts.push(text.slice(from, at));
    parts.push(special.token);
    from = at + special.text.length;
    if (special.eatsSpace) while (from < text.length && isSpace(text.charCodeAt(from))) from++;
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}
