import { expect, test } from 'vitest';
import type { RestAnswer, RestFault } from '../../src/sandbox/faults.js';
import type { SandboxChannel, SandboxGuild } from '../../src/sandbox/guild.js';
import type { Permission } from '../../src/sandbox/permissions.js';
import type { Identified as Place } from '../../src/sandbox/use.js';
import { startBot } from '../discord/home.js';
import { api } from '../sandbox/raw.js';
import { type Asked, type Gait, openTrial, type Trial } from './trial.js';

const isLong = import.meta.env.MODE === 'long';

type Fault = Pick<RestFault, 'answer' | 'takesEffect' | 'delayMs'>;

const limited = (isGlobal: boolean): RestAnswer => ({
  status: 429,
  body: { message: 'You are being rate limited.', retry_after: 0.3, global: isGlobal },
  headers: { 'retry-after': '0.3', 'x-ratelimit-scope': 'user', ...(isGlobal && { 'x-ratelimit-global': 'true' }) },
});

/** What is over when it has been waited for, or tried once more. */
const passing: readonly Fault[] = [
  { answer: limited(false) },
  { answer: limited(true) },
  { answer: { status: 500, body: { message: '500: Internal Server Error', code: 0 } } },
  { answer: { status: 502, body: '<html><h1>502 Bad Gateway</h1></html>', headers: { 'content-type': 'text/html' } } },
  { answer: { status: 503 }, takesEffect: true },
  { answer: 'reset' },
  { answer: 'reset', takesEffect: true },
  { delayMs: 300 },
  ...(isLong ? ([{ answer: 'silence' }, { answer: 'silence', takesEffect: true }] as const) : []),
];

/** A kind of request, and a question whose answer makes one. */
interface Scene {
  readonly gait: Gait;
  readonly way: 'mention' | 'command';
  readonly method: string;
  readonly route: string;
}

const messages = '/channels/:channel_id/messages';
const message = `${messages}/:message_id`;
const callback = '/interactions/:interaction_id/:interaction_token/callback';
const webhook = '/webhooks/:application_id/:interaction_token';

const scenes = {
  'a first message': { gait: 'whole', way: 'mention', method: 'POST', route: messages },
  'an edit': { gait: 'grown', way: 'mention', method: 'PATCH', route: message },
  'a further message': { gait: 'long', way: 'mention', method: 'POST', route: messages },
  'a sign of life': { gait: 'late', way: 'mention', method: 'POST', route: '/channels/:channel_id/typing' },
  'a first response': { gait: 'whole', way: 'command', method: 'POST', route: callback },
  'the text of a response': {
    gait: 'whole',
    way: 'command',
    method: 'PATCH',
    route: `${webhook}/messages/:message_id`,
  },
  'an edit of a response': { gait: 'grown', way: 'command', method: 'PATCH', route: `${webhook}/messages/:message_id` },
  'a follow-up': { gait: 'long', way: 'command', method: 'POST', route: webhook },
} as const satisfies Readonly<Record<string, Scene>>;

type SceneName = keyof typeof scenes;
const names = Object.keys(scenes) as SceneName[]; // Object.keys forgets what it was given.

/** Orders a fault for the next request of a scene's kind that the bot makes. */
const order = ({ discord, app }: Trial, { method, route }: Scene, fault: Fault): void =>
  discord.faults.rest({ method, route, ...fault, ...(route.startsWith('/channels') && { of: app }) });

const callsOf = ({ discord, app }: Trial, { method, route }: Scene): number =>
  discord.calls.filter((call) => call.method === method && call.route === route && (call.by ?? app.id) === app.id)
    .length;

/** Asks, and brings the answer to where its next request is of the scene's kind. */
async function prepare(trial: Trial, { gait, way }: Scene): Promise<Asked> {
  const asked = await trial.ask(gait, way);
  if (gait === 'grown' || gait === 'long') await trial.begun(asked);
  return asked;
}

const isAskedLater = ({ gait }: Scene): boolean => gait !== 'grown' && gait !== 'long';

/** In every channel, the next question is answered: its lane is free, and nothing came of what was. */
async function expectAllFree(trial: Trial, asked: readonly Asked[]): Promise<void> {
  const next = await Promise.all(asked.map(({ channel }) => trial.ask('whole', 'mention', channel)));
  await trial.settled();
  for (const { channel, topic } of next) expect(trial.shownIn(channel).at(-1)?.content).toBe(`All about ${topic}.`);
}

const distinct = (values: readonly string[]): string[] => [...new Set(values)].sort();

/** The outcomes when each of these faults is met by one of as many questions that are answered at once. */
async function meetAtOnce(scene: Scene, faults: readonly Fault[]): Promise<string[]> {
  const trial = await openTrial();
  const early = isAskedLater(scene) ? [] : await Promise.all(faults.map(() => prepare(trial, scene)));
  for (const fault of faults) order(trial, scene, fault);
  const asked = isAskedLater(scene) ? await Promise.all(faults.map(() => prepare(trial, scene))) : early;
  if (scene.gait === 'late') await trial.discord.until(() => callsOf(trial, scene) >= faults.length);
  asked.forEach(trial.goOn);
  await trial.settled();
  const outcomes = distinct(asked.map(trial.outcome));
  expect(asked.map(trial.requestsFor)).toEqual(asked.map(() => 1));
  expect(callsOf(trial, scene)).toBeGreaterThanOrEqual(faults.length);
  return outcomes;
}

/** An interaction that is not responded to in three seconds is over: there, silence does not pass. */
const passingAt = (name: SceneName): readonly Fault[] =>
  name === 'a first response'
    ? passing.filter(({ answer, takesEffect }) => answer !== 'silence' || takesEffect)
    : passing;

test('what passes costs no answer anything, and doubles nothing, whichever request meets it', async () => {
  const outcomes = await Promise.all(
    names.map(async (name) => [name, await meetAtOnce(scenes[name], passingAt(name))]),
  );
  expect(Object.fromEntries(outcomes)).toEqual(Object.fromEntries(names.map((name) => [name, ['answered, whole']])));
}, 180_000);

if (isLong) {
  test('a first response that meets silence costs no answer anything', async () => {
    const met = meetAtOnce(scenes['a first response'], [{ answer: 'silence' }]);
    expect(await met).toEqual(['answered, whole']);
  });
}

/** What Discord refuses with, and the status that it comes with ("JSON Error Codes"). */
const refusals = {
  10003: [404, 'Unknown Channel'],
  10004: [404, 'Unknown Guild'],
  10008: [404, 'Unknown Message'],
  10015: [404, 'Unknown Webhook'],
  10062: [404, 'Unknown interaction'],
  40060: [400, 'Interaction has already been acknowledged.'],
  40094: [400, 'This interaction has hit the maximum number of follow up messages'],
  50001: [403, 'Missing Access'],
  50007: [403, 'Cannot send messages to this user'],
  50013: [403, 'Missing Permissions'],
  50027: [401, 'Invalid Webhook Token'],
  50035: [400, 'Invalid Form Body'],
  50083: [400, 'Thread is archived'],
  160002: [403, 'You cannot reply without permission to read message history'],
  160005: [400, 'Thread is locked'],
  200000: [400, 'Message was blocked by automatic moderation'],
  240000: [400, 'Message blocked by harmful links filter'],
} as const;

type Code = keyof typeof refusals;

function refusing(code: Code): Fault {
  const [status, text] = refusals[code];
  // Acknowledged already is what took effect before.
  return { answer: { status, body: { code, message: text } }, takesEffect: code === 40060 };
}

const everywhere: readonly Code[] = [10003, 10004, 50001, 50007, 50013, 160005];
const places: readonly Code[] = isLong ? everywhere : [10003, 50001, 50013];
const texts: readonly Code[] = isLong ? [50035, 200000, 240000] : [50035, 200000];
const tokens: readonly Code[] = [10015, 50027];

const all = (codes: readonly Code[], outcome: string): Outcomes =>
  Object.fromEntries(codes.map((code) => [code, outcome]));

type Outcomes = Readonly<Partial<Record<Code, string>>>;

/** What comes of each refusal that a scene's request may meet. */
const ends: readonly (readonly [what: string, scene: Scene, outcomes: Outcomes])[] = [
  [
    'the whole answer',
    scenes['a first message'],
    {
      ...all([...everywhere, 10008, 50083], 'answered, nothing'),
      ...all(texts, 'answered, refusal told'),
      ...all([160002], 'answered, whole'),
    },
  ],
  [
    'the beginning of an answer',
    { ...scenes['a first message'], gait: 'begun' },
    {
      ...all([...places, 10008, 50083], 'failed (undelivered), nothing'),
      ...all([...texts, 160002], 'answered, whole'),
    },
  ],
  [
    'an edit',
    scenes['an edit'],
    { ...all([...places, 10008], 'answered, half'), ...all(texts, 'answered, refusal told') },
  ],
  [
    'a further message',
    scenes['a further message'],
    { ...all([...places, 50083], 'answered, half'), ...all(texts, 'answered, half, refusal told') },
  ],
  [
    'a first response',
    scenes['a first response'],
    { ...all([10003, 10062, 10015, 50035], 'failed (undelivered), nothing'), ...all([40060], 'answered, whole') },
  ],
  [
    'the text of a response',
    scenes['the text of a response'],
    {
      ...all([10003, 10008, 10062, 50001], 'answered, nothing'),
      ...all(tokens, 'answered, whole'),
      ...all(texts, 'answered, refusal told'),
    },
  ],
  [
    'an edit of a response',
    scenes['an edit of a response'],
    {
      ...all([10003, 10008, 50001], 'answered, half'),
      ...all(tokens, 'answered, whole'),
      ...all(texts, 'answered, refusal told'),
    },
  ],
  [
    'a follow-up',
    scenes['a follow-up'],
    {
      ...all([10003, 10008, 10062, 40094, 50001], 'answered, half'),
      ...all(tokens, 'answered, whole'),
      ...all(texts, 'answered, half, refusal told'),
    },
  ],
];

/** The outcome of each refusal, met by one question after the other. */
async function meetEach(scene: Scene, codes: readonly Code[]): Promise<Outcomes> {
  const trial = await openTrial();
  const outcomes: Partial<Record<Code, string>> = {};
  const all: Asked[] = [];
  for (const code of codes) {
    const early = isAskedLater(scene) ? undefined : await prepare(trial, scene);
    const before = callsOf(trial, scene);
    order(trial, scene, refusing(code));
    const asked = early ?? (await prepare(trial, scene));
    if (early) trial.goOn(asked);
    await trial.discord.until(() => callsOf(trial, scene) > before);
    trial.goOn(asked);
    await trial.settled();
    outcomes[code] = trial.outcome(asked);
    all.push(asked);
  }
  for (const asked of all) {
    expect(trial.requestsFor(asked)).toBeLessThanOrEqual(1);
    if (/nothing|half$/.test(trial.outcome(asked))) expect(trial.told(asked)).not.toEqual([]);
  }
  await expectAllFree(trial, all);
  return outcomes;
}

test('what Discord refuses for good ends one turn, and is in the log', async () => {
  const met = ends.map(async ([what, scene, outcomes]) => {
    // The keys of a table are the codes that it was made of.
    const codes = Object.keys(outcomes).map(Number) as Code[];
    return [what, await meetEach(scene, codes)] as const;
  });
  const expected = ends.map(([what, , outcomes]) => [what, outcomes]);
  expect(Object.fromEntries(await Promise.all(met))).toEqual(Object.fromEntries(expected));
});

test('a sign of life that Discord refuses is no loss', async () => {
  const codes: readonly Code[] = [...places, 10008, 50035];
  expect(await meetAtOnce(scenes['a sign of life'], codes.map(refusing))).toEqual(['answered, whole']);
});

test('a mark that Discord refuses, or that it fails at, costs no answer anything', async () => {
  const trial = await openTrial();
  const { discord, app } = trial;
  const route = `${message}/reactions/:emoji/@me`;
  const faults = [refusing(10008), refusing(50013), ...passing];
  for (const fault of faults) discord.faults.rest({ method: 'PUT', route, of: app, ...fault });
  for (const fault of faults) discord.faults.rest({ method: 'DELETE', route, of: app, ...fault });
  const firsts = await Promise.all(faults.map(() => trial.ask('late')));
  const seconds = await Promise.all(firsts.map(({ channel }) => trial.ask('whole', 'mention', channel)));
  await discord.until(() => discord.calls.filter((call) => call.route === route).length >= faults.length);
  firsts.forEach(trial.goOn);
  await trial.settled();
  for (const [index, { channel, topic }] of seconds.entries()) {
    const texts = trial.shownIn(channel).map(({ content }) => content);
    expect(texts).toEqual([`All about ${firsts[index]?.topic}, late.`, `All about ${topic}.`]);
  }
});

test('a request that Discord holds off without saying for how long is not repeated at once, again and again', async () => {
  const trial = await openTrial();
  const { discord, app } = trial;
  const one = await trial.ask('grown');
  await trial.begun(one);
  // As the limit on edits of old messages comes (30046).
  const answer = { status: 429, body: { message: 'Maximum number of edits reached. Try again later', code: 30046 } };
  discord.faults.rest({ method: 'PATCH', route: message, of: app, times: 500, answer });
  trial.goOn(one);
  await discord.until(() => callsOf(trial, scenes['an edit']) > 0);
  for (let others = 0; others < 5; others++) {
    const other = await trial.ask('whole');
    await discord.until(() => trial.shownIn(other.channel).length > 0);
  }
  expect(callsOf(trial, scenes['an edit'])).toBeLessThan(5);
  discord.faults.clear();
  await trial.settled();
  expect(trial.outcome(one)).toBe('answered, whole');
});

test('a private answer that can reach its asker in no way any more is given up', async () => {
  const trial = await openTrial();
  const { discord, ada } = trial;
  ada.closesMessages();
  const one = await trial.ask('grown', 'command', undefined, { private: true });
  await trial.begun(one);
  const route = `${webhook}/messages/:message_id`;
  discord.faults.rest({ method: 'PATCH', route, times: 9, ...refusing(50027) });
  trial.goOn(one);
  await trial.settled();
  expect(trial.outcome(one)).toBe('answered, half');
  expect(trial.told(one)).not.toEqual([]);
  await expectAllFree(trial, [one]);
});

test('the places where an answer would be are looked at again where that failed, and given up where it is refused', async () => {
  const trial = await openTrial();
  const { discord, ada, app } = trial;
  const faults = [...passing, ...places.map(refusing)];
  const asked: Asked[] = [];
  for (const _ of faults) asked.push(await trial.ask('grown'));
  for (const one of asked) await trial.begun(one);
  await trial.stop();
  for (const fault of faults) discord.faults.rest({ method: 'GET', route: messages, of: app, ...fault });
  await startBot(trial);
  asked.forEach(trial.goOn);
  await trial.settled();
  const outcomes = asked.map(trial.outcome);
  expect(outcomes.filter((outcome) => outcome === 'answered, whole')).toHaveLength(passing.length);
  expect(outcomes.filter((outcome) => outcome.startsWith('failed (undelivered)'))).toHaveLength(places.length);
  await expectAllFree(trial, asked);
  expect(discord.sees(ada, { id: asked[0]?.channel.id ?? '' }).length).toBeGreaterThan(1);
});

test('a backlog that Discord does not let the bot read is left, and keeps nobody waiting', async () => {
  const trial = await openTrial();
  const { discord, app, ada, garden } = trial;
  await trial.stop();
  await ada.says(garden, 'not to the bot');
  discord.faults.rest({ method: 'GET', route: messages, of: app, times: 100, ...refusing(50001) });
  await startBot(trial);
  const reads = () => discord.calls.filter(({ method, code }) => method === 'GET' && code === 50001).length;
  await discord.until(() => reads() > 0);
  const one = await trial.ask('whole', 'mention', garden);
  await discord.until(() => trial.shownIn(garden).length > 0 || reads() > 1);
  expect(reads()).toBe(1);
  expect(trial.shownIn(garden)[0]?.content).toBe(`All about ${one.topic}.`);
});

interface Scenery {
  readonly trial: Trial;
  readonly guild: SandboxGuild;
  readonly channel: SandboxChannel;
  readonly thread: Place;
}

type Upheaval = (scenery: Scenery) => unknown;

const lock: Upheaval = ({ trial: { ada }, thread }) => ada.locks(thread).then(() => ada.archives(thread));
const forbid =
  (...permissions: Permission[]): Upheaval =>
  ({ trial: { app }, channel }) =>
    channel.overwrite(app, [], permissions);

/** Asks in the thread of a server made for it, and turns everything upside down while the answer is being shown. */
async function overturn(trial: Trial, way: 'mention' | 'command', gait: Gait, happen: Upheaval): Promise<Asked> {
  const { discord, app, ada } = trial;
  const guild = discord.guild({ owner: ada });
  const channel = guild.channel('general');
  guild.install(app);
  const thread = await ada.opensThread(channel, 'aside');
  const asked = await trial.ask(gait, way, thread);
  await trial.begun(asked);
  await happen({ trial, guild, channel, thread });
  return asked;
}

/** The upheavals of a table, at once; each for an answer that is edited next, and for one that goes on in a message. */
async function overturnEach(
  table: readonly (readonly [what: string, way: 'mention' | 'command', happen: Upheaval, ...outcomes: unknown[]])[],
  then: (trial: Trial, asked: Asked) => void,
) {
  const trial = await openTrial();
  const all = await Promise.all(
    table.map(async ([what, way, happen]) => {
      const asked = await Promise.all((['grown', 'long'] as const).map((gait) => overturn(trial, way, gait, happen)));
      for (const one of asked) then(trial, one);
      return { what, way, asked };
    }),
  );
  await trial.settled(3_000);
  const garden = await trial.ask('whole', 'mention', trial.garden);
  await trial.settled();
  expect(trial.outcome(garden)).toBe('answered, whole');
  for (const one of all.flatMap(({ asked }) => asked)) {
    if (!trial.outcome(one).endsWith('whole')) expect(trial.told(one)).not.toEqual([]);
  }
  return { trial, all, outcomes: all.map(({ what, way, asked }) => [what, way, ...asked.map(trial.outcome)]) };
}

const keepsOn = ({ goOn }: Trial, asked: Asked): void => goOn(asked);

const changes: readonly (readonly [string, 'mention' | 'command', Upheaval, edited: string, continued: string])[] = [
  ['archived', 'mention', ({ trial: { ada }, thread }) => ada.archives(thread), 'answered, whole', 'answered, whole'],
  ['locked', 'mention', lock, 'answered, half', 'answered, half'],
  ['locked', 'command', lock, 'answered, half', 'answered, half'],
  [
    'timed out',
    'mention',
    ({ trial: { ada, app }, guild }) => ada.timesOut(guild, app, 60_000),
    'answered, whole',
    'answered, half',
  ],
  ['mute', 'mention', forbid('SendMessages', 'SendMessagesInThreads'), 'answered, whole', 'answered, half'],
  ['mute', 'command', forbid('SendMessages', 'SendMessagesInThreads'), 'answered, whole', 'answered, whole'],
  ['blind', 'mention', forbid('ViewChannel'), 'answered, half', 'answered, half'],
  ['without history', 'mention', forbid('ReadMessageHistory'), 'answered, whole', 'answered, whole'],
];

test('an answer goes as far as it may where a thread is archived or locked, or a permission is taken away', async () => {
  const { outcomes } = await overturnEach(changes, keepsOn);
  expect(outcomes).toEqual(changes.map(([what, way, , ...expected]) => [what, way, ...expected]));
});

const losses: readonly (readonly [string, Upheaval])[] = [
  ['the thread', ({ trial: { ada }, thread }) => ada.removesChannel(thread)],
  ['its channel', ({ channel }) => channel.remove()],
];

const removalsUntold: readonly (readonly [string, Upheaval])[] = [
  [
    'its channel, without a word of the thread',
    ({ trial: { discord, app }, channel }) => {
      discord.faults.gateway.disturb({ event: 'THREAD_DELETE', of: app, copies: 0 });
      channel.remove();
    },
  ],
];

const removals: readonly (readonly [string, Upheaval])[] = [
  ['the membership', ({ trial: { app }, guild }) => guild.kick(app)],
  ['the server', ({ guild }) => guild.remove()],
];

/** The model is silent, so that no request tells the bot that the place is gone. */
async function expectLost(table: typeof losses): Promise<void> {
  const both = table.flatMap(([what, happen]) =>
    (['mention', 'command'] as const).map((way) => [what, way, happen] as const),
  );
  const { outcomes } = await overturnEach(both, () => {});
  // By its token, a command’s answer can still be told to be over.
  for (const outcome of outcomes.flatMap(([, , ...ended]) => ended))
    expect(outcome).toMatch(/^failed \(undelivered\), (nothing|half|.*\n-# The answer could not be shown\.)$/s);
}

test('where its place is deleted, a turn ends at once, though the model says nothing', () => expectLost(losses));

test('where a thread goes with its channel, a turn in it ends at once, though nothing is said of the thread', () =>
  expectLost(removalsUntold));

test('where the bot is put out of the server, a turn ends at once, though the model says nothing', () =>
  expectLost(removals));

test('a command’s answer in a thread that is archived midway is completed where the bot is in the thread', async () => {
  const join = ({ trial: { discord, app }, thread }: Scenery) =>
    api(discord, `Bot ${app.token}`)('PUT', `/channels/${thread.id}/thread-members/@me`);
  const archive: Upheaval = ({ trial: { ada }, thread }) => ada.archives(thread);
  const { outcomes } = await overturnEach(
    [
      ['archived', 'command', async (scenery) => join(scenery).then(() => archive(scenery))],
      ['archived', 'command', archive],
    ],
    keepsOn,
  );
  expect(outcomes).toEqual([
    ['archived', 'command', 'answered, whole', 'answered, whole'],
    ['archived', 'command', 'answered, half', 'answered, half'],
  ]);
});
