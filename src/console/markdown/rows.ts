import stringWidth from 'string-width';

/** How text is shown. Only `code` is a colour: NO_COLOR takes that away and leaves the others (no-color.org). */
export type Style = 'strong' | 'faint' | 'emphasis' | 'underline' | 'strike' | 'code';

export type Styles = readonly Style[];

export interface Run {
  readonly text: string;
  readonly styles: Styles;
}

interface Growing extends Run {
  text: string;
}

/** "Select graphic rendition", ECMA-48, 8.3.117. */
const codes: Readonly<Record<Style, number>> = { strong: 1, faint: 2, emphasis: 3, underline: 4, strike: 9, code: 36 };

const ESC = '\x1b';

/** A text with the codes of its styles, and none of them in force behind it. */
export function paint({ text, styles }: Run, isColoured: boolean): string {
  const shown = styles.filter((style) => isColoured || style !== 'code').map((style) => codes[style]);
  return shown.length === 0 || text === '' ? text : `${ESC}[${shown.join(';')}m${text}${ESC}[0m`;
}

/** What `paint` writes around a text. */
const sgr = new RegExp(`${ESC}\\[[\\d;]*m`, 'g');

/** Scripts without blanks between words: a row may end before and after each character. */
const ideograph = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Bopomofo}\u3000-\u303f\uff00-\uff60\uffe0-\uffe6]/u;

/** What begins no row: JIS X 4051's classes, and what belongs to the character before it. */
const neverFirst =
  /\u200d|[\p{M}\p{Pe}\p{Pf},.!?:;%'"、。，．・：；？！ー々〻ゝゞヽヾ…‥—–〜～％‰℃°′″ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰ-ㇿ\uff9e\uff9f]/u;
const neverLast = /\u200d|[\p{Ps}\p{Pi}'"$¥￥＄£]/u;

const maySeparate = (before: string, after: string): boolean =>
  (ideograph.test(before) || ideograph.test(after)) && !neverLast.test(before) && !neverFirst.test(after);

const graphemes = new Intl.Segmenter();

/** V8 hands out the whole text anew with each of its graphemes (`input`), so that long texts are read in parts. */
const slices = (text: string): readonly string[] => (text.length <= 256 ? [text] : (text.match(/.{1,256}/gsu) ?? []));

/** The columns that a text takes in a terminal, without its styles. */
export const columnsOf = (text: string): number =>
  slices(text.replaceAll(sgr, '')).reduce((sum, slice) => sum + stringWidth(slice), 0);

const widthOf = (runs: readonly Run[]): number => columnsOf(runs.map(({ text }) => text).join(''));

/** Lines of text, set in rows of a width. */
export interface Rows {
  /** Begins a line: before its first row stands `first`, before the others `rest`. */
  begin(first: readonly Run[], rest: readonly Run[]): void;
  /** Goes on with the line. A word is printed once its end is seen. */
  add(text: string, styles: Styles): void;
  /** Prints what is held of the line. */
  end(): void;
  /** Prints a line that is painted already, whatever its width. */
  line(painted: string): void;
  /** Leaves a row empty before the next line, unless that is the first. */
  leaveBlank(): void;
}

export interface RowOptions {
  /** The width of a row. It is asked for at each word. */
  columns(): number;
  readonly isColoured: boolean;
  print(text: string): void;
  /** The column in which the first row begins: what stands before it is not ours. */
  readonly column?: number;
  /**
   * Whether a word wider than a row is cut. Otherwise it goes into a row of its own and the terminal goes on with it
   * in the next: then it is still one word for who copies it, and an address can be clicked.
   */
  readonly cutsWords?: boolean;
}

/** Sets lines in rows, broken between words and, in Chinese and Japanese, between characters. */
export function createRows({ columns, isColoured, print, column = 0, cutsWords = false }: RowOptions): Rows {
  let at = column;
  let isFirstLine = true;
  let isRowEmpty = true; // but for what hangs
  let blankIsDue = false;
  let hanging: readonly Run[] = [];
  let gap: Growing | undefined;
  let word: Growing[] = [];
  let last = '';

  const show = (runs: readonly Run[], width: number) => {
    for (const run of runs) print(paint(run, isColoured));
    at += width;
  };

  const breakLine = () => {
    if (!isFirstLine || column > 0) print(blankIsDue ? '\n\n' : '\n');
    isFirstLine = false;
    blankIsDue = false;
    at = 0;
  };

  /** Puts what is never broken into this row, or else into the next. */
  const put = (runs: readonly Run[], width: number) => {
    const room = columns();
    const blank = gap ? [gap] : [];
    if (!isRowEmpty && at + widthOf(blank) + width <= room) {
      show(blank, widthOf(blank));
    } else if (!isRowEmpty) {
      print('\n');
      at = 0;
      show(hanging, widthOf(hanging));
    }
    gap = undefined;
    isRowEmpty = false;
    const start = at;
    show(runs, width);
    if (at > room) at = afterOverflow(runs, start, room);
  };

  const endWord = () => {
    const width = widthOf(word);
    if (cutsWords && widthOf(hanging) + width > columns())
      for (const run of charactersOf(word)) put([run], widthOf([run]));
    else if (word.length > 0) put(word, width);
    word = [];
  };

  const addBlank = (char: string, styles: Styles) => {
    endWord();
    const text = char === '\t' ? ' ' : char;
    if (gap) gap.text += text;
    else gap = { text, styles };
  };

  const addCharacter = (char: string, styles: Styles) => {
    if (maySeparate(last, char)) endWord();
    const run = word.at(-1);
    if (run?.styles === styles) run.text += char;
    else word.push({ text: char, styles });
  };

  return {
    begin(first, rest) {
      const followsLabel = isFirstLine && widthOf(first) === 0;
      if (followsLabel) isFirstLine = false;
      else breakLine();
      hanging = widthOf(rest) > columns() / 2 ? [] : rest;
      isRowEmpty = true;
      show(first, widthOf(first));
    },
    add(text, styles) {
      for (const char of text) {
        if (/[^\S\u00a0\u202f]/.test(char)) addBlank(char, styles);
        else addCharacter(char, styles);
        last = char;
      }
    },
    end() {
      endWord();
      gap = undefined;
      last = '';
    },
    line(painted) {
      breakLine();
      print(painted);
    },
    leaveBlank() {
      blankIsDue = !isFirstLine;
    },
  };
}

/** Characters as people count them, each with its styles. */
const charactersOf = (runs: readonly Run[]): Run[] =>
  runs.flatMap(({ text, styles }) =>
    slices(text).flatMap((slice) => [...graphemes.segment(slice)].map(({ segment }) => ({ text: segment, styles }))),
  );

/** Where the cursor stands after a word that the terminal itself breaks. */
function afterOverflow(runs: readonly Run[], start: number, room: number): number {
  let at = start;
  for (const run of charactersOf(runs)) {
    const width = widthOf([run]);
    at = at + width > room ? width : at + width;
  }
  return at;
}
