import { createInline, type Inline } from './markdown/inline.js';
import { type Beginning, beginningOf, ticksOf, withoutQuotes } from './markdown/line.js';
import { createRows, paint, type Run } from './markdown/rows.js';
import { isDelimiterRow, renderTable } from './markdown/table.js';

/**
 * A text that can do nothing to a terminal but be read: control characters (but for line ends and tabs) and what turns
 * the direction of writing around are replaced, invisible hints of direction left out. It may be used piece by piece.
 */
export const disarm = (text: string): string =>
  text
    .replaceAll(/[\r\u2028\u2029]/g, ' ') // of CRLF, a blank at the line's end stays
    .replaceAll(/[\u061c\u200e\u200f]/g, '')
    .replaceAll(/(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu, '\ufffd');

export interface Renderer {
  /** What is to be printed now that a piece of the answer has come. */
  write(piece: string): string;
  /** What is left to print. It ends the last row, if there ever was one. */
  end(): string;
}

export interface RendererOptions {
  /** The width of the terminal. It is asked for while text is set, so that a resize counts from there on. */
  columns(): number;
  readonly isColoured: boolean;
  /** The column where the cursor stands, when a label is written before the answer. */
  readonly column?: number;
}

/** A block of code that is open. */
interface Block {
  readonly ticks: string;
  readonly quotes: number;
  readonly bars: readonly Run[];
}

const widestRule = 40;
const widthOf = (prefix: readonly Run[]): number => prefix.reduce((sum, { text }) => sum + text.length, 0);

/**
 * Makes Markdown readable in a terminal while it streams. Nothing that was printed is changed afterwards: a line is held
 * until its kind is known, then goes out by the word; code goes out by the line; a table when it has ended. All that is
 * printed is the same however the answer was cut into pieces, and a terminal obeys nothing in it but the styles that are
 * given here. Lines end where the answer's do, as in a chat.
 *
 * `||spoilers||` and mentions are printed as they are, `-# small print` is faint, `<t:…>` is a date in this time zone.
 */
export function createRenderer({ columns, isColoured, column = 0 }: RendererOptions): Renderer {
  let printed = '';
  let hasPrinted = false;
  const print = (text: string) => {
    printed += text;
    hasPrinted = true;
  };
  const width = () => Math.max(1, columns() || 80);
  const rows = createRows({ columns: width, isColoured, print, column });
  const painted = (runs: readonly Run[]) => runs.map((run) => paint(run, isColoured)).join('');

  let half = ''; // of a surrogate pair
  let line = ''; // as far as it is held
  let isHeld = false; // to its end
  let inline: Inline | undefined; // what reads the rest of the line
  let block: Block | undefined;
  let table: Beginning[] = [];

  const startText = ({ text, styles, first, rest }: Beginning) => {
    rows.begin(first, rest);
    inline = createInline({ base: styles, isColoured, emit: rows.add });
    for (const char of text) inline.read(char);
  };

  const endText = () => {
    inline?.end();
    rows.end();
    inline = undefined;
  };

  const startBlock = ({ text, first, rest, quotes }: Beginning) => {
    const lastBar = rest.findLastIndex(({ styles }) => styles.length > 0); // code brings the rest of its indentation
    block = { ticks: ticksOf(text) ?? '', quotes, bars: rest.slice(0, lastBar + 1) };
    rows.line(painted([...first, { text: text.trimEnd(), styles: ['faint'] }]));
  };

  /** A line of code, as it is. A line that does not stand in the block's quote ends the block. */
  const showCode = ({ ticks, quotes, bars }: Block) => {
    const code = withoutQuotes(line, quotes);
    const isEnd = code?.trim().startsWith(ticks) && new Set(code.trim()).size === 1;
    if (code === undefined || isEnd) block = undefined;
    if (code === undefined) return readBeginning(true);
    rows.line(painted([...bars, { text: code, styles: [isEnd ? 'faint' : 'code'] }]));
  };

  const addToTable = (row: Beginning) => {
    const [head] = table;
    const belongs = head?.quotes === row.quotes && (table.length > 1 || isDelimiterRow(row.text));
    if (!belongs) endTable();
    table.push(row);
  };

  const endTable = () => {
    const [head, ...more] = table;
    table = [];
    if (!head) return;
    if (more.length === 0) {
      startText(head);
      return endText();
    }
    const lines = [head, ...more].map(({ text }) => text);
    const room = Math.max(1, width() - widthOf(head.rest));
    for (const row of renderTable(lines, room, isColoured)) rows.line(painted(head.rest) + row);
  };

  const showRule = ({ first, rest }: Beginning) => {
    const length = Math.max(3, Math.min(width() - widthOf(rest), widestRule));
    rows.line(painted([...first, { text: '─'.repeat(length), styles: ['faint'] }]));
  };

  const show = (beginning: Beginning) => {
    if (beginning.kind === 'table') return addToTable(beginning);
    endTable();
    if (beginning.kind === 'blank') rows.leaveBlank();
    else if (beginning.kind === 'rule') showRule(beginning);
    else if (beginning.kind === 'fence') startBlock(beginning);
    else startText(beginning);
  };

  const readBeginning = (isWhole: boolean) => {
    const beginning = beginningOf(line, isWhole);
    isHeld = beginning?.kind === 'held';
    if (beginning && !isHeld) show(beginning);
  };

  const endLine = () => {
    if (!inline && block) showCode(block);
    else if (!inline) readBeginning(true);
    if (inline) endText();
    line = '';
    isHeld = false;
  };

  const read = (char: string) => {
    if (char === '\n') return endLine();
    if (inline) return inline.read(char);
    line += char;
    if (!block && !isHeld) readBeginning(false);
  };

  const take = () => {
    const text = printed;
    printed = '';
    return text;
  };

  return {
    write(piece) {
      const text = half + piece;
      half = /[\ud800-\udbff]$/.exec(text)?.[0] ?? '';
      for (const char of disarm(text.slice(0, text.length - half.length).toWellFormed())) read(char);
      return take();
    },
    end() {
      if (half !== '') read('\ufffd');
      half = '';
      if (line !== '' || inline) endLine();
      endTable();
      if (hasPrinted) print('\n');
      hasPrinted = false;
      return take();
    },
  };
}
