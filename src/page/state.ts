import type { APIMessage, APIModalInteractionResponseCallbackData, APIRole, APIUser } from 'discord-api-types/v10';
import type { Link } from './gateway.js';

export interface Member {
  readonly nick: string | null;
  readonly roles: readonly string[];
}

export interface Guild {
  readonly id: string;
  readonly name: string;
  readonly roles: ReadonlyMap<string, APIRole>;
  readonly members: ReadonlyMap<string, Member>;
}

export interface Channel {
  readonly id: string;
  readonly kind: 'text' | 'thread' | 'direct';
  /** A direct conversation has the name of the other person instead. */
  readonly name: string;
  readonly topic: string | undefined;
  readonly guildId: string | undefined;
  /** The channel that a thread belongs to. */
  readonly parentId: string | undefined;
  /** The other side of a direct conversation. */
  readonly recipientId: string | undefined;
  readonly isArchived: boolean;
}

export interface History {
  /** Oldest first. */
  readonly messages: readonly APIMessage[];
  /** Whether the newest page has come. */
  readonly isLoaded: boolean;
  /** Whether there is nothing older. */
  readonly isWhole: boolean;
}

/** What a person sent and Discord has not shown yet, or has refused. */
export interface Outgoing {
  readonly nonce: string;
  readonly channelId: string;
  readonly content: string;
  readonly files: readonly File[];
  readonly replyTo: { readonly id: string; readonly ping: boolean } | undefined;
  readonly failure: string | undefined;
}

/** A command, button or dialog box that was used and has not been answered yet, or never was. */
export interface Use {
  readonly nonce: string;
  readonly channelId: string;
  /** `/system set`; none for a button or a dialog box. */
  readonly command: string | undefined;
  /** The message whose button was pressed. */
  readonly messageId: string | undefined;
  readonly customId: string | undefined;
  readonly failure: string | undefined;
}

/** A dialog box that an app has opened. */
export interface OpenedDialog {
  /** The interaction that opened it. */
  readonly id: string;
  readonly applicationId: string;
  readonly channelId: string;
  readonly box: APIModalInteractionResponseCallbackData;
}

/** All that one person's client knows. */
export interface State {
  readonly link: Link;
  readonly me: APIUser | undefined;
  readonly sessionId: string | undefined;
  readonly users: ReadonlyMap<string, APIUser>;
  readonly guilds: ReadonlyMap<string, Guild>;
  readonly channels: ReadonlyMap<string, Channel>;
  readonly histories: ReadonlyMap<string, History>;
  /** By channel: who types, and until when, in milliseconds of the epoch. */
  readonly typing: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** By channel: messages not seen yet, and how many of them ping. */
  readonly unread: ReadonlyMap<string, { readonly messages: number; readonly pings: number }>;
  readonly openChannelId: string | undefined;
  readonly outgoing: readonly Outgoing[];
  readonly uses: readonly Use[];
  readonly dialog: OpenedDialog | undefined;
  /** The message that is being edited, and the one that is being replied to. */
  readonly editing: string | undefined;
  readonly replyingTo: string | undefined;
}

export const nothingYet: State = {
  link: 'connecting',
  me: undefined,
  sessionId: undefined,
  users: new Map(),
  guilds: new Map(),
  channels: new Map(),
  histories: new Map(),
  typing: new Map(),
  unread: new Map(),
  openChannelId: undefined,
  outgoing: [],
  uses: [],
  dialog: undefined,
  editing: undefined,
  replyingTo: undefined,
};

/** A map with one entry set, or taken out. The same map, if that changes nothing. */
export function withEntry<Key, Value>(
  map: ReadonlyMap<Key, Value>,
  key: Key,
  value: Value | undefined,
): ReadonlyMap<Key, Value> {
  if (map.get(key) === value) return map;
  const changed = new Map(map);
  if (value === undefined) changed.delete(key);
  else changed.set(key, value);
  return changed;
}

/** What is called of a person here: the nickname, the name, the account's name. */
export function nameOf(state: State, userId: string, guildId?: string): string {
  const user = state.users.get(userId);
  return state.guilds.get(guildId ?? '')?.members.get(userId)?.nick ?? user?.global_name ?? user?.username ?? 'Unknown';
}

export const titleOf = (state: State, channel: Channel): string =>
  channel.kind === 'direct' ? nameOf(state, channel.recipientId ?? '') : channel.name;

/** Who can be spoken of in a channel: the members of its server, or the two of a direct conversation. */
export function peopleIn(state: State, channel: Channel): readonly APIUser[] {
  const guild = state.guilds.get(channel.guildId ?? '');
  const ids = guild ? [...guild.members.keys()] : [channel.recipientId ?? '', state.me?.id ?? ''];
  return ids.flatMap((id) => state.users.get(id) ?? []);
}

export const openChannel = (state: State): Channel | undefined => state.channels.get(state.openChannelId ?? '');
