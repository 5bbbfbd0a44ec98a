import {
  type ChatInputCommandInteraction,
  DiscordAPIError,
  DiscordjsError,
  InteractionContextType,
  type Message,
  MessageFlags,
  type ModalSubmitInteraction,
  RESTJSONErrorCodes,
} from 'discord.js';
import type { Surface, Verdict } from '../reply.js';
import type { DiscordPace } from './pace.js';

/** An interaction that a reply belongs to. */
export type Interaction = ChatInputCommandInteraction | ModalSubmitInteraction;

/** Nobody is pinged by any text; by a reply, only the person it replies to. */
export const noPings = { parse: [], repliedUser: false } as const;
const pingAsker = { parse: [], repliedUser: true } as const;

/** An interaction's token lives fifteen minutes ("Receiving and Responding", followup messages); some of it is kept for the way. */
const TOKEN_LIFE_MS = 14.5 * 60_000;

/** What an app that is installed for the user only may send after its first response ("Receiving and Responding"). */
const FOLLOW_UPS_OF_USER_APP = 5;

/**
 * Discord drops a second message with the same nonce by the same bot within a few minutes, so a repeated request is
 * harmless ("Create Message", enforce_nonce). The follow-ups of an interaction have no nonce.
 */
const nonceOf = (questionId: string, index: number) => ({ nonce: `${questionId}.${index}`, enforceNonce: true });

/** There is no way, or no way any more, to write where an answer belongs. */
class Gone extends Error {
  override name = 'Gone';
}

/**
 * What Discord refuses, it will refuse again; what it only failed at may succeed later. The library refuses by itself
 * where a channel has left its cache, because it was deleted or the bot was put out of the server.
 */
function judge(error: unknown): Verdict {
  if (error instanceof Gone || error instanceof DiscordjsError) return 'gone';
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

const fileOf = (text: string) => ({ attachment: Buffer.from(text), name: 'answer.md' });

/** Answers a message: the first part as a reply to it, the further ones below. */
export function messageSurface(question: Message, pace: DiscordPace): Surface {
  const sent: Message[] = [];
  // Not the message's own: a channel that was deleted while the question waited is no longer in the cache.
  const channel = question.client.channels.cache.get(question.channelId);
  if (!channel?.isSendable()) throw new Gone('The channel is gone, or not for sending messages.');
  return {
    head: '',
    maxMessages: Number.POSITIVE_INFINITY,
    get isCrowded() {
      return pace.isCrowded;
    },
    async allow(urgency, signal) {
      if (urgency === 'preview') await pace.bucket(channel.id, signal);
      await pace.allow(urgency, signal);
    },
    async giveSign() {
      await channel.sendTyping();
    },
    async create(index, content) {
      const body = { content, ...nonceOf(question.id, index) };
      sent[index] =
        index === 0 ? await replyTo(question, body) : await channel.send({ ...body, allowedMentions: noPings });
    },
    async edit(index, content) {
      // An edit notifies nobody, but without the asker in it the reply would no longer count as theirs.
      await sent[index]?.edit({ content, allowedMentions: index === 0 ? pingAsker : noPings });
    },
    judge,
  };
}

/** Without the permission to read the history, a bot may write but not reply (160002). */
export async function replyTo(
  message: Message,
  body: { content: string; nonce: string; enforceNonce: boolean },
): Promise<Message> {
  try {
    return await message.reply({ ...body, failIfNotExists: false, allowedMentions: pingAsker });
  } catch (error) {
    if (!hasCode(error, RESTJSONErrorCodes.CannotReplyWithoutPermissionToReadMessageHistory)) throw error;
    if (!message.channel.isSendable()) throw error;
    return message.channel.send({ ...body, allowedMentions: noPings });
  }
}

/** Answers an interaction that was deferred: its response becomes the first part, follow-ups the further ones. */
export function interactionSurface(
  interaction: Interaction,
  pace: DiscordPace,
  head: string,
  isPrivate: boolean,
): Surface {
  const sent: Message[] = [];
  const began = performance.now();
  let isTokenDead = false;

  const hasToken = () => !isTokenDead && performance.now() - began < TOKEN_LIFE_MS;

  /** Tries the interaction's own way, and the bot's where the token has died meanwhile. */
  async function eitherWay(withToken: () => Promise<Message>, withoutToken: () => Promise<Message>): Promise<Message> {
    if (hasToken()) {
      try {
        return await withToken();
      } catch (error) {
        if (!isDeadToken(error)) throw error;
        isTokenDead = true;
        await pace.allow('text');
      }
    }
    return withoutToken();
  }

  /** Without the token, a private answer goes to the asker's DMs and any other into the channel. */
  async function sendAnew(content: string, index: number, files: ReturnType<typeof fileOf>[]): Promise<Message> {
    const target = isPrivate ? await interaction.user.createDM() : interaction.channel;
    if (!target?.isSendable()) throw new Gone('The interaction has ended, and the bot is not in its channel.');
    return target.send({ content, files, allowedMentions: noPings, ...nonceOf(interaction.id, index) });
  }

  return {
    head,
    maxMessages: isMember(interaction) ? Number.POSITIVE_INFINITY : 1 + FOLLOW_UPS_OF_USER_APP,
    isCrowded: false,
    async allow(urgency, signal) {
      // The global limit does not count requests that an interaction's token makes.
      const isOwn = !hasToken();
      if (urgency === 'preview') await pace.bucket(isOwn ? (interaction.channelId ?? '') : interaction.token, signal);
      if (isOwn) await pace.allow(urgency, signal);
    },
    async giveSign() {
      // "… is thinking" stands there since the interaction was deferred.
    },
    async create(index, content, file) {
      const files = file === undefined ? [] : [fileOf(file)];
      const body = { content, files, allowedMentions: noPings };
      const flags = isPrivate ? ({ flags: MessageFlags.Ephemeral } as const) : {};
      sent[index] = await eitherWay(
        () => (index === 0 ? interaction.editReply(body) : interaction.followUp({ ...body, ...flags })),
        () => sendAnew(content, index, files),
      );
    },
    async edit(index, content) {
      const message = sent[index];
      if (!message) return;
      const body = { content, allowedMentions: noPings };
      sent[index] = await eitherWay(
        () => interaction.editReply({ ...body, message }),
        () => (isPrivate && message.interactionMetadata ? sendAnew(content, index, []) : message.edit(body)),
      );
    },
    judge,
  };
}

/** Whether the bot itself is in the place, and not only there because the asker has it installed for themselves. */
const isMember = (interaction: Interaction): boolean =>
  interaction.guildId === null
    ? interaction.context !== InteractionContextType.PrivateChannel
    : interaction.guild !== null;

const isDeadToken = (error: unknown): boolean =>
  hasCode(error, RESTJSONErrorCodes.InvalidWebhookToken) || hasCode(error, RESTJSONErrorCodes.UnknownWebhook);

const hasCode = (error: unknown, code: number): boolean => error instanceof DiscordAPIError && error.code === code;
