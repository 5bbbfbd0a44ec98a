import { plainText } from '../../src/sandbox/model/request.js';
import { type CountTokens, loadTokenizer, TOKENS_PER_MESSAGE } from '../../src/tokens.js';
import { type Findings, percent } from '../figures.js';
import { startProgram } from '../program.js';
import { openStage } from '../stage.js';

interface Message {
  readonly role: string;
  readonly text: string;
}

/** Chat APIs take prompt tokens that repeat the beginning of the last request for a part of the price. */
export async function prompts(isQuick: boolean): Promise<Findings> {
  const stage = await openStage();
  const budget = isQuick ? 500 : 4000;
  const parley = await startProgram(stage, 'parley', { settings: { CONTEXT_TOKENS: `${budget}` } });
  const channel = stage.channel('long');
  const sent: Message[][] = [];
  for (let turn = 0; turn < (isQuick ? 12 : 300); turn++) {
    // Between one line and a page, as answers are.
    stage.answer({ pieces: 1 + ((turn * 7) % 40), words: 'some words of an answer that goes on ' });
    await (await stage.ask(parley.application, channel, `${'What else is there to say? '.repeat(1 + (turn % 5))}`))
      .answered;
    for (const { messages } of stage.requests.splice(0))
      sent.push(messages.map(({ role, content }) => ({ role, text: plainText(content) })));
  }
  await parley.close();
  await stage.close();
  const count = await loadTokenizer();
  // Before the budget is reached, every request repeats the one before.
  const full = sent.findIndex((prompt, index) => prompt.length < (sent[index - 1] ?? []).length);
  if (full === -1) throw new Error('The conversation never came to its budget.');
  const atBudget = sent.slice(full - 1);
  const share = repeated(atBudget, count);
  const sliding = repeated(
    atBudget.map((_, index) => lastMessages(sent, sent.length - atBudget.length + index)),
    count,
  );
  return {
    results: [
      {
        what: 'share of prompt tokens that repeat the previous request’s prefix, long conversation at the budget',
        goal: '≥ 85 %',
        found: `${percent(share)}, beside ${percent(sliding)} with a sliding window of 25 messages`,
        isMet: share >= 0.85,
        figures: { share, sliding, requests: atBudget.length },
      },
    ],
  };
}

const WINDOW = 25;

/** What a bot sends that keeps the newest messages: the system role, and the last of all that was said until then. */
function lastMessages(sent: readonly (readonly Message[])[], turn: number): readonly Message[] {
  // The answer to a question stands before the next one.
  const said = sent.slice(0, turn + 1).flatMap((prompt, index) => (index === 0 ? prompt.slice(-1) : prompt.slice(-2)));
  return [...(sent[turn]?.slice(0, 1) ?? []), ...said.slice(-WINDOW)];
}

/** Which share of the prompts' tokens, from the second on, stands in messages that repeat those of the prompt before. */
function repeated(prompts: readonly (readonly Message[])[], count: CountTokens): number {
  let all = 0;
  let same = 0;
  for (const [index, prompt] of prompts.entries()) {
    const before = prompts[index - 1];
    if (!before) continue;
    const firstNew = prompt.findIndex((message, place) => message.text !== before[place]?.text);
    const cost = prompt.map(({ text }) => count(text) + TOKENS_PER_MESSAGE);
    all += sum(cost);
    same += sum(cost.slice(0, firstNew === -1 ? undefined : firstNew));
  }
  return same / all;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
