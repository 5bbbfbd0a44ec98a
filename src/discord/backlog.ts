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
import type { DiscordPace } from './pace.js';

/** What one request gives at most ("Get Channel Messages"), and after how many of them a channel's backlog is left. */
const PAGE = 100;
const MOST_PAGES = 10;

/** How often a channel's backlog is asked for, and the waits in between: the first, and the longest, as they double. */
const ATTEMPTS = 12;
const AGAIN_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

/** For how long new messages of a channel wait for its backlog. */
const PATIENCE_MS = 15_000;

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
  /** Resolves when what was said in a channel before has its place; undefined where it has it already. */
  whenRead(channelId: string, isDirect: boolean): Promise<void> | undefined;
}

/**
 * Finds what was said while the bot was away: at its start, after a session that could not be resumed, of which Discord
 * replays nothing ("Gateway", resuming), and when a server is back that was not available. Messages that come meanwhile
 * wait, so that the order stays.
 */
export function followBacklog(settings: BacklogSettings): Backlog {
  const { client, log, take } = settings;
  const reading = new Map<string, Promise<void>>();
  /** Until it is known in which direct conversations something may have been said. */
  let asking: Promise<void> | undefined;

  /** Reads a channel, and keeps its new messages waiting until that is done. */
  function read(id: string, work: () => Promise<void>): void {
    const all = work().catch((err) => log.warn({ channel: id, err }, 'backlog not read'));
    const done = Promise.race([all, delay(PATIENCE_MS, undefined, { ref: false })]).then(() => {
      if (reading.get(id) === done) reading.delete(id);
    });
    reading.set(id, done);
  }

  const oldest = (): number => settings.now() - settings.maxAgeMs;

  function readServer(server: Guild): void {
    for (const channel of server.channels.cache.values()) {
      if (channel.isTextBased() && mayHaveMissed(channel, oldest())) read(channel.id, () => readChannel(channel));
    }
  }

  async function readDirects(): Promise<void> {
    for (const id of await settings.directChannels()) read(id, () => readDirect(id));
  }

  async function readDirect(id: string): Promise<void> {
    const channel = await insist(async () => {
      await settings.pace.allow('preview');
      // What the library knows of it is as old as the lost session.
      return client.channels.fetch(id, { force: true });
    });
    if (channel?.isDMBased() && channel.isTextBased() && mayHaveMissed(channel, oldest())) await readChannel(channel);
  }

  async function readChannel(channel: TextBasedChannel): Promise<void> {
    let after = SnowflakeUtil.generate({ timestamp: oldest() }).toString();
    for (let page = 0; page < MOST_PAGES; page++) {
      const messages = await insist(async (): Promise<Collection<string, Message>> => {
        await settings.pace.allow('preview');
        return channel.messages.fetch({ after, limit: PAGE, cache: false });
      });
      for (const message of [...messages.values()].reverse()) {
        // Discord's answer has told the time anew: this machine may have slept.
        if (message.createdTimestamp >= oldest()) await settings.takeMissed(message);
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

  function whenRead(channelId: string, isDirect: boolean): Promise<void> | undefined {
    const before = (isDirect ? asking : undefined) ?? reading.get(channelId);
    return before?.then(() => whenRead(channelId, isDirect));
  }

  return {
    whenRead,
    async hear(message) {
      const read = whenRead(message.channelId, message.guild === null);
      if (read) await read;
      await take(message);
    },
  };
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
