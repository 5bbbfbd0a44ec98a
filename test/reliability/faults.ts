import { split } from '../../src/split.js';
import { topicIn } from './answers.js';
import { attribute, begunAt, cut, inTurn, isSame, pairs, settledAt } from './attribution.js';
import type { Asked, Evidence, Reset, SeenMessage } from './evidence.js';

/** Something that is not as promised. */
export interface Fault {
  readonly kind:
    | 'unanswered' // nothing is shown
    | 'unfinished' // "is thinking", or not all of the parts
    | 'spoilt' // a part has another text than the model's
    | 'doubled' // more is shown than the answer
    | 'order' // an answer came before one to an earlier question of its channel
    | 'stray' // a message of the program that answers nothing
    | 'mark' // a reaction that says "waiting", and nothing waits
    | 'turn' // a row of the database
    | 'prompt' // what the model was sent
    | 'program'; // how the program behaved as a process
  readonly what: string;
  readonly topic?: string | undefined;
  readonly channelId?: string | undefined;
}

export const faultWith = (
  kind: Fault['kind'],
  { topic, channelId }: { readonly topic?: string | undefined; readonly channelId: string },
  what: string,
): Fault => ({ kind, what: topic === undefined ? what : `${topic} ${what}`, topic, channelId });

/** What people can see that is wrong. */
export function faultsShown(evidence: Evidence): Fault[] {
  const { shown, strays } = attribute(evidence);
  const shownFor = ({ id }: { readonly id: string }) => shown.get(id) ?? [];
  return [
    ...evidence.questions.flatMap((question) => faultsOfAnswer(evidence, question, shownFor(question))),
    ...evidence.resets.flatMap((reset) => faultsOfReset(reset, shownFor(reset))),
    ...inTurn(evidence).flatMap((asked) =>
      pairs(asked).flatMap(([earlier, later]) => faultsOfOrder(earlier, shownFor(earlier), later, shownFor(later))),
    ),
    ...strays.map((message) => faultWith('stray', message, `a message that answers nothing: ${cut(message.content)}`)),
    ...evidence.messages
      .filter(({ marks, isDeleted }) => marks.length > 0 && !isDeleted)
      .map(({ marks, channelId, content }) =>
        faultWith('mark', { channelId, topic: topicIn(content) }, `still has ${marks.join(' ')}`),
      ),
  ];
}

function faultsOfAnswer(evidence: Evidence, question: Asked, shown: readonly SeenMessage[]): Fault[] {
  const texts = shown.map(({ content }) => content);
  const { parts } = question;
  if (isSame(texts, parts) || (question.isUnheard && shown.length === 0)) return [];
  if (isStopped(texts, question) && mayBeStopped(evidence, question, shown)) return [];
  if (question.way === 'private' && isKnownHole(evidence, shown, parts)) return [];
  return [faultWith(...nameFault(question, shown))];
}

function nameFault(question: Asked, shown: readonly SeenMessage[]): Parameters<typeof faultWith> {
  const { parts } = question;
  const count = `has ${shown.length} messages where ${parts.length} belong`;
  if (shown.length === 0) return ['unanswered', question, 'has no answer'];
  if (shown.some(({ isThinking }) => isThinking)) return ['unfinished', question, 'has a placeholder for an answer'];
  if (shown.length > parts.length) return ['doubled', question, count];
  const wrong = shown.findIndex(({ content }, index) => content !== parts[index]);
  if (wrong === -1) return ['unfinished', question, count];
  const text = difference(shown[wrong]?.content ?? '', parts[wrong] ?? '');
  return ['spoilt', question, `has a part, ${wrong + 1} of ${parts.length}, of ${text}`];
}

function difference(is: string, should: string): string {
  let same = 0;
  while (same < is.length && is[same] === should[same]) same += 1;
  const from = Math.max(0, same - 20);
  return `${is.length} characters, not ${should.length}, with ${cut(is.slice(from))} where ${cut(should.slice(from))} belongs`;
}

const stopNote = /(?:^(?:-# )?|\n\n|\n-# )Stopped, because the conversation was reset\.(?:\n-# .*)*$/;

/** Whether messages are the beginning of an answer, perhaps no more than what stands above it, and say that it was stopped. */
function isStopped(texts: readonly string[], { head, answer, parts }: Asked): boolean {
  const last = texts.at(-1);
  if (last === undefined || !stopNote.test(last)) return false;
  const rest = last.replace(stopNote, '');
  // A note that does not fit the last message stands in one of its own.
  const begun = rest === '' ? texts.slice(0, -1) : [...texts.slice(0, -1), rest];
  return isSame(begun, parts.slice(0, begun.length)) || isBeginning(begun, head + answer);
}

/** Whether a text that stops somewhere would stand in these messages: where it goes on, it may be cut at other places. */
function isBeginning(begun: readonly string[], whole: string): boolean {
  const last = begun.at(-1) ?? '';
  // A cut closes a block of code; but what closes a piece of code in a line may be the text's own.
  const tails = [last.replace(/\n?`*$/, '').slice(-20), last.slice(-20)];
  return tails.some((tail) => {
    for (let at = whole.indexOf(tail); at >= 0; at = whole.indexOf(tail, at + 1)) {
      const texts = split(whole.slice(0, at + tail.length)).map(({ text }) => text);
      if (isSame(texts, begun)) return true;
    }
    return false;
  });
}

/** Whether a /reset in its channel can have met a question before its answer stood there. */
const mayBeStopped = ({ resets }: Evidence, { channelId, at }: Asked, shown: readonly SeenMessage[]): boolean =>
  resets.some((reset) => reset.channelId === channelId && reset.at >= at && reset.at <= settledAt(shown));

/** How long before a death a message may have been made whose id was then not yet on disk. */
const unwrittenMs = 2_000;

/**
 * The one known hole: a later part of a private answer may stand there twice if the program died between making it and
 * writing down its id. Discord lists such messages to nobody, and takes no nonce for them.
 */
function isKnownHole({ lives }: Evidence, shown: readonly SeenMessage[], parts: readonly string[]): boolean {
  const isOrphan = ({ edits: [first] }: SeenMessage) =>
    lives.some(({ endedAt, isKilled }) => {
      const beforeMs = (endedAt ?? 0) - (first?.at ?? 0);
      return isKilled && beforeMs >= 0 && beforeMs < unwrittenMs;
    });
  // From the end, because what is there twice may be the same, and was then made anew.
  let at = parts.length - 1;
  for (const message of shown.toReversed()) {
    if (message.content === parts[at]) at -= 1;
    else if (at < 0 || !isOrphan(message)) return false;
  }
  return at < 0;
}

function faultsOfReset(reset: Reset, [reply, ...more]: readonly SeenMessage[]): Fault[] {
  if (reply === undefined) return reset.isUnheard ? [] : [faultWith('unanswered', reset, 'a /reset has no reply')];
  if (reply.isThinking) return [faultWith('unfinished', reset, 'a /reset has a placeholder for a reply')];
  if (more.length > 0) return [faultWith('doubled', reset, `a /reset has ${more.length + 1} replies`)];
  return /^(?:Forgotten: \d+ exchange|There was nothing to forget)/.test(reply.content)
    ? []
    : [faultWith('spoilt', reset, `a /reset has the reply ${cut(reply.content)}`)];
}

/** An answer begins when those to all earlier questions of its channel stand there whole. */
function faultsOfOrder(
  earlier: Asked,
  first: readonly SeenMessage[],
  later: Asked,
  second: readonly SeenMessage[],
): Fault[] {
  if (first.length === 0 || second.length === 0) return [];
  const earlyMs = settledAt(first) - begunAt(second);
  const what = `(${later.way}) began ${earlyMs} ms before ${earlier.topic} (${earlier.way}) was whole`;
  return earlyMs <= 0 ? [] : [faultWith('order', later, what)];
}
