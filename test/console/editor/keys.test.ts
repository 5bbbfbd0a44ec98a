import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createKeyReader, type Key } from '../../../src/console/editor/keys.js';
import { cutInto } from './chunks.js';

const ESC = '\x1b';

/** The keys of some bytes, with text that came in several pieces put together. */
function keysOf(chunks: readonly Uint8Array[]): Key[] {
  const keys: Key[] = [];
  const reader = createKeyReader((key) => {
    const last = keys.at(-1);
    if (last?.kind === 'text' && key.kind === 'text') keys.splice(-1, 1, { ...last, text: last.text + key.text });
    else keys.push(key);
  });
  for (const chunk of chunks) reader.write(chunk);
  return keys;
}

const press = (name: Extract<Key, { kind: 'press' }>['name']): Key => ({ kind: 'press', name });
const typed = (text: string): Key[] => keysOf([Buffer.from(text)]);

test('however the bytes are cut, the keys are the same', () => {
  const parts = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'grapheme' }).map((text) => `${ESC}[200~${text}\r\n${text}${ESC}[201~`),
    fc.constantFrom(
      '\r',
      '\r\n',
      '\t',
      '\x7f',
      '\x03',
      `${ESC}[A`,
      `${ESC}OB`,
      `${ESC}[1;5C`,
      `${ESC}f`,
      ESC,
      `${ESC}[`,
      '\x00',
    ),
  );
  fc.assert(
    fc.property(fc.array(parts), fc.array(fc.nat(200)), (written, cuts) => {
      const bytes = Buffer.from(written.join(''));
      expect(keysOf(cutInto(bytes, cuts))).toEqual(keysOf([bytes]));
    }),
  );
});

test('text that is written is told as it is', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter((sample) => !/\p{Cc}/u.test(sample));
  fc.assert(
    fc.property(text, (sample) => {
      expect(typed(sample)).toEqual([{ kind: 'text', text: sample }]);
    }),
  );
});

test('keys are told from the text around them', () => {
  expect(typed(`问${ESC}[D答\r`)).toEqual([
    { kind: 'text', text: '问' },
    press('left'),
    { kind: 'text', text: '答' },
    press('enter'),
  ]);
});

test('a return and a line feed in a row are one Enter', () => {
  expect(typed('a\r\nb\n\r')).toEqual([
    { kind: 'text', text: 'a' },
    press('enter'),
    { kind: 'text', text: 'b' },
    press('enter'),
    press('enter'),
  ]);
});

test('a sequence that means nothing is dropped whole', () => {
  expect(typed(`a${ESC}[27;5;13~${ESC}[[A${ESC}OP\x00b`)).toEqual([{ kind: 'text', text: 'ab' }]);
});

test('Ctrl-C right behind an escape is a Ctrl-C', () => {
  expect(typed(`${ESC}\x03`)).toEqual([press('interrupt')]);
});

test('an escape by itself is dropped when nothing follows it soon', async () => {
  const keys: Key[] = [];
  const reader = createKeyReader((key) => keys.push(key));
  reader.write(Buffer.from(ESC));
  await new Promise((resolve) => setTimeout(resolve, 250));
  reader.write(Buffer.from('f'));
  expect(keys).toEqual([{ kind: 'text', text: 'f' }]);
});

test('what is pasted holds nothing that steers a terminal, and all else', () => {
  const unit = fc.constantFrom(
    'a',
    '1',
    '问',
    ' ',
    '\n',
    '\t',
    ESC,
    '[',
    ']',
    ';',
    'm',
    '\x07',
    '\b',
    '\x7f',
    '\x9b',
    '\x00',
  );
  fc.assert(
    fc.property(fc.string({ unit }), (text) => {
      const [paste] = typed(`${ESC}[200~${text}${ESC}[201~`);
      expect(paste?.kind).toBe('paste');
      const pasted = paste?.kind === 'paste' ? paste.text : '';
      expect(pasted).not.toMatch(/(?![\n\t])\p{Cc}/u);
      const words = (all: string) => all.replace(/\p{Cc}/gu, '');
      expect(words(pasted)).toBe(words(stripVTControlCharacters(text)));
    }),
  );
});

test('a pasted line loses the line end that was copied with it, and lines keep those between them', () => {
  expect(typed(`${ESC}[200~a\r\rb\r\n${ESC}[201~`)).toEqual([{ kind: 'paste', text: 'a\n\nb' }]);
});
