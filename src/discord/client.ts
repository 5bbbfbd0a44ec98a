import { setTimeout as delay } from 'node:timers/promises';
import {
  type RESTGetCurrentApplicationResult as Application,
  ApplicationFlags,
  Client,
  DiscordAPIError,
  Events,
  GatewayCloseCodes,
  GatewayIntentBits,
  type Message,
  OAuth2Scopes,
  Options,
  Partials,
  PermissionFlagsBits,
  REST,
  Routes,
} from 'discord.js';
import type { Logger } from 'pino';
import type { Audience, Chat } from '../chat.js';
import type { Command } from '../command.js';
import { ConfigError } from '../errors.js';
import { paintReply } from '../reply.js';
import { createInteractions } from './interaction.js';
import { missingPermissions, readMention } from './mention.js';
import { createPace, type DiscordPace } from './pace.js';
import { registerCommands } from './register.js';
import { messageSurface, noPings, replyTo } from './surface.js';

export interface DiscordSettings {
  readonly token: string;
  /** The base of the REST API, without the version. */
  readonly apiUrl: string;
  readonly chat: Chat;
  readonly commands: readonly Command[];
  readonly log: Logger;
  /** Told once, when Discord has ended the connection for good, why; the message is for the operator. */
  onLost(reason: ConfigError): void;
}

/** The bot on Discord, connected. */
export interface Bot {
  readonly name: string;
  readonly servers: number;
  readonly readsAllMessages: boolean;
  /** The address at which somebody can add the bot to a server, with the least permissions it needs. */
  readonly invite: string;
  /** Takes no further events. */
  silence(): void;
  close(): Promise<void>;
}

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
  const application = await readApplication(token, apiUrl);
  const readsAllMessages = hasContentIntent(application);
  const client = createClient(apiUrl, readsAllMessages);
  const pace = createPace();
  const interactions = createInteractions(commands, chat, pace);

  const caught =
    <Event>(what: string, handle: (event: Event) => Promise<void>) =>
    (event: Event) =>
      handle(event).catch((err) => log.warn({ err }, what));

  client.rest.on('response', ({ method, path }, { headers }) => pace.learn(method, path, (name) => headers.get(name)));
  client.on(Events.Error, (err) => log.warn({ err }, 'gateway error'));
  client.on(Events.Warn, (message) => log.warn(message));
  client.on(Events.ShardDisconnect, ({ code }) => settings.onLost(whyLost(code)));
  client.on(Events.ShardReconnecting, (shard) => log.info({ shard }, 'gateway reconnecting'));
  client.on(Events.ShardResume, (shard, events) => log.info({ shard, events }, 'gateway resumed'));
  client.on(
    Events.MessageCreate,
    caught('message not answered', (message) => onMessage(message, chat, pace, log)),
  );
  client.on(
    Events.InteractionCreate,
    caught('interaction not answered', async (interaction) => {
      if (interaction.isChatInputCommand()) await interactions.onCommand(interaction);
      else if (interaction.isModalSubmit()) await interactions.onForm(interaction);
    }),
  );

  const ready = new Promise<Client<true>>((resolve) => client.once(Events.ClientReady, resolve));
  await client.login(token).catch((error) => {
    throw unreachable(error);
  });
  const { user, guilds } = await ready;
  const registered = await registerCommands(client.rest, application.id, commands);
  log.info({ registered, servers: guilds.cache.size, readsAllMessages }, 'ready');

  return {
    name: user.tag,
    servers: guilds.cache.size,
    readsAllMessages,
    invite: client.generateInvite({ scopes: [OAuth2Scopes.Bot, OAuth2Scopes.ApplicationsCommands], permissions }),
    silence() {
      client.removeAllListeners(Events.MessageCreate);
      client.removeAllListeners(Events.InteractionCreate);
    },
    close: () => client.destroy(),
  };
}

async function readApplication(token: string, apiUrl: string): Promise<Application> {
  const rest = new REST({ api: apiUrl, version: '10' }).setToken(token);
  try {
    // Discord answers in the shape that it documents; only the id and the flags are used.
    return (await rest.get(Routes.currentApplication())) as Application;
  } catch (error) {
    throw unreachable(error);
  }
}

const refusedToken =
  'DISCORD_TOKEN is not accepted by Discord. Copy the token anew from the Bot page of the developer portal.';

function unreachable(error: unknown): ConfigError {
  const status = error instanceof DiscordAPIError ? error.status : undefined;
  if (status === 401 || (error instanceof Error && 'code' in error && error.code === 'TokenInvalid')) {
    return new ConfigError(refusedToken, { cause: error });
  }
  return new ConfigError(
    `Discord can’t be reached${status ? ` (it answered ${status})` : ''}. Is it up, and DISCORD_API_URL right?`,
    { cause: error },
  );
}

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

/** The caches hold what answering needs, and stay small over thousands of channels. */
const createClient = (apiUrl: string, readsAllMessages: boolean): Client =>
  new Client({
    intents: [
      GatewayIntentBits.Guilds,
      GatewayIntentBits.GuildMessages,
      GatewayIntentBits.DirectMessages,
      ...(readsAllMessages ? [GatewayIntentBits.MessageContent] : []),
    ],
    // A direct message comes from a channel that the library has not seen before.
    partials: [Partials.Channel],
    allowedMentions: noPings,
    failIfNotExists: false,
    // Requests are counted where their urgency is known; Discord's own word on its limits is obeyed all the same.
    rest: { api: apiUrl, globalRequestsPerSecond: Number.POSITIVE_INFINITY },
    makeCache: Options.cacheWithLimits({
      ...Options.DefaultMakeCacheSettings,
      MessageManager: 5,
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

/** The line of a mention: read it, answer it, show the answer. */
async function onMessage(message: Message, chat: Chat, pace: DiscordPace, log: Logger): Promise<void> {
  const mention = readMention(message);
  if (!mention) return;
  const missing = missingPermissions(message);
  if (missing.length > 0) {
    log.warn({ channel: message.channelId, missing }, 'message not answered: permissions are missing');
    return;
  }
  if (mention.kind === 'question') return chat.answer(mention.question, createAudience(message, pace));
  await pace.allow('text');
  await replyTo(message, { content: mention.hint, nonce: message.id, enforceNonce: true });
}

/** The mark on a question that waits behind another, and how soon it is set. */
const WAITING_MARK = '⏳';
const MARK_AFTER_MS = 400;

/** Those who see a message: they see that it waits, and then its answer. */
function createAudience(message: Message, pace: DiscordPace): Audience {
  const route = Routes.channelMessageOwnReaction(message.channelId, message.id, encodeURIComponent(WAITING_MARK));
  const waiting = new AbortController();
  let marking: Promise<boolean> = Promise.resolve(false);

  const mark = async () => {
    await pace.allow('sign', waiting.signal);
    await message.client.rest.put(route);
    return true;
  };
  const unmark = async () => {
    waiting.abort();
    if (!(await marking)) return;
    await pace.allow('sign');
    await message.client.rest.delete(route);
  };

  return {
    waits() {
      marking = delay(MARK_AFTER_MS, undefined, { signal: waiting.signal, ref: false })
        .then(mark)
        .catch(() => false);
    },
    async reply(answer) {
      // A mark that can't be set or taken away is no reason to keep the answer back.
      unmark().catch(() => {});
      await paintReply(answer, messageSurface(message, pace));
    },
  };
}
