import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createChat } from '../../src/chat.js';
import { loadCommands } from '../../src/command.js';
import { connectToDiscord } from '../../src/discord/client.js';
import type { ConfigError } from '../../src/errors.js';
import { createLog } from '../../src/log.js';
import { createModel } from '../../src/model/model.js';
import { startDiscord } from '../../src/sandbox/discord.js';
import { startModel } from '../../src/sandbox/model/model.js';
import { openStore } from '../../src/store.js';
import { loadTokenizer } from '../../src/tokens.js';

type Discord = Awaited<ReturnType<typeof startDiscord>>;

export interface HomeOptions {
  readonly messageContent?: 'off' | 'limited' | 'on';
  readonly discord?: Parameters<typeof startDiscord>[0];
  readonly timeoutMs?: number;
  readonly contextTokens?: number;
  readonly maxConcurrent?: number;
  readonly maxWaitingPerPerson?: number;
  readonly maxWaitingPerChannel?: number;
  readonly catchUpMs?: number;
  readonly permissions?: Parameters<ReturnType<Discord['guild']>['install']>[1];
}

/** A server with two people, two channels and an app, and a chat API: all there is but the bot. */
export async function openSandbox({ messageContent = 'off', discord: options, permissions }: HomeOptions = {}) {
  const discord = await startDiscord(options);
  const model = await startModel();
  onTestFinished(async () => {
    await discord.close();
    await model.close();
  });
  const app = discord.application({ name: 'Parley', messageContent });
  const ada = discord.person({ username: 'ada', name: 'Ada' });
  const bob = discord.person({ username: 'bob', name: 'Bob' });
  const guild = discord.guild({ name: 'Home', owner: ada, members: [bob] });
  const general = guild.channel('general');
  const garden = guild.channel('garden');
  guild.install(app, permissions);
  const databasePath = join(mkdtempSync(join(tmpdir(), 'parley-')), 'parley.db');
  return { discord, model, app, ada, bob, guild, general, garden, databasePath };
}

export type Sandbox = Awaited<ReturnType<typeof openSandbox>>;

/** Starts the bot in this process, as `main` does, but for the signals. */
export async function startBot({ discord, model, app, databasePath }: Sandbox, told: HomeOptions = {}) {
  const lines: string[] = [];
  const lost: ConfigError[] = [];
  const log = createLog('debug', [app.token], (line) => lines.push(line));
  const store = openStore(databasePath);
  const chat = createChat({
    store,
    model: createModel({
      baseUrl: model.url,
      model: 'offline',
      stream: true,
      timeoutMs: told.timeoutMs ?? 60_000,
      backoffMs: 5,
    }),
    count: await loadTokenizer(),
    log,
    systemPrompt: 'Be brief.',
    contextTokens: told.contextTokens ?? 16_000,
    maxConcurrent: told.maxConcurrent ?? 8,
    maxWaitingPerPerson: told.maxWaitingPerPerson ?? 1000,
    maxWaitingPerChannel: told.maxWaitingPerChannel ?? 1000,
  });
  const commands = await loadCommands(new URL('../../commands/', import.meta.url));
  const onLost = (reason: ConfigError) => lost.push(reason);
  const bot = await connectToDiscord({
    ...{ token: app.token, apiUrl: discord.url, chat, commands, log, onLost },
    requestsPerSecond: 50,
    catchUpMs: told.catchUpMs ?? 600_000,
  }).catch(async (error) => {
    await store.close();
    throw error;
  });
  await bot.registered;
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await bot.silence();
    await chat.close(0);
    await bot.close();
    await store.close();
  };
  onTestFinished(stop);
  return { bot, chat, store, lines, lost, stop };
}

/** The sandbox with the bot in it. */
export async function openHome(options: HomeOptions = {}) {
  const sandbox = await openSandbox(options);
  return { ...sandbox, ...(await startBot(sandbox, options)) };
}
