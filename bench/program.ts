import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newFolder } from './folder.js';
import type { Application, Stage } from './stage.js';

export type Kind = 'floor' | 'parley';

const kinds: Readonly<Record<Kind, { readonly file: string; readonly greeting: string }>> = {
  floor: { file: './floor.js', greeting: 'The floor is ready.' },
  parley: { file: '../src/main.js', greeting: 'Add it to a server' },
};

/** The programs keep to Discord's limit by themselves. */
export const UNLIMITED = { DISCORD_REQUESTS_PER_SECOND: '10000' };

/** What a program takes. */
export interface Burden {
  readonly rss: number;
  /** How late its event loop was since it was watched: the 99th percentile, and at most, in milliseconds. */
  readonly delayMs: number;
  readonly longestMs: number;
  /** When it waited for the disk since it was last asked, by the clock that all processes share, in milliseconds. */
  readonly syncs: readonly number[];
}

/** A bot as a process of its own. */
export interface Program {
  readonly application: Application;
  readonly databasePath: string;
  /** From its start until it said that it is ready. */
  readonly readyMs: number;
  watch(): void;
  tell(): Promise<Burden>;
  /** From here on, it is noted what its time goes to. */
  trace(): void;
  /** Since then, in milliseconds by part. */
  traced(): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

export interface ProgramOptions {
  readonly databasePath?: string;
  readonly settings?: Readonly<Record<string, string>>;
}

const urlOf = (file: string): string => new URL(file, import.meta.url).href;

/** Starts a bot on a stage, with nothing set that it does not need. Throws where it ends before it is ready. */
export async function startProgram(stage: Stage, kind: Kind, options: ProgramOptions = {}): Promise<Program> {
  const { databasePath = join(newFolder(), 'parley.db'), settings = {} } = options;
  const { file, greeting } = kinds[kind];
  const application = stage.invite(kind);
  const folder = newFolder();
  const began = performance.now();
  const child = spawn(process.execPath, ['--import', urlOf('./probe.js'), fileURLToPath(urlOf(file))], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      DISCORD_TOKEN: application.token,
      DISCORD_API_URL: stage.discordUrl,
      OPENAI_BASE_URL: stage.modelUrl,
      OPENAI_API_KEY: 'none',
      OPENAI_MODEL: 'offline',
      DATABASE_PATH: databasePath,
      ...settings,
    },
    // What it logs is written, as an operator's would be.
    stdio: ['ignore', 'pipe', openSync(join(folder, 'log'), 'w'), 'ipc'],
  });
  await said(child, greeting);
  /** The probe answers one order after the other. */
  async function answerTo(order: string): Promise<unknown> {
    child.send(order);
    const [answer] = await once(child, 'message');
    return answer;
  }
  return {
    application,
    databasePath,
    readyMs: performance.now() - began,
    watch: () => void child.send('watch'),
    // The probe tells just that.
    tell: () => answerTo('tell') as Promise<Burden>,
    trace: () => void child.send('trace'),
    traced: () => answerTo('traced') as Promise<Record<string, number>>,
    async close() {
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function said(child: ChildProcess, greeting: string): Promise<void> {
  let output = '';
  return new Promise((resolve, reject) => {
    child.once('close', (code) => reject(new Error(`A program ended before it was ready, with exit code ${code}.`)));
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.includes(greeting)) resolve();
    });
  });
}
