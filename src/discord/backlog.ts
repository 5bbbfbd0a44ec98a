import { setTimeout as delay } from 'node:timers/promises';
import {
  type Client,
  type Collection,
  DiscordAPIError,
  Events,
  GatewayDispatchEvents,
  type Guild,
  type GuildTextBasedChannel,
  type Message,
  PermissionFlagsBits,
  SnowflakeUtil,
  type TextBasedChannel,
} from 'discord.js';
import type { Logger } from 'pino';
import { settled } from '../breath.js';
import type { DiscordPace } from './pace.js';

/** What one request gives at most ("Get Channel Messages"), and after how many of them a channel's backlog is left. */
const PAGE = 100;
const MOST_PAGES = 10;

/** How often a channel's backlog is asked for, and the waits in between: the first, and the longest, as they double. */
const ATTEMPTS = 12;
const AGAIN_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

/** For how long whatever is new in a channel waits for its backlog. */
const PATIENCE_MS = 15_000;

/** For how long what waits no longer waits for those before it to have their places. */
const PLACES_MS = 200;

export interface BacklogSettings {
  readonly client: Client;
  readonly pace: DiscordPace;
  readonly log: Logger;
  /** How old a message may be and still be answered unasked. */
  readonly maxAgeMs: number;
  /** Discord's time, in milliseconds since 1970. */
  now(): number;
  /** Channels that Discord does not name at the start, but in which something may have been said. */
  directChannels(): Promise<readonly string[]>;
  /** Takes a message that has just come. */
  take(message: Message): Promise<void>;
  /** Takes a message that came while nobody listened, and resolves when it has its place before those that come now. */
  takeMissed(message: Message): Promise<void>;
}

export interface Backlog {
  /** Takes each message that comes. */
  hear(message: Message): Promise<void>;
  /**
   * Resolves when what was said in a channel before this has its place, or when it has waited for so many milliseconds:
   * then what is known to have been said before it goes first, but what is not found yet comes later. Undefined where all
   * of it has its place already.
   */
  whenRead(said: Said, patienceMs?: number): Promise<void> | undefined;
  /** A message is gone: it does not wait any more. */
  forget(id: string): void;
  /** Lets all go that wait, and whatever comes from now on: a command that is not written down would be lost with the process. */
  letGo(): Promise<void>;
}

/** Something that was said in a channel, by a message or by a command. Its id tells when ("Snowflakes"). */
export interface Said {
  readonly id: string;
  readonly channelId: string;
  readonly isDirect: boolean;
}

/** Where what comes while a channel is being read waits, with what is found to have been said after it. */
interface Room {
  readers: number;
  isEmptying: boolean;
  /** Resolves when what went last has its place. */
  going: Promise<void>;
  /** In the order in which it was said. */
  waiting: readonly Waiting[];
}

interface Waiting {
  readonly id: string;
  /** Resolves when it has its place. */
  readonly go: () => void | Promise<void>;
}

/**
 * Finds what was said while the bot was away: at its start, after a session that could not be resumed, of which Discord
 * replays nothing ("Gateway", resuming), and when a server is back that was not available. Messages that come meanwhile
 * wait, so that the order stays.
 */
export function followBacklog(settings: BacklogSettings): Backlog {
  const { client, log, take } = settings;
  const rooms = new Map<string, Room>();
  /** Until it is known in which direct conversations something may have been said. */
  let asking: Promise<void> | undefined;
  let isClosing = false;

  /** Reads a channel, and keeps its new messages waiting until that is done. */
  async function read(channel: string, work: (room: Room) => Promise<void>): Promise<void> {
    const room = rooms.get(channel) ?? { readers: 0, isEmptying: false, going: Promise.resolve(), waiting: [] };
    rooms.set(channel, room);
    room.readers += 1;
    const patience = delay(PATIENCE_MS, undefined, { ref: false });
    const all = work(room).catch((err) => log.warn({ channel, err }, 'backlog not read'));
    await Promise.race([all, patience]);
    room.readers -= 1;
    await empty(channel, room, patience);
  }

  /** Lets go one after the other, each when the one before has its place. */
  async function empty(channel: string, room: Room, patience: Promise<void>): Promise<void> {
    if (room.isEmptying) return;
    room.isEmptying = true;
    const isOpen = () => room.readers === 0;
    while (isOpen() && room.waiting.length > 0) await letFirstGo(room, isOpen, patience);
    room.isEmptying = false;
    if (room.readers === 0) rooms.delete(channel);
  }

  /** Lets the first go, if that is still wanted when it is its turn. */
  const letFirstGo = (room: Room, isWanted: () => boolean, patience: Promise<void>): Promise<void> =>
    go(room, patience, () => {
      const [first, ...others] = room.waiting;
      if (!first || !isWanted()) return;
      room.waiting = others;
      return first.go();
    });

  /** Does it when what went before has its place, and resolves when this has its own; neither is waited for without patience. */
  function go(room: Room, patience: Promise<void>, work: () => void | Promise<void>): Promise<void> {
    const before = room.going;
    room.going = (async () => {
      await Promise.race([before, patience]);
      await Promise.race([work(), patience]);
      await settled();
    })();
    return room.going;
  }

  /** Takes what was found; but not before what was said before it and has come meanwhile. */
  async function takeFound(message: Message, room: Room): Promise<void> {
    const { id, channelId: channel } = message;
    const take = () =>
      settings.takeMissed(message).catch((err) => log.warn({ id, channel, err }, 'missed message not answered'));
    const [first] = room.waiting;
    if (!first || isBefore(id, first.id)) return go(room, new Promise(() => {}), take);
    if (room.waiting.every((one) => one.id !== id)) stand(room, { id, go: take });
  }

  /** Waits in a room, however many readings follow each other there, for so long at most. */
  function waitIn(room: Room, id: string, patienceMs: number): Promise<void> {
    return new Promise((go) => {
      const one = { id, go };
      stand(room, one);
      const leave = async () => {
        const patience = delay(PLACES_MS, undefined, { ref: false });
        // Otherwise it has gone already, or is forgotten.
        const waits = () => room.waiting.includes(one);
        while (waits()) await letFirstGo(room, waits, patience);
      };
      setTimeout(leave, patienceMs).unref();
    });
  }

  const oldest = (): number => settings.now() - settings.maxAgeMs;

  function readServer(server: Guild): void {
    for (const channel of server.channels.cache.values()) {
      if (channel.isTextBased() && mayHaveMissed(channel, oldest()))
        read(channel.id, (room) => readChannel(channel, room));
    }
  }

  async function readDirects(): Promise<void> {
    for (const id of await settings.directChannels()) read(id, (room) => readDirect(id, room));
  }

  async function readDirect(id: string, room: Room): Promise<void> {
    const channel = await insist(async () => {
      await settings.pace.allow('preview');
      // What the library knows of it is as old as the lost session.
      return client.channels.fetch(id, { force: true });
    });
    if (channel?.isDMBased() && channel.isTextBased() && mayHaveMissed(channel, oldest()))
      await readChannel(channel, room);
  }

  async function readChannel(channel: TextBasedChannel, room: Room): Promise<void> {
    let after = SnowflakeUtil.generate({ timestamp: oldest() }).toString();
    for (let page = 0; page < MOST_PAGES; page++) {
      const messages = await insist(async (): Promise<Collection<string, Message>> => {
        await settings.pace.allow('preview');
        return channel.messages.fetch({ after, limit: PAGE, cache: false });
      });
      for (const message of [...messages.values()].reverse()) {
        // Discord's answer has told the time anew: this machine may have slept.
        if (message.createdTimestamp >= oldest()) await takeFound(message, room);
      }
      after = messages.firstKey() ?? after;
      if (messages.size < PAGE) return;
    }
    log.warn({ channel: channel.id }, 'backlog too long; the rest of it is left');
  }

  if (settings.maxAgeMs > 0) {
    // All are unavailable when a session begins, and come one by one.
    client.on(Events.GuildAvailable, readServer);
    client.ws.on(GatewayDispatchEvents.Ready, (_data: unknown, shard: number) => {
      // Direct messages come to the first shard ("Gateway", sharding).
      if (shard !== 0) return;
      const asked = readDirects()
        .catch((err) => log.warn({ err }, 'direct messages that were missed not looked for'))
        .then(() => {
          if (asking === asked) asking = undefined;
        });
      asking = asked;
    });
  }

  function whenRead(said: Said, patienceMs = PATIENCE_MS): Promise<void> | undefined {
    if (said.isDirect && asking) return asking.then(() => whenRead(said, patienceMs));
    const room = rooms.get(said.channelId);
    return room && !isClosing ? waitIn(room, said.id, patienceMs) : undefined;
  }

  return {
    whenRead,
    async hear(message) {
      const { id, channelId, guild } = message;
      const read = whenRead({ id, channelId, isDirect: guild === null });
      if (read) await read;
      await take(message);
    },
    forget(id) {
      for (const room of rooms.values()) room.waiting = room.waiting.filter((one) => one.id !== id);
    },
    async letGo() {
      isClosing = true;
      for (const room of rooms.values()) {
        for (const { go } of room.waiting) go();
        room.waiting = [];
      }
      await settled();
    },
  };
}

const isBefore = (one: string, other: string): boolean => BigInt(one) < BigInt(other);

/** Puts one behind those that were said before it: mostly, all of them. */
function stand(room: Room, one: Waiting): void {
  const place = room.waiting.findLastIndex(({ id }) => !isBefore(one.id, id)) + 1;
  room.waiting = room.waiting.toSpliced(place, 0, one);
}

/** Whether something was said since then that the bot may read. An id holds the time at which it was made ("Snowflakes"). */
function mayHaveMissed(channel: TextBasedChannel, since: number): boolean {
  if (!channel.lastMessageId || SnowflakeUtil.timestampFrom(channel.lastMessageId) < since) return false;
  return channel.isDMBased() || mayRead(channel);
}

function mayRead(channel: GuildTextBasedChannel): boolean {
  const { me } = channel.guild.members;
  const needed = PermissionFlagsBits.ViewChannel | PermissionFlagsBits.ReadMessageHistory;
  return me !== null && (channel.permissionsFor(me)?.has(needed) ?? false);
}

/** Tries until it succeeds, unless Discord refuses, or it has failed for some minutes. */
async function insist<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const isRefused = error instanceof DiscordAPIError && error.status < 500 && error.status !== 429;
      if (isRefused || attempt === ATTEMPTS) throw error;
    }
    await delay(Math.min(AGAIN_MS * 2 ** (attempt - 1), LONGEST_WAIT_MS), undefined, { ref: false });
  }
}
