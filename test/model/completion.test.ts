import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Completion, LONGEST_ANSWER, readChunk } from '../../src/model/completion.js';

const pieces = fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', ' ', '\n')));

test('however an answer is cut, its pieces joined are its text, and the first one can be seen', () => {
  fc.assert(
    fc.property(pieces, (contents) => {
      const completion = new Completion('m');
      const chunks = contents.map((content) => readChunk({ choices: [{ index: 0, delta: { content } }] }, false));
      const shown = chunks.map((chunk) => completion.take(chunk)).filter((piece) => piece !== '');
      const text = contents.join('');
      expect(shown.join('')).toBe(text.trim() === '' ? '' : text);
      expect(completion.begun).toBe(text.trim() !== '');
      for (const first of shown.slice(0, 1)) expect(first.trim()).not.toBe('');
    }),
  );
});

test('whatever a server sends is read or refused, never half', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.boolean(), (value, whole) => {
      try {
        const { choices } = readChunk(value, whole);
        for (const choice of choices ?? []) expect(choice).toBeTypeOf('object');
        if (whole) expect(choices).not.toHaveLength(0);
      } catch (error) {
        expect(error).toHaveProperty('name', 'ZodError');
      }
    }),
  );
});

const said = (content: string, finish_reason?: string) =>
  readChunk({ choices: [{ index: 0, delta: { content }, finish_reason }] }, false);

/** What is shown of an answer that comes in these pieces, until it is full. */
function shownOf(completion: Completion, contents: Iterable<string>): string {
  let shown = '';
  for (const content of contents) {
    shown += completion.take(said(content));
    if (completion.isFull) break;
  }
  return shown;
}

test('an answer is cut at its longest, between two characters, and not before', () => {
  const exact = new Completion('m');
  expect(shownOf(exact, ['a', 'b'.repeat(LONGEST_ANSWER - 1)])).toHaveLength(LONGEST_ANSWER);
  expect(exact.isFull).toBe(false);
  expect(exact.take(said('', 'stop'))).toBe('');
  expect(exact.ending()).toMatchObject({ finish: 'stop' });
  const longer = new Completion('m');
  expect(shownOf(longer, ['a', '🙂'.repeat(LONGEST_ANSWER / 2)])).toBe(`a${'🙂'.repeat(LONGEST_ANSWER / 2 - 1)}`);
  expect(longer.isFull).toBe(true);
  expect(longer.ending()).toMatchObject({ finish: 'length' });
});

test('white space that never ends is no answer, and each piece of it is looked at once', () => {
  const blank = new Completion('m');
  const endless = (function* () {
    for (;;) yield ' ';
  })();
  expect(shownOf(blank, endless)).toBe('');
  expect(blank.isFull).toBe(true);
  expect(() => blank.ending()).toThrow(expect.objectContaining({ failure: 'empty' }));
});

test('a character that comes in two halves, each of which shows nothing, is text', () => {
  expect(shownOf(new Completion('m'), [' ', '\ud83d', '\ude42'])).toBe(' 🙂');
});
