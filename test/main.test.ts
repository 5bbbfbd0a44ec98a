import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { openSandbox, type Sandbox } from './discord/home.js';
import { gate } from './fakes.js';
import { settingsFor } from './reliability/run.js';

const program = fileURLToPath(new URL('..', import.meta.url));

/** The program as `node .` starts it, in a folder of its own, with these settings, those of a `.env`, and nothing else. */
function run(settings: Readonly<Record<string, string>>, settingsFile = '') {
  const cwd = mkdtempSync(join(tmpdir(), 'parley-run-'));
  writeFileSync(join(cwd, '.env'), settingsFile);
  const child = spawn(process.execPath, [program], { cwd, env: { PATH: process.env.PATH, ...settings } });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { out: '', err: '' };
  let heard = () => {};
  child.stdout.on('data', (bytes) => {
    output.out += bytes;
    heard();
  });
  child.stderr.on('data', (bytes) => {
    output.err += bytes;
    heard();
  });
  const exit = once(child, 'close').then(([code]) => Number(code));
  const said = new Promise<void>((resolve) => {
    heard = () => {
      if (output.out.includes('Add it to a server')) resolve();
    };
  });
  return { child, output, exit, ready: Promise.race([said, exit.then(() => {})]) };
}

const answers = ({ discord, ada, app }: Sandbox, channel: { id: string }) =>
  discord.sees(ada, channel).filter(({ author }) => author.id === app.id);

const contents = ({ model }: Sandbox, number: number) =>
  model.requests[number]?.body.messages.slice(1).map(({ content }) => String(content).split('\n').at(-1));

test('what was said is remembered by the next answer, also after a restart, until it is reset', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general, garden } = sandbox;
  model.script('My name is Parley.', 'As I said.', 'Still so.', 'Elsewhere.', 'Who are you?');
  const first = run(settingsFor(sandbox));
  await first.ready;
  await ada.says(general, `${app.mention} Who are you?`);
  await discord.until(() => answers(sandbox, general).length === 1);
  await ada.says(general, `${app.mention} Again?`);
  await discord.until(() => answers(sandbox, general).length === 2);
  expect(contents(sandbox, 1)).toEqual(['| Who are you?', 'My name is Parley.', '| Again?']);
  first.child.kill('SIGTERM');
  expect(await first.exit).toBe(0);

  const second = run(settingsFor(sandbox));
  await second.ready;
  await ada.says(general, `${app.mention} And now?`);
  await discord.until(() => answers(sandbox, general).length === 3);
  expect(contents(sandbox, 2)).toEqual([
    ...['| Who are you?', 'My name is Parley.', '| Again?', 'As I said.'],
    '| And now?',
  ]);
  await ada.says(garden, `${app.mention} And here?`);
  await discord.until(() => answers(sandbox, garden).length === 1);
  expect(contents(sandbox, 3)).toEqual(['| And here?']);

  await ada.invokes(app, general, 'reset');
  await discord.until(() => answers(sandbox, general).at(-1)?.content.startsWith('Forgotten: 3 exchanges.'));
  await ada.says(general, `${app.mention} Who are you?`);
  await discord.until(() => answers(sandbox, general).length === 5);
  expect(contents(sandbox, 4)).toEqual(['| Who are you?']);
  second.child.kill('SIGINT');
  expect(await second.exit).toBe(0);
});

test('faulty settings of the environment and of .env are told by name, a line each, and the exit code is 1', async () => {
  const { output, exit } = run({ NODE_ENV: 'production', OPENAI_TEMPERATURE: 'hot' }, 'LOG_LEVEL=loud\n');
  expect(await exit).toBe(1);
  const names = output.err
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0]);
  expect(names).toEqual(['OPENAI_TEMPERATURE', 'LOG_LEVEL', 'DISCORD_TOKEN', 'OPENAI_API_KEY']);
  expect(output.err).not.toMatch(/hot|loud/);
});

const plainLines = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith('{'));

test('a token that Discord does not accept is told in one line, and the exit code is 1', async () => {
  const sandbox = await openSandbox();
  const { output, exit } = run({
    ...settingsFor(sandbox),
    DISCORD_TOKEN: `${'a'.repeat(24)}.bbbbbb.${'c'.repeat(38)}`,
  });
  expect(await exit).toBe(1);
  expect(plainLines(output.err)).toEqual([expect.stringMatching(/^DISCORD_TOKEN is not accepted by Discord\./)]);
});

test('it prints who it is, and an invite with the least permissions; when its token is taken back, that in one line, and the exit code is 1', async () => {
  const sandbox = await openSandbox();
  const { output, exit, ready } = run({ ...settingsFor(sandbox), OPENAI_MODEL: 'offline' });
  await ready;
  expect(output.out).toMatch(/^Parley answers as Parley#\d+ in 1 server, with offline\.$/m);
  const invite = new URL(/https:\S+/.exec(output.out)?.[0] ?? '');
  expect(invite.searchParams.get('client_id')).toBe(sandbox.app.id);
  expect(invite.searchParams.get('scope')).toBe('bot applications.commands');
  // View Channel, Send Messages, Send Messages in Threads, Read Message History, Add Reactions.
  expect(BigInt(invite.searchParams.get('permissions') ?? 0)).toBe(
    (1n << 10n) | (1n << 11n) | (1n << 38n) | (1n << 16n) | (1n << 6n),
  );
  sandbox.discord.faults.gateway.drop({ code: 4004, of: sandbox.app });
  expect(await exit).toBe(1);
  expect(plainLines(output.err)).toEqual([expect.stringMatching(/^DISCORD_TOKEN is not accepted by Discord\./)]);
});

test('an intent that is refused all the same is told in one line, and the exit code is 1', async () => {
  const sandbox = await openSandbox({ messageContent: 'on' });
  const { app, discord } = sandbox;
  discord.faults.rest({ method: 'GET', route: '/gateway/bot', delayMs: 300 });
  const { output, exit } = run(settingsFor(sandbox));
  await discord.until(() => app.calls().some(({ route }) => route === '/applications/@me'), { withinMs: 15_000 });
  app.switchMessageContent('off');
  expect(await exit).toBe(1);
  expect(plainLines(output.err)).toEqual([expect.stringContaining('Message Content Intent')]);
});

test('SIGTERM lets an answer end that began before the commands were registered, takes nothing new, and the exit code is 0', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general, garden } = sandbox;
  const rest = gate();
  model.script(async function* () {
    yield 'One ';
    await rest.opened;
    yield 'moment.';
  });
  const route = '/applications/:application_id/commands';
  discord.faults.rest({ method: 'GET', route, of: app, delayMs: 3000 });
  const { child, exit } = run(settingsFor(sandbox));
  await discord.until(() => app.isConnected());
  await ada.says(general, `${app.mention} hi`);
  await discord.until(() => answers(sandbox, general).length === 1);
  child.kill('SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 100));
  await ada.says(garden, `${app.mention} too late`);
  rest.open();
  expect(await exit).toBe(0);
  expect(answers(sandbox, general).map(({ content }) => content)).toEqual(['One moment.']);
  expect(model.requests).toHaveLength(1);
});

const launcher = join(program, 'parley.js');

/** What came of `parley` as `npm link` and `npx` start it. */
const parley = (words: readonly string[], more: NodeJS.ProcessEnv = {}, file = launcher) =>
  new Promise<{ code: unknown; out: string; err: string }>((resolve) => {
    const env = { PATH: process.env.PATH, DATABASE_PATH: ':memory:', OPENAI_BASE_URL: 'http://127.0.0.1:9', ...more };
    const child = execFile(file, words, { env }, (error, out, err) => resolve({ code: error?.code ?? 0, out, err }));
    child.stdin?.end();
  });

/** Has Node tell each module that it loads on standard error. */
const tellLoads = (() => {
  const hook = `import { writeSync } from 'node:fs';
    export const load = (url, context, next) => (writeSync(2, 'loads ' + url + '\\n'), next(url, context));`;
  const address = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
  return `--import=${address(`import { register } from 'node:module'; register(${JSON.stringify(address(hook))});`)}`;
})();

const packagesIn = (told: string): string[] => [
  ...new Set([...told.matchAll(/^loads .*\/node_modules\/([^/]+)/gm)].map(([, name = '']) => name)),
];

test('a command loads what it needs: the help nothing, the history no model, a question no store', async () => {
  const commands = [['--help'], ['history'], ['ask']];
  const more = {
    NODE_OPTIONS: tellLoads,
    DATABASE_PATH: join(mkdtempSync(join(tmpdir(), 'parley-loads-')), 'empty.db'),
  };
  writeFileSync(more.DATABASE_PATH, '');
  const runs = await Promise.all(commands.map((words) => parley(words, more)));
  expect(runs.map(({ code }) => code)).toEqual([0, 0, 2]);
  const [help = [], history = [], ask = []] = runs.map(({ err }) => packagesIn(err));
  expect(help).toEqual(['commander']);
  expect(history).toContain('better-sqlite3');
  expect(ask).toContain('openai');
  const foreign = ['discord.js', 'gpt-tokenizer', 'fastify', 'pino'];
  expect(history.filter((name) => ['openai', ...foreign].includes(name))).toEqual([]);
  expect(ask.filter((name) => ['better-sqlite3', ...foreign].includes(name))).toEqual([]);
  expect(runs[0]?.out).toMatch(/^Usage: parley .*^ {2}ask .*^ {2}help /ms);
});

test('a command that there is not is answered with the one that was meant, and the exit code is 2', async () => {
  expect(await parley(['aks', 'hi'])).toEqual({
    code: 2,
    out: '',
    err: expect.stringMatching(/'aks'.*\n.*mean ask\?/),
  });
});

test('before the first build it says what is to be done', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-unbuilt-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  copyFileSync(launcher, join(folder, 'parley.js'));
  const { code, out, err } = await parley(['--help'], {}, join(folder, 'parley.js'));
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toMatch(/^Parley is not built yet: run “npm run build”[^\n]*\n$/);
});
