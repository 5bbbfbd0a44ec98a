import { setFlagsFromString } from 'node:v8';
import { createChat } from './chat.js';
import { loadCommands } from './command.js';
import { type Config, modelSettings } from './config.js';
import { claim } from './database.js';
import { connectToDiscord } from './discord/client.js';
import type { ConfigError } from './errors.js';
import { createLog } from './log.js';
import { createModel } from './model/model.js';
import { openStore } from './store.js';
import { loadTokenizer } from './tokens.js';

/** How long running answers may take to end when the process is asked to; containers give ten seconds in all. */
const GRACE_MS = 7_000;

/** By how many percent what is in use may grow until it is tidied up; else it would be up to four times as much. */
const HEAP_GROWING_PERCENT = 100;

/**
 * Starts the bot: settings, store, model, chat, Discord; and the way back when the process is to end.
 *
 * @param onLost is told when Discord has ended the connection for good
 * @throws {ConfigError} when the bot can't start; the message is for its operator
 */
export async function startBot(config: Config, onLost: (reason: ConfigError) => void): Promise<void> {
  // Small machines are short of memory, and not only of time.
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  const secrets = [config.DISCORD_TOKEN, config.OPENAI_API_KEY ?? ''];
  const log = createLog(config.LOG_LEVEL, secrets, (line) => process.stderr.write(line));
  // Where nobody reads the log any more, answers still matter.
  process.stderr.on('error', () => {});
  process.on('uncaughtException', (err) => {
    log.fatal({ err }, 'a fault in Parley');
    process.exit(1);
  });
  // Such as garbage on the gateway, which the library reads in nobody's care: no reason to leave everybody.
  process.on('unhandledRejection', (err) => log.fatal({ err }, 'a fault that nobody caught; going on'));
  const commands = await loadCommands(new URL('../commands/', import.meta.url));
  claim(config.DATABASE_PATH);
  const store = openStore(config.DATABASE_PATH, (seq) => log.error({ seq }, 'a turn in the database can’t be read'));
  const chat = createChat({
    store,
    model: createModel({
      ...modelSettings(config),
      onRetry: (err, waitMs, attempt) => log.warn({ err, waitMs, attempt }, 'the chat API failed; trying again'),
    }),
    count: await loadTokenizer(),
    log,
    systemPrompt: config.SYSTEM_PROMPT,
    contextTokens: config.CONTEXT_TOKENS,
    maxConcurrent: config.MAX_CONCURRENT,
    maxWaitingPerPerson: config.MAX_WAITING_PER_PERSON,
    maxWaitingPerChannel: config.MAX_WAITING_PER_CHANNEL,
  });
  const bot = await connectToDiscord({
    token: config.DISCORD_TOKEN,
    apiUrl: config.DISCORD_API_URL,
    requestsPerSecond: config.DISCORD_REQUESTS_PER_SECOND,
    chat,
    commands,
    log,
    catchUpMs: config.CATCH_UP_MINUTES * 60_000,
    onLost,
  });

  const stop = async (signal: NodeJS.Signals | 'disconnect') => {
    // A second signal means at once.
    for (const again of ['SIGINT', 'SIGTERM', 'disconnect'] as const) process.removeAllListeners(again);
    log.info({ signal }, 'stopping');
    await bot.silence();
    await chat.close(GRACE_MS);
    await bot.close();
    await store.close();
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  // A bot that was started by the sandbox ends with it, even where the sandbox was killed.
  if (process.connected) process.once('disconnect', () => stop('disconnect'));

  const servers = bot.servers === 1 ? '1 server' : `${bot.servers} servers`;
  console.log(`Parley answers as ${bot.name} in ${servers}, with ${config.OPENAI_MODEL}.`);
  console.log(`Add it to a server: ${bot.invite}`);
}
