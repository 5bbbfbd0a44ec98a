/**
 * A tokenizer's vocabulary in one piece of memory, which is used as it was read: nothing is parsed, and no token becomes
 * an object. First a table by which a token is found, then the tokens in the order of their ranks, each behind its length.
 */
export interface Vocabulary {
  readonly bytes: Uint8Array;
  /**
   * An open-addressing hash table, 0 where a slot is free: the place of a token in `bytes`, and above it the same bits of
   * the token's hash, which spare most comparisons with a token that isn't the one sought.
   */
  readonly slots: Int32Array;
}

/** The rank of what is no token. */
export const NONE = 0;

/** More than twice the tokens of o200k_base, so that what is sought is found, or missed, within two steps or so. */
const SLOTS = 2 ** 19;
/** Places are below it: as many bits of a slot, and of a key in tokens.ts, hold one. */
const PLACES = 2 ** 22;
/** A byte tells the length of a token. */
const LONGEST = 2 ** 8 - 1;

/** Lays out tokens that are given in the order of their ranks. Throws a RangeError for more of them than the layout holds. */
export function packVocabulary(tokens: readonly Uint8Array[]): Uint8Array {
  const size = tokens.reduce((sum, { length }) => sum + 1 + length, SLOTS * Int32Array.BYTES_PER_ELEMENT);
  if (size > PLACES || tokens.some(({ length }) => length > LONGEST))
    throw new RangeError('The vocabulary is too large.');
  const { bytes, slots } = openVocabulary(new Uint8Array(size));
  let place = slots.byteLength;
  for (const token of tokens) {
    bytes[place] = token.length;
    bytes.set(token, place + 1);
    const hash = hashOf(token, 0, token.length);
    let slot = hash & (SLOTS - 1);
    while (slots[slot] !== 0) slot = (slot + 1) & (SLOTS - 1);
    slots[slot] = (hash & -PLACES) | place;
    place += 1 + token.length;
  }
  return bytes;
}

/** Takes up what {@link packVocabulary} has laid out, without a copy. */
export const openVocabulary = (bytes: Uint8Array): Vocabulary => ({
  bytes,
  slots: new Int32Array(bytes.buffer, bytes.byteOffset, SLOTS),
});

/**
 * The rank of the token that `text` holds from `start` up to `end`, or {@link NONE}. Ranks are the places of the tokens:
 * they have the order of the published ranks, and nothing but their order counts.
 */
export function rankOf({ bytes, slots }: Vocabulary, text: Uint8Array, start: number, end: number): number {
  const hash = hashOf(text, start, end);
  for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
    const entry = slots[slot] ?? 0;
    if (entry === 0) return NONE;
    const place = entry & (PLACES - 1);
    if (((entry ^ hash) & -PLACES) === 0 && isAt(place, bytes, text, start, end)) return place;
  }
}

function isAt(place: number, bytes: Uint8Array, text: Uint8Array, start: number, end: number): boolean {
  if (bytes[place] !== end - start) return false;
  const offset = place + 1 - start;
  for (let at = start; at < end; at++) if (bytes[at + offset] !== text[at]) return false;
  return true;
}

/** Multiplies by the golden ratio of 2³², as Knuth does; the upper half, which is mixed best, is folded into the lower. */
function hashOf(text: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (text[at] ?? 0), 0x9e3779b1);
  return hash ^ (hash >>> 15);
}
