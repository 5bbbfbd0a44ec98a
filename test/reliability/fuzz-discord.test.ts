/// <reference types="vitest/import-meta" />
import { GatewayDispatchEvents } from 'discord-api-types/v10';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { ModelRequest } from '../../src/sandbox/model/model.js';
import { character } from '../character.js';
import { type HomeOptions, openSandbox, type Sandbox, startBot } from '../discord/home.js';
import { gate } from '../fakes.js';
import { type GatewayEvent, type RestAnswer, standBetween } from './between.js';
import { cases } from './cases.js';
import { readTurns } from './evidence.js';
import { type Garbling, garbled, garblings } from './garble.js';

const isLong = import.meta.env.MODE === 'long';
const long = { timeout: isLong ? 1_200_000 : 240_000 };

/** What would have ended the program. */
const uncaught: unknown[] = [];
const note = (error: unknown) => uncaught.push(error);
beforeEach(() => {
  uncaught.length = 0;
  process.on('unhandledRejection', note).on('uncaughtExceptionMonitor', note);
});
afterEach(() => {
  process.off('unhandledRejection', note).off('uncaughtExceptionMonitor', note);
});

const frameOf = (event: GatewayEvent): string => JSON.stringify({ op: 0, s: null, ...event });

/** What the model says to a question: nothing but what it was asked. */
const echo = ({ body }: ModelRequest): string => `Echo ${wordsOf(body.messages.at(-1)?.content)}`;

const wordsOf = (content: unknown): string => String(content).split('\n').at(-1)?.slice(0, 100) ?? '';

/** Two servers: in one, anything may come; in the other, Carol asks what is to be answered. */
async function openFuzz() {
  const sandbox = await openSandbox({ discord: { limits: false } });
  const { discord, model, app } = sandbox;
  const between = await standBetween(discord.url);
  onTestFinished(between.close);
  const carol = discord.person({ username: 'carol', name: 'Carol' });
  const refuge = discord.guild({ name: 'Refuge', owner: carol });
  refuge.channel('first');
  refuge.install(app);
  model.script((request) => [echo(request)]);
  const opening: GatewayEvent[] = [];
  between.hear((event) => opening.push(event));
  const start = (options: HomeOptions = {}) =>
    startBot({ ...sandbox, discord: { ...discord, url: between.url } }, options);
  let asked = 0;

  /** Asks in a new channel, and expects the answer and nothing else in it. */
  async function expectAnswer(): Promise<void> {
    asked += 1;
    const channel = refuge.channel(`refuge-${asked}`);
    await carol.says(channel, `${app.mention} carol ${asked}`);
    await discord.until(() => discord.texts(carol, channel).length > 1);
    expect(discord.texts(carol, channel)).toEqual([`${app.mention} carol ${asked}`, `Echo | carol ${asked}`]);
    const prompt = model.requests.findLast(({ body }) =>
      wordsOf(body.messages.at(-1)?.content).endsWith(`carol ${asked}`),
    );
    expect(JSON.stringify(prompt?.body.messages)).not.toContain('battle');
  }

  return {
    ...sandbox,
    between,
    start,
    expectAnswer,
    /** What a session begins with. */
    opening,
  };
}

type Fuzz = Awaited<ReturnType<typeof openFuzz>>;

/** Events of each kind that the gateway sends the bot, and its answers to none. */
async function recordEvents({ between, ...home }: Fuzz): Promise<GatewayEvent[]> {
  const { discord, model, app, ada, bob, guild, general, garden } = home;
  const events: GatewayEvent[] = [];
  between.hear((event) => events.push(event));
  const files = [{ name: 'battle.txt', content: 'battle' }];
  const first = await ada.says(general, `${app.mention} battle <@${bob.id}> <#${garden.id}>`, { files });
  await bob.says(general, `${app.mention} battle too`, { replyTo: first });
  await ada.edits(first, 'battle again');
  await ada.deletes(first);
  await ada.clears(garden, [await bob.says(garden, 'battle'), await bob.says(garden, 'battle')]);
  await ada.says(await ada.directs(app), 'battle in private');
  const thread = await ada.opensThread(general, 'battle');
  await ada.says(thread, `${app.mention} battle aside`);
  await ada.archives(thread);
  const other = guild.channel('other');
  other.overwrite(app, [], ['SendMessages']);
  other.remove();
  guild.grant(app, guild.role('role'));
  guild.rename('Home');
  await ada.invokes(app, general, 'ask', { prompt: `battle <@${bob.id}>` });
  await bob.invokes(app, garden, 'ask', { prompt: 'battle', private: true });
  await ada.invokes(app, general, 'reset');
  const opened = await ada.invokes(app, general, 'system set');
  await discord.until(() => opened.dialog);
  await ada.submits(opened, { text: 'Be a battle.' });
  await discord.until(() => model.requests.length >= 5);
  model.script('');
  const failed = await ada.invokes(app, garden, 'ask', { prompt: 'battle' });
  const message = await discord.until(() => failed.message?.components?.[0] && failed.message);
  model.script((request) => [echo(request)]);
  const pressed = await ada.presses(message, `again:${failed.id}`);
  await discord.until(() => pressed.state === 'answered');
  between.hear(() => {});
  return events.filter(({ d }) => Object(Object(d).author).id !== app.id);
}

let lastId = (BigInt(Date.now()) - 1_420_070_400_000n) << 22n;

/** Makes a question that was recorded a new one: its id is one that nothing has. */
function renewed({ t, d }: GatewayEvent): GatewayEvent {
  if (!asks(t)) return { t, d };
  lastId += 1n;
  return { t, d: { ...Object(d), id: String(lastId) } };
}

const asks = (event: string): boolean => event === 'MESSAGE_CREATE' || event === 'INTERACTION_CREATE';

const strangeFrames = fc.constantFrom(
  ...['', ' ', 'x', '{', 'null', '0', '""', '[]', '{}', '{"op":99}', '{"op":"0"}', '{"op":0}', '{"op":11}', '{"op":1}'],
);

/** The names of events, but for those that a session begins with, and one that the library itself only warns of. */
const names = Object.values(GatewayDispatchEvents).filter((name) => !/^(READY|RESUMED|RATE_LIMITED)$/.test(name));

/** What the gateway may send instead of what it should. */
function framesFrom(recorded: readonly GatewayEvent[], ids: readonly string[]): fc.Arbitrary<string> {
  const like = fc
    .constantFrom(...recorded)
    .map(renewed)
    .chain(({ t, d }) => garblings(ids).map((all) => frameOf({ t, d: garbled(d, all) })));
  const any = fc.record({
    t: fc.oneof(fc.constantFrom(...names), fc.string({ unit: character })),
    d: fc.jsonValue({ maxDepth: 3 }),
  });
  return fc.oneof(
    { weight: 20, arbitrary: like },
    { weight: 4, arbitrary: any.map(frameOf) },
    { weight: 1, arbitrary: strangeFrames },
  );
}

const idsIn = ({ app, ada, bob, guild, general, garden }: Sandbox): string[] =>
  [app, ada, bob, guild, general, garden].map(({ id }) => id);

/** What makes good, in the library's caches, a lie about the server in which anything may come. */
function amends({ opening, guild, app }: Fuzz): string[] {
  const truth = Object(opening.map(({ d }) => Object(d)).find(({ id }) => id === guild.id));
  const members: readonly { readonly user?: { readonly id: string } }[] = truth.members;
  const channels: readonly object[] = truth.channels;
  return [
    { t: 'GUILD_CREATE', d: truth },
    { t: 'GUILD_UPDATE', d: truth },
    { t: 'GUILD_MEMBER_UPDATE', d: { ...members.find(({ user }) => user?.id === app.id), guild_id: guild.id } },
    ...channels.map((channel) => ({ t: 'CHANNEL_CREATE', d: { ...channel, guild_id: guild.id } })),
  ].map(frameOf);
}

/** Where Discord's answers make no sense, they are hoped for again for some twelve minutes. */
const settledWithinMs = import.meta.env.MODE === 'long' ? 900_000 : 20_000;

/** Waits until no turn is left open or unsettled. */
async function expectSettled({ store }: { store: Awaited<ReturnType<typeof startBot>>['store'] }): Promise<void> {
  await expect.poll(() => store.unsettled(), { timeout: settledWithinMs, interval: 50 }).toEqual([]);
}

test('whatever the gateway sends, what is asked next is answered', long, async ({ task }) => {
  const fuzz = await openFuzz();
  const { between, expectAnswer } = fuzz;
  const bot = await fuzz.start();
  const recorded = await recordEvents(fuzz);
  const frames = fc.array(framesFrom(recorded, idsIn(fuzz)), { minLength: 1, maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(frames, async (all) => {
      for (const frame of [...all, ...amends(fuzz)]) between.say(frame);
      await expectAnswer();
      expect(uncaught).toEqual([]);
      expect(bot.lost).toEqual([]);
    }),
    cases(task, 15, 2000),
  );
  await expectSettled(bot);
});

test('whatever READY says beside what it must, the session goes on', long, async ({ task }) => {
  const fuzz = await openFuzz();
  const { between, app, opening, expectAnswer } = fuzz;
  // Without a look at what was missed, which takes longer with each channel.
  await fuzz.start({ catchUpMs: 0 });
  between.hear(() => {});
  const [ready, ...servers] = opening;
  const { user, guilds, session_id, resume_gateway_url } = Object(ready?.d);
  const readies = garblings(idsIn(fuzz), 6).map((all) => {
    const { user: self, application, ...rest } = Object(garbled({ ...Object(ready?.d), user }, all));
    // Who the bot is cannot be known otherwise; and what the library can't read at all makes messages wait for seconds.
    const me = { user: { ...Object(self), id: app.id }, application: { ...Object(application), id: app.id } };
    return { ...rest, ...me, guilds, session_id, resume_gateway_url };
  });
  await fc.assert(
    fc.asyncProperty(readies, async (d) => {
      between.say(frameOf({ t: 'READY', d }));
      for (const server of servers) between.say(frameOf(server));
      await expectAnswer();
      expect(uncaught).toEqual([]);
    }),
    cases(task, 2, 500),
  );
});

test('whatever comes before the servers have arrived, what is asked is answered', long, async ({ task }) => {
  const fuzz = await openFuzz();
  const { between, expectAnswer } = fuzz;
  const before = await fuzz.start();
  const frames = fc.array(framesFrom(await recordEvents(fuzz), idsIn(fuzz)), { minLength: 1, maxLength: 25 });
  await expectSettled(before);
  await before.stop();
  await fc.assert(
    fc.asyncProperty(frames, async (all) => {
      between.hear(({ t }) => {
        if (t === 'READY') for (const frame of all) between.say(frame);
      });
      const { stop } = await fuzz.start();
      between.hear(() => {});
      await expectAnswer();
      await stop();
      expect(uncaught).toEqual([]);
    }),
    cases(task, 3, 300),
  );
});

test('whatever was taken from such events, another process ends it', long, async ({ task }) => {
  const fuzz = await openFuzz();
  const { between, model, expectAnswer } = fuzz;
  const before = await fuzz.start();
  const recorded = await recordEvents(fuzz);
  // A /reset would end what is to be left open.
  const asking = recorded.filter(({ t, d }) => asks(t) && Object(Object(d).data).name !== 'reset');
  await expectSettled(before);
  await before.stop();
  const [proper] = asking;
  if (!proper) throw new Error('No question was recorded');
  const openTurns = () => readTurns(fuzz.databasePath).filter(({ address }) => address !== null).length;
  const frames = fc.array(framesFrom(asking, idsIn(fuzz)), { minLength: 5, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(frames, async (all) => {
      const held = gate();
      model.script(async function* (request) {
        await Promise.race([held.opened, request.closed]);
        yield echo(request);
      });
      const first = await fuzz.start();
      between.say(frameOf(renewed(proper)));
      for (const frame of all) between.say(frame);
      await expect.poll(openTurns, { timeout: 20_000 }).toBeGreaterThan(0);
      await first.stop();
      expect(openTurns()).toBeGreaterThan(0);
      held.open();
      model.script((request) => [echo(request)]);
      const second = await fuzz.start();
      await expectAnswer();
      await expectSettled(second);
      await second.stop();
      expect(uncaught).toEqual([]);
    }),
    cases(task, 2, 200),
  );
});

/** What becomes of an answer of the REST API on its way. */
interface Spoiling {
  readonly status: number | null;
  readonly body: { readonly text: string } | { readonly garblings: readonly Garbling[] } | 'cut';
}

const spoilingsFrom = (ids: readonly string[]): fc.Arbitrary<Spoiling> =>
  fc.record({
    // Not 401, which ends the bot, nor 429, after which it waits for as long as it is told.
    status: fc.option(fc.constantFrom(200, 201, 204, 301, 400, 403, 404, 500, 502), { freq: 3 }),
    body: fc.oneof(
      fc.constantFrom('', 'null', '[]', '{}', '""', '<html>', '{"id":', '{"id":1}', '[null]').map((text) => ({ text })),
      garblings(ids).map((all) => ({ garblings: all })),
      fc.constant('cut' as const),
    ),
  });

function spoilt(answer: RestAnswer, { status, body }: Spoiling): RestAnswer {
  const changed = { ...answer, status: status ?? answer.status };
  if (body === 'cut') return { ...changed, isCut: true };
  if ('text' in body) return { ...changed, body: Buffer.from(body.text) };
  const json: unknown = answer.body.length > 0 ? JSON.parse(answer.body.toString()) : null;
  return { ...changed, body: Buffer.from(JSON.stringify(garbled(json, body.garblings)) ?? '') };
}

/** What once did harm: an answer that breaks off, read by nobody, and one to a follow-up that can't be read. */
const known: Visit[] = [...(['mention', 'ask'] as const)].flatMap((way): Visit[] => [
  { way, length: 'long', spoilings: [null, { status: 502, body: 'cut' }] },
  { way, length: 'long', spoilings: [null, null, { status: null, body: 'cut' }] },
  { way, length: 'long', spoilings: [null, null, { status: null, body: { text: '{}' } }] },
]);

/** An answer of two messages. */
const longText = Array.from({ length: 60 }, (_, line) => `This is line ${line} of sixty, and of two messages.`).join(
  '\n',
);

const CROWD = isLong ? 40 : 8;

test('whatever the REST API answers, nothing stands twice and the lane is free', long, async ({ task }) => {
  const fuzz = await openFuzz();
  const { between, discord, model, app, ada, guild } = fuzz;
  const bot = await fuzz.start({ maxConcurrent: CROWD });
  model.script((request) => {
    const text = echo(request);
    return [text.includes('long') ? `${text}\n${longText}` : text];
  });
  let rooms = 0;

  /** Asks in a room of its own, with what becomes of the first answers of the REST API there. */
  async function visit({ way, length, spoilings }: Visit): Promise<void> {
    rooms += 1;
    const prompt = `${length} ${rooms}`;
    const room = guild.channel(`room-${rooms}`);
    plans.set(room.id, [...spoilings]);
    if (way === 'mention') await ada.says(room, `${app.mention} ${prompt}`);
    else await ada.invokes(app, room, 'ask', { prompt, private: way === 'private' });
    const own = () => discord.sees(ada, room).filter(({ author }) => author.id === app.id);
    // Of what Discord does not let the bot acknowledge, there may be no turn.
    const isOver = () => {
      const turn = readTurns(fuzz.databasePath).find(({ channel_id }) => channel_id === room.id);
      return turn ? turn.address === null : bot.lines.some((line) => line.includes(room.id) && unanswered.test(line));
    };
    await expect.poll(isOver, { timeout: 60_000, interval: 100 }).toBe(true);
    // A private message that may have been made can't be looked for: it is made once more.
    const most = length === 'short' ? 1 : 2 + (way === 'private' ? spoilings.length : 0);
    expect(own().length, JSON.stringify({ way, length, spoilings })).toBeLessThanOrEqual(most);
    plans.delete(room.id);
    await ada.says(room, `${app.mention} then ${rooms}`);
    await expect.poll(() => own().at(-1)?.content, { timeout: 20_000 }).toMatch(/^Echo \| then/);
  }

  const plans = new Map<string, (Spoiling | null)[]>();
  between.change((answer) => {
    const used = [...discord.world.interactions.values()].find(({ token }) => answer.path.includes(token));
    const channelId = used?.channelId ?? /\/channels\/(\d+)/.exec(answer.path)?.[1] ?? '';
    const spoiling = plans.get(channelId)?.shift();
    return spoiling ? spoilt(answer, spoiling) : answer;
  });
  await fc.assert(
    fc.asyncProperty(fc.array(visitsFrom(idsIn(fuzz)), { minLength: CROWD, maxLength: CROWD }), async (visits) => {
      await Promise.all(visits.map(visit));
      expect(uncaught).toEqual([]);
    }),
    { ...cases(task, 2, 100), examples: [[known]] },
  );
  await expectSettled(bot);
});

const unanswered = /interaction not answered/;

interface Visit {
  readonly way: 'mention' | 'ask' | 'private';
  readonly length: 'short' | 'long';
  readonly spoilings: readonly (Spoiling | null)[];
}

const visitsFrom = (ids: readonly string[]): fc.Arbitrary<Visit> =>
  fc.record({
    way: fc.constantFrom('mention', 'ask', 'private'),
    length: fc.constantFrom('short', 'long'),
    spoilings: fc.array(fc.option(spoilingsFrom(ids), { freq: 2 }), { maxLength: isLong ? 6 : 1 }),
  });

test('a press of a button that Discord has given up harms nobody', async () => {
  const { discord, model, app, ada, bob, general, start, expectAnswer } = await openFuzz();
  const { lines } = await start();
  model.script('', (request) => [echo(request)]);
  const failed = await ada.invokes(app, general, 'ask', { prompt: 'Hm?' });
  const message = await discord.until(() => failed.message?.components?.[0] && failed.message);
  const route = '/interactions/:interaction_id/:interaction_token/callback';
  discord.faults.rest({ route, answer: { status: 404, body: { message: 'Unknown interaction', code: 10062 } } });
  await bob.presses(message, `again:${failed.id}`);
  await expect.poll(() => lines.some((line) => line.includes('interaction not answered'))).toBe(true);
  await expectAnswer();
  expect(uncaught).toEqual([]);
});
