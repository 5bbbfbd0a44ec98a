import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startBot } from './bot.js';
import { type Chat, type ChatSettings, openChat } from './chat.js';
import { invitation, welcome } from './greeting.js';
import { type Home, openHome } from './home.js';
import { createJournal, type Journal } from './journal.js';
import { occupantOf, occupy } from './occupant.js';
import { servePage } from './page.js';
import { type DiscordServer, serveDiscord } from './server.js';
import { addWorkshop, type Workshop } from './workshop.js';
import { keepWorld, readWorld } from './world-file.js';

export interface SandboxSettings extends ChatSettings {
  /** The bot's program, and the environment that it gets beside what the sandbox sets. */
  readonly program: URL;
  readonly environment: NodeJS.ProcessEnv;
  /** The folder of the built page. */
  readonly page: URL;
  /** The first port to try. */
  readonly port: number;
  /** Starts no bot, for somebody to log in with one of their own. */
  readonly isForOthers: boolean;
  /** What must never be shown: a token for Discord itself, say. */
  readonly secrets: readonly string[];
}

const portsToTry = 100;

/** How long the page's address is held back until the bot is there to answer. */
const botReadyWithinMs = 15_000;

const warn = (line: string) => console.error(line);

/** Starts a Discord of one's own with its page, and a bot in it; prints where it is, and ends with the process. */
export async function runSandbox(settings: SandboxSettings): Promise<void> {
  const folder = join('data', settings.isForOthers ? 'sandbox-only' : 'sandbox');
  mkdirSync(folder, { recursive: true });
  const present = await occupantOf(folder);
  if (present) {
    warn(`The sandbox runs already: ${present}`);
    process.exit(1);
  }
  const path = join(folder, 'world.bin');
  const world = readWorld(path, warn);
  const journal = createJournal(world);
  for (const secret of settings.secrets) journal.hide(secret);
  const chat = settings.isForOthers ? undefined : await openChat(settings, journal);
  let workshop: Workshop | undefined;
  const server = await serveDiscord({
    world,
    port: settings.port,
    ports: portsToTry,
    watchFrame: journal.watchFrame,
    watchCall: journal.watchCall,
    extend(http) {
      chat?.relay.addTo(http);
      addWorkshop(http, () => workshop);
      servePage(http, settings.page);
    },
  });
  const file = keepWorld(path, world, warn);
  server.listeners.add(file.changed);
  const home = openHome(server, settings.isForOthers ? 'Bot' : 'Parley');
  file.changed();
  const leave = occupy(folder, server.origin, home.guild.id);
  const bot = chat && startOwnBot(settings, botEnvironment(server, home, chat, folder), journal);
  workshop = { server, home, journal, bot, chat };
  onSignal(async () => {
    await bot?.stop();
    await server.close();
    await file.close();
    await chat?.close();
    leave();
  });
  await bot?.settled;
  console.log(chat ? welcome(server.origin, chat.origin) : invitation(server.origin, server.url, home.bot.token));
}

/** What a bot is told of its Discord and its chat API, over whatever else is set. */
const botEnvironment = (server: DiscordServer, home: Home, { relay, api }: Chat, folder: string) => ({
  DISCORD_TOKEN: home.bot.token,
  DISCORD_API_URL: server.url,
  OPENAI_BASE_URL: relay.urlOn(server.origin),
  OPENAI_API_KEY: relay.apiKey,
  OPENAI_MODEL: api.model,
  DATABASE_PATH: join(folder, 'parley.db'),
});

/** Starts the bot, all of whose lines go to the journal, and those that matter to the terminal. */
function startOwnBot({ program, environment }: SandboxSettings, own: NodeJS.ProcessEnv, journal: Journal) {
  let settle = () => {};
  const told = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const bot = startBot(fileURLToPath(program), { ...environment, ...own }, (line, from) => {
    journal.note({ kind: 'bot', at: Date.now(), line });
    if (from === 'sandbox' || (from === 'err' && isTrouble(line))) warn(line);
    // It prints who it is once it can be talked to; and one that ended has said why.
    if (from !== 'err') settle();
  });
  /** Once the bot can be talked to, or has failed, or takes too long for anybody to wait. */
  const settled = Promise.race([told, sleep(botReadyWithinMs, undefined, { ref: false })]);
  return { ...bot, settled };
}

/** Whether a line of the bot's is worth the terminal: a warning or worse, or no line of its log at all. */
function isTrouble(line: string): boolean {
  try {
    return JSON.parse(line).level >= 40;
  } catch {
    return true;
  }
}

/** Ends the process in order when it is asked to; a second signal means at once. */
function onSignal(end: () => Promise<void>): void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const stop = async () => {
    for (const signal of signals) process.removeAllListeners(signal);
    await end();
    process.exit(0);
  };
  for (const signal of signals) process.once(signal, stop);
}
