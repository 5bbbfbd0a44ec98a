import type { APIMessage, APIReaction, GatewayMessageCreateDispatchData } from 'discord-api-types/v10';
import { MessageFlags } from 'discord-api-types/v10';
import { isoTime, memberOfEvent, threadPayload, userPayload } from './payloads.js';
import { timeOf } from './snowflake.js';
import { type Channel, channelOf, isDirect, type Message, userOf, type World } from './world.js';

/** For whom something is put into words: what an app may read of others' messages differs. */
export interface Viewer {
  readonly userId: string;
  /** Whether texts of others are shown: always to people, to apps with the message content intent. */
  readonly readsContent: boolean;
}

/**
 * Whether a reader is given a message's content ("Message Content Intent"): with the intent; and without it, what it
 * wrote itself, what mentions it, and what is said to it directly. A mention of its role is no mention of it.
 */
const isReadable = (channel: Channel, message: Message, viewer: Viewer): boolean =>
  viewer.readsContent ||
  message.authorId === viewer.userId ||
  message.mentions.includes(viewer.userId) ||
  isDirect(channel);

/** A message as one reader gets it, also in what it replies to. */
export function messagePayload(world: World, message: Message, viewer: Viewer): APIMessage {
  const channel = channelOf(world, message.channelId);
  const readable = isReadable(channel, message, viewer);
  const thread = (message.flags & MessageFlags.HasThread) === 0 ? undefined : world.channels.get(message.id);
  return {
    id: message.id,
    channel_id: message.channelId,
    author: userPayload(userOf(world, message.authorId)),
    type: message.type,
    content: readable ? message.content : '',
    embeds: readable ? message.embeds : [],
    attachments: readable ? message.attachments : [],
    components: readable ? message.components : [],
    timestamp: isoTime(timeOf(message.id)),
    edited_timestamp: message.editedAt === undefined ? null : isoTime(message.editedAt),
    tts: message.tts,
    mention_everyone: message.mentionEveryone,
    mentions: message.mentions.map((id) => userPayload(userOf(world, id))),
    mention_roles: message.mentionRoles,
    pinned: false,
    flags: message.flags,
    ...(message.reactions.length > 0 && { reactions: message.reactions.map((one) => reactionPayload(one, viewer)) }),
    ...(message.applicationId !== undefined && {
      application_id: message.applicationId,
      webhook_id: message.applicationId,
    }),
    ...invokedPayload(message),
    ...(thread && { thread: threadPayload(thread) }),
    ...referencePayload(world, channel, message, viewer),
  };
}

/** A nonce is not stored with its message: the answer to its creation and MESSAGE_CREATE have it, and nothing read later. */
export const nonceOf = ({ nonce }: Message): { readonly nonce?: string | number } =>
  nonce === undefined ? {} : { nonce };

/** What an answer tells of its interaction; the older `interaction` is still sent for commands, and has their name. */
function invokedPayload({ interaction }: Message): Partial<APIMessage> {
  if (interaction === undefined) return {};
  const { metadata, command } = interaction;
  const { id, type, user } = metadata;
  return {
    interaction_metadata: metadata,
    ...(command !== undefined && { interaction: { id, type, user, name: command } }),
  };
}

function referencePayload(world: World, channel: Channel, message: Message, viewer: Viewer): Partial<APIMessage> {
  if (message.reference === undefined) return {};
  const { channelId, messageId } = message.reference;
  const target = world.channels.get(channelId)?.messages.get(messageId);
  // One level deep: what is replied to is shown without what it replies to itself.
  const shown = target && messagePayload(world, { ...target, reference: undefined }, viewer);
  const own = target?.reference && { message_reference: referenceOf(channel, target.reference) };
  return {
    message_reference: referenceOf(channel, message.reference),
    referenced_message: shown ? { ...shown, ...own } : null,
  };
}

const referenceOf = (channel: Channel, reference: NonNullable<Message['reference']>) => ({
  type: 0,
  channel_id: reference.channelId,
  message_id: reference.messageId,
  ...(channel.guildId === undefined ? {} : { guild_id: channel.guildId }),
});

/** MESSAGE_CREATE and MESSAGE_UPDATE: the message, with the server and the members it concerns. */
export function messageEventPayload(world: World, message: Message, viewer: Viewer): GatewayMessageCreateDispatchData {
  const channel = channelOf(world, message.channelId);
  const payload = messagePayload(world, message, viewer);
  const member = memberOfEvent(world, channel, message.authorId);
  return {
    ...payload,
    channel_type: channel.type,
    ...(channel.guildId !== undefined && { guild_id: channel.guildId }),
    ...(member && message.applicationId === undefined && { member }),
    mentions: payload.mentions.map((user) => {
      const mentioned = memberOfEvent(world, channel, user.id);
      return mentioned ? { ...user, member: mentioned } : user;
    }),
  };
}

const reactionPayload = ({ emoji, users }: Message['reactions'][number], viewer: Viewer): APIReaction => ({
  emoji,
  count: users.size,
  count_details: { normal: users.size, burst: 0 },
  me: users.has(viewer.userId),
  me_burst: false,
  burst_colors: [],
});
