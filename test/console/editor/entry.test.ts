import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createEntries, type Entry } from '../../../src/console/editor/entry.js';

function entriesOf(...lines: readonly string[]): Entry[] {
  const entries = createEntries();
  return lines.flatMap((line) => entries.take(line) ?? []);
}

const block = (text: string): Entry => ({ kind: 'block', text });

test('lines between the marks are one block, blank ones too', () => {
  const lines = fc.array(
    fc.string({ unit: 'grapheme' }).filter((line) => !/"""|[\r\n]/.test(line)),
    { minLength: 1 },
  );
  fc.assert(
    fc.property(lines, (all) => {
      const text = all.join('\n');
      expect(entriesOf('"""', ...all, '"""')).toEqual(text.trim() === '' ? [] : [block(text)]);
    }),
  );
});

test('text beside the marks belongs to the block', () => {
  expect(entriesOf('"""first', '', 'last"""', 'next')).toEqual([
    block('first\n\nlast'),
    { kind: 'line', text: 'next' },
  ]);
  expect(entriesOf('"""quit"""')).toEqual([block('quit')]);
});

test('a blank line and an empty block are nothing', () => {
  expect(entriesOf('', '  ', '"""', '"""', '""""""', ' \n ')).toEqual([]);
});

test('pasted lines are a block by themselves, whatever marks are in them', () => {
  const code = '"""What it does."""\nimport os\n"""';
  expect(entriesOf(code, 'next')).toEqual([block(code), { kind: 'line', text: 'next' }]);
  expect(entriesOf('"""', 'a\n"""b\nc', '"""')).toEqual([block('a\n"""b\nc')]);
});

test('a block that has no end is closed with what it has, or forgotten', () => {
  const entries = createEntries();
  entries.take('"""one');
  entries.take('two');
  expect(entries.isOpen).toBe(true);
  expect(entries.close()).toEqual(block('one\ntwo'));
  expect(entries.close()).toBeUndefined();
  entries.take('"""one');
  entries.drop();
  expect(entries.take('two')).toEqual({ kind: 'line', text: 'two' });
});
