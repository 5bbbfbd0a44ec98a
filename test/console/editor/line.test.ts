import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  edit,
  emptyLine,
  fold,
  insertCells,
  insertText,
  type Line,
  moveRow,
  textOf,
} from '../../../src/console/editor/line.js';
import { placeAfter } from '../../../src/console/editor/screen.js';
import { createTerminal } from '../terminal.js';

const written = (text: string): Line => insertText(emptyLine, text);
/** The text with the cursor in it. */
const seen = ({ cells, cursor }: Line): string => `${textOf(cells.slice(0, cursor))}|${textOf(cells.slice(cursor))}`;

test('text goes in at the cursor, in however many pieces', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme' })),
      fc.string({ unit: 'grapheme' }),
      fc.nat(9),
      (pieces, rest, steps) => {
        let line = written(rest);
        for (let step = 0; step < steps; step++) line = edit(line, 'left');
        const [before, after] = [textOf(line.cells.slice(0, line.cursor)), textOf(line.cells.slice(line.cursor))];
        line = pieces.reduce(insertText, line);
        expect(seen(line)).toBe(`${before}${pieces.join('')}|${after}`);
      },
    ),
  );
});

test('the cursor stays in the line, and only what deletes takes text away', () => {
  const names = fc.constantFrom('left', 'right', 'word-left', 'word-right', 'home', 'end', 'put-back', 'newline');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.array(names), (text, keys) => {
      let line = written(text);
      for (const key of keys) {
        const next = edit(line, key);
        expect(next.cursor).toBeGreaterThanOrEqual(0);
        expect(next.cursor).toBeLessThanOrEqual(next.cells.length);
        expect(next.cells.length).toBe(line.cells.length + (key === 'newline' ? 1 : 0));
        line = next;
      }
    }),
  );
});

test('what is cut and put back leaves the line as it was', () => {
  const names = fc.constantFrom('cut-word', 'cut-word-right', 'cut-to-start', 'cut-to-end');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.nat(20), names, (text, steps, name) => {
      let line = written(text);
      for (let step = 0; step < steps; step++) line = edit(line, 'left');
      const after = edit(line, name);
      if (after.cells.length === line.cells.length) return;
      expect(textOf(edit(after, 'put-back').cells)).toBe(text);
    }),
  );
});

test('Backspace takes a character as people see it, and a folded block whole', () => {
  expect(seen(edit(written('a👨‍👩‍👧'), 'backspace'))).toBe('a|');
  expect(seen(edit(insertText(written('cafe'), '\u0301'), 'backspace'))).toBe('caf|');
  const folded = insertCells(written('see '), [fold('one\ntwo', '[2 lines]')]);
  expect(seen(folded)).toBe('see one\ntwo|');
  expect(seen(edit(folded, 'backspace'))).toBe('see |');
});

test('words are those of the language', () => {
  expect(seen(edit(written('打开文件'), 'cut-word'))).toBe('打开|');
  expect(seen(edit(written('open the file  '), 'cut-word'))).toBe('open the |');
  expect(seen(edit(edit(written('open the file'), 'home'), 'word-right'))).toBe('open| the file');
});

test('Home and End go to the ends of a row of a block, Up and Down through its rows', () => {
  const block = written('first\nsecond\nx');
  expect(moveRow(block, 'down')).toBeUndefined();
  const second = moveRow(block, 'up') ?? block;
  expect(seen(second)).toBe('first\ns|econd\nx');
  expect(seen(edit(second, 'end'))).toBe('first\nsecond|\nx');
  const first = moveRow(edit(second, 'end'), 'up') ?? block;
  expect(seen(first)).toBe('first|\nsecond\nx');
  expect(moveRow(first, 'up')).toBeUndefined();
});

test('a text ends where a terminal ends it', async () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', ' ', '问', '答', 'e\u0301', '\n', '\x1b[1m'),
    maxLength: 60,
  });
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 2, max: 12 }), async (sample, columns) => {
      const terminal = createTerminal({ columns, rows: 80 }, () => {});
      terminal.write(sample.replaceAll('\n', '\r\n'));
      await terminal.drawn();
      expect(terminal.cursor()).toEqual(placeAfter(sample, columns));
    }),
  );
});
