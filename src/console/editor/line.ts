import type { KeyName } from './keys.js';

/** What the cursor passes in one step: a character as people see it, a line end, or a folded block. */
export interface Cell {
  readonly text: string;
  /** What stands for it on the screen. */
  readonly shown: string;
}

/** A line that is being written. It may have line ends in it. */
export interface Line {
  readonly cells: readonly Cell[];
  /** How many cells stand before the cursor. */
  readonly cursor: number;
  /** What was cut last, to be put back. */
  readonly cut: readonly Cell[];
}

export const emptyLine: Line = { cells: [], cursor: 0, cut: [] };

const characters = new Intl.Segmenter();
const words = new Intl.Segmenter(undefined, { granularity: 'word' });

const TAB = '    ';

/** The characters of a text, each as a cell. */
export const cellsOf = (text: string): Cell[] =>
  Array.from(characters.segment(text), ({ segment }) => ({ text: segment, shown: segment === '\t' ? TAB : segment }));

/** A text that takes one cell, whatever its length. */
export const fold = (text: string, label: string): Cell => ({ text, shown: label });

export const textOf = (cells: readonly Cell[]): string => cells.map(({ text }) => text).join('');

/** Puts text in at the cursor. What is written after its character, like an accent, becomes one with it. */
export function insertText(line: Line, text: string): Line {
  const before = line.cells[line.cursor - 1];
  if (!before || before.text !== before.shown) return insertCells(line, cellsOf(text));
  return insertCells(without(line, line.cursor - 1, line.cursor), cellsOf(before.text + text));
}

export const insertCells = (line: Line, cells: readonly Cell[]): Line => ({
  ...line,
  cells: line.cells.toSpliced(line.cursor, 0, ...cells),
  cursor: line.cursor + cells.length,
});

/** Writes something else in place of all that stands before the cursor. */
export const replaceBefore = (line: Line, text: string): Line =>
  insertCells(without(line, 0, line.cursor), cellsOf(text));

/** A line of a text of before, with the cursor at its end. */
export const lineOf = (line: Line, cells: readonly Cell[]): Line => ({ ...line, cells, cursor: cells.length });

const without = (line: Line, start: number, end: number): Line => ({
  ...line,
  cells: line.cells.toSpliced(start, end - start),
  cursor: start,
});

const cut = (line: Line, start: number, end: number): Line =>
  start === end ? line : { ...without(line, start, end), cut: line.cells.slice(start, end) };

const moved = (line: Line, cursor: number): Line => ({
  ...line,
  cursor: Math.max(0, Math.min(cursor, line.cells.length)),
});

const isLineEnd = (cell: Cell | undefined): boolean => cell?.shown === '\n';

/** Where the row of the text begins in which a place is: behind a line end, or with the line. */
const rowStart = ({ cells }: Line, place: number): number =>
  cells.slice(0, place).findLastIndex((cell) => isLineEnd(cell)) + 1;

function rowEnd({ cells }: Line, place: number): number {
  const end = cells.findIndex((cell, index) => index >= place && isLineEnd(cell));
  return end < 0 ? cells.length : end;
}

/** How many cells the blanks and the word take with which these end, by the language's own idea of a word. */
function lastWord(cells: readonly Cell[]): number {
  const shown = cells.map((cell) => cell.shown).join('');
  const last = [...words.segment(shown)].findLast(({ segment }) => segment.trim() !== '');
  let length = 0;
  const start = cells.findIndex(({ shown: part }) => {
    length += part.length;
    return length > (last?.index ?? 0);
  });
  return start < 0 ? cells.length : cells.length - start;
}

function firstWord(cells: readonly Cell[]): number {
  const shown = cells.map((cell) => cell.shown).join('');
  const first = [...words.segment(shown)].find(({ segment }) => segment.trim() !== '');
  const end = first ? first.index + first.segment.length : shown.length;
  let length = 0;
  const last = cells.findIndex(({ shown: part }) => {
    length += part.length;
    return length >= end;
  });
  return last + 1;
}

/** The keys that change nothing but the line. */
const edits = {
  left: (line) => moved(line, line.cursor - 1),
  right: (line) => moved(line, line.cursor + 1),
  'word-left': (line) => moved(line, line.cursor - lastWord(line.cells.slice(0, line.cursor))),
  'word-right': (line) => moved(line, line.cursor + firstWord(line.cells.slice(line.cursor))),
  home: (line) => moved(line, rowStart(line, line.cursor)),
  end: (line) => moved(line, rowEnd(line, line.cursor)),
  backspace: (line) => (line.cursor === 0 ? line : without(line, line.cursor - 1, line.cursor)),
  delete: (line) => without(line, line.cursor, line.cursor + 1),
  'cut-word': (line) => cut(line, line.cursor - lastWord(line.cells.slice(0, line.cursor)), line.cursor),
  'cut-word-right': (line) => cut(line, line.cursor, line.cursor + firstWord(line.cells.slice(line.cursor))),
  'cut-to-start': (line) => cut(line, rowStart(line, line.cursor), line.cursor),
  'cut-to-end': (line) => cut(line, line.cursor, rowEnd(line, line.cursor)),
  'put-back': (line) => insertCells(line, line.cut),
  newline: (line) => insertCells(line, cellsOf('\n')),
} satisfies Partial<Record<KeyName, (line: Line) => Line>>;

export type Edit = keyof typeof edits;

export const isEdit = (name: KeyName): name is Edit => Object.hasOwn(edits, name);

export const edit = (line: Line, name: Edit): Line => edits[name](line);

/** The line with the cursor a row of its text further up or down, or nothing when there is no such row. */
export function moveRow(line: Line, way: 'up' | 'down'): Line | undefined {
  const start = rowStart(line, line.cursor);
  const end = rowEnd(line, line.cursor);
  const isThere = way === 'up' ? start > 0 : end < line.cells.length;
  if (!isThere) return undefined;
  const there = way === 'up' ? start - 1 : end + 1;
  return moved(line, Math.min(rowStart(line, there) + line.cursor - start, rowEnd(line, there)));
}
