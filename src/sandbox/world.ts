import type {
  APIApplicationCommand,
  APIAttachment,
  APIEmbed,
  APIMessageInteractionMetadata,
  APIMessageTopLevelComponent,
  APIModalInteractionResponseCallbackData,
  APIOverwrite,
  APIRole,
  ChannelType,
  MessageType,
} from 'discord-api-types/v10';
import { refusal } from './refusal.js';

/** An account: a person, or the bot of an application. */
export interface User {
  readonly id: string;
  readonly username: string;
  readonly name: string | null;
  readonly token: string;
  /** The application whose bot this is; a person has none. */
  readonly applicationId: string | undefined;
  /** Takes no direct messages, as people can choose. */
  closedToMessages: boolean;
}

/** Whether a privileged intent is switched on in the portal; `limited` is what an app in few servers gets. */
export type Switch = 'off' | 'limited' | 'on';

export interface Application {
  readonly id: string;
  readonly name: string;
  readonly ownerId: string;
  description: string;
  messageContent: Switch;
  members: Switch;
  presences: Switch;
  /** People who installed it for themselves. */
  readonly installedBy: Set<string>;
  /** By the server they belong to, `''` for everywhere. */
  readonly commands: Map<string, APIApplicationCommand[]>;
  /** When each command was newly made, for the limit of 200 a day. */
  commandsCreated: number[];
}

export interface Member {
  readonly userId: string;
  nick: string | null;
  roles: string[];
  readonly joinedAt: number;
  /** When a timeout ends or has ended; `null` for who never had one. Whether it is in force, {@link World.timedOut} says. */
  timedOutUntil: number | null;
}

export interface Guild {
  readonly id: string;
  name: string;
  readonly ownerId: string;
  readonly members: Map<string, Member>;
  readonly roles: Map<string, APIRole>;
  systemChannelId: string | null;
}

export interface Channel {
  readonly id: string;
  readonly type:
    | ChannelType.GuildText
    | ChannelType.GuildVoice
    | ChannelType.DM
    | ChannelType.PublicThread
    | ChannelType.PrivateThread;
  readonly guildId: string | undefined;
  /** The channel that a thread belongs to. */
  readonly parentId: string | undefined;
  /** Who opened a thread. */
  readonly ownerId: string | undefined;
  /** The two of a direct conversation, or those who joined a thread. */
  readonly people: Set<string>;
  name: string;
  topic: string | null;
  slowModeSeconds: number;
  overwrites: APIOverwrite[];
  archived: boolean;
  locked: boolean;
  /** When a thread was last archived or brought back. */
  archivedAt: number | undefined;
  /** Stays when that message is deleted (discord-api-docs, issue 272). */
  lastMessageId: string | null;
  /** How many there ever were; deleting one takes nothing off it. */
  messagesSent: number;
  readonly messages: Map<string, Message>;
}

export interface Reaction {
  readonly emoji: { readonly id: string | null; readonly name: string };
  readonly users: Set<string>;
}

/** What the answer to an interaction tells of it. */
export interface Invoked {
  readonly metadata: APIMessageInteractionMetadata;
  /** The command's name with its subcommands; a button and a dialog box have none. */
  readonly command: string | undefined;
}

export interface Message {
  readonly id: string;
  readonly channelId: string;
  readonly authorId: string;
  readonly type: MessageType;
  content: string;
  mentions: string[];
  mentionRoles: string[];
  mentionEveryone: boolean;
  attachments: APIAttachment[];
  embeds: APIEmbed[];
  components: APIMessageTopLevelComponent[];
  flags: number;
  editedAt: number | undefined;
  readonly reactions: Reaction[];
  readonly reference: { readonly channelId: string; readonly messageId: string } | undefined;
  readonly nonce: string | number | undefined;
  readonly tts: boolean;
  /** The application whose interaction this answers. */
  readonly applicationId: string | undefined;
  readonly interaction: Invoked | undefined;
  /** Who alone sees it; `undefined` is everybody in the channel. */
  readonly onlyFor: string | undefined;
  /**
   * Everybody whom it ever pinged, by its first text, or was marked for by a later one. Discord itself sends a
   * notification for the first alone, and shows the later mark to who reads it (discord-api-docs, issue 1419).
   */
  readonly notified: Set<string>;
  /** Each text it has had, oldest first. */
  readonly edits: { readonly at: number; readonly content: string }[];
}

export interface Interaction {
  readonly id: string;
  readonly token: string;
  readonly type: 2 | 3 | 5;
  readonly applicationId: string;
  readonly userId: string;
  readonly channelId: string;
  readonly createdAt: number;
  readonly nonce: string | undefined;
  readonly invoked: Invoked;
  /** The message whose button was pressed, also when a dialog box came between. */
  readonly messageId: string | undefined;
  /** Whether the app is in the server, or this is its own conversation; elsewhere five follow-ups are all it has. */
  readonly isAtHome: boolean;
  /** Whether nobody but the invoker may see the answers, whatever the app wants. */
  readonly isHidden: boolean;
  response: 'none' | 'message' | 'thinking' | 'update' | 'modal';
  originalId: string | undefined;
  modal: APIModalInteractionResponseCallbackData | undefined;
  followUps: number;
}

export interface StoredFile {
  readonly channelId: string;
  readonly filename: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** Everything that the sandbox's Discord knows: data only, so that it can be stored. */
export interface World {
  readonly users: Map<string, User>;
  readonly applications: Map<string, Application>;
  readonly guilds: Map<string, Guild>;
  readonly channels: Map<string, Channel>;
  readonly interactions: Map<string, Interaction>;
  readonly files: Map<string, StoredFile>;
  /** By author and nonce, oldest first: the message that an enforced nonce made. */
  readonly nonces: Map<string, { readonly channelId: string; readonly messageId: string }>;
  /** Messages that were deleted, which only those who run the sandbox can still see. */
  readonly deleted: Map<string, Message>;
  /** Who is timed out at present. */
  readonly timedOut: Set<Member>;
}

export const emptyWorld = (): World => ({
  users: new Map(),
  applications: new Map(),
  guilds: new Map(),
  channels: new Map(),
  interactions: new Map(),
  files: new Map(),
  nonces: new Map(),
  deleted: new Map(),
  timedOut: new Set(),
});

function found<Thing>(thing: Thing | undefined, code: Parameters<typeof refusal>[0]): Thing {
  if (thing === undefined) throw refusal(code);
  return thing;
}

// Each returns the thing, or throws the refusal that Discord has for one that is not there.
export const userOf = (world: World, id: string): User => found(world.users.get(id), 10013);
export const applicationOf = (world: World, id: string): Application => found(world.applications.get(id), 10002);
export const guildOf = (world: World, id: string): Guild => found(world.guilds.get(id), 10004);
export const channelOf = (world: World, id: string): Channel => found(world.channels.get(id), 10003);
export const messageOf = (channel: Channel, id: string): Message => found(channel.messages.get(id), 10008);
export const memberOf = (guild: Guild, userId: string): Member => found(guild.members.get(userId), 10007);

export const isThread = (channel: Channel): boolean => channel.type === 11 || channel.type === 12;
export const isDirect = (channel: Channel): boolean => channel.type === 1;

/** A newly made message, with nothing in it but what is given. */
export function createMessage(given: Pick<Message, 'id' | 'channelId' | 'authorId'> & Partial<Message>): Message {
  return {
    type: 0,
    content: '',
    mentions: [],
    mentionRoles: [],
    mentionEveryone: false,
    attachments: [],
    embeds: [],
    components: [],
    flags: 0,
    editedAt: undefined,
    reactions: [],
    reference: undefined,
    nonce: undefined,
    tts: false,
    applicationId: undefined,
    interaction: undefined,
    onlyFor: undefined,
    notified: new Set(),
    edits: [],
    ...given,
  };
}

/** A newly made channel, with nothing set but what is given. */
export function createChannel(given: Pick<Channel, 'id' | 'type'> & Partial<Channel>): Channel {
  return {
    guildId: undefined,
    parentId: undefined,
    ownerId: undefined,
    people: new Set(),
    name: '',
    topic: null,
    slowModeSeconds: 0,
    overwrites: [],
    archived: false,
    locked: false,
    archivedAt: undefined,
    lastMessageId: null,
    messagesSent: 0,
    messages: new Map(),
    ...given,
  };
}
