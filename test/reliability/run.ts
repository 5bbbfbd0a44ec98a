import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import type { Sandbox } from '../discord/home.js';

const program = fileURLToPath(new URL('../..', import.meta.url));

/** A line of the program's log. */
export interface LogLine {
  readonly msg: string;
  readonly turn?: string;
  readonly seq?: number;
  readonly err?: { readonly failure?: string; readonly cause?: { readonly code?: string } };
}

interface RunOptions {
  readonly settings?: Readonly<Record<string, string>>;
  /** A module that is loaded before the program. */
  readonly before?: string;
  /** What starts it: a program and its arguments, to which the command is added. */
  readonly by?: readonly string[];
}

/** The built program on a sandbox's Discord, as `node .` starts it, with these settings and nothing else. */
export function run(sandbox: Sandbox, { settings, before, by = [] }: RunOptions = {}) {
  const options = before === undefined ? [] : ['--import', `data:text/javascript,${encodeURIComponent(before)}`];
  const [command = '', ...rest] = [...by, process.execPath, ...options, program];
  const child = spawn(command, rest, {
    cwd: mkdtempSync(join(tmpdir(), 'parley-run-')),
    env: { PATH: process.env.PATH, ...settingsFor(sandbox), ...settings },
  });
  let out = '';
  let err = '';
  onTestFinished(() => {
    child.kill('SIGKILL');
    expect(`${out}\n${err}`).not.toMatch(/\bWarning: |UnhandledPromiseRejection|"level":60/);
  });
  child.stderr.on('data', (bytes) => {
    err += bytes;
  });
  const lines = (): string[] => err.split('\n').filter((line) => line !== '');
  const exit = once(child, 'close').then(([code, signal]): number | string => signal ?? Number(code));
  const greeted = new Promise<void>((resolve) => {
    child.stdout.on('data', (bytes) => {
      out += bytes;
      if (out.includes('Add it to a server')) resolve();
    });
  });
  const ready = Promise.race([
    greeted,
    exit.then((end) => Promise.reject(new Error(`The program ended before it was ready: ${end}\n${err}`))),
  ]);
  // A test that waits for the end does not wait for this.
  ready.catch(() => {});
  return {
    pid: child.pid ?? 0,
    kill: (signal: NodeJS.Signals) => void child.kill(signal),
    /** Resolves when it answers. */
    ready,
    /** Its exit code, or the signal that ended it. */
    exit,
    /** What it told its operator beside the log. */
    told: (): string[] => lines().filter((line) => !line.startsWith('{')),
    log: (): LogLine[] => lines().flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : [])),
  };
}

/** What the program needs to be told to answer in a sandbox. */
export const settingsFor = ({ discord, model, app, databasePath }: Sandbox) => ({
  DISCORD_TOKEN: app.token,
  DISCORD_API_URL: discord.url,
  OPENAI_BASE_URL: model.url,
  DATABASE_PATH: databasePath,
  SYSTEM_PROMPT: 'Be brief.',
});

/** The texts of the bot's messages in a channel, as Ada sees them, oldest first. */
export const answers = ({ discord, ada, app }: Sandbox, channel: { readonly id: string }): string[] =>
  discord
    .sees(ada, channel)
    .filter(({ author }) => author.id === app.id)
    .map(({ content }) => content);

/** The questions and answers of the prompt of that number, counted from 0, without the lines that name the speakers. */
export const prompt = ({ model }: Sandbox, number: number): (string | undefined)[] | undefined =>
  model.requests[number]?.body.messages.slice(1).map(({ content }) => String(content).split('\n').at(-1));
