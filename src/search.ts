/** What a query asks for, one phrase for each of its words; a text is found that holds them all. */
export type Phrases = readonly Phrase[];

/** Words of the index in a row, of which the last may be the mere beginning of one. */
interface Phrase {
  readonly words: readonly string[];
  readonly isBeginning: boolean;
}

/** The part of a text in which something was found, on one line, with “…” where it is cut. */
export interface Excerpt {
  readonly text: string;
  /** Where in it each hit begins and ends, in UTF-16 units, in their order; they don't overlap. */
  readonly hits: readonly Span[];
  /** How many phrases of the query stand in the whole text. */
  readonly found: number;
}

type Span = readonly [from: number, to: number];

interface Word {
  readonly text: string;
  readonly at: number;
}

/** Writing without blanks between words. ー and 〆 belong to several scripts, and so to none by name. */
const UNSPACED = String.raw`[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}ー〆]`;
const runs = new RegExp(String.raw`(?:${UNSPACED}\p{M}*)+|(?:(?!${UNSPACED})[\p{L}\p{N}]\p{M}*)+`, 'gu');
const characters = /.\p{M}*/gsu;
const unspaced = new RegExp(UNSPACED, 'u');

/** A character with all that may become one with it when a text is folded, so that no cut goes between them. */
const joined = /.[\p{M}\p{DI}\uff9e\uff9f\u1160-\u11ff\ud7b0-\ud7ff\uffa0-\uffdc]*/gsu;

/**
 * What of a text goes into the index: its words, with blanks between them. Where writing sets none, each two characters
 * in a row are a word, and so is the last one alone: 文件系统 becomes 文件 件系 系统 统. So any two in a row are found,
 * more of them as a phrase, one as a beginning. Case, width and accents make no difference.
 */
export const indexed = (text: string): string =>
  wordsOf(fold(text))
    .map((word) => word.text)
    .join(' ');

/**
 * Reads what somebody searches for. Between blanks, what is written together is found together, and a word of two letters
 * or more is found in all words that begin with it. Empty where nothing in it can be found in any text.
 */
export function readQuery(query: string): Phrases {
  const phrases = query
    .split(/\s+/u)
    .map((part) => phraseOf(wordsOf(fold(part))))
    .filter(({ words }) => words.length > 0);
  return [...new Map(phrases.map((phrase) => [matching([phrase]), phrase])).values()];
}

/** The expression that finds the texts with all phrases in an index (“Full-text Query Syntax” of SQLite's FTS5). */
export const matching = (phrases: Phrases): string =>
  // Words of the index hold letters, digits and marks alone, so that no query can end its quotes.
  phrases.map(({ words, isBeginning }) => `"${words.join(' ')}"${isBeginning ? '*' : ''}`).join(' ');

/** The part of a text, of about `maxChars`, with its first hit and those close behind; its beginning if it has none. */
export function excerpt(text: string, phrases: Phrases, maxChars = 120): Excerpt {
  const { folded, starts, ends } = foldWithPlaces(text);
  const words = wordsOf(folded);
  const found = phrases.map((phrase) => spansOf(phrase, words)).filter((spans) => spans.length > 0);
  const spans = found
    .flat()
    .map(([from, to]): Span => [starts[from] ?? 0, ends[to - 1] ?? text.length])
    .sort(([one], [other]) => one - other);
  return { ...cut(text, spans, starts, maxChars), found: found.length };
}

/** As everybody may write it: NFKC, in lower case, without accents and without what can't be seen. */
function fold(text: string): string {
  if (isAscii.test(text)) return text.toLowerCase();
  return text
    .normalize('NFKD')
    .replaceAll(/[\u0300-\u036f]|\p{DI}/gu, '')
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll('ς', 'σ');
}

const isAscii = /^[\0-\x7f]*$/;

/** The folded text, with the place in the text where each of its units comes from. */
function foldWithPlaces(text: string) {
  let folded = '';
  const starts: number[] = [];
  const ends: number[] = [];
  for (const { 0: part, index } of text.matchAll(joined)) {
    const piece = fold(part);
    folded += piece;
    for (let unit = 0; unit < piece.length; unit += 1) {
      starts.push(index);
      ends.push(index + part.length);
    }
  }
  return { folded, starts, ends };
}

const wordsOf = (folded: string): readonly Word[] =>
  [...folded.matchAll(runs)].flatMap(({ 0: text, index }) =>
    unspaced.test(text) ? pairsOf(text, index) : [{ text, at: index }],
  );

function pairsOf(text: string, at: number): Word[] {
  const all = [...text.matchAll(characters)];
  return all.map(({ 0: one, index }, place) => ({ text: one + (all[place + 1]?.[0] ?? ''), at: at + index }));
}

function phraseOf(words: readonly Word[]): Phrase {
  const last = words.at(-1);
  const before = words.at(-2);
  const texts = words.map(({ text }) => text);
  // The last character is asked for by the pair that it ends; in the text, it may begin another.
  if (last && before && last.at < before.at + before.text.length) {
    return { words: texts.slice(0, -1), isBeginning: false };
  }
  return { words: texts, isBeginning: last !== undefined && (last.text.length > 1 || unspaced.test(last.text)) };
}

/** Where a phrase stands among the words of a text. */
function spansOf({ words: wanted, isBeginning }: Phrase, words: readonly Word[]): Span[] {
  const isHere = (at: number) =>
    wanted.every((text, index) => {
      const word = words[at + index]?.text;
      return isBeginning && index === wanted.length - 1 ? word?.startsWith(text) : word === text;
    });
  return words.flatMap(({ at }, index) => {
    const last = words[index + wanted.length - 1];
    return last && isHere(index) ? [[at, last.at + (wanted.at(-1)?.length ?? 0)] as const] : [];
  });
}

/** A line of a text from a little before the first hit on, with the hits in it. */
function cut(text: string, spans: readonly Span[], starts: readonly number[], maxChars: number) {
  const [first, firstEnd] = spans[0] ?? [0, 0];
  const boundAt = (place: number) => (place >= text.length ? text.length : (starts.findLast((at) => at <= place) ?? 0));
  const from = boundAt(Math.max(0, first - Math.floor(maxChars / 3)));
  const to = boundAt(Math.max(firstEnd, from + maxChars));
  const [before, behind] = [from > 0 ? '…' : '', to < text.length ? '…' : ''];
  const hits: Span[] = [];
  for (const [start, end] of spans) {
    const begin = Math.max(start - from + before.length, hits.at(-1)?.[1] ?? 0);
    const stop = end - from + before.length;
    if (begin < stop && end <= to) hits.push([begin, stop]);
  }
  const line = text.slice(from, to).replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
  return { text: `${before}${line}${behind}`, hits };
}
