import { ButtonStyle, ComponentType, DiscordAPIError, type REST, RESTJSONErrorCodes, Routes } from 'discord.js';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Message, Surface, Verdict } from '../reply.js';
import { type Address, type InteractionAddress, type MessageAddress, type Sent, writeAddress } from './address.js';
import type { DiscordPace } from './pace.js';
import { findFollowUps, findReply, findResponse, Gone, ORIGINAL } from './standing.js';

/** Nobody is pinged by any text; by a reply, only the person it replies to. */
const noPings = { parse: [], replied_user: false } as const;
const pingAsker = { parse: [], replied_user: true } as const;

/** What an app that is installed for the user only may send after its first response ("Receiving and Responding"). */
const FOLLOW_UPS_OF_USER_APP = 5;

/** Begins the name of the button that asks a question again; the turn's id follows. */
export const ASK_AGAIN = 'again:';

/** What a surface is made of, besides its address. */
export interface Means {
  readonly rest: REST;
  readonly pace: DiscordPace;
  /** The bot's own id. */
  readonly me: string;
  readonly turnId: string;
  readonly log: Logger;
  /** Whether another process may have shown something there already. */
  readonly isTakenUp: boolean;
  /** Notes where the answer stands by now. */
  moved(address: string): Promise<void>;
}

export const surfaceAt = (address: Address, head: string, means: Means): Surface =>
  address.kind === 'message' ? messageSurface(address, means) : interactionSurface(address, head, means);

/** Answers a message: the first part as a reply to it, the further ones below. */
function messageSurface(taken: MessageAddress, means: Means): Surface {
  const { rest, pace, turnId } = means;
  const { channelId } = taken;
  let address = taken;
  let sent: readonly Sent[] = address.sent;
  let unsureSince: number | undefined;

  /** Posts a part. Where it may stand there already for longer than a nonce is remembered, it is looked for first. */
  async function post(index: number, message: Message): Promise<Sent> {
    if (unsureSince !== undefined && performance.now() - unsureSince > NONCE_MS) {
      const [there] = (await findReply(rest, means.me, { ...address, sent: [...sent] })).sent.slice(index);
      if (there) return { ...there, isOwn: true };
    }
    unsureSince ??= performance.now();
    const body = bodyOf(message, turnId);
    const nonce = nonceOf(turnId, index);
    const part = index === 0 ? replyTo(rest, address, nonce, body) : sendTo(rest, channelId, nonce, body);
    await part;
    unsureSince = undefined;
    return part;
  }

  return {
    head: '',
    turnId,
    isTakenUp: means.isTakenUp,
    maxMessages: Number.POSITIVE_INFINITY,
    get isCrowded() {
      return pace.isCrowded;
    },
    async allow(urgency, signal) {
      if (urgency === 'preview') await pace.bucket(channelId, signal);
      await pace.allow(urgency, signal);
    },
    async giveSign() {
      await rest.post(Routes.channelTyping(channelId));
    },
    async standing() {
      await pace.allow('text');
      const found = await findReply(rest, means.me, address);
      sent = found.sent.map((part) => ({ ...part, isOwn: true }));
      if (address.isMissed) {
        // What was written below a failure since then belongs to others.
        const { isMissed: _, ...rest } = address;
        address = { ...rest, since: found.newest };
        await means.moved(writeAddress({ ...address, sent: [...sent] }));
      }
      return found.texts;
    },
    async create(index, message) {
      const part = await post(index, message);
      sent = [...sent.slice(0, index), part];
      // Not waited for: a part that is not noted would be found, and what is written later is written after this.
      means.moved(writeAddress({ ...address, sent: [...sent] }));
    },
    async edit(index, message) {
      const part = sent[index];
      // An edit notifies nobody, but without the asker in it the reply would no longer count as theirs.
      if (part) await editOwn(rest, part, bodyOf(message, turnId), index === 0 ? pingAsker : noPings);
    },
    async remove(index) {
      const part = sent[index];
      if (!part) return;
      // It is no part any more before it goes: one that is missing would mean that somebody has deleted it.
      await means.moved(writeAddress({ ...address, sent: sent.slice(0, index) }));
      await rest.delete(Routes.channelMessage(part.channelId, part.id)).catch(unlessGone);
      sent = sent.slice(0, index);
    },
    judge,
    noteRefusal: (err) => means.log.warn({ turn: turnId, channel: channelId, err }, 'text refused by Discord'),
  };
}

/**
 * Replies to a message. Without the permission to read the history, a bot may write but not reply (160002).
 *
 * @throws {Gone} when the message has been deleted
 */
export async function replyTo(
  rest: REST,
  { channelId, questionId }: MessageAddress,
  nonce: string,
  body: Body,
): Promise<Sent> {
  const reference = { channel_id: channelId, message_id: questionId, fail_if_not_exists: true };
  try {
    return await sendTo(rest, channelId, nonce, { ...body, message_reference: reference }, pingAsker);
  } catch (error) {
    if (blames(error, 'message_reference')) throw new Gone('The question was deleted.', { cause: error });
    if (!hasCode(error, RESTJSONErrorCodes.CannotReplyWithoutPermissionToReadMessageHistory)) throw error;
    return sendTo(rest, channelId, nonce, body);
  }
}

/** Answers an interaction that was deferred: its response becomes the first part, follow-ups the further ones. */
function interactionSurface(address: InteractionAddress, head: string, means: Means): Surface {
  const { rest, pace, turnId } = means;
  const { applicationId, token, channelId, isPrivate, isMember } = address;
  let sent: readonly Sent[] = address.sent;
  let hasToken = true;
  let isUnsure = false;

  const webhookMessage = (id: string) => Routes.webhookMessage(applicationId, token, id);

  /** Does it again where a thread that was archived meanwhile could be opened, unless it is locked. */
  const reopening = <Result>(work: () => Promise<Result>): Promise<Result> =>
    isMember ? inOpenThread(rest, channelId, work) : work();

  /** Tries the interaction's own way, and the bot's where the token has died meanwhile. */
  async function eitherWay(withToken: () => Promise<Sent>, withoutToken: () => Promise<Sent>): Promise<Sent> {
    if (hasToken) {
      try {
        return await reopening(withToken);
      } catch (error) {
        if (!isDeadToken(error)) throw error;
        hasToken = false;
        await pace.allow('text');
      }
    }
    return withoutToken();
  }

  async function respond(body: Body): Promise<Sent> {
    return byToken(await rest.patch(webhookMessage(ORIGINAL), { ...requestOf(body, noPings), auth: false }));
  }

  /** Has no nonce: where it may have taken effect, it is looked for before it is repeated. */
  async function followUp(index: number, body: Body): Promise<Sent> {
    const there = isUnsure && sent[0] && (await findFollowUps(rest, { ...address, sent: [...sent] }, sent[0].id));
    const found = there ? there.sent[index - 1] : undefined;
    isUnsure = false;
    if (found) return found;
    try {
      const request = requestOf({ ...body, ...(isPrivate && { flags: EPHEMERAL }) }, noPings);
      const query = new URLSearchParams({ wait: 'true' });
      return byToken(await rest.post(Routes.webhook(applicationId, token), { ...request, query, auth: false }));
    } catch (error) {
      // Whatever is no answer of Discord's: it may have taken effect.
      isUnsure = !(error instanceof DiscordAPIError);
      throw error;
    }
  }

  const byToken = (created: unknown): Sent => ({ id: Created.parse(created).id, channelId, isOwn: false });

  /** Without the token, a private answer goes to the asker's DMs and any other into the channel. */
  async function sendAnew(index: number, body: Body): Promise<Sent> {
    if (!isMember && !isPrivate) throw new Gone('The interaction has ended, and the bot is not in its channel.');
    const target = isPrivate ? await openDirect(rest, address.askerId) : channelId;
    return sendTo(rest, target, nonceOf(turnId, index), body);
  }

  async function put(index: number, part: Sent): Promise<void> {
    sent = [...sent.slice(0, index), part, ...sent.slice(index + 1)];
    await means.moved(writeAddress({ ...address, sent: [...sent] }));
  }

  return {
    head,
    turnId,
    isTakenUp: means.isTakenUp,
    maxMessages: isMember ? Number.POSITIVE_INFINITY : 1 + FOLLOW_UPS_OF_USER_APP,
    isCrowded: false,
    async allow(urgency, signal) {
      // The global limit does not count requests that an interaction's token makes.
      if (urgency === 'preview') await pace.bucket(hasToken ? token : channelId, signal);
      if (!hasToken) await pace.allow(urgency, signal);
    },
    async giveSign() {
      // "… is thinking" stands there since the interaction was deferred.
    },
    async standing() {
      const found = await findResponse(rest, address);
      hasToken = found !== undefined;
      if (found) sent = found.sent;
      return found?.texts ?? sent.map(() => '');
    },
    async create(index, message) {
      const body = bodyOf(message, turnId);
      const withToken = () => (index === 0 ? respond(body) : followUp(index, body));
      await put(index, await eitherWay(withToken, () => sendAnew(index, body)));
    },
    async edit(index, message) {
      const part = sent[index];
      if (!part) return;
      const body = bodyOf(message, turnId);
      const byOwnRight = async () => {
        // Only the token reaches what is for one person's eyes.
        if (isPrivate && !part.isOwn) return sendAnew(index, body);
        await editOwn(rest, part, body, noPings);
        return part;
      };
      if (part.isOwn) return void (await byOwnRight());
      const edited = await eitherWay(async () => {
        await rest.patch(webhookMessage(part.id), { ...requestOf(body, noPings), auth: false });
        return part;
      }, byOwnRight);
      if (edited !== part) await put(index, edited);
    },
    async remove(index) {
      const part = sent[index];
      if (!part) return;
      await means.moved(writeAddress({ ...address, sent: sent.slice(0, index) }));
      const isByToken = hasToken && !part.isOwn;
      const route = isByToken ? webhookMessage(part.id) : Routes.channelMessage(part.channelId, part.id);
      await rest.delete(route, { auth: !isByToken }).catch(unlessGone);
      sent = sent.slice(0, index);
    },
    judge,
    noteRefusal: (err) => means.log.warn({ turn: turnId, channel: channelId, err }, 'text refused by Discord'),
  };
}

/** What Discord refuses, it will refuse again; what it only failed at may succeed later. */
function judge(error: unknown): Verdict {
  if (error instanceof Gone) return 'gone';
  if (!(error instanceof DiscordAPIError) || error.status >= 500 || error.status === 429) return 'later';
  return refusalsOfText.has(Number(error.code)) ? 'refused' : 'gone';
}

/** What Discord says of a text that it does not let through, in a place where another may be shown ("JSON Error Codes"). */
const refusalsOfText: ReadonlySet<number> = new Set([
  RESTJSONErrorCodes.InvalidFormBodyOrContentType,
  RESTJSONErrorCodes.MessageWasBlockedByAutomaticModeration,
  RESTJSONErrorCodes.TitleWasBlockedByAutomaticModeration,
  RESTJSONErrorCodes.MessageBlockedByHarmfulLinksFilter,
  RESTJSONErrorCodes.ExplicitContentCannotBeSentToTheDesiredRecipient,
]);

interface Body {
  readonly content: string;
  readonly [field: string]: unknown;
}

/** For one person's eyes ("Message Flags"). */
const EPHEMERAL = 1 << 6;

/** A message as Discord takes it; with it come no buttons but the one that it offers. */
export const bodyOf = ({ text, file, offersAgain }: Message, turnId: string): Body => ({
  content: text,
  ...(file !== undefined && { file }),
  components: offersAgain ? [askAgain(turnId)] : [],
});

const askAgain = (turnId: string) => ({
  type: ComponentType.ActionRow,
  components: [
    {
      type: ComponentType.Button,
      style: ButtonStyle.Secondary,
      label: 'Ask again',
      custom_id: `${ASK_AGAIN}${turnId}`,
    },
  ],
});

const requestOf = ({ file, ...body }: Body, allowed_mentions: typeof noPings | typeof pingAsker) => ({
  body: { ...body, allowed_mentions },
  ...(typeof file === 'string' && { files: [{ name: 'answer.md', data: Buffer.from(file) }] }),
});

/** For how long a nonce is counted on, in milliseconds; Discord says "the past few minutes". */
const NONCE_MS = 120_000;

/**
 * Discord drops a second message with the same nonce by the same bot within a few minutes, so a repeated request is
 * harmless ("Create Message", enforce_nonce).
 */
const nonceOf = (turnId: string, index: number): string => `${turnId}.${index}`;

const Created = z.object({ id: z.string() });

/** Creates a message by the bot's own right, once, however often it is repeated with its nonce. */
async function sendTo(
  rest: REST,
  channelId: string,
  nonce: string,
  body: Body,
  mentions: typeof noPings | typeof pingAsker = noPings,
): Promise<Sent> {
  const request = requestOf({ ...body, nonce, enforce_nonce: true }, mentions);
  const { id } = Created.parse(await rest.post(Routes.channelMessages(channelId), request));
  return { id, channelId, isOwn: true };
}

/** Edits a message by the bot's own right. */
const editOwn = (
  rest: REST,
  { id, channelId }: Sent,
  body: Body,
  mentions: typeof noPings | typeof pingAsker,
): Promise<unknown> =>
  inOpenThread(rest, channelId, () => rest.patch(Routes.channelMessage(channelId, id), requestOf(body, mentions)));

/** Does something in a place. A thread that was archived meanwhile is opened again, unless it is locked. */
async function inOpenThread<Result>(rest: REST, channelId: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!hasCode(error, RESTJSONErrorCodes.InvalidActionOnArchivedThread)) throw error;
    await rest.patch(Routes.channel(channelId), { body: { archived: false } });
    return work();
  }
}

const openDirect = async (rest: REST, userId: string): Promise<string> =>
  Created.parse(await rest.post(Routes.userChannels(), { body: { recipient_id: userId } })).id;

/** What is not there any more need not be removed; what can't be removed stays. */
function unlessGone(error: unknown): void {
  if (judge(error) === 'later') throw error;
}

const isDeadToken = (error: unknown): boolean =>
  hasCode(error, RESTJSONErrorCodes.InvalidWebhookToken) || hasCode(error, RESTJSONErrorCodes.UnknownWebhook);

/** Whether Discord refuses a request for one of its fields ("Error Messages"). */
const blames = (error: unknown, field: string): boolean =>
  error instanceof DiscordAPIError && 'errors' in error.rawError && Object.hasOwn(Object(error.rawError.errors), field);

const hasCode = (error: unknown, code: number): boolean => error instanceof DiscordAPIError && error.code === code;
