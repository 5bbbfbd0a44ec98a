import type { Message, Surface, Urgency, Verdict } from '../../../src/reply.js';

/** A message of the bot's. */
export interface Posted {
  /** The question that it was written for. */
  readonly turnId: string;
  text: string;
  offersAgain: boolean;
  isDeleted: boolean;
}

/** A channel, as it stays whatever becomes of the bot. A message's id is its place in it. */
export interface Channel {
  readonly id: string;
  isGone: boolean;
  readonly posted: Posted[];
}

/** Stands in a text that is not let through. */
export const FORBIDDEN = 'forbidden';

/** Nothing more can be done here. */
class Gone extends Error {}

/** This text is not let through. */
class Unfit extends Error {}

/** What a surface is made of. */
export interface Means {
  readonly channel: Channel;
  readonly turnId: string;
  readonly head: string;
  /** Whether nobody but the asker sees the answer: then nobody can read it again. */
  readonly isPrivate: boolean;
  /** Whether another process may have shown something there already. */
  readonly isTakenUp: boolean;
  readonly sent: readonly number[];
  readonly isCrowded: boolean;
  /** By its nonce, the message that a process has created. */
  readonly created: Map<string, number>;
  isWithdrawn(): boolean;
  allow(urgency: Urgency, signal?: AbortSignal): Promise<void>;
  /** Sends a request; on its way there and back, things happen to it. */
  request<Result>(name: string, effect: () => Result): Promise<Result>;
  moved(sent: readonly number[]): Promise<void>;
}

/** Shows an answer in a channel, as Discord's rules have it. */
export function openSurface(means: Means): Surface {
  const { channel, turnId, head, isCrowded, request } = means;
  let { sent } = means;

  const partAt = (index: number): Posted => {
    const posted = channel.posted[sent[index] ?? -1];
    if (channel.isGone || !posted || posted.isDeleted) throw new Gone();
    return posted;
  };

  const post = (index: number, message: Message): number => {
    if (channel.isGone) throw new Gone();
    letThrough(message);
    const nonce = `${turnId}.${index}`;
    const before = means.created.get(nonce);
    if (before !== undefined) return before;
    const { text, offersAgain = false } = message;
    channel.posted.push({ turnId, text, offersAgain, isDeleted: false });
    means.created.set(nonce, channel.posted.length - 1);
    return channel.posted.length - 1;
  };

  return {
    head,
    turnId,
    isCrowded,
    maxMessages: Number.POSITIVE_INFINITY,
    allow: means.allow,
    giveSign: () =>
      request('sign', () => {
        if (channel.isGone) throw new Gone();
      }),
    async standing() {
      if (!means.isTakenUp) return [];
      sent = await request('standing', () => findParts(means));
      return sent.map((id) => (means.isPrivate ? '' : (channel.posted[id]?.text ?? '')));
    },
    async create(index, message) {
      const id = await request(`create ${index}`, () => post(index, message));
      sent = [...sent.slice(0, index), id];
      await means.moved(sent);
    },
    edit: (index, message) =>
      request(`edit ${index}`, () => {
        const part = partAt(index);
        letThrough(message);
        part.text = message.text;
        part.offersAgain = message.offersAgain ?? false;
      }),
    async remove(index) {
      const part = channel.posted[sent[index] ?? -1];
      // First of all it is no part any more: a part that is missing means that somebody has deleted it.
      await means.moved(sent.slice(0, index));
      await request(`remove ${index}`, () => {
        if (part) part.isDeleted = true;
      });
      sent = sent.slice(0, index);
    },
    judge: (error): Verdict => (error instanceof Gone ? 'gone' : error instanceof Unfit ? 'refused' : 'later'),
  };
}

function letThrough({ text }: Message): void {
  if (text.trim() === '' || text.length > 2000 || text.includes(FORBIDDEN)) throw new Unfit();
}

/** What is known of an answer, and what is found of it besides. */
function findParts({ channel, turnId, sent, isWithdrawn }: Means): readonly number[] {
  if (channel.isGone || isWithdrawn() || sent.some((id) => channel.posted[id]?.isDeleted)) throw new Gone();
  const found = [...channel.posted.entries()].flatMap(([id, posted]) => (isOf(turnId)(posted) ? [id] : []));
  return [...sent, ...found.filter((id) => !sent.includes(id))];
}

/** Whether a message belongs to the answer to a question, and still stands. */
export const isOf =
  (id: string) =>
  ({ turnId, isDeleted }: Posted): boolean =>
    turnId === id && !isDeleted;
