import { expect, test, vi } from 'vitest';
import { adjustableClock } from '../../src/sandbox/clock.js';
import { openStore } from '../../src/store.js';
import { openSandbox, type Sandbox } from '../discord/home.js';
import { gate } from '../fakes.js';
import { answers, prompt, run } from './run.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const RESTARTED = '-# I am being restarted, and go on with this when I am back.';

/** Resolves when the program no longer hears Discord: then it knows that it is to end. */
const stopping = ({ log }: ReturnType<typeof run>) =>
  expect.poll(() => log().map(({ msg }) => msg), { timeout: 20_000 }).toContain('stopping');

/** A start of the program takes its time: the short form does with one of several cases. */
const inShort = <Case>(cases: readonly Case[]): readonly Case[] =>
  import.meta.env.MODE === 'long' ? cases : cases.slice(0, 1);

test('SIGTERM: what can be finished is, and the next start goes on with the rest where it stands, in order', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, bob, general, garden } = sandbox;
  const rest = gate();
  model.script(
    async function* ({ closed }) {
      yield 'Once upon ';
      await closed;
    },
    async function* () {
      yield 'Two ';
      await rest.opened;
      yield 'words.';
    },
    'Once upon a time.',
    'And then?',
  );
  const first = run(sandbox);
  await first.ready;
  await ada.says(general, `${app.mention} a story`);
  await discord.until(() => answers(sandbox, general).length === 1);
  await bob.says(general, `${app.mention} and then`);
  await ada.says(garden, `${app.mention} two words`);
  await discord.until(() => answers(sandbox, garden).length === 1);
  first.kill('SIGTERM');
  await stopping(first);
  rest.open();
  expect(await first.exit).toBe(0);
  expect(answers(sandbox, garden)).toEqual(['Two words.']);
  expect(answers(sandbox, general)).toEqual([`Once upon\n${RESTARTED}`]);
  const stood = discord.sees(ada, general).map(({ id }) => id);

  await run(sandbox).ready;
  await discord.until(() => answers(sandbox, general).at(-1) === 'And then?');
  expect(answers(sandbox, general)).toEqual(['Once upon a time.', 'And then?']);
  expect(
    discord
      .sees(ada, general)
      .map(({ id }) => id)
      .slice(0, stood.length),
  ).toEqual(stood);
  expect(answers(sandbox, garden)).toEqual(['Two words.']);
  expect(prompt(sandbox, 3)).toEqual(['| a story', 'Once upon a time.', '| and then']);
});

/** A process with an answer half shown and a question that waits for it, which is ended. */
async function cutOff(sandbox: Sandbox, end: (bot: ReturnType<typeof run>) => Promise<void> | void): Promise<void> {
  const { discord, model, app, ada, bob, general, databasePath } = sandbox;
  model.script(
    async function* ({ closed }) {
      yield 'Once upon ';
      await closed;
    },
    'Once upon a time.',
    'And then?',
  );
  const bot = run(sandbox);
  await bot.ready;
  await ada.says(general, `${app.mention} a story`);
  await discord.until(() => answers(sandbox, general).length === 1);
  const { id } = await bob.says(general, `${app.mention} and then`);
  const store = openStore(databasePath);
  await vi.waitUntil(() => store.has(id));
  await store.close();
  await end(bot);
  await bot.exit;
  expect(model.requests).toHaveLength(1);
}

const finished = async (sandbox: Sandbox): Promise<void> => {
  const { discord, general } = sandbox;
  await discord.until(() => answers(sandbox, general).at(-1) === 'And then?');
  expect(answers(sandbox, general)).toEqual(['Once upon a time.', 'And then?']);
  expect(prompt(sandbox, 2)).toEqual(['| a story', 'Once upon a time.', '| and then']);
};

/** Sets a process's clock: from its start, and by so much more at each SIGUSR2. Its timers go on as they do when a clock is set. */
const clock = (aheadMs: number, jumpMs = 0): string => `
  const RealDate = Date;
  let ahead = ${aheadMs};
  process.on('SIGUSR2', () => { ahead += ${jumpMs}; });
  globalThis.Date = class extends RealDate {
    constructor(...given) {
      if (given.length === 0) super(RealDate.now() + ahead);
      else super(...given);
    }
    static now() { return RealDate.now() + ahead; }
  };
`;

test.each(
  inShort([
    ['forward', HOUR],
    ['back', -HOUR],
  ]),
)('a clock that jumps an hour %s while answers run costs none of them', async (_, jumpMs) => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, bob, general, garden } = sandbox;
  const rest = gate();
  model.script(
    async function* () {
      yield 'Once upon ';
      await rest.opened;
      yield 'a time.';
    },
    'And then?',
    'Two words.',
  );
  const bot = run(sandbox, { before: clock(0, jumpMs) });
  await bot.ready;
  await ada.says(general, `${app.mention} a story`);
  await discord.until(() => answers(sandbox, general).length === 1);
  await bob.says(general, `${app.mention} and then`);
  bot.kill('SIGUSR2');
  rest.open();
  await discord.until(() => answers(sandbox, general).length === 2);
  await ada.says(garden, `${app.mention} two words`);
  await discord.until(() => answers(sandbox, garden).length === 1);
  expect(answers(sandbox, general)).toEqual(['Once upon a time.', 'And then?']);
  bot.kill('SIGTERM');
  expect(await bot.exit).toBe(0);
});

const endTwice = async (bot: ReturnType<typeof run>): Promise<void> => {
  bot.kill('SIGTERM');
  await stopping(bot);
  bot.kill('SIGTERM');
  expect(await bot.exit).toBe('SIGTERM');
};

const kill = (bot: ReturnType<typeof run>): void => bot.kill('SIGKILL');

test.each(
  inShort([
    ['a second SIGTERM, which ends it at once', 'an hour ahead', endTwice, HOUR],
    ['a second SIGTERM, which ends it at once', 'right', endTwice, 0],
    ['SIGKILL', 'an hour ahead', kill, HOUR],
    ['SIGKILL', 'an hour behind', kill, -HOUR],
  ]),
)(
  'after %s, the next start finishes what was left a moment ago, with a clock that is %s',
  async (_, __, end, aheadMs) => {
    const sandbox = await openSandbox();
    await cutOff(sandbox, end);
    await run(sandbox, { before: clock(aheadMs) }).ready;
    await finished(sandbox);
  },
);

test('what was left long ago is closed by a process whose clock is an hour behind', async () => {
  const time = adjustableClock();
  const sandbox = await openSandbox({ discord: { clock: time } });
  const { discord, model, general } = sandbox;
  await cutOff(sandbox, (bot) => bot.kill('SIGKILL'));
  time.advance(11 * MINUTE);
  await run(sandbox, { before: clock(-HOUR) }).ready;
  await discord.until(() => answers(sandbox, general).length === 2);
  for (const text of answers(sandbox, general)) expect(text).toMatch(/I was away before this was answered/);
  expect(model.requests).toHaveLength(1);
});

test.each(
  inShort([
    ['forward', HOUR],
    ['back', -HOUR],
  ]),
)(
  'a question that was missed is found, and an old one is not, by a process whose clock jumps an hour %s',
  async (_, jumpMs) => {
    const time = adjustableClock();
    const sandbox = await openSandbox({ discord: { clock: time } });
    const { discord, model, app, ada, general, garden } = sandbox;
    model.script(async function* ({ body }) {
      yield `You said: ${String(body.messages.at(-1)?.content).split('\n| ')[1]}`;
    });
    await ada.says(garden, `${app.mention} an old one`);
    time.advance(11 * MINUTE);
    const bot = run(sandbox, { before: clock(0, jumpMs) });
    await bot.ready;
    await expect
      .poll(() => bot.log().map(({ msg }) => msg), { timeout: 20_000 })
      .toContain('slash commands registered');
    bot.kill('SIGUSR2');
    discord.faults.gateway.acceptsConnections = false;
    discord.faults.gateway.drop({ code: 4009 });
    await discord.until(() => !app.isConnected());
    await ada.says(general, `${app.mention} a new one`);
    discord.faults.gateway.acceptsConnections = true;
    await discord.until(() => answers(sandbox, general).length === 1);
    expect(answers(sandbox, general)).toEqual(['You said: a new one']);
    await ada.says(garden, `${app.mention} another`);
    await discord.until(() => answers(sandbox, garden).includes('You said: another'));
    expect(answers(sandbox, garden)).toEqual(['You said: another']);
  },
);
