import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type RESTGetCurrentApplicationResult as Application,
  ApplicationFlags,
  Client,
  DefaultRestOptions,
  DiscordAPIError,
  Events,
  GatewayCloseCodes,
  GatewayDispatchEvents,
  GatewayIntentBits,
  OAuth2Scopes,
  Options,
  Partials,
  PermissionFlagsBits,
  REST,
  type RESTOptions,
  Routes,
  SnowflakeUtil,
} from 'discord.js';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Chat } from '../chat.js';
import type { Command } from '../command.js';
import { ConfigError } from '../errors.js';
import { type Address, readAddress } from './address.js';
import { followBacklog } from './backlog.js';
import { createInteractions } from './interaction.js';
import { createMessages } from './message.js';
import { createPace, type DiscordPace } from './pace.js';
import { registerCommands } from './register.js';

export interface DiscordSettings {
  readonly token: string;
  /** The base of the REST API, without the version. */
  readonly apiUrl: string;
  /** Requests that Discord allows in all. */
  readonly requestsPerSecond: number;
  readonly chat: Chat;
  readonly commands: readonly Command[];
  readonly log: Logger;
  /** How old a question may be, in milliseconds, that was missed or left behind by another process, to be answered unasked. */
  readonly catchUpMs: number;
  /** Told once, when Discord has ended the connection for good, why; the message is for the operator. */
  onLost(reason: ConfigError): void;
}

/** The bot on Discord, connected. */
export interface Bot {
  readonly name: string;
  readonly servers: number;
  readonly readsAllMessages: boolean;
  /** Resolves when Discord knows the commands, or could not be told. */
  readonly registered: Promise<void>;
  /** The address at which somebody can add the bot to a server, with the least permissions it needs. */
  readonly invite: string;
  /** Takes no further events. Resolves when those that were taken have their places. */
  silence(): Promise<void>;
  close(): Promise<void>;
}

/** How long the gateway may take to say goodbye. */
const CLOSE_MS = 500;

/** What the bot needs in a server: to see, to write, to reply (which takes the history) and to mark what waits. */
const permissions =
  PermissionFlagsBits.ViewChannel |
  PermissionFlagsBits.SendMessages |
  PermissionFlagsBits.SendMessagesInThreads |
  PermissionFlagsBits.ReadMessageHistory |
  PermissionFlagsBits.AddReactions;

/**
 * Connects to Discord, registers the commands and answers from then on.
 *
 * @throws {ConfigError} when Discord does not accept the token, or can't be reached
 */
export async function connectToDiscord(settings: DiscordSettings): Promise<Bot> {
  const { token, apiUrl, chat, commands, log } = settings;
  const pace = createPace(settings.requestsPerSecond);
  const rest = countedBy(pace, apiUrl);
  const clock = createClock();
  const application = await readApplication(token, rest, clock);
  const readsAllMessages = hasContentIntent(application);
  const client = createClient(rest, readsAllMessages);
  client.rest.setToken(token);
  const me = application.bot?.id ?? application.id;
  const means = { chat, rest: client.rest, pace, me, log };
  const messages = createMessages(means);
  const { directChannels } = chat;
  const { hear, whenRead, forget, letGo } = followBacklog({
    ...{ client, pace, log, directChannels, now: clock.now, maxAgeMs: settings.catchUpMs },
    ...{ take: messages.onMessage, takeMissed: messages.onMissed },
  });
  const interactions = createInteractions({ ...means, commands, whenRead });

  const caught =
    <Event extends { readonly id: string; readonly channelId: string | null }>(
      what: string,
      handle: (event: Event) => Promise<void>,
    ) =>
    (event: Event) => {
      const { id, channelId: channel } = event;
      // What can't be known again by its id is not taken.
      const handled = Identified.safeParse(event).success ? handle(event) : Promise.reject(new Error('It has no id.'));
      return handled.catch((err) => log.warn({ id, channel, err }, what));
    };

  client.rest.on('response', ({ method, path }, { status, headers }) => {
    clock.learn(headers.get('date'));
    pace.learn(method, path, (name) => headers.get(name));
    // The library forgets a token that is refused once, and would go on without one.
    if (status === 401 && countsGlobally(path)) settings.onLost(new ConfigError(refusedToken));
  });
  client.on(Events.Error, (err) => log.warn({ err }, 'gateway error'));
  client.on(Events.ShardError, (err, shard) => log.warn({ shard, err }, 'gateway connection error'));
  client.on(Events.Warn, (message) => log.warn(message));
  client.on(Events.Debug, (message) => log.debug(message));
  client.on(Events.ShardDisconnect, ({ code }) => settings.onLost(whyLost(code)));
  logOutages(client, log);
  loseWhatIsUnreadable(client, log);
  keepQuotes(client);
  client.on(Events.MessageCreate, caught('message not answered', hear));
  const withdraw = (data: unknown) => {
    for (const id of namedIn(data)) {
      forget(id);
      chat.withdraw(id);
    }
  };
  client.ws.on(GatewayDispatchEvents.MessageDelete, withdraw);
  client.ws.on(GatewayDispatchEvents.MessageDeleteBulk, withdraw);
  client.on(Events.ChannelDelete, ({ id }) => chat.leave(id));
  client.on(Events.ThreadDelete, ({ id }) => chat.leave(id));
  // Before the library forgets which channels they were; where a server is only unavailable, it will be back.
  client.ws.on(GatewayDispatchEvents.GuildDelete, (data: unknown) => {
    const channels = namedIn(data).flatMap((id) => [...(client.guilds.cache.get(id)?.channels.cache.keys() ?? [])]);
    channels.forEach(chat.leave);
  });
  client.on(
    Events.InteractionCreate,
    caught('interaction not answered', async (interaction) => {
      if (interaction.isChatInputCommand()) await interactions.onCommand(interaction);
      else if (interaction.isModalSubmit()) await interactions.onForm(interaction);
      else if (interaction.isButton()) await interactions.onButton(interaction);
    }),
  );
  await chat.resume(
    (left) => {
      const address = readAddress(left.address);
      return address?.kind === 'message' ? messages.revive(address) : address && interactions.revive(address, left);
    },
    ({ address }) => settings.catchUpMs === 0 || clock.now() - askedAt(readAddress(address)) > settings.catchUpMs,
  );

  const ready = new Promise<Client<true>>((resolve) => client.once(Events.ClientReady, resolve));
  await client.login(token).catch((error) => {
    throw unreachable(error);
  });
  const { user, guilds } = await ready;
  log.info({ servers: guilds.cache.size, readsAllMessages }, 'ready');
  // Not awaited: questions are answered from here on, and whoever started the bot has to be able to end it.
  const registered = registerCommands(client.rest, application.id, commands).then(
    (isChanged) => log.info({ isChanged }, 'slash commands registered'),
    (err) => log.error({ err }, 'slash commands not registered; those that Discord has still work'),
  );

  return {
    name: user.tag,
    servers: guilds.cache.size,
    readsAllMessages,
    registered,
    invite: inviteTo(application.id),
    silence() {
      client.removeAllListeners(Events.MessageCreate);
      client.removeAllListeners(Events.InteractionCreate);
      return letGo();
    },
    async close() {
      await messages.settle();
      client.removeAllListeners(Events.ShardReconnecting);
      // A connection that is half dead would be waited for; what matters has been said by now.
      await Promise.race([client.destroy(), delay(CLOSE_MS, undefined, { ref: false })]);
    },
  };
}

/** One line when a connection is lost and one when it is back, however many attempts lie between. */
function logOutages(client: Client, log: Logger): void {
  const lost = new Set<number>();
  client.on(Events.ShardReconnecting, (shard) => {
    if (!lost.has(shard)) log.info({ shard }, 'gateway connection lost; connecting again');
    lost.add(shard);
  });
  const isBack = (shard: number) => {
    if (lost.delete(shard)) log.info({ shard }, 'gateway connected again');
  };
  client.on(Events.ShardResume, isBack);
  client.on(Events.ShardReady, isBack);
}

const snowflake = z.string().regex(/^\d{1,20}$/);
const Identified = z.object({ id: snowflake, channelId: snowflake.nullable() });
const Deleted = z.union([
  z.object({ id: snowflake, unavailable: z.literal(false).optional() }).transform(({ id }) => [id]),
  z.object({ ids: z.array(snowflake) }).transform(({ ids }) => ids),
]);

/** The ids of what has been deleted for good. */
const namedIn = (data: unknown): readonly string[] => Deleted.safeParse(data).data ?? [];

const Reply = z.object({ channel_id: snowflake, referenced_message: z.object({ id: snowflake }) });

/**
 * A reply brings along what it replies to. The library puts that into its cache first and makes room for the reply then, by
 * what stands there longest: which must not be the very message that the reply is to.
 */
function keepQuotes(client: Client): void {
  client.ws.on(GatewayDispatchEvents.MessageCreate, (data: unknown) => {
    const { data: reply } = Reply.safeParse(data);
    if (!reply) return;
    const channel = client.channels.cache.get(reply.channel_id);
    if (channel?.isTextBased()) channel.messages.cache.delete(reply.referenced_message.id);
  });
}

/** The library reads events in nobody's care: one that can't be read would end the process. It is lost instead. */
function loseWhatIsUnreadable(client: Client, log: Logger): void {
  // The library's types leave it out, as its own affair; but nothing else stands before all that it reads.
  const reader = client.ws as unknown as {
    handlePacket(packet: { readonly t: string } | undefined, shard: unknown): boolean;
  };
  const read = reader.handlePacket.bind(reader);
  reader.handlePacket = (packet, shard) => {
    try {
      return read(packet, shard);
    } catch (err) {
      log.warn({ event: packet?.t, err }, 'event not read');
      return true;
    }
  };
}

/** How much of what the gateway sends is read in a round of the event loop, in bytes. */
const PIECE_BYTES = 32 * 1024;

/**
 * Has what the gateway sends read in pieces. Node takes all that it can get at a time, which in a flood of events are
 * hundreds; everything else, as heartbeats and answers, is to have its turn in between.
 */
function readInPieces(told: unknown): void {
  const { request } = told as { readonly request: ClientRequest }; // as documented
  if (request.getHeader('upgrade') !== 'websocket') return;
  request.once('upgrade', (_response, socket: Socket) => {
    let read = 0;
    socket.on('data', (bytes: Buffer) => {
      if (read === 0) {
        setImmediate(() => {
          read = 0;
        });
      }
      read += bytes.length;
      // Where it is paused already its reader has enough, and will say when it goes on.
      if (read < PIECE_BYTES || socket.isPaused()) return;
      socket.pause();
      setImmediate(() => socket.resume());
    });
  });
}

// Node tells of each request that is sent ("Diagnostics Channel", HTTP), and a websocket begins with one: in this process,
// the gateway's alone.
subscribe('http.client.request.start', readInPieces);

function inviteTo(applicationId: string): string {
  const invite = new URL('https://discord.com/oauth2/authorize');
  invite.searchParams.set('client_id', applicationId);
  invite.searchParams.set('scope', `${OAuth2Scopes.Bot} ${OAuth2Scopes.ApplicationsCommands}`);
  invite.searchParams.set('permissions', String(permissions));
  return invite.href;
}

async function readApplication(token: string, options: Partial<RESTOptions>, clock: Clock): Promise<Application> {
  const rest = new REST({ ...options, version: '10' }).setToken(token);
  rest.on('response', (_request, { headers }) => clock.learn(headers.get('date')));
  try {
    // Discord answers in the shape that it documents; only the id and the flags are used.
    return (await rest.get(Routes.currentApplication())) as Application;
  } catch (error) {
    throw unreachable(error);
  }
}

type Clock = ReturnType<typeof createClock>;

/** Discord's time, as its answers tell it: how old a question is should not hang on what this machine's clock is set to. */
function createClock() {
  let ahead = Date.now() - performance.now();
  return {
    learn(date: string | null): void {
      const told = Date.parse(date ?? '');
      if (!Number.isNaN(told)) ahead = told - performance.now();
    },
    now: () => Math.round(performance.now() + ahead),
  };
}

/** When the question at an address was asked: its id tells ("Snowflakes"). */
const askedAt = (address: Address | undefined): number =>
  address === undefined
    ? 0
    : SnowflakeUtil.timestampFrom(address.kind === 'message' ? address.questionId : address.interactionId);

const refusedToken =
  'DISCORD_TOKEN is not accepted by Discord. Copy the token anew from the Bot page of the developer portal.';

function unreachable(error: unknown): ConfigError {
  const status = error instanceof DiscordAPIError ? error.status : undefined;
  if (status === 401 || (error instanceof Error && 'code' in error && error.code === 'TokenInvalid')) {
    return new ConfigError(refusedToken, { cause: error });
  }
  const why = status ? `it answered ${status}` : reasonOf(error);
  return new ConfigError(`Discord can’t be reached (${why}). Is it up, and DISCORD_API_URL right?`, { cause: error });
}

const reasonOf = (error: unknown): string =>
  error instanceof Error
    ? 'code' in error && typeof error.code === 'string'
      ? error.code
      : error.message
    : 'no reason';

/** Asking for the intent where it is switched off would end the connection; the flags tell beforehand ("Gateway", privileged intents). */
const hasContentIntent = ({ flags }: Application): boolean =>
  (flags & (ApplicationFlags.GatewayMessageContent | ApplicationFlags.GatewayMessageContentLimited)) !== 0;

/** Why a gateway connection has ended for good ("Gateway close event codes"). */
function whyLost(code: number): ConfigError {
  if (code === GatewayCloseCodes.AuthenticationFailed) return new ConfigError(refusedToken);
  if (code === GatewayCloseCodes.DisallowedIntents) {
    return new ConfigError(
      'Discord refuses the Message Content Intent. Switch it off and on again under Privileged Gateway Intents on the Bot page of the developer portal.',
    );
  }
  return new ConfigError(
    `Discord has ended the connection for good (${code}, ${GatewayCloseCodes[code] ?? 'unknown'}).`,
  );
}

/** Interaction endpoints are not bound to the global limit ("Rate Limits"), nor are the webhook routes of their tokens. */
const countsGlobally = (path: string): boolean => !/\/(interactions|webhooks)\//.test(path);

const isFollowUp = (path: string, method?: string): boolean =>
  method === 'POST' && /\/webhooks\/\d+\/[^/]+$/.test(path.split('?')[0] ?? '');

const isCallback = (path: string): boolean => /\/interactions\/[^/]+\/[^/]+\/callback$/.test(path.split('?')[0] ?? '');

/** How long the first response to an interaction may take: Discord gives three seconds ("Receiving and Responding"). */
const CALLBACK_MS = 3000;

/** The wait after a 429 that tells none. */
const UNTOLD_WAIT_S = 5;

/** Sends a request, and makes good what the library would do wrong with its answer. */
const send: RESTOptions['makeRequest'] = async (address, init) => {
  const response = await DefaultRestOptions.makeRequest(address, init);
  // An answer whose request is repeated is left unread; what breaks amid it would be caught by nobody.
  if (response.body instanceof Readable) response.body.on('error', () => {});
  // Where no wait is told it would repeat at once, again and again, and Discord bans an address for that ("Rate Limits").
  if (response.status === 429 && !response.headers.has('retry-after')) {
    response.headers.set('retry-after', String(UNTOLD_WAIT_S));
  }
  return response;
};

/** The library repeats what failed; but a follow-up that took effect all the same would then stand there twice. */
const makeOnce: RESTOptions['makeRequest'] = async (address, init) => {
  const response = await send(address, init).catch((cause: unknown) => {
    throw new Error('No answer came.', { cause });
  });
  if (response.status >= 500) throw new Error(`The answer was ${response.status}.`);
  return response;
};

/** A first response that is repeated after its time would be refused, and its question given up. */
const makeInTime: RESTOptions['makeRequest'] = async (address, init) => {
  const late = delay(CALLBACK_MS, undefined, { ref: false }).then(() => {
    throw new Error('No answer came in time.');
  });
  return Promise.race([send(address, init), late]);
};

/** Each use of a command has routes of its own, whose limits the library would remember for hours. In milliseconds. */
const sweeping = { handlerSweepInterval: 60_000, hashSweepInterval: 300_000, hashLifetime: 1_200_000 };

/** Requests are allowed where their urgency is known, and counted where they are sent. The library holds back none. */
const countedBy = (pace: DiscordPace, apiUrl: string): Partial<RESTOptions> => ({
  api: apiUrl,
  globalRequestsPerSecond: Number.POSITIVE_INFINITY,
  ...sweeping,
  async makeRequest(address, init) {
    if (isFollowUp(address, init.method)) return makeOnce(address, init);
    if (isCallback(address)) return makeInTime(address, init);
    if (!countsGlobally(address)) return send(address, init);
    pace.hasSent();
    try {
      return await send(address, init);
    } finally {
      pace.hasAnswered();
    }
  },
});

/** The caches hold what answering needs, and stay small over thousands of channels. */
const createClient = (rest: Partial<RESTOptions>, readsAllMessages: boolean): Client =>
  new Client({
    intents: [
      GatewayIntentBits.Guilds,
      GatewayIntentBits.GuildMessages,
      GatewayIntentBits.DirectMessages,
      ...(readsAllMessages ? [GatewayIntentBits.MessageContent] : []),
    ],
    // A direct message comes from a channel that the library has not seen before.
    partials: [Partials.Channel],
    allowedMentions: { parse: [] },
    failIfNotExists: false,
    rest,
    makeCache: Options.cacheWithLimits({
      ...Options.DefaultMakeCacheSettings,
      MessageManager: 2,
      ReactionManager: 0,
      ReactionUserManager: 0,
      PresenceManager: 0,
      VoiceStateManager: 0,
      ThreadMemberManager: 0,
      GuildScheduledEventManager: 0,
      StageInstanceManager: 0,
      GuildEmojiManager: 0,
      GuildStickerManager: 0,
      GuildMemberManager: { maxSize: 50, keepOverLimit: ({ id, client }) => id === client.user.id },
      UserManager: { maxSize: 200, keepOverLimit: ({ id, client }) => id === client.user?.id },
    }),
  });
