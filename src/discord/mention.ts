import {
  ChannelType,
  GatewayIntentBits,
  type Message,
  MessageReferenceType,
  type MessageSnapshot,
  MessageType,
  PermissionFlagsBits,
  type PermissionsBitField,
} from 'discord.js';
import type { Attachment, Place, Question, Quote, Speaker } from '../question.js';

/** What a message wants of the bot. */
export type Mention =
  | { readonly kind: 'question'; readonly question: Question }
  /** The bot is meant, but nothing is asked: a line that says how to ask. */
  | { readonly kind: 'hint'; readonly hint: string };

/** Reads a message that the gateway delivered; undefined where the bot is not meant. */
export function readMention(message: Message): Mention | undefined {
  if (message.author.bot || message.webhookId || !isSaid(message)) return undefined;
  const me = message.client.user;
  const isDirect = message.channel.type === ChannelType.DM;
  if (!isDirect && !message.mentions.users.has(me.id)) {
    return mentionsOwnRole(message)
      ? { kind: 'hint', hint: `I only hear messages that mention <@${me.id}> itself.` }
      : undefined;
  }
  const text = readText(message);
  const quote = readQuote(message);
  const attachments = message.attachments.map(readAttachment);
  if (text === '' && attachments.length === 0 && !quote) {
    return { kind: 'hint', hint: 'Yes? Write your question beside the mention, or use `/ask`.' };
  }
  const { id, author, member } = message;
  const speaker = { id: author.id, handle: author.username, name: member?.displayName ?? author.displayName };
  const place = { ...placeOf(message.channel), ...(isDirect && { isDirect: true as const }) };
  return {
    kind: 'question',
    question: { id, place, speaker, text, attachments, isPrivate: false, ...(quote && { quote }) },
  };
}

/** Why the bot can't answer in a message's channel, in the names that Discord's permission page uses. */
export function missingPermissions({ channel, guild }: Message): string[] {
  if (!guild?.members.me || channel.isDMBased()) return [];
  // Of a thread whose channel the library does not know, nothing is known; then Discord says it.
  const permissions: Readonly<PermissionsBitField> | null = channel.permissionsFor(guild.members.me);
  const needed = {
    'View Channel': PermissionFlagsBits.ViewChannel,
    ...(channel.isThread()
      ? { 'Send Messages in Threads': PermissionFlagsBits.SendMessagesInThreads }
      : { 'Send Messages': PermissionFlagsBits.SendMessages }),
  };
  const missing = Object.entries(needed).flatMap(([name, bit]) => (permissions?.has(bit) === false ? [name] : []));
  return guild.members.me.isCommunicationDisabled() ? [...missing, 'the end of a timeout'] : missing;
}

/** Where a message or an interaction is; a thread's conversation is its own, but it shares its parent's system role. */
export function placeOf(channel: { id: string; parentId?: string | null; isThread(): boolean }): Place {
  return channel.isThread() && channel.parentId
    ? { channelId: channel.id, parentId: channel.parentId }
    : { channelId: channel.id };
}

/** Joins, boosts, pins and the like are written by Discord, though in a person's name. */
const isSaid = ({ type }: Message): boolean => type === MessageType.Default || type === MessageType.Reply;

/** Discord makes a role for each installed bot, and offers it beside the bot when one types its name. */
function mentionsOwnRole({ guild, mentions, client }: Message): boolean {
  const role = guild?.roles.botRoleFor(client.user.id);
  return role ? mentions.roles.has(role.id) : false;
}

const isForward = ({ reference }: Message): boolean => reference?.type === MessageReferenceType.Forward;

/** The message's text as a person reads it, without the mention of the bot ("Message Formatting", formats). */
function readText(message: Message | MessageSnapshot): string {
  const { content, client, mentions, guild } = message;
  const ownMention = new RegExp(`<@!?${client.user.id}>`);
  const withoutMention = content
    .replace(new RegExp(`^\\s*${ownMention.source}[\\s,:]*`), '')
    .replaceAll(new RegExp(`[ \\t]*${ownMention.source}`, 'g'), '');
  return readable(withoutMention, {
    user: (id) => mentions.members?.get(id)?.displayName ?? mentions.users.get(id)?.displayName,
    role: (id) => guild?.roles.cache.get(id)?.name,
    channel: (id) => nameOfChannel(mentions.channels.get(id) ?? client.channels.cache.get(id)),
  }).trim();
}

const nameOfChannel = (channel: unknown): string | undefined =>
  typeof channel === 'object' && channel && 'name' in channel && typeof channel.name === 'string'
    ? channel.name
    : undefined;

interface Names {
  user(id: string): string | undefined;
  role(id: string): string | undefined;
  channel(id: string): string | undefined;
}

const timeStyles = /<t:(-?\d{1,13})(?::[tTdDfFsSR])?>/g;

/** Puts names where Discord's markup has ids. */
export function readable(content: string, names: Names): string {
  return content
    .replaceAll(/<@!?(\d+)>/g, (_, id) => `@${names.user(id) ?? 'somebody'}`)
    .replaceAll(/<@&(\d+)>/g, (_, id) => `@${names.role(id) ?? 'a role'}`)
    .replaceAll(/<#(\d+)>/g, (_, id) => `#${names.channel(id) ?? 'a channel'}`)
    .replaceAll(/<a?(:\w+:)\d+>/g, '$1')
    .replaceAll(/<(\/[^:<>]+):\d+>/g, '$1')
    .replaceAll(timeStyles, (markup, seconds) => readTime(Number(seconds)) ?? markup);
}

function readTime(seconds: number): string | undefined {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString().replace('.000Z', 'Z');
}

/** The message that this one replies to, or that it forwards. Its text is there only where Discord lets the bot see it. */
function readQuote(message: Message): Quote | undefined {
  const { reference, channel } = message;
  const messageId = reference?.messageId;
  if (!messageId) return undefined;
  if (isForward(message)) {
    const [forwarded] = message.messageSnapshots.values();
    return { messageId, text: forwarded ? wholeText(forwarded) : '' };
  }
  // The library puts the replied-to message, which comes with the reply, into the channel's cache first.
  const quoted = channel.messages.cache.get(messageId);
  if (!quoted) return { messageId };
  const { author, member } = quoted;
  const speaker: Speaker = {
    id: author.id,
    handle: author.username,
    name: member?.displayName ?? author.displayName,
    ...(author.bot && { isApp: author.id === message.client.user.id ? 'me' : 'other' }),
  };
  const whole = wholeText(quoted);
  const isShown = whole !== '' || message.client.options.intents.has(GatewayIntentBits.MessageContent);
  return { messageId, speaker, ...(isShown && { text: whole }) };
}

/** All that a quoted message says: its text, what its embeds say, and what else it shows, by name. */
function wholeText(quoted: Message | MessageSnapshot): string {
  const embeds = quoted.embeds.map(({ title, description }) => [title, description].filter(Boolean).join('\n'));
  const shown = [
    ...quoted.attachments.map(({ name }) => `[file: ${name}]`),
    ...quoted.stickers.map(({ name }) => `[sticker: ${name}]`),
  ];
  return [readText(quoted), ...embeds, shown.join(' ')].filter((part) => part !== '').join('\n');
}

const readAttachment = ({
  name,
  contentType,
  size,
}: {
  name: string;
  contentType: string | null;
  size: number;
}): Attachment => ({
  name,
  type: contentType?.split(';')[0] ?? 'unknown type',
  bytes: size,
});
