import type { ChatMessage } from './model/model.js';
import { type Question, readingRules, renderQuestion } from './question.js';
import { type CountTokens, TOKENS_PER_MESSAGE } from './tokens.js';

/** A question that was answered, with what both cost in a prompt. */
export interface Exchange {
  /** Its place in the order in which questions were asked. */
  readonly seq: number;
  readonly question: Question;
  readonly answer: string;
  readonly tokens: number;
}

/** What a request sends, and the exchanges that it holds. */
export interface Prompt {
  readonly messages: readonly ChatMessage[];
  readonly exchanges: readonly Exchange[];
}

/** What a question and its answer cost when they stand in a later prompt. */
export const tokensOfExchange = (question: Question, answer: string, count: CountTokens): number =>
  count(renderQuestion(question)) + count(answer) + 2 * TOKENS_PER_MESSAGE;

/**
 * The system role, the newest exchanges that fit `budget` tokens, and the question; the first and the last always.
 *
 * The beginning stays the same from turn to turn, because chat APIs bill a repeated prefix at a fraction of its price:
 * nothing in it changes, and a history that has outgrown the budget loses its older half at once, not one exchange a
 * turn. The caller keeps where the history then begins, and passes only what comes after it the next time.
 */
export function buildPrompt(
  systemRole: string,
  exchanges: readonly Exchange[],
  question: Question,
  budget: number,
  count: CountTokens,
): Prompt {
  const system = `${readingRules}\n\n${systemRole}`;
  const asked = renderQuestion(question);
  const room = budget - countAgain(system, count) - count(asked) - 2 * TOKENS_PER_MESSAGE;
  // The newest exchange stays even where it takes more than half: the next question is most likely about it.
  const half = Math.max(budget / 2, exchanges.at(-1)?.tokens ?? 0);
  const kept = fits(exchanges, room) ? exchanges : newestWithin(exchanges, Math.min(room, half));
  return {
    messages: [
      { role: 'system', content: system },
      ...kept.flatMap((exchange): ChatMessage[] => [
        { role: 'user', content: renderQuestion(exchange.question) },
        { role: 'assistant', content: exchange.answer },
      ]),
      { role: 'user', content: asked },
    ],
    exchanges: kept,
  };
}

/** What was counted last: most system roles are the one of the question before, and longer than the question. */
const counted = new WeakMap<CountTokens, { readonly text: string; readonly tokens: number }>();

function countAgain(text: string, count: CountTokens): number {
  const last = counted.get(count);
  if (last?.text === text) return last.tokens;
  const tokens = count(text);
  counted.set(count, { text, tokens });
  return tokens;
}

/** The newer half of a history, for a server that finds the whole too long. */
export const newerHalf = (exchanges: readonly Exchange[]): readonly Exchange[] =>
  exchanges.slice(Math.ceil(exchanges.length / 2));

const fits = (exchanges: readonly Exchange[], room: number): boolean =>
  exchanges.reduce((sum, { tokens }) => sum + tokens, 0) <= room;

function newestWithin(exchanges: readonly Exchange[], room: number): readonly Exchange[] {
  let left = room;
  let from = exchanges.length;
  for (const [index, { tokens }] of [...exchanges.entries()].reverse()) {
    left -= tokens;
    if (left < 0) break;
    from = index;
  }
  return exchanges.slice(from);
}
