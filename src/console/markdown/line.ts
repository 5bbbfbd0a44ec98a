import type { Run, Style } from './rows.js';

/** What a line turns out to be. A line of kind `held` shows that at its end only. */
type Kind = 'held' | 'text' | 'blank' | 'rule' | 'fence' | 'table';

export interface Beginning {
  readonly kind: Kind;
  /** What is left of the line. */
  readonly text: string;
  readonly styles: readonly Style[];
  /** What is shown before the line's first row, and before those that follow. */
  readonly first: readonly Run[];
  readonly rest: readonly Run[];
  readonly quotes: number;
}

type Place = Omit<Beginning, 'kind' | 'styles'> & { readonly isInItem: boolean };

/** A text that can still become one thing or another. */
const undecided =
  /^[ \t]*(?:([-*_])(?:[ \t]*\1)*[ \t]*|(?:#{1,6}|-#|\+|\d{1,9}[.)])[ \t]*|\d{1,9}|`{1,2}|~{1,2}|>|\|)?$/;
const longestUndecided = 100;
const mostContainers = 8;
const widestIndent = 20;

const quote = /^[ \t]*>(?: |$|(?=>))/;
const item = /^([ \t]*)(?:[-*+]|(\d{1,9}[.)]))(?:[ \t]+(?=\S)|[ \t]*$)/;
const rule = /^[ \t]*([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const fence = /^[ \t]*(`{3,}|~{3,})/;
const table = /^[ \t]*\|(?!\|)/; // two bars are a spoiler's
const heading = /^[ \t]*(#{1,6})[ \t]+(?=\S)/;
const smallPrint = /^[ \t]*-#[ \t]+(?=\S)/;

const bar: Run = { text: '│ ', styles: ['faint'] };
const plain = (text: string): Run => ({ text, styles: [] });
const indentOf = (text: string): string => {
  const blank = /^[ \t]*/.exec(text)?.[0] ?? '';
  return ' '.repeat(Math.min(blank.replaceAll('\t', '    ').length, widestIndent));
};

/**
 * Reads what a line begins with, in as many characters as it takes to be sure: nothing comes back while it is not, which
 * is never for long. A list's items keep the indentation they have; nothing has to be known of the lines before.
 */
export function beginningOf(line: string, isWhole: boolean): Beginning | undefined {
  let place: Place = { text: line, first: [], rest: [], quotes: 0, isInItem: false };
  for (let depth = 0; ; depth++) {
    const { text } = place;
    if (!isWhole && text.length < longestUndecided && undecided.test(text)) return undefined;
    const inside = depth === mostContainers || (isWhole && rule.test(text)) ? undefined : inContainer(place);
    if (!inside) return styled(place, isWhole);
    place = inside;
  }
}

/** What stands in the quote or the item that begins here. */
function inContainer({ text, first, rest, quotes, isInItem }: Place): Place | undefined {
  const quoted = quote.exec(text)?.[0];
  if (quoted !== undefined)
    return {
      text: text.slice(quoted.length),
      first: [...first, bar],
      rest: [...rest, bar],
      quotes: quotes + 1,
      isInItem,
    };
  const [mark, indent = '', number = '•'] = item.exec(text) ?? [];
  if (mark === undefined) return undefined;
  const shown = `${indentOf(indent)}${number} `;
  return {
    text: text.slice(mark.length),
    first: [...first, plain(shown)],
    rest: [...rest, plain(' '.repeat(shown.length))],
    quotes,
    isInItem: true,
  };
}

function styled({ isInItem, ...place }: Place, isWhole: boolean): Beginning {
  const { text, first, rest } = place;
  const kind = kindOf(text, isWhole, isInItem);
  if (kind === 'blank' && first.length > 0) return { ...place, kind: 'text', styles: [] };
  if (kind !== 'text') return { ...place, kind, styles: [] };
  const [hashes, level] = heading.exec(text) ?? [];
  const small = smallPrint.exec(text)?.[0] ?? '';
  const marks = hashes ?? small;
  if (marks !== '') return { ...place, kind, text: text.slice(marks.length), styles: stylesOf(level) };
  const indent = isInItem ? [] : [plain(indentOf(text))];
  return {
    ...place,
    kind,
    text: text.trimStart(),
    styles: [],
    first: [...first, ...indent],
    rest: [...rest, ...indent],
  };
}

function kindOf(text: string, isWhole: boolean, isInItem: boolean): Kind {
  const isTable = !isInItem && table.test(text);
  if (!isWhole) return isTable || fence.test(text) ? 'held' : 'text';
  if (isTable) return 'table';
  if (rule.test(text)) return 'rule';
  if (ticksOf(text)) return 'fence';
  return text.trim() === '' ? 'blank' : 'text';
}

const stylesOf = (level: string | undefined): readonly Style[] => {
  if (level === undefined) return ['faint'];
  return level === '#' ? ['strong', 'underline'] : ['strong'];
};

/** The marks that open a block of code (CommonMark, 4.5). */
export function ticksOf(text: string): string | undefined {
  const ticks = fence.exec(text)?.[1];
  const isSpan = ticks?.startsWith('`') && text.trim().slice(ticks.length).includes('`');
  return isSpan ? undefined : ticks;
}

/** A line of a block of code without the marks of so many quotes, if it has them. */
export function withoutQuotes(line: string, quotes: number): string | undefined {
  let rest = line;
  for (let depth = 0; depth < quotes; depth++) {
    const mark = quote.exec(rest)?.[0];
    if (mark === undefined) return undefined;
    rest = rest.slice(mark.length);
  }
  return rest;
}
