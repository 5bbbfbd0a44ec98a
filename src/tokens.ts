import { readFile } from 'node:fs/promises';
import { NONE, openVocabulary, rankOf } from './vocabulary.js';

/** Counts the tokens of a text as the chat API would, near enough for a budget. */
export type CountTokens = (text: string) => number;

/** Each message of a prompt costs a few tokens beside its text. */
export const TOKENS_PER_MESSAGE = 4;

/**
 * Loads the tokenizer of OpenAI's current models (o200k_base). Other models cut text differently, by a few percent for
 * English and more for other languages: a prompt that is too long for one of them is shortened once it says so.
 *
 * A text that spells a control token, such as <|endoftext|>, is text like any other. The vocabulary is a part of the
 * build; without one, this throws.
 */
export async function loadTokenizer(): Promise<CountTokens> {
  const vocabulary = openVocabulary(await readFile(new URL(import.meta.resolve('#vocabulary'))));
  const encoder = new TextEncoder();
  return (text) => {
    const whole = text.toWellFormed();
    const bytes = encoder.encode(whole);
    let tokens = 0;
    let at = 0;
    let end = 0;
    for (PIECES.lastIndex = 0; PIECES.test(whole); ) {
      const start = end;
      for (; at < PIECES.lastIndex; at++) end += bytesOf(whole.charCodeAt(at));
      tokens +=
        rankOf(vocabulary, bytes, start, end) === NONE
          ? countMerged(end - start, (from, to) => rankOf(vocabulary, bytes, start + from, start + to))
          : 1;
    }
    return tokens;
  };
}

const CAPITALS = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const SMALL = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const BEFORE = String.raw`[^\r\n\p{L}\p{N}]?`;
const AFTER = "(?:'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE]))?";

/**
 * The pieces of a text, no two of which are ever merged (tiktoken, openai_public.py). White space is what Unicode calls
 * so, as there; JavaScript's \s is not quite the same.
 */
const PIECES = new RegExp(
  [
    `${BEFORE}${CAPITALS}*${SMALL}+${AFTER}`,
    `${BEFORE}${CAPITALS}+${SMALL}*${AFTER}`,
    String.raw`\p{N}{1,3}`,
    String.raw` ?[^\p{White_Space}\p{L}\p{N}]+[\r\n/]*`,
    String.raw`\p{White_Space}*[\r\n]+`,
    String.raw`\p{White_Space}+(?!\P{White_Space})`,
    String.raw`\p{White_Space}+`,
  ].join('|'),
  'gu',
);

/** The bytes that a UTF-16 code unit of a well-formed text takes in UTF-8; each half of a surrogate pair takes two of four. */
const bytesOf = (unit: number): number => (unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 2 : 3);

/**
 * Byte pair encoding: into how many tokens a piece of `length` bytes, at least one, is merged. Of all neighbours that
 * together are a token, those of the lowest rank are merged, the leftmost first, until no neighbours are.
 *
 * A heap gives the lowest, so that a long piece takes n log n time. `rank` is asked at most three times for each byte.
 */
export function countMerged(length: number, rank: (from: number, to: number) => number): number {
  const { next, previous, ranks, heap } = length <= KEPT ? kept : roomFor(length);
  heap[0] = 0;
  const consider = (at: number): void => {
    const second = next[at] ?? length;
    const found = second < length ? rank(at, next[second] ?? length) : NONE;
    ranks[at] = found;
    if (found !== NONE) push(heap, found * POSITIONS + at);
  };
  for (let at = 0; at < length; at++) {
    next[at] = at + 1;
    previous[at] = at - 1;
  }
  for (let at = 0; at < length; at++) consider(at);
  let tokens = length;
  while (heap[0] !== 0) {
    const key = pop(heap);
    const at = key & (POSITIONS - 1);
    // One of the two has been merged with its other neighbour since.
    if ((ranks[at] ?? NONE) * POSITIONS + at !== key) continue;
    const second = next[at] ?? length;
    const third = next[second] ?? length;
    next[at] = third;
    previous[third] = at;
    ranks[second] = NONE;
    tokens--;
    consider(at);
    if (at > 0) consider(previous[at] ?? 0);
  }
  return tokens;
}

/** A key of the heap is a rank, which takes 22 bits, and below it a position: a number holds 53. */
const POSITIONS = 2 ** 31;

/** What merging a piece takes. Tokens are known by the positions at which they begin. */
interface Room {
  readonly next: Int32Array;
  readonly previous: Int32Array;
  /** The rank of the token that a token would be together with the next, as far as there is one. */
  readonly ranks: Int32Array;
  /** The smallest of the keys is at 1, none is smaller than the one at half its index, and 0 holds how many there are. */
  readonly heap: Float64Array;
}

/** Every merge takes one key from the heap and adds two at most. */
const roomFor = (length: number): Room => ({
  next: new Int32Array(length),
  previous: new Int32Array(length + 1),
  ranks: new Int32Array(length),
  heap: new Float64Array(2 * length + 1),
});

/** Room for pieces of up to so many bytes is kept. The system gives memory only to as much of it as was ever used. */
const KEPT = 2 ** 16;
const kept = roomFor(KEPT);

function push(heap: Float64Array, key: number): void {
  let at = (heap[0] ?? 0) + 1;
  heap[0] = at;
  for (let above = at >> 1; above > 0; at = above, above = at >> 1) {
    const other = heap[above] ?? 0;
    if (other < key) break;
    heap[at] = other;
  }
  heap[at] = key;
}

function pop(heap: Float64Array): number {
  const size = (heap[0] ?? 0) - 1;
  const least = heap[1] ?? 0;
  const key = heap[size + 1] ?? 0;
  heap[0] = size;
  let at = 1;
  for (let below = 2; below <= size; at = below, below = 2 * at) {
    if (below < size && (heap[below + 1] ?? 0) < (heap[below] ?? 0)) below++;
    const other = heap[below] ?? 0;
    if (other > key) break;
    heap[at] = other;
  }
  heap[at] = key;
  return least;
}
