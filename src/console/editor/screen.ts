import type { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';
import type { Cell, Line } from './line.js';

/** Where people see it: `process.stdout`, or what stands in for it. */
export interface Output extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** The columns and rows of a terminal; as VT100 had them where it doesn't tell, or tells 0. */
export const sizeOf = ({ columns, rows }: Output) => ({ columns: columns || 80, rows: rows || 24 });

const UP = (rows: number) => (rows > 0 ? `\x1b[${rows}A` : '');
const CLEAR_BELOW = '\x1b[J';
const CLEAR_ALL = '\x1b[H\x1b[2J';

/** Columns between two names in a list. */
const GAP = 2;

/** Stands for what does not fit on the screen. */
const cut: Cell = { text: '', shown: '…' };

/** Draws the line that is being edited, over what was drawn of it before. `more` stands before its rows but the first. */
export function createScreen(output: Output, more: string) {
  /** What stands on the screen up to the cursor, in the rows that the line has. */
  let drawn = '';
  /** How many rows that took. */
  let drawnRows = 0;

  const shown = (prompt: string, cells: readonly Cell[]): string =>
    prompt + cells.map((cell) => (cell.shown === '\n' ? `\n${more}` : cell.shown)).join('');

  const rows = (text: string): number => placeAfter(text, sizeOf(output).columns).row;
  const written = (text: string): string => text.replaceAll('\n', '\r\n');

  /** A terminal goes on to the next row only with the next character, and then not all in the same way: so it is sent there. */
  function ended(text: string): string {
    const { columns } = sizeOf(output);
    return placeAfter(text, columns).column === columns ? `${text}\n` : text;
  }

  /** The part of a line around its cursor that fits on the screen: what has scrolled away can't be drawn over. */
  function fitting(prompt: string, line: Line): Line {
    const { columns, rows } = sizeOf(output);
    const room = (columns - 1) * (rows - 1) - stringWidth(prompt);
    const widthOf = ({ shown }: Cell): number =>
      (shown === '\n' ? columns : 0) + stringWidth(shown === '\n' ? more : shown);
    const countIn = (cells: readonly Cell[], width: number): number => {
      let left = width;
      for (const [index, cell] of cells.entries()) {
        left -= widthOf(cell);
        if (left < 0) return index;
      }
      return cells.length;
    };
    const { cells, cursor } = line;
    if (countIn(cells, room) === cells.length) return line;
    const before = cells.slice(cursor - countIn(cells.slice(0, cursor).toReversed(), room / 2), cursor);
    const after = cells.slice(cursor, cursor + countIn(cells.slice(cursor), room / 2));
    const start = before.length < cursor ? [cut, ...before] : before;
    const end = cursor + after.length < cells.length ? [...after, cut] : after;
    return { ...line, cells: [...start, ...end], cursor: start.length };
  }

  /**
   * Writes what stands before the cursor a second time to put the cursor there, because only the terminal knows how wide
   * it shows an emoji. When its width has changed, some terminals have broken the line anew and some have not: the fewer
   * rows count, so that at worst a row is left over, and nothing above is lost.
   */
  function put(prompt: string, { cells, cursor }: Line): void {
    const all = ended(shown(prompt, cells));
    const before = ended(shown(prompt, cells.slice(0, cursor)));
    const again = before === all ? '' : `${UP(rows(all))}\r${written(before)}`;
    output.write(`${UP(Math.min(drawnRows, rows(drawn)))}\r${CLEAR_BELOW}${written(all)}${again}`);
    drawn = before;
    drawnRows = rows(before);
  }

  function finish(prompt: string, line: Line): void {
    put(prompt, { ...line, cursor: line.cells.length });
    if (placeAfter(drawn, sizeOf(output).columns).column > 0) output.write('\r\n');
    drawn = '';
  }

  return {
    draw: (prompt: string, line: Line): void => put(prompt, fitting(prompt, line)),

    /** Leaves the line as it is, and goes to a row of its own below it. */
    finish,

    /** Leaves the line as it is, with these names in columns below it. */
    list(prompt: string, line: Line, names: readonly string[]): void {
      finish(prompt, line);
      const width = Math.max(...names.map((name) => stringWidth(name))) + GAP;
      const perRow = Math.max(1, Math.floor(sizeOf(output).columns / width));
      const ended = (name: string, index: number) =>
        (index + 1) % perRow === 0 || index === names.length - 1
          ? `${name}\r\n`
          : name + ' '.repeat(width - stringWidth(name));
      output.write(names.map(ended).join(''));
    },

    /** Clears the whole screen. */
    clear(): void {
      output.write(CLEAR_ALL);
      drawn = '';
    },

    /** Takes the row of the cursor for an empty one: somebody else has written meanwhile. */
    forget(): void {
      drawn = '';
    },
  };
}

const characters = new Intl.Segmenter();

/** Where a text ends on a screen. */
export interface Place {
  /** Rows below the one in which it began. */
  readonly row: number;
  /** Columns from the left; as many as the screen has, when the last of them is written in and nothing followed. */
  readonly column: number;
}

/**
 * Where a text ends that begins at the left of a screen of so many columns. A wide character that does not fit into what
 * is left of a row goes to the next, as terminals do it. Colours take no room.
 */
export function placeAfter(text: string, columns: number): Place {
  let row = 0;
  let column = 0;
  for (const { segment } of characters.segment(stripVTControlCharacters(text))) {
    if (segment === '\n' || segment === '\r\n') {
      row += 1;
      column = 0;
      continue;
    }
    const width = stringWidth(segment);
    const fits = column + width <= columns;
    row += fits ? 0 : 1;
    column = fits ? column + width : width;
  }
  return { row, column };
}
