import { parseArgs } from 'node:util';
import dotenv from 'dotenv';
import { isForSandbox, readConfig, readSandboxConfig } from './config.js';
import { ConfigError } from './errors.js';
import { loadTokenizer } from './tokens.js';

/** Ends a process that can't do its work, with the reason for its operator; a fault of ours shows where it is. */
function stopAtOnce(error: unknown): never {
  console.error(error instanceof ConfigError ? error.message : error instanceof Error ? error.stack : error);
  process.exit(1);
}

/** Starts the bot. What the sandbox needs is never loaded for it, and the other way round. */
async function start(): Promise<void> {
  const config = readConfig(process.env);
  const { startBot } = await import('./bot.js');
  await startBot(config, stopAtOnce);
}

/** Starts a Discord of one's own, and this program again as the bot in it. */
async function startSandbox(mode: 'usual' | 'offline' | 'only'): Promise<void> {
  const config = readSandboxConfig(process.env);
  const { runSandbox } = await import('./sandbox/main.js');
  await runSandbox({
    program: new URL(import.meta.url),
    environment: process.env,
    page: new URL('../page/', import.meta.url),
    port: config.SANDBOX_PORT,
    chatApi:
      config.hasChatApi && mode === 'usual'
        ? {
            name: new URL(config.OPENAI_BASE_URL).host,
            baseUrl: config.OPENAI_BASE_URL,
            model: config.OPENAI_MODEL,
            apiKey: config.OPENAI_API_KEY,
          }
        : undefined,
    preferredModel: config.OPENAI_MODEL,
    isOffline: mode === 'offline',
    isForOthers: mode === 'only',
    loadTokenizer,
    secrets: [process.env.DISCORD_TOKEN ?? '', process.env.OPENAI_API_KEY ?? ''],
  });
}

/** What stands behind the program's name: `--sandbox`, and with it `--offline` or `--only`. */
function readArguments(): { readonly sandbox: boolean; readonly mode: 'usual' | 'offline' | 'only' } {
  const flag = { type: 'boolean', default: false } as const;
  try {
    const { values } = parseArgs({ options: { sandbox: flag, offline: flag, only: flag } });
    return {
      sandbox: values.sandbox || values.offline || values.only,
      mode: values.only ? 'only' : values.offline ? 'offline' : 'usual',
    };
  } catch (error) {
    throw new ConfigError('It takes --sandbox, and with it --offline or --only, and nothing else.', { cause: error });
  }
}

dotenv.config({ quiet: true });
try {
  const { sandbox, mode } = readArguments();
  if (sandbox || isForSandbox(process.env)) await startSandbox(mode);
  else await start();
} catch (error) {
  stopAtOnce(error);
}
