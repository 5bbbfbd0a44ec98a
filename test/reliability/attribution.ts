import { byAge, timeOf } from '../../src/sandbox/snowflake.js';
import type { Asked, Evidence, SeenMessage } from './evidence.js';

/** Which messages of the program answer which question or command; by its id, the oldest first. */
export interface Attribution {
  readonly shown: ReadonlyMap<string, readonly SeenMessage[]>;
  /** Those that answer nothing. */
  readonly strays: readonly SeenMessage[];
}

/**
 * An interaction's answers bear its id, the first part of any other is a reply to its question, and a message that is
 * neither goes on with the reply before it.
 */
export function attribute({ appId, questions, resets, messages }: Evidence): Attribution {
  const asked = new Set([...questions, ...resets].map(({ id }) => id));
  const shown = new Map<string, SeenMessage[]>();
  const strays: SeenMessage[] = [];
  const lastReply = new Map<string, string>();
  // Without its token, an answer to an interaction is a message like any other; what stands above it tells whose it is.
  const headed = ({ content }: SeenMessage) =>
    questions.find(({ head }) => head !== '' && content.startsWith(head.trimEnd()))?.id;

  for (const message of messages) {
    const { authorId, channelId, interactionId, repliesTo, isDeleted } = message;
    if (authorId !== appId || isDeleted) continue;
    const begun = repliesTo !== undefined && asked.has(repliesTo) ? repliesTo : headed(message);
    const id = interactionId ?? begun ?? lastReply.get(channelId) ?? '';
    if (interactionId === undefined) lastReply.set(channelId, id);
    if (asked.has(id)) shown.set(id, [...(shown.get(id) ?? []), message]);
    else strays.push(message);
  }
  return { shown, strays };
}

/** When messages first had a text. */
export const begunAt = (messages: readonly SeenMessage[]): number =>
  Math.min(...messages.map(({ edits }) => edits.find(({ content }) => content !== '')?.at ?? Infinity));

/** When messages had the texts that they have. */
export const settledAt = (messages: readonly SeenMessage[]): number =>
  Math.max(...messages.map(({ edits }) => edits[edits.findLastIndex(isOther(edits)) + 1]?.at ?? 0));

const isOther =
  (edits: SeenMessage['edits']) =>
  ({ content }: SeenMessage['edits'][number]): boolean =>
    content !== edits.at(-1)?.content;

/** Those whose askers were not told that the application did not respond. */
const heard = (questions: readonly Asked[]): Asked[] => questions.filter(({ isUnheard }) => !isUnheard);

/** The questions of each channel, as they were asked. */
function byChannel(questions: readonly Asked[]): Asked[][] {
  const channels = new Map<string, Asked[]>();
  for (const question of [...questions].sort((one, other) => byAge(one.id, other.id)))
    channels.set(question.channelId, [...(channels.get(question.channelId) ?? []), question]);
  return [...channels.values()];
}

/** How long a command waits at least for its channel to be looked through, before it is taken without. */
const commandWaitsMs = 900;

/**
 * The questions of each channel in the order in which they are to be answered: as they were asked, but for a command that
 * could not wait until an earlier one was found, said while the program was away.
 */
export function inTurn(evidence: Evidence): Asked[][] {
  const { shown } = attribute(evidence);
  return byChannel(heard(evidence.questions)).map((asked) => {
    let order = asked;
    for (const command of asked.filter(({ way }) => way !== 'mention')) {
      const acknowledgedAt = timeOf(shown.get(command.id)?.[0]?.id ?? '0');
      if (acknowledgedAt - command.at < commandWaitsMs) continue;
      const life = evidence.lives.findLast(({ startedAt }) => startedAt <= acknowledgedAt);
      const isLate = ({ id, at }: Asked) =>
        byAge(id, command.id) < 0 && at <= (life?.readyAt ?? 0) && (evidence.found[id] ?? 0) > acknowledgedAt;
      const late = order.filter(isLate);
      order = order.filter((one) => !isLate(one)).flatMap((one) => (one === command ? [one, ...late] : [one]));
    }
    return order;
  });
}

/** Each thing with the one after it. */
export const pairs = <Thing>(things: readonly Thing[]): [Thing, Thing][] =>
  things.slice(1).map((thing, index) => [things[index] ?? thing, thing]);

export const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((text, index) => text === other[index]);

/** As much of a text as tells which one it is. */
export const cut = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
