/**
 * Special texts: which pieces are matched whole before anything is merged, and the cutting of a text at them.
 *
 * As in llama.cpp, user-defined pieces are always matched, control and unknown pieces only when special tokens are asked for; longer
 * pieces go first (partition.ts). A key that names a piece (as padding, say) does not
 * make it special, nor does an id that defaults to it: its kind alone does.
 *
 * Where special tokens are asked for, some pieces are matched too that the file calls ordinary (llama.cpp would spell them out), but
 * only those of SentencePiece that no merge can build, so that no ordinary text could ever give them:
 *   - the markers that the file's chat template writes, and MiniCPM's <用户> and <AI>;
 *   - pieces <|...|>.
 */
import { Partition, type Special } from "./partition.js";
import { unitStarts } from "./sentence-pieces.js";
import { byteString, kind, type Token, textOf, type Vocabulary } from "./vocabulary.js";

/** A vocabulary with its special texts. */
export interface SpecialVocabulary extends Vocabulary {
  /** In the order in which they are matched. */
  readonly specials: readonly Special[];
  readonly specialTokens: ReadonlySet<Token>;
  readonly all: Partition;
  /** Of those that are always matched. */
  readonly always: Partition;
}

/** Pieces between two yields. */
const STEP = 4096;

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

/** Finds the special texts of a vocabulary, in steps. */
export function* withSpecials(vocabulary: Vocabulary): Generator<void, SpecialVocabulary, void> {
  const { texts, kinds, byteOf, chatTemplate, ids } = vocabulary;
  const byteLevel = vocabulary.bytePairs !== null;
  const markers = new Set((chatTemplate?.match(/<[^<>\s{}%'"]+>|\[\/?[A-Z_]+\]/g) ?? []).map(byteString));
  markers.add(byteString(MINICPM_USER)).add(MINICPM_AI);
  const phi = /phi-?3/i.test(vocabulary.name);
  const specials: Special[] = [];
  for (let token = 0; token < texts.length; token++) {
    if (token % STEP === STEP - 1) yield;
    const text = texts[token]!;
    const typed = kinds[token]! & (kind.control | kind.userDefined | kind.unknown);
    const shaped = text.length > 4 && text.startsWith("<|") && text.endsWith("|>");
    if (!typed && (byteLevel || byteOf[token]! >= 0 || !(shaped || markers.has(text)) || canMerge(text, ids))) continue;
    const always = (kinds[token]! & kind.userDefined) !== 0 && (kinds[token]! & (kind.control | kind.unknown)) === 0;
    specials.push({
      token,
      text,
      always,
      eatsSpace: phi && typed !== 0 && !["<unk>", "<s>", "<|endoftext|>"].includes(textOf(text)),
    });
  }
  specials.sort((a, b) => b.text.length - a.text.length || a.token - b.token);
  return {
    ...vocabulary,
    specials,
    specialTokens: new Set(specials.map((special) => special.token)),
    all: new Partition(specials),
    always: new Partition(specials.filter(({ always }) => always)),
  };
}
