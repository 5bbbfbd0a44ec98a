import type {
  APIChannel,
  APIMessage,
  APIModalInteractionResponseCallbackData,
  APIUser,
  GatewayDispatchPayload,
  GatewayMessageReactionAddDispatchData,
  GatewayMessageReactionRemoveDispatchData,
} from 'discord-api-types/v10';
import { changeMessage, forgetHistories, putMessage, removeMessages } from './history.js';
import { learn, peopleOf } from './people.js';
import { type Channel, type Guild, nothingYet, type State, withEntry } from './state.js';

/** What Discord sends to people's clients alone: what becomes of a command or a button that they used. */
interface ForPeople {
  READY: {
    readonly user: APIUser;
    readonly session_id: string;
    readonly private_channels?: readonly APIChannel[];
  };
  INTERACTION_CREATE: { readonly id: string; readonly nonce?: string };
  INTERACTION_SUCCESS: { readonly id: string; readonly nonce?: string };
  INTERACTION_FAILURE: { readonly id: string; readonly nonce?: string; readonly reason_code?: number };
  INTERACTION_MODAL_CREATE: APIModalInteractionResponseCallbackData & {
    readonly id: string;
    readonly nonce?: string;
    readonly application: { readonly id: string };
    readonly channel_id: string;
  };
}

type ForAll = { [Dispatch in GatewayDispatchPayload as `${Dispatch['t']}`]: Dispatch['d'] };

export type Events = Omit<ForAll, keyof ForPeople> & ForPeople;

type Handlers = { readonly [Name in keyof Events]?: (state: State, data: Events[Name], now: number) => State };

/** "Typing Start": it lasts ten seconds. */
const typingLastsMs = 10_000;

const handlers: Handlers = {
  READY: (state, { user, session_id, private_channels = [] }) => ({
    ...nothingYet,
    link: state.link,
    openChannelId: state.openChannelId,
    outgoing: state.outgoing,
    editing: state.editing,
    replyingTo: state.replyingTo,
    histories: forgetHistories(state.histories),
    unread: state.unread,
    me: user,
    sessionId: session_id,
    users: learn(state.users, [user, ...private_channels.flatMap(recipients)]),
    channels: new Map(private_channels.flatMap(readChannel).map((channel) => [channel.id, channel])),
  }),
  GUILD_CREATE(state, { id, name, roles, members, channels, threads }) {
    const guild: Guild = {
      id,
      name,
      roles: new Map(roles.map((role) => [role.id, role])),
      members: new Map(members.map(({ user, nick = null, roles: held }) => [user.id, { nick, roles: held }])),
    };
    const read = [...channels, ...threads].flatMap((channel) => readChannel({ ...channel, guild_id: id }));
    return {
      ...state,
      guilds: withEntry(state.guilds, id, guild),
      users: learn(
        state.users,
        members.map(({ user }) => user),
      ),
      channels: new Map([...state.channels, ...read.map((channel) => [channel.id, channel] as const)]),
    };
  },
  GUILD_UPDATE: (state, { id, name, roles }) =>
    changeGuild(state, id, (guild) => ({ ...guild, name, roles: new Map(roles.map((role) => [role.id, role])) })),
  GUILD_DELETE: (state, { id }) => ({
    ...state,
    guilds: withEntry(state.guilds, id, undefined),
    channels: new Map([...state.channels].filter(([, channel]) => channel.guildId !== id)),
  }),
  GUILD_ROLE_CREATE: (state, { guild_id, role }) =>
    changeGuild(state, guild_id, (guild) => ({ ...guild, roles: withEntry(guild.roles, role.id, role) })),
  GUILD_ROLE_UPDATE: (state, { guild_id, role }) =>
    changeGuild(state, guild_id, (guild) => ({ ...guild, roles: withEntry(guild.roles, role.id, role) })),
  GUILD_ROLE_DELETE: (state, { guild_id, role_id }) =>
    changeGuild(state, guild_id, (guild) => ({ ...guild, roles: withEntry(guild.roles, role_id, undefined) })),
  GUILD_MEMBER_ADD: (state, { guild_id, user, nick = null, roles }) =>
    putMember({ ...state, users: learn(state.users, [user]) }, guild_id, user.id, nick, roles),
  GUILD_MEMBER_UPDATE: (state, { guild_id, user, nick = null, roles }) =>
    putMember({ ...state, users: learn(state.users, [user]) }, guild_id, user.id, nick, roles),
  GUILD_MEMBER_REMOVE: (state, { guild_id, user }) =>
    changeGuild(state, guild_id, (guild) => ({ ...guild, members: withEntry(guild.members, user.id, undefined) })),
  CHANNEL_CREATE: putChannel,
  CHANNEL_UPDATE: putChannel,
  CHANNEL_DELETE: (state, { id }) => removeChannel(state, id),
  THREAD_CREATE: putChannel,
  THREAD_UPDATE: putChannel,
  THREAD_DELETE: (state, { id }) => removeChannel(state, id),
  MESSAGE_CREATE(state, message) {
    const arrived = putMessage({ ...state, users: learn(state.users, peopleOf(message)) }, message);
    const typing = withEntry(
      state.typing.get(message.channel_id) ?? new Map<string, number>(),
      message.author.id,
      undefined,
    );
    return {
      ...arrived,
      outgoing: state.outgoing.filter(({ nonce }) => nonce !== `${message.nonce}`),
      typing: withEntry(state.typing, message.channel_id, typing.size > 0 ? typing : undefined),
      unread: countUnread(state, message),
    };
  },
  MESSAGE_UPDATE: (state, message) =>
    changeMessage(
      { ...state, users: learn(state.users, peopleOf(message)) },
      message.channel_id,
      message.id,
      (old) => ({
        ...old,
        ...message,
      }),
    ),
  MESSAGE_DELETE: (state, { channel_id, id }) => removeMessages(state, channel_id, [id]),
  MESSAGE_DELETE_BULK: (state, { channel_id, ids }) => removeMessages(state, channel_id, ids),
  MESSAGE_REACTION_ADD: (state, event) => react(state, event, 1),
  MESSAGE_REACTION_REMOVE: (state, event) => react(state, event, -1),
  MESSAGE_REACTION_REMOVE_ALL: (state, { channel_id, message_id }) =>
    changeMessage(state, channel_id, message_id, (message) => ({ ...message, reactions: [] })),
  TYPING_START(state, { channel_id, user_id }, now) {
    const typing = new Map(state.typing.get(channel_id)).set(user_id, now + typingLastsMs);
    return { ...state, typing: withEntry(state.typing, channel_id, typing) };
  },
  INTERACTION_SUCCESS: (state, { nonce }) => ({
    ...state,
    uses: state.uses.filter((use) => use.nonce !== `${nonce}`),
  }),
  INTERACTION_FAILURE: (state, { nonce }) => useFailed(state, `${nonce}`, 'The application did not respond'),
  INTERACTION_MODAL_CREATE: (state, { id, nonce, application, channel_id, custom_id, title, components }) => ({
    ...state,
    uses: state.uses.filter((use) => use.nonce !== `${nonce}`),
    dialog: {
      id,
      applicationId: application.id,
      channelId: channel_id,
      box: { custom_id, title, components },
    },
  }),
};

/** The state after an event of the gateway. One that the page has no use for changes nothing. */
export function happened<Name extends keyof Events>(state: State, name: Name, data: Events[Name], now: number): State {
  return handlers[name]?.(state, data, now) ?? state;
}

export const isKnownEvent = (name: string): name is keyof Events => name in handlers;

/** What was used found no answer; it says so until it is dismissed. */
export const useFailed = (state: State, nonce: string, failure: string): State => ({
  ...state,
  uses: state.uses.map((use) => (use.nonce === nonce ? { ...use, failure } : use)),
});

/** Who typed and has stopped is forgotten. */
export function typingEnded(state: State, now: number): State {
  const still = [...state.typing].flatMap(([id, people]) => {
    const typing = [...people].filter(([, until]) => until > now);
    return typing.length > 0 ? [[id, typing.length === people.size ? people : new Map(typing)] as const] : [];
  });
  const isSame = still.length === state.typing.size && still.every(([id, people]) => state.typing.get(id) === people);
  return isSame ? state : { ...state, typing: new Map(still) };
}

const recipients = (channel: APIChannel): APIUser[] =>
  'recipients' in channel && channel.recipients ? channel.recipients : [];

/** The channel, if it is of a kind that the page shows. */
function readChannel(channel: APIChannel & { readonly guild_id?: string }): Channel[] {
  const kind = ({ 0: 'text', 1: 'direct', 5: 'text', 10: 'thread', 11: 'thread', 12: 'thread' } as const)[
    // The numbers of the kinds that the page has no use for are not in the table.
    channel.type as 0 | 1 | 5 | 10 | 11 | 12
  ] as Channel['kind'] | undefined;
  if (kind === undefined) return [];
  return [
    {
      id: channel.id,
      kind,
      name: channel.name ?? '',
      topic: 'topic' in channel ? (channel.topic ?? undefined) : undefined,
      guildId: channel.guild_id,
      parentId: 'parent_id' in channel ? (channel.parent_id ?? undefined) : undefined,
      recipientId: recipients(channel)[0]?.id,
      isArchived: 'thread_metadata' in channel && channel.thread_metadata?.archived === true,
    },
  ];
}

function putChannel(state: State, channel: APIChannel): State {
  const [read] = readChannel(channel);
  if (read === undefined) return state;
  return {
    ...state,
    users: learn(state.users, recipients(channel)),
    channels: withEntry(state.channels, read.id, read),
  };
}

const removeChannel = (state: State, id: string): State => ({
  ...state,
  channels: new Map([...state.channels].filter(([key, { parentId }]) => key !== id && parentId !== id)),
  histories: withEntry(state.histories, id, undefined),
});

function changeGuild(state: State, id: string, change: (guild: Guild) => Guild): State {
  const guild = state.guilds.get(id);
  return guild ? { ...state, guilds: withEntry(state.guilds, id, change(guild)) } : state;
}

const putMember = (
  state: State,
  guildId: string,
  userId: string,
  nick: string | null,
  roles: readonly string[],
): State =>
  changeGuild(state, guildId, (guild) => ({ ...guild, members: withEntry(guild.members, userId, { nick, roles }) }));

function countUnread(state: State, message: APIMessage): State['unread'] {
  const isOwn = message.author.id === state.me?.id;
  if (isOwn || message.channel_id === state.openChannelId) return state.unread;
  const { messages, pings } = state.unread.get(message.channel_id) ?? { messages: 0, pings: 0 };
  const isDirect = state.channels.get(message.channel_id)?.kind === 'direct';
  const isPing = isDirect || message.mention_everyone || message.mentions.some(({ id }) => id === state.me?.id);
  return withEntry(state.unread, message.channel_id, { messages: messages + 1, pings: pings + Number(isPing) });
}

type ReactionChange = GatewayMessageReactionAddDispatchData | GatewayMessageReactionRemoveDispatchData;

function react(state: State, { channel_id, message_id, user_id, emoji }: ReactionChange, by: 1 | -1): State {
  const isOwn = user_id === state.me?.id;
  return changeMessage(state, channel_id, message_id, (message) => {
    const reactions = message.reactions ?? [];
    const isThis = (one: (typeof reactions)[number]) => one.emoji.name === emoji.name && one.emoji.id === emoji.id;
    const known = reactions.some(isThis)
      ? reactions
      : [...reactions, { emoji, count: 0, me: false, me_burst: false, burst_colors: [], count_details: noCount }];
    const changed = known.map((one) =>
      isThis(one) ? { ...one, count: one.count + by, me: isOwn ? by === 1 : one.me } : one,
    );
    return { ...message, reactions: changed.filter(({ count }) => count > 0) };
  });
}

const noCount = { burst: 0, normal: 0 };
