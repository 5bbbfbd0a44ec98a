import type { Message, Surface, Urgency, Verdict } from '../../../src/reply.js';

/** A message. Its id is its place in the channel. */
export interface Posted {
  readonly isBots: boolean;
  /** The question that it asks, or that was last written in it for; none where it is mere talk. */
  turnId?: string;
  /** The question that it replies to. */
  readonly repliesTo?: string | undefined;
  /** What it is of an interaction, where it was written by its token. */
  readonly byToken?: 'original' | 'follow-up';
  /** Whether only one person sees it. */
  readonly isPrivate: boolean;
  text: string;
  offersAgain: boolean;
  isDeleted: boolean;
  /** Whether the bot knows of it, or can find it; what it can't reach stays as it is. */
  isKnown: boolean;
}

/** A channel, as it stays whatever becomes of the bot. */
export interface Channel {
  readonly id: string;
  /** Whether the bot may read what was said here. */
  readonly isReadable: boolean;
  isGone: boolean;
  readonly posted: Posted[];
  /** By its nonce, what the bot has posted, and when. */
  readonly nonces: Map<string, { readonly id: number; readonly at: number }>;
}

/** Stands in a text that is not let through. */
export const FORBIDDEN = 'forbidden';

/** For how long Discord remembers a nonce, and how long it is counted on. */
const NONCE_MEMORY_MS = 300_000;
const NONCE_MS = 120_000;

/** Nothing more can be done here. */
class Gone extends Error {}

/** This text is not let through. */
class Unfit extends Error {}

/** What is known of what stands of an answer already. */
export interface Before {
  readonly sent: readonly number[];
  /** Set where the question was missed: what replies to it is at most a word that it could not be taken. */
  readonly isMissed?: boolean;
  /** Below which message further parts are looked for, where that is not the reply to the question. */
  readonly since?: number;
}

/** What a surface is made of. */
export interface Means {
  readonly channel: Channel;
  readonly turnId: string;
  readonly head: string;
  /** Whether a message is answered, and not an interaction. */
  readonly isByMessage: boolean;
  readonly isPrivate: boolean;
  readonly isTakenUp: boolean;
  readonly before: Before;
  readonly isCrowded: boolean;
  /** Told when the question is found to be deleted: then what stands of its answer is left alone. */
  abandon(): void;
  allow(urgency: Urgency, signal?: AbortSignal): Promise<void>;
  /** Sends a request; on its way there and back, things happen to it. */
  request<Result>(name: string, effect: () => Result): Promise<Result>;
  moved(now: Before): Promise<void>;
}

/** Posts a part of an answer below those that are known. */
type Post = (index: number, message: Message, sent: readonly number[], since?: number) => Promise<number>;

/** Shows an answer in a channel, as Discord's rules have it. */
export function openSurface(means: Means): Surface {
  const { channel, turnId, head, isCrowded, isTakenUp, request } = means;
  const post = means.isByMessage ? createReplies(means) : createResponses(means);
  const find = means.isByMessage ? findReply : findResponse;
  const { isMissed } = means.before;
  let { sent, since } = means.before;

  const know = (parts: readonly number[]): void => {
    sent = parts;
    for (const [id, posted] of channel.posted.entries())
      if (isOf(turnId)(posted)) posted.isKnown = isFound(channel, posted) || parts.includes(id);
  };

  const partAt = (index: number): Posted => {
    const posted = channel.posted[sent[index] ?? -1];
    if (channel.isGone || !posted || posted.isDeleted) throw new Gone();
    return posted;
  };

  const moved = (parts: readonly number[]) => means.moved({ sent: parts, ...(since !== undefined && { since }) });

  know(sent);
  return {
    head,
    turnId,
    isCrowded,
    isTakenUp,
    maxMessages: Number.POSITIVE_INFINITY,
    allow: means.allow,
    giveSign: () => request('sign', () => demandThere(channel)),
    async standing() {
      if (isMissed) since = channel.posted.length - 1;
      know(await request('standing', () => find(means, sent, since)));
      if (isMissed && sent.length > 0) await moved(sent);
      return sent.map((id) => (isRead(channel, channel.posted[id]) ? (channel.posted[id]?.text ?? '') : ''));
    },
    async create(index, message) {
      know([...sent.slice(0, index), await post(index, message, sent, since)]);
      await moved(sent);
    },
    edit: (index, message) =>
      request(`edit ${index}`, () => {
        const part = partAt(index);
        write(part, message);
        part.turnId = turnId;
      }),
    async remove(index) {
      const part = channel.posted[sent[index] ?? -1];
      // First of all it is no part any more: a part that is missing means that somebody has deleted it.
      await moved(sent.slice(0, index));
      await request(`remove ${index}`, () => {
        if (part) part.isDeleted = true;
      });
      know(sent.slice(0, index));
    },
    judge: (error): Verdict => (error instanceof Gone ? 'gone' : error instanceof Unfit ? 'refused' : 'later'),
    noteRefusal() {},
  };
}

/** Answers a message: each part has a nonce, and is looked for where that may have been forgotten. */
function createReplies(means: Means): Post {
  const { channel, turnId, request } = means;
  let unsureSince: number | undefined;

  const reply = (index: number, message: Message): number => {
    demandThere(channel);
    const nonce = `${turnId}.${index}`;
    const before = channel.nonces.get(nonce);
    const isRemembered = before && Date.now() - before.at < NONCE_MEMORY_MS && !channel.posted[before.id]?.isDeleted;
    if (isRemembered) return before.id;
    // Without the history, a reply can't be sent, but what it says can.
    const isReply = index === 0 && channel.isReadable;
    if (isReply && !channel.posted.some(isQuestion(turnId))) throw new Gone();
    const id = add(channel, message, { turnId, isPrivate: false, repliesTo: isReply ? turnId : undefined });
    channel.nonces.set(nonce, { id, at: Date.now() });
    return id;
  };

  return async (index, message, sent, since) => {
    if (unsureSince !== undefined && performance.now() - unsureSince > NONCE_MS) {
      const there = (await request('look', () => findReply(means, sent, since)))[index];
      if (there !== undefined) return there;
    }
    unsureSince ??= performance.now();
    const id = await request(`create ${index}`, () => reply(index, message));
    unsureSince = undefined;
    return id;
  };
}

/** Answers an interaction: its response is there once, a follow-up has no nonce, and is looked for where it may be there. */
function createResponses(means: Means): Post {
  const { channel, turnId, isPrivate, request } = means;
  let isUnsure = false;

  const respond = (message: Message): number => {
    demandThere(channel);
    const id = channel.posted.findIndex(isOriginal(turnId));
    const original = channel.posted[id];
    if (original) write(original, message);
    return original ? id : add(channel, message, { turnId, isPrivate, byToken: 'original' });
  };

  const followUp = (message: Message): number => {
    demandThere(channel);
    return add(channel, message, { turnId, isPrivate, byToken: 'follow-up' });
  };

  return async (index, message, sent) => {
    if (index === 0) return request('respond', () => respond(message));
    const there = isUnsure ? (await request('look', () => findFollowUps(means, sent)))[index - 1] : undefined;
    isUnsure = false;
    if (there !== undefined) return there;
    try {
      return await request(`follow up ${index}`, () => followUp(message));
    } catch (error) {
      isUnsure = !(error instanceof Gone || error instanceof Unfit);
      throw error;
    }
  };
}

function demandThere({ isGone }: Channel): void {
  if (isGone) throw new Gone();
}

function letThrough({ text }: Message): void {
  if (text.trim() === '' || text.length > 2000 || text.includes(FORBIDDEN)) throw new Unfit();
}

function write(posted: Posted, message: Message): void {
  letThrough(message);
  posted.text = message.text;
  posted.offersAgain = message.offersAgain ?? false;
}

type Origin = Pick<Posted, 'isPrivate' | 'turnId' | 'repliesTo' | 'byToken'>;

function add(channel: Channel, message: Message, origin: Origin): number {
  letThrough(message);
  const { text, offersAgain = false } = message;
  const posted: Posted = { ...origin, text, offersAgain, isBots: true, isDeleted: false, isKnown: false };
  posted.isKnown = isFound(channel, posted);
  return channel.posted.push(posted) - 1;
}

/** Something that is no answer is said: a question, talk, or the bot's hint below an empty mention. */
export function talk(channel: Channel, told: Pick<Posted, 'isBots' | 'turnId' | 'repliesTo'>): void {
  const origin = { isPrivate: false, text: '', offersAgain: false, isDeleted: false, isKnown: true };
  channel.posted.push({ ...told, ...origin });
}

/** Whether the bot finds a message again of which it knows nothing. */
const isFound = (channel: Channel, posted: Posted): boolean =>
  posted.byToken === 'original' || (channel.isReadable && !posted.isPrivate);

/** Whether the bot can read a message of which it knows. */
const isRead = (channel: Channel, posted: Posted | undefined): boolean =>
  posted !== undefined && isFound(channel, posted);

/** What the channel's history has, with each message's id; nothing where it is not to be read. */
function historyOf(channel: Channel): readonly (readonly [number, Posted])[] {
  demandThere(channel);
  if (!channel.isReadable) return [];
  return [...channel.posted.entries()].filter(([, { isPrivate, isDeleted }]) => !isPrivate && !isDeleted);
}

/** What is known of an answer, and is found of it besides: the reply to its question, and what the bot wrote below. */
function findReply({ channel, turnId, abandon }: Means, sent: readonly number[], since?: number): readonly number[] {
  const history = historyOf(channel);
  const isAsked = channel.posted.some(isQuestion(turnId));
  // Where nothing can be read, neither a deletion is noticed, nor what it leaves half-written.
  if (!isAsked) abandon();
  if (!channel.isReadable) return sent;
  if (!isAsked) throw new Gone();
  const own = history.filter(([, { isBots, byToken }]) => isBots && !byToken);
  const first = own.find(([, { repliesTo }]) => repliesTo === turnId);
  if (!first) return allOf(history, sent, []);
  const below = own.filter(([id, { repliesTo }]) => id > (since ?? first[0]) && repliesTo === undefined);
  return allOf(history, sent, [first, ...below]);
}

/** What is known of the answer to an interaction, and is found of it besides. */
function findResponse(means: Means, sent: readonly number[]): readonly number[] {
  const { channel, turnId } = means;
  demandThere(channel);
  const original = channel.posted.findIndex(({ byToken, turnId: id }) => byToken === 'original' && id === turnId);
  if (channel.posted[original]?.isDeleted) throw new Gone();
  return original < 0 ? [] : [original, ...findFollowUps(means, sent)];
}

function findFollowUps({ channel, turnId, isPrivate }: Means, sent: readonly number[]): readonly number[] {
  if (isPrivate || !channel.isReadable) return sent.slice(1);
  const history = historyOf(channel);
  const parts = history.filter(([, { byToken, turnId: id }]) => byToken === 'follow-up' && id === turnId);
  return allOf(history, sent.slice(1), parts);
}

function allOf(
  history: readonly (readonly [number, Posted])[],
  sent: readonly number[],
  found: readonly (readonly [number, Posted])[],
): readonly number[] {
  const there = new Set(history.map(([id]) => id));
  if (sent.some((id) => !there.has(id))) throw new Gone();
  return [...sent, ...found.flatMap(([id]) => (sent.includes(id) ? [] : [id]))];
}

/** Whether a message belongs to the answer to a question, and still stands. */
export const isOf =
  (id: string) =>
  ({ isBots, turnId, isDeleted }: Posted): boolean =>
    isBots && turnId === id && !isDeleted;

/** Whether a message asks a question, and still stands. */
export const isQuestion =
  (id: string) =>
  ({ isBots, turnId, isDeleted }: Posted): boolean =>
    !isBots && turnId === id && !isDeleted;

const isOriginal =
  (id: string) =>
  (posted: Posted): boolean =>
    posted.byToken === 'original' && isOf(id)(posted);
