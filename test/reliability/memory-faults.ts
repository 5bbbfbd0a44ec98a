import { byAge } from '../../src/sandbox/snowflake.js';
import { answerAbout, topicIn } from './answers.js';
import { attribute, cut, inTurn, isSame, pairs, settledAt } from './attribution.js';
import type { Asked, Evidence, Prompt, Turn } from './evidence.js';
import { type Fault, faultWith } from './faults.js';

/** What is wrong with what the program keeps on disk. */
export function faultsOnDisk(evidence: Evidence): Fault[] {
  const { questions, resets, turns = [] } = evidence;
  const rows = new Map(turns.map((turn) => [turn.id, turn]));
  const known = new Set(questions.map(({ id }) => id));
  const seqOf = ({ id }: Asked) => rows.get(id)?.seq ?? Number.NaN;
  const wasReset = ({ channelId, at }: Asked) => resets.some((one) => one.channelId === channelId && one.at >= at);
  return [
    ...questions.flatMap((question) => {
      const what = wrongTurn(question, rows.get(question.id), wasReset(question));
      return what === undefined ? [] : [faultWith('turn', question, what)];
    }),
    ...turns
      .filter(({ id }) => !known.has(id))
      .map(({ id, channel_id }) =>
        faultWith('turn', { channelId: channel_id }, `${id} is on disk and was never asked`),
      ),
    ...inTurn(evidence).flatMap((asked) =>
      pairs(asked)
        .filter(([earlier, later]) => seqOf(earlier) > seqOf(later))
        .map(([earlier, later]) => faultWith('turn', later, `stands before ${earlier.topic} on disk`)),
    ),
  ];
}

function wrongTurn({ isUnheard, answer }: Asked, turn: Turn | undefined, wasReset: boolean): string | undefined {
  if (turn === undefined) return isUnheard ? undefined : 'is not on disk';
  if (turn.state === 'open') return 'is open';
  if (turn.address !== null) return `is ${turn.state}, but not settled`;
  if (turn.state === 'answered' && (turn.answer === answer || (wasReset && turn.answer === null))) return undefined;
  if (turn.state === 'stopped' && turn.failure === 'reset' && wasReset) return undefined;
  if (turn.state !== 'answered' && isUnheard) return undefined;
  return `is ${turn.state} (${turn.failure ?? 'no failure'}) with the answer ${cut(turn.answer ?? '')}`;
}

/** What is wrong with what the model was sent: it is to see whole exchanges only, each once, in order, and every one. */
export function faultsInPrompts(evidence: Evidence): Fault[] {
  const topics = new Map(evidence.questions.map((question) => [question.topic, question]));
  const { shown } = attribute(evidence);
  const settled = ({ id }: { readonly id: string }) => settledAt(shown.get(id) ?? []);
  return [
    ...evidence.prompts.flatMap((prompt): Fault[] => {
      const question = topics.get(topicIn(prompt.messages.at(-1)?.content ?? '') ?? '');
      if (question === undefined) return [{ kind: 'prompt', what: 'a prompt asks nothing that anybody asked' }];
      const what = wrongPrompt(evidence, prompt, question, settled);
      return what === undefined ? [] : [faultWith('prompt', question, `was sent to the model ${what}`)];
    }),
    ...askedAgain(evidence),
  ];
}

type Settled = (question: { readonly id: string }) => number;

function wrongPrompt(evidence: Evidence, { messages }: Prompt, question: Asked, settled: Settled): string | undefined {
  const [system, ...exchanges] = messages.slice(0, -1);
  if (system?.role !== 'system') return 'without a system role';
  if (!messages.at(-1)?.content.endsWith(`| ${question.text}`)) return `as ${cut(messages.at(-1)?.content ?? '')}`;
  const broken = brokenExchange(exchanges);
  if (broken !== undefined) return `behind ${broken}`;
  const asked = new Map(historyOf(evidence, question).map((one) => [one.topic, one]));
  const unheard = new Set(evidence.questions.filter(({ isUnheard }) => isUnheard).map(({ topic }) => topic));
  const held = exchanges
    .flatMap(({ role, content }) => (role === 'user' ? [topicIn(content) ?? ''] : []))
    .filter((topic) => !unheard.has(topic));
  const resets = evidence.resets.filter(({ channelId }) => channelId === question.channelId);
  // A long history loses its beginning; a /reset takes away what was, and what is being answered.
  const all = [...asked.keys()];
  const expected =
    resets.length > 0 ? all.filter((topic) => held.includes(topic)) : all.slice(all.indexOf(held[0] ?? ''));
  if (!isSame(held, expected)) return `behind ${held.join(', ') || 'nothing'}, where it came after ${all.join(', ')}`;
  const forgotten = [...asked.values()]
    .filter(({ topic }) => held.includes(topic))
    .filter((earlier) =>
      resets.some(
        (reset) =>
          (earlier.way !== 'private' || earlier.askerId === reset.askerId) &&
          !reset.isUnheard &&
          settled(earlier) < reset.at &&
          Math.max(reset.at, settled(reset)) < question.at,
      ),
    );
  return forgotten.length === 0 ? undefined : `behind ${forgotten.map(({ topic }) => topic)}, which a /reset took away`;
}

/** The first thing in a history that is no whole exchange. */
function brokenExchange(messages: Prompt['messages']): string | undefined {
  for (let index = 0; index < messages.length; index += 2) {
    const [asked, answered] = messages.slice(index, index + 2);
    const topic = topicIn(asked?.content ?? '');
    if (asked?.role !== 'user' || topic === undefined) return `what is no question: ${cut(asked?.content ?? '')}`;
    if (answered?.role !== 'assistant' || answered.content !== answerAbout(topic))
      return `what is no whole answer to ${topic}: ${cut(answered?.content ?? '')}`;
  }
  return undefined;
}

/** What was asked before a question, in its channel, for everybody or by the same person in private. */
function historyOf(evidence: Evidence, { id, channelId, way, askerId }: Asked): Asked[] {
  const all = inTurn(evidence).find(([first]) => first?.channelId === channelId) ?? [];
  const place = all.findIndex((one) => one.id === id);
  const before = place === -1 ? all.filter((one) => byAge(one.id, id) < 0) : all.slice(0, place);
  return before.filter((one) => one.way !== 'private' || (way === 'private' && one.askerId === askerId));
}

/** One process asks the model once about each question. */
const askedAgain = ({ prompts, lives }: Evidence): Fault[] =>
  lives.flatMap(({ number, startedAt, endedAt = Infinity }) => {
    const topics = prompts
      .filter(({ at }) => at >= startedAt && at <= endedAt)
      .map(({ messages }) => topicIn(messages.at(-1)?.content ?? ''));
    const again = topics.filter((topic, index) => topics.indexOf(topic) < index);
    return again.map((topic): Fault => ({ kind: 'prompt', what: `${topic} was asked twice by life ${number}`, topic }));
  });
