import { setTimeout as delay } from 'node:timers/promises';
import {
  type Client,
  type Collection,
  Events,
  GatewayDispatchEvents,
  type GuildTextBasedChannel,
  type Message,
  PermissionFlagsBits,
  Routes,
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

/** For how long, after a new session has begun, messages wait for its servers to arrive. */
const ARRIVAL_MS = 3000;

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

/**
 * Finds what was said while the bot was away: at its start, and after a session that could not be resumed, of which
 * Discord replays nothing ("Gateway", resuming). Messages that come meanwhile wait, so that the order stays.
 *
 * @returns what takes each message that comes
 */
export function followBacklog(settings: BacklogSettings): (message: Message) => Promise<void> {
  const { client, log, take } = settings;
  /** By shard: sessions of which it is not known yet in which channels something was said. */
  const arriving = new Map<number, Promise<void>>();
  const reading = new Map<string, Promise<void>>();

  /** Reads a channel, and keeps its new messages waiting until that is done. */
  function read(id: string, work: () => Promise<void>): void {
    const all = work().catch((err) => log.warn({ channel: id, err }, 'backlog not read'));
    const done = Promise.race([all, delay(PATIENCE_MS, undefined, { ref: false })]).then(() => {
      if (reading.get(id) === done) reading.delete(id);
    });
    reading.set(id, done);
  }

  async function readAll(shard: number): Promise<void> {
    // Its answer tells Discord's time: since the last one, this machine's clock may have been set.
    await insist(() => client.rest.get(Routes.gatewayBot()));
    if (settings.maxAgeMs === 0) return;
    const since = settings.now() - settings.maxAgeMs;
    const channels = client.channels.cache.filter((channel) => channel.isTextBased() && isOnShard(channel, shard));
    for (const channel of channels.values()) {
      if (channel.isTextBased() && mayHaveMissed(channel, since)) read(channel.id, () => readChannel(channel, since));
    }
    if (shard !== 0) return;
    for (const id of await settings.directChannels()) read(id, () => readDirect(id, since));
  }

  async function readDirect(id: string, since: number): Promise<void> {
    await settings.pace.allow('preview');
    const channel = await client.channels.fetch(id);
    if (channel?.isDMBased() && channel.isTextBased() && mayHaveMissed(channel, since))
      await readChannel(channel, since);
  }

  async function readChannel(channel: TextBasedChannel, since: number): Promise<void> {
    let after = SnowflakeUtil.generate({ timestamp: since }).toString();
    for (let page = 0; page < MOST_PAGES; page++) {
      const messages = await insist(async (): Promise<Collection<string, Message>> => {
        await settings.pace.allow('preview');
        return channel.messages.fetch({ after, limit: PAGE, cache: false });
      });
      for (const message of [...messages.values()].reverse()) await settings.takeMissed(message);
      after = messages.firstKey() ?? after;
      if (messages.size < PAGE) return;
    }
    log.warn({ channel: channel.id }, 'backlog too long; the rest of it is left');
  }

  client.ws.on(GatewayDispatchEvents.Ready, (_data: unknown, shard: number) => {
    const servers = new Promise<void>((resolve) => {
      const arrived = (id: number) => {
        if (id === shard) resolve();
      };
      client.on(Events.ShardReady, arrived);
      delay(ARRIVAL_MS, undefined, { ref: false }).then(() => {
        client.off(Events.ShardReady, arrived);
        resolve();
      });
    });
    const planned = servers
      .then(() => readAll(shard))
      .catch((err) => log.warn({ shard, err }, 'backlog not read'))
      .then(() => {
        if (arriving.get(shard) === planned) arriving.delete(shard);
      });
    arriving.set(shard, planned);
  });

  return async (message) => {
    for (;;) {
      const before = arriving.get(message.guild?.shardId ?? 0) ?? reading.get(message.channelId);
      if (!before) break;
      await before;
    }
    await take(message);
  };
}

const isOnShard = (channel: TextBasedChannel, shard: number): boolean =>
  !channel.isDMBased() && channel.guild.shardId === shard;

/** Whether something was said since then that the bot may read. An id holds the time at which it was made ("Snowflakes"). */
function mayHaveMissed(channel: TextBasedChannel, since: number): boolean {
  if (!channel.lastMessageId || SnowflakeUtil.timestampFrom(channel.lastMessageId) < since) return false;
  return channel.isDMBased() || mayRead(channel);
}

function mayRead(channel: GuildTextBasedChannel): boolean {
  const { me } = channel.guild.members;
  const needed = PermissionFlagsBits.ViewChannel | PermissionFlagsBits.ReadMessageHistory;
  return me !== null && channel.permissionsFor(me).has(needed);
}

async function insist<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
    await delay(Math.min(AGAIN_MS * 2 ** (attempt - 1), LONGEST_WAIT_MS), undefined, { ref: false });
  }
}
