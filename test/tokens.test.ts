import fc from 'fast-check';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { expect, test } from 'vitest';
import { countMerged, loadTokenizer } from '../src/tokens.js';
import { NONE } from '../src/vocabulary.js';

const count = await loadTokenizer();

/** Letters, signs and spaces of many kinds; any code unit, so also half a surrogate pair; what code and markup repeat. */
const units = [
  fc.integer({ min: 0x20, max: 0x7e }).map((unit) => String.fromCharCode(unit)),
  fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
  fc.integer({ min: 0x4e00, max: 0x5fff }).map((unit) => String.fromCharCode(unit)),
  fc.integer({ min: 0x3041, max: 0x30ff }).map((unit) => String.fromCharCode(unit)),
  fc.integer({ min: 0xac00, max: 0xd7a3 }).map((unit) => String.fromCharCode(unit)),
  fc.integer({ min: 0x300, max: 0x6ff }).map((unit) => String.fromCharCode(unit)),
  fc.integer({ min: 0x1f300, max: 0x1faff }).map((point) => String.fromCodePoint(point)),
  fc.constantFrom('\u200d', '\ufe0f', ' ', '\u00a0', '\u3000', '\u2028', '\n', '\r\n', '\t', '/', "'s", "'LL", '’ll'),
  fc.constantFrom('const ', ' => {\n', '    ', '();\n', '<|endoftext|>', '<|im_start|>', '====', 'Über', 'ing', ' THE'),
];
const texts = fc
  .uniqueArray(fc.constantFrom(...units), { minLength: 1, maxLength: 3 })
  .chain((chosen) => fc.array(fc.oneof(...chosen), { maxLength: 80 }))
  // OpenAI's own tokenizer tells these two from other spaces, and this port of it doesn't.
  .map((parts) => parts.join('').replaceAll(/[\u0085\ufeff]/g, ' '));
const counted = (text: string): number => countTokens(text, { disallowedSpecial: new Set<string>() });

test('tokens are counted as OpenAI’s current models cut text', () => {
  expect(count('')).toBe(0);
  expect(count('The quick brown fox jumps over the lazy dog.')).toBe(10);
  fc.assert(
    fc.property(texts, (text) => {
      expect(count(text)).toBe(counted(text));
    }),
    { numRuns: 1000 },
  );
});

test('a text without a space is counted as exactly, however long', () => {
  const runs = fc.tuple(
    texts.filter((text) => text !== ''),
    fc.integer({ min: 500, max: 3000 }),
  );
  fc.assert(
    fc.property(runs, ([text, length]) => {
      const run = text.replaceAll(/\s/g, '好').repeat(length).slice(0, length);
      expect(count(run)).toBe(counted(run));
    }),
    { numRuns: 30 },
  );
  expect(count('a'.repeat(1_000_000))).toBe(125_000);
});

test('a byte order mark is one token, and a next-line control is a space', () => {
  expect(count('\ufeff')).toBe(1);
  expect(count('\t\t\u0085')).toBe(3);
});

test('a text that spells a control token is text', () => {
  expect(count('<|endoftext|>')).toBeGreaterThan(1);
});

test('of neighbours of one rank the leftmost are merged first', () => {
  const text = 'aaab';
  // From the right it would be a + aab.
  const ranks = new Map([
    ['aa', 1],
    ['aab', 2],
  ]);
  expect(countMerged(text.length, (from, to) => ranks.get(text.slice(from, to)) ?? NONE)).toBe(3);
});

test('merging asks for a rank at most three times for each byte', () => {
  const ranks = fc.record({ length: fc.integer({ min: 1, max: 5000 }), longest: fc.integer({ min: 1, max: 300 }) });
  fc.assert(
    fc.property(ranks, fc.func(fc.integer({ min: NONE, max: 9 })), ({ length, longest }, rank) => {
      let asked = 0;
      countMerged(length, (from, to) => {
        asked++;
        return to - from > longest ? NONE : rank(from, to);
      });
      expect(asked).toBeLessThanOrEqual(3 * length);
    }),
    { numRuns: 20 },
  );
});
