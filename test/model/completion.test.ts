import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Completion, readChunk } from '../../src/model/completion.js';

const pieces = fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', ' ', '\n')));

test('however an answer is cut, its pieces joined are its text, and the first one can be seen', () => {
  fc.assert(
    fc.property(pieces, (contents) => {
      const completion = new Completion('m');
      const chunks = contents.map((content) => readChunk({ choices: [{ index: 0, delta: { content } }] }, false));
      const shown = chunks.flatMap((chunk) => [...completion.take(chunk)]);
      const text = contents.join('');
      expect(shown.join('')).toBe(text.trim() === '' ? '' : text);
      expect(completion.begun).toBe(text.trim() !== '');
      for (const first of shown.slice(0, 1)) expect(first.trim()).not.toBe('');
      expect(shown).not.toContain('');
    }),
  );
});

test('whatever a server sends is read or refused, never half', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.boolean(), (value, whole) => {
      try {
        expect(readChunk(value, whole)).toHaveProperty('choices');
      } catch (error) {
        expect(error).toHaveProperty('name', 'ZodError');
      }
    }),
  );
});
