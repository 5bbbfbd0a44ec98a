import { expect, test } from 'vitest';
import { loadTokenizer } from '../src/tokens.js';

test('tokens are counted as OpenAI’s current models cut text', async () => {
  const count = await loadTokenizer();
  expect(count('')).toBe(0);
  expect(count('The quick brown fox jumps over the lazy dog.')).toBe(10);
});

test('a text that spells a control token is text', async () => {
  const count = await loadTokenizer();
  expect(count('<|endoftext|>')).toBeGreaterThan(1);
});

test('ten times the text takes about ten times as long, even without a space in it', async () => {
  const count = await loadTokenizer();
  const timeOf = (text: string): number => {
    const began = performance.now();
    count(text);
    return performance.now() - began;
  };
  const leastOf = (length: number) => Math.min(...[1, 2, 3, 4].map(() => timeOf('好'.repeat(length))));
  const shorter = leastOf(5000);
  const longer = leastOf(50_000);
  expect(longer / shorter).toBeLessThan(40);
});
