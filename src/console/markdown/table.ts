import { createInline } from './inline.js';
import { columnsOf, createRows, paint, type Styles } from './rows.js';

type Alignment = 'left' | 'right' | 'centre';

const gap = ' │ ';
/** Columns narrower than this are harder to read than a list. */
const narrowest = 6;

/** Whether a line stands below the head of a table (GitHub Flavored Markdown, 4.10). */
export const isDelimiterRow = (line: string): boolean => cellsOf(line).every((cell) => /^:?-+:?$/.test(cell));

/** The rows that show a table in a room of so many columns. Where columns would be too narrow, each row is a list. */
export function renderTable(lines: readonly string[], room: number, isColoured: boolean): string[] {
  const [head = [], delimiters = [], ...body] = lines.map(cellsOf);
  const natural: number[] = [];
  for (const [column, cell] of [head, ...body].flatMap((row) => [...row.entries()]))
    natural[column] = setCell(cell).reduce((most, text) => Math.max(most, columnsOf(text)), natural[column] ?? 1);
  const ours = room - gap.length * (natural.length - 1);
  const widths = shared(natural, ours);
  const isNarrow =
    widths.reduce((sum, width) => sum + width, 0) > ours ||
    widths.some((width, column) => width < Math.min(narrowest, natural[column] ?? 0));
  if (isNarrow && body.length > 0)
    return body.flatMap((row, index) => listOf(head, row, { room, isColoured, isFirst: index === 0 }));

  const faint = (text: string) => paint({ text, styles: ['faint'] }, isColoured);
  const alignments = delimiters.map(alignmentOf);
  const rowsOf = (row: readonly string[], styles: Styles) => {
    const cells = widths.map((width, column) => setCell(row[column], width, styles, isColoured));
    const height = cells.reduce((most, cell) => Math.max(most, cell.length), 1);
    return Array.from({ length: height }, (_, at) =>
      cells
        .map((cell, column) => padded(cell[at], widths[column], alignments[column]))
        .join(faint(gap))
        .trimEnd(),
    );
  };
  const rule = faint(widths.map((width) => '─'.repeat(width)).join('─┼─'));
  return [...rowsOf(head, ['strong']), rule, ...body.flatMap((row) => rowsOf(row, []))];
}

/**
 * The cells of a row. A bar with a backslash is a bar of the text, and so is one in code: there it would have to be
 * escaped too, but models forget that.
 */
function cellsOf(line: string): string[] {
  const cells = [''];
  for (const [part] of line.trim().matchAll(/\\.|`[^`]*`|[^|\\`]+|./gsu)) {
    if (part === '|') cells.push('');
    else cells.push(cells.pop() + part.replaceAll('\\|', '|'));
  }
  if (cells[0] === '') cells.shift();
  if (cells.length > 1 && cells.at(-1) === '') cells.pop();
  return cells.map((cell) => cell.trim());
}

/** The rows of a cell's text. */
function setCell(text = '', width = Number.MAX_SAFE_INTEGER, styles: Styles = [], isColoured = false): string[] {
  let printed = '';
  const print = (more: string) => {
    printed += more;
  };
  const rows = createRows({ columns: () => width, isColoured, print, cutsWords: true });
  for (const part of text.split(/<br ?\/?>/i)) {
    rows.begin([], []);
    const inline = createInline({ base: styles, isColoured, emit: rows.add });
    for (const char of part) inline.read(char);
    inline.end();
    rows.end();
  }
  return printed.split('\n');
}

/** Shares a room among columns: those that want less than an equal share have what they want. */
function shared(wanted: readonly number[], room: number): number[] {
  const widths = [...wanted];
  const byWidth = wanted.map((width, column) => ({ width, column })).sort((one, other) => one.width - other.width);
  let left = room;
  for (const [index, { width, column }] of byWidth.entries()) {
    const share = Math.min(width, Math.max(1, Math.floor(left / (byWidth.length - index))));
    widths[column] = share;
    left -= share;
  }
  return widths;
}

function alignmentOf(delimiter: string): Alignment {
  if (!delimiter.endsWith(':')) return 'left';
  return delimiter.startsWith(':') ? 'centre' : 'right';
}

function padded(text = '', width = 0, alignment: Alignment = 'left'): string {
  const missing = Math.max(0, width - columnsOf(text));
  const before = { left: 0, right: missing, centre: Math.floor(missing / 2) }[alignment];
  return ' '.repeat(before) + text + ' '.repeat(missing - before);
}

interface ListOptions {
  readonly room: number;
  readonly isColoured: boolean;
  readonly isFirst: boolean;
}

/** A row with the head's words before its cells, one below the other. Words that are long themselves are said once. */
function listOf(head: readonly string[], row: readonly string[], { room, isColoured, isFirst }: ListOptions): string[] {
  const count = isFirst ? Math.max(head.length, row.length) : row.length;
  const cells = Array.from({ length: count }, (_, column) => {
    const title = head[column] ?? '';
    const isSaid = title !== '' && (isFirst || title.length <= room / 2);
    return setCell(isSaid ? `${title}: ${row[column] ?? ''}` : row[column], room, [], isColoured);
  });
  return isFirst ? cells.flat() : ['', ...cells.flat()];
}
