import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Where systems and installers put Chromium and its kin. None is downloaded. */
const usualPaths = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/opt/google/chrome/chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
];

/** The Chromium of this machine, the one that `CHROMIUM_PATH` names before all others. */
export const findChromium = (): string | undefined =>
  [process.env.CHROMIUM_PATH ?? '', ...usualPaths].find((path) => existsSync(path));

/** Starts it without a window, and without anything that it would fetch for itself. */
export const launch = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    // Root has no sandbox of Chromium's, and neither has anybody in most containers; it shows nothing but our own page.
    chromiumSandbox: false,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

const program = fileURLToPath(new URL('../..', import.meta.url));

interface Person {
  readonly id: string;
  readonly username: string;
  readonly token: string;
}

/** The built program with its sandbox and the offline model, in a folder of its own. */
export async function startProgram() {
  const cwd = mkdtempSync(join(tmpdir(), 'parley-page-'));
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  let stop = await run(cwd, port);
  const response = await fetch(`${origin}/sandbox/home`);
  // The sandbox's own route.
  const home = (await response.json()) as {
    readonly people: readonly Person[];
    readonly application: { readonly id: string };
    readonly guildId: string;
  };

  /** Calls the REST API of the sandbox as one of its people. */
  async function call<Answer>(username: string, method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await fetch(`${origin}/api/v10${path}`, {
      method,
      headers: {
        authorization: home.people.find((one) => one.username === username)?.token ?? '',
        'content-type': 'application/json',
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    // The caller knows what the route answers.
    return (await answer.json()) as Answer;
  }

  return {
    origin,
    appId: home.application.id,
    guildId: home.guildId,
    people: home.people,
    call,
    /** Ends it as Ctrl-C does, and starts it again at the same place. */
    async restart(): Promise<void> {
      await stop('SIGINT');
      stop = await run(cwd, port);
    },
    stop: () => stop('SIGKILL'),
  };
}

export type Program = Awaited<ReturnType<typeof startProgram>>;

/** Starts the program, waits until it names its address, and returns how to end it. */
async function run(cwd: string, port: number) {
  const env = { PATH: process.env.PATH, SANDBOX_PORT: `${port}` };
  const child = spawn(process.execPath, [program, '--offline'], { cwd, env });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const hear = (bytes: Buffer) => {
      output += bytes.toString();
      if (output.includes(`127.0.0.1:${port}`)) resolve();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    void ended.then(() => reject(new Error(`The program ended:\n${output}`)));
  });
  // Whatever happens to the test that is to end it.
  process.once('exit', () => child.kill('SIGKILL'));
  return async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await ended;
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('A server on a port has an address');
  return address.port;
}

/** What must not happen on the page, and where it connected to, over all pages that were watched. */
export interface Watch {
  readonly problems: string[];
  readonly origins: Set<string>;
}

/** Opens a page in a browser profile of its own, and watches it. */
export async function openPage(
  browser: Browser,
  { problems, origins }: Watch,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  context.setDefaultTimeout(15_000);
  context.on('request', (request) => origins.add(originOf(request.url())));
  context.on('weberror', (error) => problems.push(error.error().message));
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text());
  });
  context.on('dialog', async (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  const page = await context.newPage();
  page.on('websocket', (socket) => origins.add(originOf(socket.url().replace(/^ws/, 'http'))));
  return page;
}

const originOf = (url: string): string => (/^(data|blob):/.test(url) ? 'the page itself' : new URL(url).origin);
