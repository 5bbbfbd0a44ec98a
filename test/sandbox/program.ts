import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, onTestFinished } from 'vitest';
import { z } from 'zod';
import { api } from './raw.js';

const program = fileURLToPath(new URL('../..', import.meta.url));

const Home = z.object({
  people: z.array(
    z.object({ id: z.string(), username: z.string(), name: z.string(), token: z.string(), mayManage: z.boolean() }),
  ),
  application: z.object({ id: z.string(), name: z.string(), messageContent: z.string() }),
  bot: z.object({ id: z.string(), isOnline: z.boolean() }),
  guildId: z.string(),
});

/** A folder of its own, to start the program in. */
export const emptyFolder = (): string => mkdtempSync(join(tmpdir(), 'parley-sandbox-'));

type Start = Parameters<typeof launchProgram>;

/** The program as `launchProgram` starts it, killed with the test. */
export function startProgram(...start: Start) {
  const program = launchProgram(...start);
  onTestFinished(program.kill);
  return program;
}

/** The program as `launchProgram` starts it with these options in a folder of its own, for all tests of a suite. */
export function shareProgram(...options: readonly string[]) {
  const folder = emptyFolder();
  let program: ReturnType<typeof launchProgram>;
  let address = '';
  beforeAll(async () => {
    program = launchProgram(folder, options);
    address = await program.address();
    return program.kill;
  });
  return {
    folder,
    get address() {
      return address;
    },
    get program() {
      return program;
    },
  };
}

/** The built program, with these arguments and settings and nothing else, in a folder; a group of processes of its own. */
function launchProgram(cwd: string, options: readonly string[] = [], settings: Readonly<Record<string, string>> = {}) {
  const env = { PATH: process.env.PATH, ...settings };
  const child = spawn(process.execPath, [program, ...options], { cwd, env, detached: true });
  /** Sends a signal to all of the group, or none of them with 0; says whether there was anybody. */
  const signalAll = (signal: NodeJS.Signals | 0): boolean => {
    try {
      return process.kill(-(child.pid ?? 0), signal);
    } catch {
      return false;
    }
  };
  const output = { out: '', err: '' };
  const heard = new Set<() => void>();
  for (const [stream, name] of [
    [child.stdout, 'out'],
    [child.stderr, 'err'],
  ] as const) {
    stream.on('data', (bytes) => {
      output[name] += bytes;
      for (const look of heard) look();
    });
  }
  const exit = once(child, 'close').then(([code]) => Number(code));
  return {
    child,
    output,
    exit,
    /** Whether it or a process that it started still runs. */
    isThere: () => signalAll(0),
    /** Kills it, and whatever it started. */
    kill: () => void signalAll('SIGKILL'),
    /** The first address that it prints, or a rejection with what it printed instead. */
    async address(): Promise<string> {
      const printed = () => /http:\/\/127\.0\.0\.1:\d+/.exec(output.out)?.[0];
      const shown = new Promise<void>((resolve) => {
        heard.add(() => printed() && resolve());
      });
      await Promise.race([shown, exit]);
      const address = printed();
      if (address === undefined) throw new Error(`It printed no address: ${JSON.stringify(output)}`);
      return address;
    },
  };
}

/** What somebody has who opens the page: who they can be, and the channels. */
export async function visit(address: string) {
  const home = Home.parse(await (await fetch(`${address}/sandbox/home`)).json());
  const [ada, bob, cleo] = home.people;
  if (!ada || !bob || !cleo) throw new Error('Somebody is missing');
  const url = `${address}/api`;
  const as = (person: { readonly token: string }) => api({ url }, person.token);
  const { body } = await as(ada)('GET', `/guilds/${home.guildId}/channels`);
  const channels: { id: string; name: string }[] = body;
  const [general, garden] = channels;
  if (!general || !garden) throw new Error('A channel is missing');
  const texts = async (channel: { readonly id: string }): Promise<string[]> => {
    const messages: { content: string }[] = (await as(ada)('GET', `/channels/${channel.id}/messages`)).body;
    return messages.map(({ content }) => content).reverse();
  };
  return { ...home, ada, bob, cleo, general, garden, url, as, texts };
}

/** The status of a request with headers that `fetch` does not let one choose. */
export async function statusOf(address: string, path: string, headers: Readonly<Record<string, string>>) {
  const asked = request(`${address}${path}`, { headers });
  asked.end();
  const [response] = await once(asked, 'response');
  response.destroy();
  return Number(response.statusCode);
}

/** Collects server-sent events until they satisfy a condition, and returns the text so far. */
export async function readEvents(address: string, isEnough: (text: string) => boolean): Promise<string> {
  const reading = new AbortController();
  const response = await fetch(`${address}/sandbox/journal`, { signal: reading.signal });
  let text = '';
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    if (isEnough(text)) break;
  }
  reading.abort();
  return text;
}
