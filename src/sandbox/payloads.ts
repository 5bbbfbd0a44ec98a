import type {
  APIApplication,
  APIChannel,
  APIDMChannel,
  APIGuild,
  APIGuildMember,
  APIGuildTextChannel,
  APIRole,
  APIThreadChannel,
  APIUser,
  GatewayGuildCreateDispatchData,
} from 'discord-api-types/v10';
import {
  ApplicationFlags,
  ChannelFlags,
  ChannelType,
  MessageType,
  OverwriteType,
  PermissionFlagsBits,
} from 'discord-api-types/v10';
import { may } from './permissions.js';
import { timeOf } from './snowflake.js';
import {
  type Application,
  type Channel,
  type Guild,
  isDirect,
  isThread,
  type Member,
  type User,
  userOf,
  type World,
} from './world.js';

/** No flag is set; the types of flags are enums without a name for that. */
const noFlags: number = 0;

export const isoTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000+00:00');

export const userPayload = (user: User): APIUser => ({
  id: user.id,
  username: user.username,
  discriminator: user.applicationId === undefined ? '0' : user.id.slice(-4),
  global_name: user.name,
  avatar: null,
  ...(user.applicationId === undefined ? {} : { bot: true }),
  public_flags: noFlags,
});

type PartialMember = Omit<APIGuildMember, 'user'>;

const memberWithoutUser = (member: Member): PartialMember => ({
  nick: member.nick,
  avatar: null,
  banner: null,
  roles: member.roles,
  joined_at: isoTime(member.joinedAt),
  premium_since: null,
  deaf: false,
  mute: false,
  pending: false,
  communication_disabled_until: member.timedOutUntil === null ? null : isoTime(member.timedOutUntil),
  flags: noFlags,
});

export const memberPayload = (world: World, member: Member): APIGuildMember => ({
  ...memberWithoutUser(member),
  user: userPayload(userOf(world, member.userId)),
});

/** The member that an event carries beside a user who already stands there. */
export function memberOfEvent(world: World, channel: Channel, userId: string): PartialMember | undefined {
  const member = world.guilds.get(channel.guildId ?? '')?.members.get(userId);
  return member && memberWithoutUser(member);
}

export function channelPayload(world: World, channel: Channel): APIChannel {
  if (isDirect(channel)) return directPayload(world, channel);
  return isThread(channel) ? threadPayload(channel) : textPayload(channel);
}

function directPayload(world: World, channel: Channel): APIDMChannel {
  return {
    id: channel.id,
    type: ChannelType.DM,
    name: null,
    flags: noFlags,
    last_message_id: channel.lastMessageId,
    recipients: [...channel.people].map((id) => userPayload(userOf(world, id))),
  };
}

/** A direct conversation names the other side only to who looks at it. */
export function channelPayloadFor(world: World, channel: Channel, userId: string): APIChannel {
  const payload = channelPayload(world, channel);
  if (payload.type !== ChannelType.DM) return payload;
  return { ...payload, recipients: (payload.recipients ?? []).filter(({ id }) => id !== userId) };
}

/** Somebody's direct conversations, as READY names them to a person's client. */
export const privateChannels = (world: World, userId: string): APIChannel[] =>
  [...world.channels.values()]
    .filter((channel) => isDirect(channel) && channel.people.has(userId))
    .map((channel) => channelPayloadFor(world, channel, userId));

function textPayload(channel: Channel): APIGuildTextChannel<ChannelType.GuildText> {
  return {
    id: channel.id,
    // A voice channel's text has the same shape, and another number.
    type: channel.type as ChannelType.GuildText,
    ...(channel.guildId === undefined ? {} : { guild_id: channel.guildId }),
    name: channel.name,
    position: 0,
    permission_overwrites: channel.overwrites,
    nsfw: false,
    parent_id: null,
    topic: channel.topic,
    rate_limit_per_user: channel.slowModeSeconds,
    last_message_id: channel.lastMessageId,
    last_pin_timestamp: null,
    flags: noFlags,
  };
}

/** A channel as the gateway shows it to an app that can't view it: that it is there, and where ("Obfuscated Channels"). */
function hiddenPayload(channel: Channel): APIGuildTextChannel<ChannelType.GuildText> {
  const deny = {
    id: channel.guildId ?? '',
    type: OverwriteType.Role,
    allow: '0',
    deny: `${PermissionFlagsBits.ViewChannel}`,
  };
  return {
    ...textPayload(channel),
    name: '___hidden___',
    topic: null,
    rate_limit_per_user: 0,
    last_message_id: null,
    permission_overwrites: [deny],
    flags: ChannelFlags.ChannelObfuscated,
  };
}

/** A channel of a server as the gateway tells a member of it; people's clients are only told of what they can view. */
export function guildChannelPayload(world: World, channel: Channel, userId: string): APIChannel {
  return may(world, userId, channel, 'ViewChannel') ? channelPayload(world, channel) : hiddenPayload(channel);
}

/** Whether the gateway tells somebody of a channel: apps of each in their servers, people of those that they can view. */
export function hearsOf(world: World, channel: Channel, userId: string): boolean {
  if (may(world, userId, channel, 'ViewChannel')) return true;
  const isApp = world.users.get(userId)?.applicationId !== undefined;
  return isApp && !isThread(channel) && world.guilds.get(channel.guildId ?? '')?.members.has(userId) === true;
}

export function threadPayload(channel: Channel): APIThreadChannel {
  const created = isoTime(timeOf(channel.id));
  const [first] = channel.messages.values();
  // What stands for the message that it was started from is not counted.
  const uncounted = first?.type === MessageType.ThreadStarterMessage ? 1 : 0;
  return {
    id: channel.id,
    // Only threads come here.
    type: channel.type as ChannelType.PublicThread,
    ...(channel.guildId === undefined ? {} : { guild_id: channel.guildId }),
    ...(channel.parentId === undefined ? {} : { parent_id: channel.parentId }),
    ...(channel.ownerId === undefined ? {} : { owner_id: channel.ownerId }),
    name: channel.name,
    last_message_id: channel.lastMessageId,
    last_pin_timestamp: null,
    rate_limit_per_user: channel.slowModeSeconds,
    message_count: channel.messages.size - uncounted,
    total_message_sent: channel.messagesSent,
    member_count: channel.people.size,
    flags: noFlags,
    applied_tags: [],
    thread_metadata: {
      archived: channel.archived,
      archive_timestamp: channel.archivedAt === undefined ? created : isoTime(channel.archivedAt),
      auto_archive_duration: 4320,
      locked: channel.locked,
      create_timestamp: created,
    },
  };
}

export const guildPayload = (guild: Guild): APIGuild => ({
  id: guild.id,
  name: guild.name,
  owner_id: guild.ownerId,
  roles: [...guild.roles.values()],
  icon: null,
  splash: null,
  discovery_splash: null,
  banner: null,
  description: null,
  vanity_url_code: null,
  emojis: [],
  stickers: [],
  features: [],
  afk_channel_id: null,
  afk_timeout: 300,
  system_channel_id: guild.systemChannelId,
  system_channel_flags: noFlags,
  rules_channel_id: null,
  public_updates_channel_id: null,
  safety_alerts_channel_id: null,
  application_id: null,
  verification_level: 0,
  default_message_notifications: 0,
  explicit_content_filter: 0,
  mfa_level: 0,
  nsfw_level: 0,
  premium_tier: 0,
  premium_subscription_count: 0,
  premium_progress_bar_enabled: false,
  // Discord's word for it; the type is an enum of the same text.
  preferred_locale: 'en-US' as APIGuild['preferred_locale'],
  hub_type: null,
  incidents_data: null,
  max_members: 500_000,
});

/** GUILD_CREATE: the server with what its reader can see of it. Without the members intent, only the reader's own member comes. */
export function guildCreatePayload(
  world: World,
  guild: Guild,
  userId: string,
  withMembers: boolean,
): GatewayGuildCreateDispatchData {
  const channels = [...world.channels.values()].filter(
    (channel) => channel.guildId === guild.id && hearsOf(world, channel, userId),
  );
  const members = [...guild.members.values()].filter((member) => withMembers || member.userId === userId);
  return {
    ...guildPayload(guild),
    joined_at: isoTime(guild.members.get(userId)?.joinedAt ?? 0),
    large: false,
    unavailable: false,
    member_count: guild.members.size,
    members: members.map((member) => memberPayload(world, member)),
    channels: channels
      .filter((channel) => !isThread(channel))
      // A channel of the union that is no thread.
      .map((channel) => guildChannelPayload(world, channel, userId) as APIGuildTextChannel<ChannelType.GuildText>),
    threads: channels.filter((channel) => isThread(channel) && !channel.archived).map(threadPayload),
    voice_states: [],
    presences: [],
    stage_instances: [],
    guild_scheduled_events: [],
    soundboard_sounds: [],
  };
}

const switchFlags: Record<'messageContent' | 'members' | 'presences', readonly [on: number, limited: number]> = {
  messageContent: [ApplicationFlags.GatewayMessageContent, ApplicationFlags.GatewayMessageContentLimited],
  members: [ApplicationFlags.GatewayGuildMembers, ApplicationFlags.GatewayGuildMembersLimited],
  presences: [ApplicationFlags.GatewayPresence, ApplicationFlags.GatewayPresenceLimited],
};

/** An application's public flags: its privileged intents, and whether it has commands. */
export function applicationFlags(application: Application): number {
  const intents = (['messageContent', 'members', 'presences'] as const).map((name) => {
    const [on, limited] = switchFlags[name];
    return { off: 0, limited, on }[application[name]];
  });
  const hasCommands = (application.commands.get('') ?? []).length > 0;
  const badge = hasCommands ? ApplicationFlags.ApplicationCommandBadge : 0;
  return intents.reduce((flags, flag) => flags | flag, badge);
}

export function applicationPayload(world: World, application: Application): APIApplication {
  const flags = applicationFlags(application);
  return {
    id: application.id,
    name: application.name,
    description: application.description,
    icon: null,
    bot_public: true,
    bot_require_code_grant: false,
    bot: userPayload(userOf(world, application.id)),
    owner: userPayload(userOf(world, application.ownerId)),
    summary: '',
    verify_key: '0'.repeat(64),
    team: null,
    flags,
    flags_new: `${flags}`,
    redirect_uris: [],
    interactions_endpoint_url: null,
    role_connections_verification_url: null,
    integration_types_config: { 0: {}, 1: {} },
    approximate_guild_count: [...world.guilds.values()].filter((guild) => guild.members.has(application.id)).length,
    approximate_user_install_count: application.installedBy.size,
    event_webhooks_status: 1,
  };
}

/** A role with nothing special about it. */
export const createRole = (id: string, name: string, permissions: bigint, more: Partial<APIRole> = {}): APIRole => ({
  id,
  name,
  permissions: `${permissions}`,
  color: 0,
  colors: { primary_color: 0, secondary_color: null, tertiary_color: null },
  hoist: false,
  icon: null,
  unicode_emoji: null,
  position: 0,
  managed: false,
  mentionable: false,
  flags: noFlags,
  ...more,
});
