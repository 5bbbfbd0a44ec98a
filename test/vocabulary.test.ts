import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NONE, openVocabulary, packVocabulary, rankOf } from '../src/vocabulary.js';

const token = fc.uint8Array({ minLength: 1, maxLength: 255 });
const tokens = fc.uniqueArray(token, { minLength: 1, maxLength: 50, selector: (bytes) => bytes.join() });

test('a token is found wherever it stands, with a rank above those of the tokens before it', () => {
  fc.assert(
    fc.property(tokens, fc.uint8Array(), (all, before) => {
      const vocabulary = openVocabulary(packVocabulary(all));
      const ranks = all.map((bytes) => {
        const text = Uint8Array.of(...before, ...bytes, 0);
        return rankOf(vocabulary, text, before.length, before.length + bytes.length);
      });
      expect(ranks).not.toContain(NONE);
      expect(ranks).toEqual([...new Set(ranks)].sort((a, b) => a - b));
    }),
    { numRuns: 10 },
  );
});

test('what is no token has no rank', () => {
  fc.assert(
    fc.property(tokens, fc.uint8Array({ minLength: 1, maxLength: 600 }), (all, other) => {
      fc.pre(!all.some((bytes) => bytes.join() === other.join()));
      expect(rankOf(openVocabulary(packVocabulary(all)), other, 0, other.length)).toBe(NONE);
    }),
    { numRuns: 10 },
  );
});

test('a vocabulary that the layout cannot hold is refused', () => {
  expect(() => packVocabulary([new Uint8Array(256)])).toThrow(RangeError);
  expect(() => packVocabulary(Array.from({ length: 20_000 }, () => new Uint8Array(255)))).toThrow(RangeError);
});
