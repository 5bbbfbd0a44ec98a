import dotenv from 'dotenv';
import type { Logger } from 'pino';
import { createChat } from './chat.js';
import { loadCommands } from './command.js';
import { type Config, readConfig } from './config.js';
import { connectToDiscord } from './discord/client.js';
import { ConfigError, type ModelError } from './errors.js';
import { createLog } from './log.js';
import { createModel } from './model/model.js';
import { openStore } from './store.js';
import { loadTokenizer } from './tokens.js';

/** How long running answers may take to end when the process is asked to; containers give ten seconds in all. */
const GRACE_MS = 8_000;

/** Starts the bot: settings, store, model, chat, Discord; and the way back when the process is to end. */
async function start(config: Config): Promise<void> {
  const secrets = [config.DISCORD_TOKEN, config.OPENAI_API_KEY ?? ''];
  const log = createLog(config.LOG_LEVEL, secrets, (line) => process.stderr.write(line));
  process.on('uncaughtException', (err) => {
    log.fatal({ err }, 'a fault in Parley');
    process.exit(1);
  });
  const commands = await loadCommands(new URL('../commands/', import.meta.url));
  const store = openStore(config.DATABASE_PATH);
  const chat = createChat({
    store,
    model: createModel(modelSettings(config, log)),
    count: await loadTokenizer(),
    log,
    systemPrompt: config.SYSTEM_PROMPT,
    contextTokens: config.CONTEXT_TOKENS,
    maxConcurrent: config.MAX_CONCURRENT,
  });
  const bot = await connectToDiscord({
    token: config.DISCORD_TOKEN,
    apiUrl: config.DISCORD_API_URL,
    chat,
    commands,
    log,
    onLost: stopAtOnce,
  });

  const stop = async (signal: NodeJS.Signals) => {
    // A second signal means at once.
    for (const again of ['SIGINT', 'SIGTERM'] as const) process.removeAllListeners(again);
    log.info({ signal }, 'stopping');
    bot.silence();
    await chat.close(GRACE_MS);
    await bot.close();
    await store.close();
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);

  const servers = bot.servers === 1 ? '1 server' : `${bot.servers} servers`;
  console.log(`Parley answers as ${bot.name} in ${servers}, with ${config.OPENAI_MODEL}.`);
  console.log(`Add it to a server: ${bot.invite}`);
}

/** The settings that the model needs, in its own words. */
const modelSettings = (config: Config, log: Logger) => ({
  apiKey: config.OPENAI_API_KEY,
  baseUrl: config.OPENAI_BASE_URL,
  model: config.OPENAI_MODEL,
  temperature: config.OPENAI_TEMPERATURE,
  topP: config.OPENAI_TOP_P,
  maxTokens: config.OPENAI_MAX_TOKENS,
  frequencyPenalty: config.OPENAI_FREQUENCY_PENALTY,
  presencePenalty: config.OPENAI_PRESENCE_PENALTY,
  stream: config.OPENAI_STREAM,
  timeoutMs: config.OPENAI_TIMEOUT * 1000,
  onRetry: (failure: ModelError, waitMs: number, attempt: number) =>
    log.warn({ err: failure, waitMs, attempt }, 'the chat API failed; trying again'),
});

/** Ends a process that can't do its work, with the reason for its operator; a fault of ours shows where it is. */
function stopAtOnce(error: unknown): never {
  console.error(error instanceof ConfigError ? error.message : error instanceof Error ? error.stack : error);
  process.exit(1);
}

dotenv.config({ quiet: true });
try {
  await start(readConfig(process.env));
} catch (error) {
  stopAtOnce(error);
}
