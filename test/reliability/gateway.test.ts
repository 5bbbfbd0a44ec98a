import { expect, test, vi } from 'vitest';
import type { HomeOptions } from '../discord/home.js';
import { type Asked, openTrial, type Trial } from './trial.js';

/** A short while, in the measure of an outage: discord.js tries again every few seconds. */
const outageMs = import.meta.env.MODE === 'long' ? 30_000 : 1200;

type Disturb = (trial: Trial) => unknown;

const reconnected = ({ discord, app }: Trial) => discord.until(() => app.isConnected(), { withinMs: 40_000 });

const cut =
  (code?: number): Disturb =>
  ({ discord, app }) =>
    discord.faults.gateway.drop({ of: app, ...(code !== undefined && { code }) });

/** What may happen to a connection, after which the bot comes back by itself. */
const cuts: readonly (readonly [what: string, disturb: Disturb, options?: HomeOptions])[] = [
  ['cut without a word', cut()],
  [
    'asked to reconnect',
    async ({ discord, app }) => {
      discord.faults.gateway.askToReconnect(app);
      await discord.until(() => !app.isConnected());
    },
  ],
  ['invalid for a moment', ({ discord, app }) => discord.faults.gateway.invalidate(true, app)],
  ['invalid for good', ({ discord, app }) => discord.faults.gateway.invalidate(false, app)],
  [
    'refused its resume',
    (trial) => {
      trial.discord.faults.gateway.refuseResumes(1);
      cut()(trial);
    },
  ],
  [
    'refused its resume twice, to be tried again',
    (trial) => {
      trial.discord.faults.gateway.refuseResumes(2, true);
      cut()(trial);
    },
  ],
  [
    'told that it is resumed, and READY, twice',
    (trial) => {
      for (const event of ['RESUMED', 'READY', 'GUILD_CREATE'])
        trial.discord.faults.gateway.disturb({ event, copies: 2, times: 5 });
      cut()(trial);
    },
  ],
  [
    'cut again as soon as it is back',
    async (trial) => {
      cut()(trial);
      await trial.discord.until(() => !trial.app.isConnected());
      await reconnected(trial);
      cut()(trial);
    },
  ],
  [
    'without an answer to its heartbeats',
    async (trial) => {
      trial.discord.faults.gateway.acknowledgesHeartbeats = false;
      await trial.discord.until(() => !trial.app.isConnected());
      trial.discord.faults.gateway.acknowledgesHeartbeats = true;
    },
    { discord: { heartbeatMs: 1500 } },
  ],
  [
    'turned away for a while',
    async (trial) => {
      trial.discord.faults.gateway.acceptsConnections = false;
      cut()(trial);
      await new Promise((resolve) => setTimeout(resolve, 1200));
      trial.discord.faults.gateway.acceptsConnections = true;
    },
  ],
  [
    'in an outage of all of Discord',
    async (trial) => {
      trial.discord.faults.outage(true);
      await new Promise((resolve) => setTimeout(resolve, outageMs));
      trial.discord.faults.outage(false);
    },
  ],
];

interface Questions {
  readonly trial: Trial;
  readonly asked: readonly Asked[];
}

/** Questions that are being answered, that wait, that are asked in the gap, and that are asked afterwards. */
async function ride(disturb: Disturb, options: HomeOptions = {}): Promise<Questions> {
  const trial = await openTrial(options);
  const { discord } = trial;
  const grown = await trial.ask('grown');
  const response = await trial.ask('long', 'command');
  const waiting = await trial.ask('whole', 'mention', grown.channel);
  await trial.begun(grown);
  await trial.begun(response);
  discord.faults.gateway.disturb({ event: 'MESSAGE_CREATE', copies: 0 });
  discord.faults.gateway.disturb({ event: 'MESSAGE_CREATE', copies: 2, times: 3 });
  const lost = await trial.ask('whole');
  await disturb(trial);
  const inTheGap = await trial.ask('whole');
  await reconnected(trial);
  trial.goOn(grown);
  trial.goOn(response);
  const after = await trial.ask('whole', 'mention', grown.channel);
  await trial.settled();
  return { trial, asked: [grown, response, waiting, lost, inTheGap, after] };
}

/** Closes connections with these codes, one after the other, each amid an answer. */
async function closeWith(group: readonly number[]): Promise<readonly string[]> {
  const trial = await openTrial();
  const all: Asked[] = [];
  for (const code of group) {
    const amid = await trial.ask('grown');
    await trial.begun(amid);
    cut(code)(trial);
    all.push(amid, await trial.ask('whole'));
    trial.goOn(amid);
    await reconnected(trial);
  }
  await trial.settled();
  expect(trial.lost).toEqual([]);
  return all.map((one) => `${group}: ${trial.outcome(one)} ${trial.requestsFor(one)}`);
}

/** Close codes that are not for good, some of which end the session; in groups that take about as long. */
const codes = [[1000], [4003], [4005], [4007], [4008], [4009], [1001, 1011, 4000], [4001, 4002]];

test('whatever happens to its connection, the bot comes back, loses no question and answers none twice', async () => {
  const rides = cuts.map(async ([what, disturb, options]) => {
    const { trial, asked } = await ride(disturb, options).catch((error) => {
      throw new Error(`A connection that is ${what}`, { cause: error });
    });
    expect(trial.lost).toEqual([]);
    return asked.map((one) => `${what}: ${trial.outcome(one)} ${trial.requestsFor(one)}`);
  });
  const closings = codes.map(closeWith);
  for (const outcome of (await Promise.all([...rides, ...closings])).flat())
    expect(outcome).toMatch(/answered, whole 1$/);
}, 180_000);

test.each([
  [4004, /^DISCORD_TOKEN is not accepted/],
  [4010, /4010, InvalidShard/],
  [4011, /4011, ShardingRequired/],
  [4012, /4012, InvalidAPIVersion/],
  [4013, /4013, InvalidIntents/],
  [4014, /Message Content Intent/],
])('a connection that is closed with %i is not opened again, and the operator is told why', async (code, sentence) => {
  const trial = await openTrial();
  cut(code)(trial);
  await vi.waitUntil(() => trial.lost.length > 0);
  expect(trial.lost.map(({ message }) => message)).toEqual([expect.stringMatching(sentence)]);
  expect(trial.app.isConnected()).toBe(false);
});

test('events that come twice, late, or in another order are answered once, in the order in which they came', async () => {
  const trial = await openTrial();
  const { discord, ada, app, general, garden } = trial;
  const { disturb, askForHeartbeat } = discord.faults.gateway;
  askForHeartbeat();
  disturb({ event: 'MESSAGE_CREATE', behind: 'MESSAGE_CREATE', copies: 2 });
  const first = await trial.ask('whole', 'mention', general);
  const second = await trial.ask('whole', 'mention', general);
  disturb({ event: 'INTERACTION_CREATE', copies: 3, delayMs: 100 });
  const third = await trial.ask('whole', 'command', general);
  await trial.settled();
  expect(trial.shownIn(general).map(({ content }) => content.split('\n').at(-1))).toEqual(
    [second, first, third].map(({ topic }) => `All about ${topic}.`),
  );
  expect([first, second, third].map(trial.requestsFor)).toEqual([1, 1, 1]);

  disturb({ event: 'MESSAGE_CREATE', behind: 'MESSAGE_DELETE' });
  const gone = await ada.says(garden, `${app.mention} whole-100`);
  await ada.deletes(gone);
  const after = await trial.ask('whole', 'mention', garden);
  await discord.until(() => trial.shownIn(garden).some(({ content }) => content.includes(after.topic)));
  const texts = trial.shownIn(garden).map(({ content }) => content);
  expect(texts.filter((text) => text === `All about ${after.topic}.`)).toHaveLength(1);
  expect(texts.filter((text) => text.includes('whole-100')).length).toBeLessThanOrEqual(1);
});
