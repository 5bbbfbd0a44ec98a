import { OverwriteType, PermissionFlagsBits } from 'discord-api-types/v10';
import { refusal } from './refusal.js';
import { type Channel, channelOf, type Guild, guildOf, isDirect, isThread, type World } from './world.js';

const bits = PermissionFlagsBits;
export type Permission = keyof typeof PermissionFlagsBits;

/** The bit set of named permissions. */
export const permissionSet = (names: readonly Permission[]): bigint =>
  names.reduce((set, name) => set | bits[name], 0n);

export const everyPermission = Object.values(bits).reduce((set, bit) => set | bit, 0n);

/** What @everyone may do in a server that nobody has changed. */
export const everyoneByDefault = permissionSet([
  'ViewChannel',
  'SendMessages',
  'SendMessagesInThreads',
  'CreatePublicThreads',
  'CreatePrivateThreads',
  'ReadMessageHistory',
  'AddReactions',
  'AttachFiles',
  'EmbedLinks',
  'MentionEveryone',
  'UseExternalEmojis',
  'UseApplicationCommands',
  'ChangeNickname',
  'CreateInstantInvite',
  'UseExternalApps',
]);

/** What both have in a conversation between two. */
const inDirect = permissionSet([
  'ViewChannel',
  'SendMessages',
  'ReadMessageHistory',
  'AddReactions',
  'AttachFiles',
  'EmbedLinks',
  'UseExternalEmojis',
  'UseApplicationCommands',
]);

/** What a timeout leaves; owners and administrators can't be timed out ("Permissions For Timed Out Members"). */
const leftByTimeout = permissionSet(['ViewChannel', 'ReadMessageHistory']);

export function isTimedOut({ timedOut }: World, guild: Guild, userId: string): boolean {
  const member = guild.members.get(userId);
  return member !== undefined && timedOut.has(member) && basePermissions(guild, userId) !== everyPermission;
}

const withoutTimeout = (world: World, guild: Guild, userId: string, set: bigint): bigint =>
  isTimedOut(world, guild, userId) ? set & leftByTimeout : set;

/** Whether one member may act on another: the owner on all, others on whose highest role is lower ("Permission Hierarchy"). */
export function isBelow(guild: Guild, userId: string, byId: string): boolean {
  const highest = (id: string) =>
    Math.max(0, ...(guild.members.get(id)?.roles ?? []).map((role) => guild.roles.get(role)?.position ?? 0));
  if (guild.ownerId === userId) return false;
  return guild.ownerId === byId || highest(userId) < highest(byId);
}

/** A member's permissions in the whole server, as long as no timeout takes them. */
export const permissionsInGuild = (world: World, guild: Guild, userId: string): bigint =>
  withoutTimeout(world, guild, userId, basePermissions(guild, userId));

/** A member's permissions by their roles; none for who is no member ("Permissions", permission hierarchy). */
function basePermissions(guild: Guild, userId: string): bigint {
  const member = guild.members.get(userId);
  if (member === undefined) return 0n;
  if (guild.ownerId === userId) return everyPermission;
  const roles = [guild.id, ...member.roles].flatMap((id) => guild.roles.get(id) ?? []);
  const base = roles.reduce((set, role) => set | BigInt(role.permissions), 0n);
  return (base & bits.Administrator) === 0n ? base : everyPermission;
}

/**
 * What somebody may do in a channel: the server's permissions with the channel's overwrites for @everyone, then those
 * for the roles together, then the member's own ("Permission Overwrites"). A thread has its parent's, and writing in
 * it is a permission of its own. What is implicitly denied is taken out: nothing is left to who cannot see a channel.
 */
export function permissionsIn(world: World, userId: string, channel: Channel): bigint {
  if (isDirect(channel)) return channel.people.has(userId) ? inDirect : 0n;
  if (channel.guildId === undefined) return 0n;
  const guild = world.guilds.get(channel.guildId);
  return guild === undefined ? 0n : withoutTimeout(world, guild, userId, granted(world, guild, userId, channel));
}

function granted(world: World, guild: Guild, userId: string, channel: Channel): bigint {
  if (!isThread(channel)) return seen(overwritten(guild, userId, channel));
  const parent = world.channels.get(channel.parentId ?? '');
  if (parent === undefined) return 0n;
  const inParent = seen(overwritten(guild, userId, parent));
  const isHidden = channel.type === 12 && !channel.people.has(userId) && (inParent & bits.ManageThreads) === 0n;
  if (isHidden) return 0n;
  const mayWrite = (inParent & bits.SendMessagesInThreads) !== 0n;
  return mayWrite ? inParent | bits.SendMessages : inParent & ~bits.SendMessages;
}

function overwritten(guild: Guild, userId: string, channel: Channel): bigint {
  const base = basePermissions(guild, userId);
  if (base === everyPermission || base === 0n) return base;
  const roles = new Set(guild.members.get(userId)?.roles);
  const of = (mine: (overwrite: Channel['overwrites'][number]) => boolean) => {
    const mineOnly = channel.overwrites.filter(mine);
    return {
      allow: mineOnly.reduce((set, { allow }) => set | BigInt(allow), 0n),
      deny: mineOnly.reduce((set, { deny }) => set | BigInt(deny), 0n),
    };
  };
  const layers = [
    of(({ id }) => id === guild.id),
    of(({ id, type }) => type === OverwriteType.Role && id !== guild.id && roles.has(id)),
    of(({ id, type }) => type === OverwriteType.Member && id === userId),
  ];
  return layers.reduce((set, { allow, deny }) => (set & ~deny) | allow, base);
}

/** "Implicit Permissions": without seeing a channel there is nothing; without writing, nothing that needs writing. */
function seen(set: bigint): bigint {
  if ((set & bits.ViewChannel) === 0n) return 0n;
  const needsWriting = bits.MentionEveryone | bits.SendTTSMessages | bits.AttachFiles | bits.EmbedLinks;
  const mayWrite = (set & (bits.SendMessages | bits.SendMessagesInThreads)) !== 0n;
  return mayWrite ? set : set & ~needsWriting;
}

export const may = (world: World, userId: string, channel: Channel, permission: Permission): boolean =>
  (permissionsIn(world, userId, channel) & bits[permission]) !== 0n;

/** Throws 50001 where the channel is not seen, and 50013 where one of the permissions is missing. */
export function demand(world: World, userId: string, channel: Channel, ...permissions: readonly Permission[]): void {
  const has = permissionsIn(world, userId, channel);
  if ((has & bits.ViewChannel) === 0n) throw refusal(50001);
  const needed = permissionSet(permissions);
  if ((has & needed) !== needed) throw refusal(50013);
}

/** A channel that somebody can see; throws 10003 and 50001. */
export function visibleChannel(world: World, userId: string, channelId: string): Channel {
  const channel = channelOf(world, channelId);
  demand(world, userId, channel);
  return channel;
}

/** A server that somebody is in; Discord does not tell one that is not there from one that is foreign (10004). */
export function ownGuild(world: World, userId: string, guildId: string): Guild {
  const guild = guildOf(world, guildId);
  if (!guild.members.has(userId)) throw refusal(10004);
  return guild;
}
