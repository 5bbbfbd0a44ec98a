import type { APIEmbed } from 'discord-api-types/v10';
import { may } from './permissions.js';
import { invalid } from './refusal.js';
import { characters } from './schema.js';
import type { Channel, World } from './world.js';

/** Python's white space, which Discord strips: U+200B and U+FEFF are none, so a text of them alone is a text. */
const whiteSpace = new Set(
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
);

/** A text without outer white space, as Discord stores it. */
function strip(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && whiteSpace.has(text.charAt(start))) start += 1;
  while (end > start && whiteSpace.has(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

const maxCharacters = 2000;

/** A message's text as Discord stores it; throws 50035 past 2,000 characters. */
export function readContent(content: string): string {
  if (characters(content) <= maxCharacters) return strip(content);
  throw invalid(['content'], 'BASE_TYPE_MAX_LENGTH', `Must be ${maxCharacters} or fewer in length.`);
}

const maxEmbedCharacters = 6000;

/** Embeds as Discord stores them: always `rich`, and at most 6,000 characters together ("Embed Limits"). */
export function readEmbeds(embeds: readonly APIEmbed[]): APIEmbed[] {
  const total = embeds.reduce((sum, embed) => sum + embedCharacters(embed), 0);
  if (total > maxEmbedCharacters) {
    const message = `Embed size exceeds maximum size of ${maxEmbedCharacters}`;
    throw invalid(['embeds'], 'MAX_EMBED_SIZE_EXCEEDED', message);
  }
  const isEmpty = ({ title, description, fields, image, thumbnail, footer, author }: APIEmbed) =>
    !title && !description && !fields?.length && !image && !thumbnail && !footer && !author;
  const empty = embeds.findIndex(isEmpty);
  if (empty >= 0) throw invalid(['embeds', empty, 'description'], 'BASE_TYPE_REQUIRED', 'This field is required');
  // The schema has checked the embeds; that they are rich is ours to say.
  return embeds.map((embed) => ({ ...embed, type: 'rich' as APIEmbed['type'] }) as APIEmbed);
}

const embedCharacters = ({ title, description, fields, footer, author }: APIEmbed): number =>
  [title, description, footer?.text, author?.name, ...(fields ?? []).flatMap(({ name, value }) => [name, value])]
    .map((text) => characters(text ?? ''))
    .reduce((sum, count) => sum + count, 0);

/** Whom a message mentions. Only those who are notified are listed (discord-api-docs, issue 2126). */
export interface Mentions {
  readonly users: string[];
  readonly roles: string[];
  readonly everyone: boolean;
}

/** What a message may ping when it says nothing of `allowed_mentions`; answers to interactions may ping people only. */
export const allowedByDefault = {
  message: { parse: ['users', 'roles', 'everyone'], replied_user: true },
  interaction: { parse: ['users'], replied_user: true },
} as const;

/** The `allowed_mentions` of a body. */
export interface AllowedMentions {
  readonly parse?: readonly string[] | null | undefined;
  readonly users?: readonly string[] | null | undefined;
  readonly roles?: readonly string[] | null | undefined;
  readonly replied_user?: boolean | null | undefined;
}

/** Throws 50035 for lists that contradict each other ("Allowed Mentions Object"). */
export function checkAllowedMentions({ parse, users, roles }: AllowedMentions): void {
  const lists = { users, roles };
  for (const kind of ['users', 'roles'] as const) {
    if (!lists[kind]?.length || !parse?.some((allowed) => allowed === kind)) continue;
    const message = `parse:["${kind}"] and ${kind}: [ids...] are mutually exclusive.`;
    throw invalid(['allowed_mentions'], 'MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE', message);
  }
}

/** Code as Discord's markdown reads it: a block, or from a run of back-ticks to the next run of as many. */
const code = /```[\s\S]+?```|(?<!`)(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g;

/**
 * Whom a text pings: those it names (outside of code), as far as `allowed_mentions` and, for roles and @everyone, the
 * author's permissions let it. `repliedTo` is the author of the message that is replied to.
 */
export function resolveMentions(
  world: World,
  channel: Channel,
  authorId: string,
  content: string,
  allowed: AllowedMentions,
  repliedTo: string | undefined,
): Mentions {
  // In its place stands a space, so that what is left and right of it does not become a mention.
  const text = content.replaceAll(code, ' ');
  const parses = (kind: string) => allowed.parse?.some((allowedKind) => allowedKind === kind) ?? false;
  const named = (pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map(([, id]) => id ?? ''))];
  const mayPingMany = may(world, authorId, channel, 'MentionEveryone');
  const guild = world.guilds.get(channel.guildId ?? '');
  const users = named(/<@!?(\d+)>/g).filter(
    (id) => world.users.has(id) && (parses('users') || allowed.users?.includes(id)),
  );
  const roles = named(/<@&(\d+)>/g).filter(
    (id) =>
      (guild?.roles.get(id)?.mentionable || (mayPingMany && guild?.roles.has(id))) &&
      (parses('roles') || allowed.roles?.includes(id)),
  );
  const pingsReplied = repliedTo !== undefined && allowed.replied_user === true;
  return {
    users: pingsReplied ? [...new Set([...users, repliedTo])] : users,
    roles,
    everyone: mayPingMany && parses('everyone') && /@(everyone|here)\b/.test(text),
  };
}

/** Everybody whom these mentions notify, the author excepted. */
export function notifiedBy(world: World, channel: Channel, authorId: string, mentions: Mentions): string[] {
  const guild = world.guilds.get(channel.guildId ?? '');
  const members = [...(guild?.members.values() ?? [])];
  const byRole = members.filter(
    (member) => mentions.everyone || member.roles.some((role) => mentions.roles.includes(role)),
  );
  const all = new Set([...mentions.users, ...byRole.map(({ userId }) => userId)]);
  all.delete(authorId);
  return [...all].filter((id) => may(world, id, channel, 'ViewChannel'));
}
