import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildPrompt, type Exchange, newerHalf, tokensOfExchange } from '../src/prompt.js';
import { renderQuestion } from '../src/question.js';
import { TOKENS_PER_MESSAGE } from '../src/tokens.js';
import { counted, question } from './fakes.js';

const words = (count: number): string => Array.from({ length: count }, (_, index) => `w${index}`).join(' ');

function exchange(seq: number, questionWords = 5, answerWords = 5): Exchange {
  const asked = question(words(questionWords));
  const answer = words(answerWords);
  return { seq, question: asked, answer, tokens: tokensOfExchange(asked, answer, counted) };
}

const tokensOf = (messages: readonly { content: string }[]): number =>
  messages.reduce((sum, { content }) => sum + counted(content) + TOKENS_PER_MESSAGE, 0);

test('the system role comes first, the question last, the history between, oldest first', () => {
  const history = [exchange(1), exchange(2)];
  const { messages } = buildPrompt('Be brief.', history, question('And now?'), 10_000, counted);
  expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user', 'assistant', 'user']);
  expect(messages[0]?.content).toMatch(/Be brief\.$/);
  expect(messages.at(-1)?.content).toBe('@ada (Ada):\n| And now?');
});

const anyHistory = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 200 })), { maxLength: 40 })
  .map((sizes) => sizes.map(([asked, answered], index) => exchange(index + 1, asked, answered)));

test('a prompt stays within its budget, unless role and question alone are over it', () => {
  fc.assert(
    fc.property(
      anyHistory,
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 1, max: 3000 }),
      (history, size, budget) => {
        const asked = question(words(size));
        const { messages, exchanges } = buildPrompt('Be brief.', history, asked, budget, counted);
        expect(messages.at(-1)?.content).toBe(renderQuestion(asked));
        if (exchanges.length > 0) expect(tokensOf(messages)).toBeLessThanOrEqual(budget);
        expect(messages).toHaveLength(2 + 2 * exchanges.length);
      },
    ),
  );
});

test('what is kept of the history is its newest part, whole exchanges only', () => {
  fc.assert(
    fc.property(anyHistory, fc.integer({ min: 1, max: 5000 }), (history, budget) => {
      const { exchanges } = buildPrompt('Be brief.', history, question('Hm?'), budget, counted);
      expect(exchanges).toEqual(history.slice(history.length - exchanges.length));
    }),
  );
});

test('the newest exchange stays as long as it fits', () => {
  fc.assert(
    fc.property(anyHistory, fc.integer({ min: 1, max: 5000 }), (history, budget) => {
      const asked = question('Hm?');
      const alone = tokensOf(buildPrompt('Be brief.', history.slice(-1), asked, 1e9, counted).messages);
      const { exchanges } = buildPrompt('Be brief.', history, asked, budget, counted);
      if (history.length > 0 && alone <= budget) expect(exchanges.length).toBeGreaterThan(0);
    }),
  );
});

test('in a long conversation most prompts begin with all that the one before held', () => {
  let history: readonly Exchange[] = [];
  let kept = 0;
  let before: readonly { content: string }[] = [];
  for (let turn = 1; turn <= 400; turn += 1) {
    const { messages, exchanges } = buildPrompt('Be brief.', history, question(words(10)), 2000, counted);
    const isKept = before.slice(0, -1).every(({ content }, index) => messages[index]?.content === content);
    if (isKept) kept += 1;
    before = messages;
    history = [...exchanges, exchange(turn, 10, 30)];
  }
  expect(kept).toBeGreaterThan(360);
});

test('a history over the budget loses about half of it at once', () => {
  const history = Array.from({ length: 100 }, (_, index) => exchange(index, 10, 30));
  const { exchanges, messages } = buildPrompt('Be brief.', history, question('Hm?'), 2000, counted);
  expect(exchanges.length).toBeGreaterThan(0);
  expect(tokensOf(messages)).toBeLessThan(1300);
});

test('the newer half of one exchange is none', () => {
  expect(newerHalf([exchange(1)])).toEqual([]);
  expect(newerHalf([exchange(1), exchange(2), exchange(3)]).map(({ seq }) => seq)).toEqual([3]);
});
