import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type ModelRequest, startModel } from '../../src/sandbox/model/model.js';
import { openTerminal, type Program } from './terminal.js';

/** What `node` is given to start the built program. */
export const program = fileURLToPath(new URL('../..', import.meta.url));

/** What nobody is to read: whatever the program writes between pipes is searched for it. */
export const KEY = 'sk-nobody-reads-this';

export type Settings = Readonly<Record<string, string>>;

/** An empty folder, which is left behind. */
export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'parley-console-'));

/** The offline model, a folder, and the settings for a console that asks the one and keeps everything in the other. */
export async function openHome() {
  const model = await startModel({ apiKey: KEY });
  onTestFinished(() => model.close());
  const folder = newFolder();
  const databasePath = join(folder, 'parley.db');
  return { model, folder, databasePath, settings: settingsFor(model.url, databasePath) };
}

export type Home = Awaited<ReturnType<typeof openHome>>;

export const settingsFor = (chatApi: string, databasePath: string): Settings => ({
  OPENAI_BASE_URL: chatApi,
  OPENAI_API_KEY: KEY,
  OPENAI_MODEL: 'offline',
  SYSTEM_PROMPT: 'Be brief.',
  DATABASE_PATH: databasePath,
  TZ: 'UTC',
});

/** The built program between pipes, with these settings and nothing else. `input` is all that it can read. */
export function run(args: readonly string[], settings: Settings, input?: string) {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: newFolder(),
    env: { PATH: process.env.PATH, ...settings },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  // One that ends before it has read all is none of a test's business.
  child.stdin.on('error', () => {}).end(input);
  const output = { out: '', err: '' };
  const listeners = new Set<() => void>();
  for (const [name, stream] of [['out', child.stdout] as const, ['err', child.stderr] as const]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      for (const listener of listeners) listener();
    });
  }
  const exit = once(child, 'close').then(([code, signal]): number | NodeJS.Signals => {
    if ((output.out + output.err).includes(KEY)) throw new Error(`The key was told:\n${output.out}${output.err}`);
    return code ?? signal;
  });
  return {
    child,
    output,
    exit,
    /** Resolves when standard output matches, or there won't be any more. */
    until: (wanted: RegExp): Promise<void> =>
      Promise.race([
        new Promise<void>((resolve) => {
          const look = () => wanted.test(output.out) && resolve();
          listeners.add(look);
          look();
        }),
        exit.then(() => {}),
      ]),
  };
}

/** What the program did, when it has ended. */
export async function outcome(args: readonly string[], settings: Settings, input?: string) {
  const { exit, output } = run(args, settings, input);
  const code = await exit;
  return { code, ...output };
}

/** The built program in a terminal. */
export const openProgram = (
  args: readonly string[],
  env: Settings,
  size: Pick<Program, 'columns' | 'rows'> = { columns: 100, rows: 30 },
) => openTerminal({ command: process.execPath, args: [program, ...args], env, cwd: newFolder(), ...size });

/** `parley chat` in a terminal, once it asks. */
export async function sitDown({ settings }: Pick<Home, 'settings'>, args: readonly string[] = [], more: Settings = {}) {
  const terminal = openProgram(['chat', ...args], { ...settings, ...more });
  await terminal.until(/(?:You:|问：)$/);
  return terminal;
}

/** What was said in a request, behind the system role: questions as they were written, without the line of who speaks. */
export const saidIn = (request: ModelRequest | undefined): readonly string[] | undefined =>
  request?.body.messages.slice(1).map(({ role, content }) => {
    const [speaker, ...lines] = String(content).split('\n');
    if (role !== 'user') return String(content);
    return speaker === SPEAKER ? lines.map((line) => line.replace(/^\| /, '')).join('\n') : String(content);
  });

/** The line that stands before what is asked on the console. */
export const SPEAKER = `@${userInfo().username}:`;

/** What a terminal would have obeyed besides styles: titles, cleared screens, bells, and writing turned around. */
export const harmIn = (written: string): readonly string[] =>
  ['\u001b]', '\u001b[2J', '\u0007', '\u009b', '\u202e'].filter((sequence) => written.includes(sequence));

/** In a terminal, what makes text bold. */
export const BOLD = '\u001b[1m';
