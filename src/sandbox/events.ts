import {
  type APIApplication,
  type APIInteraction,
  type APIModalInteractionResponseCallbackData,
  type APIRole,
  GatewayDispatchEvents,
  type GatewayDispatchPayload,
  GatewayIntentBits,
} from 'discord-api-types/v10';
import { messageEventPayload, nonceOf, type Viewer } from './message-payloads.js';
import {
  channelPayloadFor,
  guildChannelPayload,
  guildCreatePayload,
  guildPayload,
  hearsOf,
  memberOfEvent,
  memberPayload,
  threadPayload,
  userPayload,
} from './payloads.js';
import { may } from './permissions.js';
import {
  applicationOf,
  type Channel,
  channelOf,
  type Guild,
  type Interaction,
  isDirect,
  isThread,
  type Member,
  type Message,
  userOf,
  type World,
} from './world.js';

/** The interaction that a person's client has posted, by the nonce that it gave. */
export interface ClientInteraction {
  readonly id: string;
  readonly nonce: string | undefined;
}

/** What people's clients are told of their interactions; Discord documents it nowhere, and no bot gets it. */
interface ClientDispatchData {
  readonly INTERACTION_SUCCESS: ClientInteraction;
  readonly INTERACTION_FAILURE: ClientInteraction & { readonly reason_code: number };
  readonly INTERACTION_MODAL_CREATE: ClientInteraction &
    APIModalInteractionResponseCallbackData & {
      readonly channel_id: string;
      readonly application: Pick<APIApplication, 'id' | 'name'>;
    };
}

export type DispatchData = ClientDispatchData & {
  [Dispatch in GatewayDispatchPayload as Dispatch['t']]: Dispatch['d'];
};

/** A session that an event is put into words for. */
export interface EventReader extends Viewer {
  /** The intents it identified with; a person's client has all. */
  readonly intents: number;
}

/** Something that happened, for whom, and how each of them is told. */
export interface GatewayEvent<Name extends keyof DispatchData = keyof DispatchData> {
  readonly name: Name;
  /** A session has it if it has one of these intents; 0 needs none ("List of Intents"). */
  readonly intents: number;
  readonly isFor: (userId: string) => boolean;
  readonly data: (reader: EventReader) => DispatchData[Name];
}

const of = GatewayIntentBits;
const inGuild = (channel: Channel) => (channel.guildId === undefined ? {} : { guild_id: channel.guildId });
const readers = (world: World, channel: Channel) => (userId: string) => may(world, userId, channel, 'ViewChannel');
const members = (guild: Guild) => (userId: string) => guild.members.has(userId);
const messageIntent = (channel: Channel) => (isDirect(channel) ? of.DirectMessages : of.GuildMessages);

/** An ephemeral message goes to who it is for, and to no bot: its app has the answer to its own request. */
const messageReaders = (world: World, channel: Channel, message: Message) =>
  message.onlyFor === undefined ? readers(world, channel) : (userId: string) => userId === message.onlyFor;

export function messageCreated(world: World, message: Message): GatewayEvent {
  const channel = channelOf(world, message.channelId);
  return {
    name: GatewayDispatchEvents.MessageCreate,
    intents: messageIntent(channel),
    isFor: messageReaders(world, channel, message),
    data: (reader) => ({ ...messageEventPayload(world, message, reader), ...nonceOf(message) }),
  };
}

export function messageUpdated(world: World, message: Message): GatewayEvent {
  const channel = channelOf(world, message.channelId);
  return {
    name: GatewayDispatchEvents.MessageUpdate,
    intents: messageIntent(channel),
    isFor: messageReaders(world, channel, message),
    data: (reader) => messageEventPayload(world, message, reader),
  };
}

export function messageDeleted(world: World, message: Message): GatewayEvent {
  const channel = channelOf(world, message.channelId);
  return {
    name: GatewayDispatchEvents.MessageDelete,
    intents: messageIntent(channel),
    isFor: messageReaders(world, channel, message),
    data: () => ({ id: message.id, channel_id: channel.id, ...inGuild(channel) }),
  };
}

export const messagesDeleted = (world: World, channel: Channel, ids: readonly string[]): GatewayEvent => ({
  name: GatewayDispatchEvents.MessageDeleteBulk,
  intents: messageIntent(channel),
  isFor: readers(world, channel),
  data: () => ({ ids: [...ids], channel_id: channel.id, ...inGuild(channel) }),
});

type Emoji = Message['reactions'][number]['emoji'];
const reactionIntent = (channel: Channel) => (isDirect(channel) ? of.DirectMessageReactions : of.GuildMessageReactions);

export function reactionAdded(world: World, message: Message, emoji: Emoji, userId: string): GatewayEvent {
  const channel = channelOf(world, message.channelId);
  const member = world.guilds.get(channel.guildId ?? '')?.members.get(userId);
  return {
    name: GatewayDispatchEvents.MessageReactionAdd,
    intents: reactionIntent(channel),
    isFor: readers(world, channel),
    data: () => ({
      user_id: userId,
      channel_id: channel.id,
      message_id: message.id,
      message_author_id: message.authorId,
      emoji,
      burst: false,
      type: 0,
      ...inGuild(channel),
      ...(member && { member: memberPayload(world, member) }),
    }),
  };
}

export function reactionRemoved(world: World, message: Message, emoji: Emoji, userId: string): GatewayEvent {
  const channel = channelOf(world, message.channelId);
  return {
    name: GatewayDispatchEvents.MessageReactionRemove,
    intents: reactionIntent(channel),
    isFor: readers(world, channel),
    data: () => ({
      user_id: userId,
      channel_id: channel.id,
      message_id: message.id,
      emoji,
      burst: false,
      type: 0,
      ...inGuild(channel),
    }),
  };
}

export function typingStarted(world: World, channel: Channel, userId: string, atMs: number): GatewayEvent {
  const member = memberOfEvent(world, channel, userId);
  return {
    name: GatewayDispatchEvents.TypingStart,
    intents: isDirect(channel) ? of.DirectMessageTyping : of.GuildMessageTyping,
    isFor: readers(world, channel),
    data: () => ({
      channel_id: channel.id,
      user_id: userId,
      timestamp: Math.floor(atMs / 1000),
      ...inGuild(channel),
      ...(member && { member: { ...member, user: userPayload(userOf(world, userId)) } }),
    }),
  };
}

const channelEvents = {
  created: [GatewayDispatchEvents.ChannelCreate, GatewayDispatchEvents.ThreadCreate],
  updated: [GatewayDispatchEvents.ChannelUpdate, GatewayDispatchEvents.ThreadUpdate],
} as const;

/** A channel as an event shows it. The payload is as wide as the union of channels; an event takes one of them. */
const shown = (world: World, channel: Channel, userId: string) =>
  (channel.guildId === undefined
    ? channelPayloadFor(world, channel, userId)
    : guildChannelPayload(world, channel, userId)) as DispatchData[GatewayDispatchEvents.ChannelCreate];

/** A channel, a thread or a direct conversation was made or changed; bots are not told of direct ones. */
export function channelChanged(world: World, channel: Channel, what: keyof typeof channelEvents): GatewayEvent {
  const [ofChannel, ofThread] = channelEvents[what];
  const isHidden = (userId: string) => isDirect(channel) && world.users.get(userId)?.applicationId !== undefined;
  return {
    name: isThread(channel) ? ofThread : ofChannel,
    intents: of.Guilds,
    isFor: (userId) => hearsOf(world, channel, userId) && !isHidden(userId),
    data: ({ userId }) => shown(world, channel, userId),
  };
}

/** The threads of a channel that somebody sees from now on ("Thread List Sync"). */
export const threadsShown = (world: World, channel: Channel): GatewayEvent => ({
  name: GatewayDispatchEvents.ThreadListSync,
  intents: of.Guilds,
  isFor: readers(world, channel),
  data: ({ userId }) => {
    const isShown = (one: Channel) =>
      one.parentId === channel.id && !one.archived && may(world, userId, one, 'ViewChannel');
    const threads = [...world.channels.values()].filter(isShown).map(threadPayload);
    return { guild_id: channel.guildId ?? '', channel_ids: [channel.id], threads, members: [] };
  },
});

/** Made before the channel goes: who was told of it is told. */
export function channelDeleted(world: World, channel: Channel): GatewayEvent {
  const told = new Set([...world.users.keys()].filter((id) => hearsOf(world, channel, id)));
  const isFor = (userId: string) => told.has(userId);
  if (!isThread(channel)) {
    return {
      name: GatewayDispatchEvents.ChannelDelete,
      intents: of.Guilds,
      isFor,
      data: ({ userId }) => shown(world, channel, userId),
    };
  }
  const { id, guild_id = '', parent_id = '', type } = threadPayload(channel);
  return {
    name: GatewayDispatchEvents.ThreadDelete,
    intents: of.Guilds,
    isFor,
    data: () => ({ id, guild_id, parent_id, type }),
  };
}

/** The server as one of its members gets it: on joining, and on connecting. */
export const guildAvailable = (world: World, guild: Guild, memberId: string): GatewayEvent => ({
  name: GatewayDispatchEvents.GuildCreate,
  intents: of.Guilds,
  isFor: (userId) => userId === memberId,
  data: ({ userId, intents }) => guildCreatePayload(world, guild, userId, (intents & of.GuildMembers) !== 0),
});

export const guildUpdated = (guild: Guild): GatewayEvent => ({
  name: GatewayDispatchEvents.GuildUpdate,
  intents: of.Guilds,
  isFor: members(guild),
  data: () => guildPayload(guild),
});

/** Somebody is out of the server: it left, was put out, or the server is gone. `unavailable` is an outage instead. */
export const guildGone = (guildId: string, memberId: string, unavailable = false): GatewayEvent => ({
  name: GatewayDispatchEvents.GuildDelete,
  intents: of.Guilds,
  isFor: (userId) => userId === memberId,
  data: () => ({ id: guildId, ...(unavailable && { unavailable: true }) }),
});

const roleEvents = {
  created: GatewayDispatchEvents.GuildRoleCreate,
  updated: GatewayDispatchEvents.GuildRoleUpdate,
} as const;

export const roleChanged = (guild: Guild, role: APIRole, what: keyof typeof roleEvents): GatewayEvent => ({
  name: roleEvents[what],
  intents: of.Guilds,
  isFor: members(guild),
  data: () => ({ guild_id: guild.id, role }),
});

export const roleDeleted = (guild: Guild, roleId: string): GatewayEvent => ({
  name: GatewayDispatchEvents.GuildRoleDelete,
  intents: of.Guilds,
  isFor: members(guild),
  data: () => ({ guild_id: guild.id, role_id: roleId }),
});

export const memberAdded = (world: World, guild: Guild, member: Member): GatewayEvent => ({
  name: GatewayDispatchEvents.GuildMemberAdd,
  intents: of.GuildMembers,
  isFor: members(guild),
  data: () => ({ ...memberPayload(world, member), guild_id: guild.id }),
});

/** An app is told of its own member without the members intent. */
export const memberUpdated = (world: World, guild: Guild, member: Member, toSelf: boolean): GatewayEvent => ({
  name: GatewayDispatchEvents.GuildMemberUpdate,
  intents: toSelf ? 0 : of.GuildMembers,
  isFor: (userId) => guild.members.has(userId) && (userId === member.userId) === toSelf,
  data: () => ({ ...memberPayload(world, member), joined_at: null, guild_id: guild.id }),
});

export const memberRemoved = (world: World, guild: Guild, memberId: string): GatewayEvent => ({
  name: GatewayDispatchEvents.GuildMemberRemove,
  intents: of.GuildMembers,
  isFor: members(guild),
  data: () => ({ guild_id: guild.id, user: userPayload(userOf(world, memberId)) }),
});

/** An interaction goes to its app whatever its intents ("Interaction Create"). */
export const interactionCreated = (interaction: APIInteraction): GatewayEvent => ({
  name: GatewayDispatchEvents.InteractionCreate,
  intents: 0,
  isFor: (userId) => userId === interaction.application_id,
  data: () => interaction,
});

const toInvoker = <Name extends keyof DispatchData>(
  { userId: invoker }: Interaction,
  name: Name,
  data: DispatchData[Name],
): GatewayEvent<Name> => ({ name, intents: 0, isFor: (userId) => userId === invoker, data: () => data });

const posted = ({ id, nonce }: Interaction): ClientInteraction => ({ id, nonce });

/** The client of who invoked it knows its interaction by now, by this id. */
export const interactionPosted = (interaction: Interaction): GatewayEvent =>
  // A person's client gets two fields of what an app gets whole.
  toInvoker(interaction, GatewayDispatchEvents.InteractionCreate, posted(interaction) as unknown as APIInteraction);

/** The app has responded, in whatever way. */
export const interactionSucceeded = (interaction: Interaction): GatewayEvent =>
  toInvoker(interaction, 'INTERACTION_SUCCESS', posted(interaction));

/** As clients know it: 2 is "the application did not respond in time". */
const timedOut = 2;

export const interactionFailed = (interaction: Interaction): GatewayEvent =>
  toInvoker(interaction, 'INTERACTION_FAILURE', { ...posted(interaction), reason_code: timedOut });

/** The app has responded with a dialog box. */
export function dialogOpened(
  world: World,
  interaction: Interaction,
  dialog: APIModalInteractionResponseCallbackData,
): GatewayEvent {
  const { id, name } = applicationOf(world, interaction.applicationId);
  const { channelId: channel_id } = interaction;
  return toInvoker(interaction, 'INTERACTION_MODAL_CREATE', {
    ...posted(interaction),
    ...dialog,
    channel_id,
    application: { id, name },
  });
}
