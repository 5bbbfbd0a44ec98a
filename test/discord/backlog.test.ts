import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, Events, type Message, SnowflakeUtil } from 'discord.js';
import type { GatewayGuildCreateDispatchData } from 'discord-api-types/v10';
import { expect, onTestFinished, test, vi } from 'vitest';
import { followBacklog } from '../../src/discord/backlog.js';
import { createPace } from '../../src/discord/pace.js';
import { adjustableClock } from '../../src/sandbox/clock.js';
import type { ModelRequest } from '../../src/sandbox/model/model.js';
import { gate, silent } from '../fakes.js';
import { type GatewayEvent, standBetween } from '../reliability/between.js';
import { connect } from '../sandbox/raw.js';
import { openHome, openSandbox, type Sandbox, startBot } from './home.js';

interface Place {
  readonly id: string;
}

const texts = ({ discord, ada, app }: Sandbox, channel: Place): string[] =>
  discord
    .sees(ada, channel)
    .filter(({ author }) => author.id === app.id)
    .map(({ content }) => content);

const questionIn = ({ body }: ModelRequest): string =>
  String(body.messages.at(-1)?.content).split('\n').at(-1)?.slice('| '.length) ?? '';

const asked = ({ model }: Sandbox): string[] => model.requests.map(questionIn);

/** What the model says to a question, where a test asks many. */
const echo = (request: ModelRequest): string[] => [`Re: ${questionIn(request)}`];

/** How often the bot has looked for what was said in a channel. */
const readings = ({ app }: Sandbox, { id }: Place): number =>
  app.calls().filter(({ method, path }) => method === 'GET' && path === `/channels/${id}/messages`).length;

/** A sandbox in which a test can say to the bot what it likes, as the gateway. */
async function openBetween() {
  const sandbox = await openSandbox();
  const between = await standBetween(sandbox.discord.url);
  onTestFinished(between.close);
  const events: GatewayEvent[] = [];
  between.hear((event) => events.push(event));
  let number = 1000;
  return {
    ...sandbox,
    /** What the gateway has said so far. */
    events,
    say(event: GatewayEvent): void {
      number += 1;
      between.say(JSON.stringify({ op: 0, s: number, ...event }));
    },
    start: () => startBot({ ...sandbox, discord: { ...sandbox.discord, url: between.url } }),
    /** The server as Discord would describe it now to a session that begins. */
    async arrival(): Promise<GatewayGuildCreateDispatchData> {
      const session = await connect(sandbox.discord);
      session.identify(sandbox.app.token);
      const { d } = await session.got('GUILD_CREATE');
      session.socket.terminate();
      return d as GatewayGuildCreateDispatchData; // what the event is documented to hold
    },
  };
}

test('mentions that came while the bot was away are answered once, in order, with the askers’ names', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, bob, guild, general, garden } = sandbox;
  const cleo = discord.person({ username: 'cleo', name: 'Cleo' });
  guild.join(cleo);
  const member = discord.world.guilds.get(guild.id)?.members.get(cleo.id);
  if (member) member.nick = 'Queen';
  model.script('One.', 'Two.', 'Three.');
  await ada.says(general, `${app.mention} one`);
  await bob.says(general, 'not to the bot');
  await ada.says(general, app.mention);
  await cleo.says(general, `${app.mention} two`);
  await startBot(sandbox);
  await discord.until(() => texts(sandbox, general).length === 2);
  expect(texts(sandbox, general)).toEqual(['One.', 'Two.']);
  expect(String(model.requests[1]?.body.messages.at(-1)?.content)).toBe('@cleo (Queen):\n| two');
  await ada.says(garden, `${app.mention} three`);
  await discord.until(() => texts(sandbox, garden).length === 1);
  expect(asked(sandbox)).toEqual(['one', 'two', 'three']);
});

test('what is older than ten minutes is not answered, nor what was answered before', async () => {
  const clock = adjustableClock();
  const sandbox = await openSandbox({ discord: { clock } });
  const { discord, model, app, ada, general } = sandbox;
  model.script('Before.', 'New.');
  await ada.says(general, `${app.mention} old`);
  clock.advance(10 * 60_000 + 5000);
  const first = await startBot(sandbox);
  await ada.says(general, `${app.mention} before`);
  await discord.until(() => texts(sandbox, general).length === 1);
  await first.stop();
  await ada.says(general, `${app.mention} new`);
  await startBot(sandbox);
  await discord.until(() => texts(sandbox, general).includes('New.'));
  expect(asked(sandbox)).toEqual(['before', 'new']);
});

test('a setting of no minutes leaves everything unanswered that was missed', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general } = sandbox;
  model.script('Two.');
  await ada.says(general, `${app.mention} one`);
  await startBot(sandbox, { catchUpMs: 0 });
  await ada.says(general, `${app.mention} two`);
  await discord.until(() => texts(sandbox, general).includes('Two.'));
  expect(asked(sandbox)).toEqual(['two']);
});

test('direct messages that came while the bot was away are answered where it was written to before', async () => {
  const home = await openHome();
  const { discord, model, app, ada, stop } = home;
  const direct = await ada.directs(app);
  model.script('Hello.', 'Back.');
  await ada.says(direct, 'hi');
  await discord.until(() => texts(home, direct).length === 1);
  await stop();
  await ada.says(direct, 'still there?');
  // The first request for the channel is lost.
  discord.faults.rest({ method: 'GET', route: '/channels/:channel_id', of: app, answer: 'reset' });
  await startBot(home);
  await discord.until(() => texts(home, direct).includes('Back.'));
});

test('a thread is looked into as well', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general } = sandbox;
  const thread = await ada.opensThread(general, 'aside');
  model.script('Here.');
  await ada.says(thread, `${app.mention} hi`);
  await startBot(sandbox);
  await discord.until(() => texts(sandbox, thread).includes('Here.'));
});

test('a session that can’t be resumed loses no question, and those that come then stand behind, once', async () => {
  const clock = adjustableClock();
  const home = await openHome({ discord: { clock } });
  const { discord, model, app, ada, general } = home;
  const direct = await ada.directs(app);
  model.script(echo);
  await ada.says(direct, 'hi');
  await discord.until(() => texts(home, direct).length === 1);
  // What the bot knows of the direct conversation is older than what it is to catch up with.
  clock.advance(11 * 60_000);
  discord.faults.gateway.acceptsConnections = false;
  discord.faults.gateway.refuseResumes(1);
  discord.faults.gateway.drop();
  await ada.says(general, `${app.mention} one`);
  await ada.says(general, `${app.mention} two`);
  await ada.says(direct, 'still there?');
  // The channel is read late, after the next message has come.
  const route = '/channels/:channel_id/messages';
  discord.faults.rest({ method: 'GET', route, of: app, delayMs: 300, times: 2 });
  discord.faults.gateway.acceptsConnections = true;
  await discord.until(() => app.isConnected(), { withinMs: 30_000 });
  await ada.says(general, `${app.mention} three`);
  await discord.until(() => texts(home, general).length >= 3 && texts(home, direct).length >= 2, { withinMs: 30_000 });
  await ada.says(general, `${app.mention} four`);
  await discord.until(() => texts(home, general).includes('Re: four'));
  expect(texts(home, general)).toEqual(['Re: one', 'Re: two', 'Re: three', 'Re: four']);
  expect(texts(home, direct)).toEqual(['Re: hi', 'Re: still there?']);
  expect(asked(home)).toHaveLength(6);
});

test('READY twice, and events twice, answer nothing twice', async () => {
  const home = await openBetween();
  const { discord, model, app, ada, bob, general, events, say, start } = home;
  model.script(echo);
  await ada.says(general, `${app.mention} one`);
  await start();
  await ada.says(general, `${app.mention} two`);
  await discord.until(() => texts(home, general).length === 2);
  // The library knows the latest five messages of a channel, and passes on none of them twice.
  for (let said = 0; said < 6; said += 1) await bob.says(general, 'Not to the bot.');
  await discord.until(() => events.filter(({ t }) => t === 'MESSAGE_CREATE').length === 9);
  const before = readings(home, general);
  for (const event of [...events]) {
    say(event);
    // What comes in the same moment as READY may overtake it in the library.
    if (event.t === 'READY') await delay(50);
  }
  await discord.until(() => readings(home, general) > before);
  await ada.says(general, `${app.mention} three`);
  await discord.until(() => texts(home, general).includes('Re: three'));
  expect(asked(home)).toEqual(['one', 'two', 'three']);
});

test('a server is looked through when it arrives, and keeps no other waiting', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general } = sandbox;
  const club = discord.guild({ name: 'Club', owner: ada });
  const lounge = club.channel('lounge');
  club.install(app);
  model.script(echo);
  await ada.says(general, `${app.mention} late`);
  await ada.says(lounge, `${app.mention} early`);
  // The first to arrive is the one that general is in.
  discord.faults.gateway.disturb({ event: 'GUILD_CREATE', delayMs: 600 });
  const starting = startBot(sandbox);
  await discord.until(() => texts(sandbox, lounge).length === 1);
  expect(asked(sandbox)).toEqual(['early']);
  await starting;
  await discord.until(() => texts(sandbox, general).length === 1);
  expect(asked(sandbox)).toEqual(['early', 'late']);
});

test('a server that comes back after an outage is looked through, however late', async () => {
  const home = await openBetween();
  const { discord, model, app, ada, guild, general, say, start } = home;
  model.script(echo);
  await start();
  say({ t: 'GUILD_DELETE', d: { id: guild.id, unavailable: true } });
  discord.faults.gateway.disturb({ event: 'MESSAGE_CREATE', of: app, copies: 0 });
  await ada.says(general, `${app.mention} one`);
  say({ t: 'GUILD_CREATE', d: await home.arrival() });
  await discord.until(() => texts(home, general).includes('Re: one'));
});

test('a thread whose channel Discord does not name keeps nothing else from being looked through', async () => {
  const home = await openBetween();
  const { discord, model, app, ada, guild, general, garden, say, start } = home;
  model.script(echo);
  await start();
  say({ t: 'GUILD_DELETE', d: { id: guild.id, unavailable: true } });
  const orphan = await ada.opensThread(general, 'aside');
  const known = await ada.opensThread(garden, 'aside');
  discord.faults.gateway.disturb({ event: 'MESSAGE_CREATE', of: app, copies: 0, times: 2 });
  await ada.says(orphan, `${app.mention} one`);
  await ada.says(known, `${app.mention} two`);
  const server = await home.arrival();
  const channels = server.channels.filter(({ id }) => id !== general.id);
  say({ t: 'GUILD_CREATE', d: { ...server, channels } });
  await discord.until(() => texts(home, known).includes('Re: two'));
});

test('each reply that was missed reaches the model with what it replies to', async () => {
  const sandbox = await openSandbox({ messageContent: 'on', discord: { limits: false } });
  const { discord, model, app, ada, bob, general } = sandbox;
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
  model.script('Because.');
  const statements = [];
  for (const number of numbers) statements.push(await bob.says(general, `Statement ${number}.`));
  for (const replyTo of statements) await ada.says(general, `${app.mention} why?`, { replyTo });
  await startBot(sandbox);
  await discord.until(() => texts(sandbox, general).length === numbers.length);
  const prompts = model.requests.map(({ body }) => String(body.messages.at(-1)?.content).split('\n').slice(1));
  expect(prompts).toEqual(numbers.map((number) => [`> Statement ${number}.`, '@ada (Ada):', '| why?']));
});

test('of missed questions, no more wait at a time than may, and all are answered', async () => {
  const sandbox = await openSandbox({ discord: { limits: false } });
  const { discord, model, app, ada, general, garden } = sandbox;
  const waiting: number[] = [];
  const numbers = [1, 2, 3, 4];
  for (const number of numbers) {
    await ada.says(general, `${app.mention} ${number}`);
    await ada.says(garden, `${app.mention} garden ${number}`);
  }
  model.script(async function* (request) {
    waiting.push((await store.unsettled()).length);
    yield* echo(request);
  });
  const { store, lines } = await startBot(sandbox, { maxWaitingPerPerson: 2 });
  const shown = () => texts(sandbox, general).length + texts(sandbox, garden).length;
  await discord.until(() => shown() === 2 * numbers.length);
  expect(texts(sandbox, general)).toEqual(numbers.map((number) => `Re: ${number}`));
  expect(texts(sandbox, garden)).toEqual(numbers.map((number) => `Re: garden ${number}`));
  expect(Math.max(...waiting)).toBeLessThanOrEqual(2);
  expect(lines.filter((line) => line.includes('turn refused'))).toEqual([]);
});

test('a channel that can’t be read for a moment is read later, and one that may not be read is left alone', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general, garden } = sandbox;
  garden.overwrite(app, [], ['ReadMessageHistory']);
  model.script('One.');
  await ada.says(general, `${app.mention} one`);
  await ada.says(garden, `${app.mention} two`);
  discord.faults.rest({ method: 'GET', route: '/channels/:channel_id/messages', answer: 'reset' });
  await startBot(sandbox);
  await discord.until(() => texts(sandbox, general).includes('One.'));
  expect(asked(sandbox)).toEqual(['one']);
  expect(discord.calls.filter(({ status }) => status === 403)).toEqual([]);
});

test.each([
  [403, 50001],
  [404, 10003],
])('a channel whose reading is refused with %i is not read again', async (status, code) => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general } = sandbox;
  model.script(echo);
  await ada.says(general, `${app.mention} one`);
  const route = '/channels/:channel_id/messages';
  discord.faults.rest({ method: 'GET', route, of: app, answer: { status, body: { code, message: 'No.' } } });
  await startBot(sandbox);
  await discord.until(() => readings(sandbox, general) === 1);
  // It would wait for a backlog that is still to be read.
  await ada.says(general, `${app.mention} two`);
  await discord.until(() => texts(sandbox, general).length > 0);
  expect(asked(sandbox)).toEqual(['two']);
  expect(readings(sandbox, general)).toBe(1);
});

test('a question that waits is not asked twice when its session is lost', async () => {
  const home = await openHome();
  const { discord, model, app, ada, general } = home;
  const held = gate();
  model.script(async function* () {
    await held.opened;
    yield 'One.';
  }, echo);
  await ada.says(general, `${app.mention} one`);
  await ada.says(general, `${app.mention} two`);
  await model.request(0);
  discord.faults.gateway.invalidate(false);
  await discord.until(() => readings(home, general) === 1, { withinMs: 30_000 });
  await ada.says(general, `${app.mention} three`);
  held.open();
  await discord.until(() => texts(home, general).includes('Re: three'));
  expect(asked(home)).toEqual(['one', 'two', 'three']);
});

test('what is said while a channel is looked through stands behind a command that came before it', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, bob, general } = sandbox;
  model.script(echo);
  await ada.says(general, `${app.mention} missed`);
  discord.faults.rest({ method: 'GET', route: '/channels/:channel_id/messages', of: app, delayMs: 400 });
  await startBot(sandbox);
  await ada.says(general, `${app.mention} one`);
  await bob.invokes(app, general, 'ask', { prompt: 'two' });
  await ada.says(general, `${app.mention} three`);
  await ada.says(general, `${app.mention} four`);
  await discord.until(() => texts(sandbox, general).includes('Re: four'));
  expect(asked(sandbox)).toEqual(['missed', 'one', 'two', 'three', 'four']);
});

test('a command that waits for a channel to be looked through when the bot is stopped is answered by the next', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, bob, general } = sandbox;
  model.script(echo);
  await ada.says(general, `${app.mention} missed`);
  const lost = { method: 'GET', route: '/channels/:channel_id/messages', of: app, answer: 'reset' } as const;
  discord.faults.rest(lost);
  discord.faults.rest(lost);
  const first = await startBot(sandbox);
  await discord.until(() => readings(sandbox, general) === 1);
  await ada.says(general, `${app.mention} one`);
  const use = await bob.invokes(app, general, 'ask', { prompt: 'two' });
  await delay(300);
  expect(use.state).toBe('waiting');
  await first.stop();
  await startBot(sandbox);
  await discord.until(() => use.message?.content.endsWith('Re: two'), { withinMs: 20_000 });
  await discord.until(
    () => texts(sandbox, general).includes('Re: one') && texts(sandbox, general).includes('Re: missed'),
  );
  expect(asked(sandbox).toSorted()).toEqual(['missed', 'one', 'two']);
});

test('a message that is deleted while its channel is looked through is not asked', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general } = sandbox;
  model.script(echo);
  await ada.says(general, `${app.mention} missed`);
  discord.faults.rest({ method: 'GET', route: '/channels/:channel_id/messages', of: app, answer: 'reset' });
  await startBot(sandbox);
  await discord.until(() => readings(sandbox, general) === 1);
  const slip = await ada.says(general, `${app.mention} a slip`);
  await ada.says(general, `${app.mention} one`);
  await ada.deletes(slip);
  await discord.until(() => texts(sandbox, general).includes('Re: one'));
  expect(asked(sandbox)).toEqual(['missed', 'one']);
});

test('nobody waits longer than fifteen seconds for a channel to be looked through, though its server comes again and again', async () => {
  const ids = Array.from({ length: 3 }, () => `${SnowflakeUtil.generate()}`);
  const channel = {
    ...{ id: '5', lastMessageId: ids[0], isTextBased: () => true, isDMBased: () => false },
    ...{ guild: { members: { me: {} } }, permissionsFor: () => ({ has: () => true }) },
    messages: { fetch: () => new Promise(() => {}) },
  };
  const server = { channels: { cache: new Map([['5', channel]]) } };
  const client = Object.assign(new EventEmitter(), { ws: new EventEmitter() });
  const taken: string[] = [];
  const { hear } = followBacklog({
    client: client as unknown as Client, // as much of one as is looked at
    pace: createPace(50),
    log: silent,
    maxAgeMs: 600_000,
    now: Date.now,
    directChannels: async () => [],
    take: async ({ id }) => void taken.push(id),
    takeMissed: async () => {},
  });
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  for (const id of ids) {
    client.emit(Events.GuildAvailable, server);
    hear({ id, channelId: '5', guild: {} } as unknown as Message);
    await vi.advanceTimersByTimeAsync(7000);
  }
  // After 21 seconds.
  expect(taken).toEqual(ids.slice(0, 1));
  await vi.advanceTimersByTimeAsync(2000);
  expect(taken).toEqual(ids.slice(0, 2));
});

test('a command waits for a second at most, is not acknowledged before it is written down, and overtakes nothing that is known', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, bob, general } = sandbox;
  model.script(echo);
  await ada.says(general, `${app.mention} missed`);
  for (let reading = 0; reading < 4; reading++) {
    discord.faults.rest({ method: 'GET', route: '/channels/:channel_id/messages', of: app, answer: 'reset' });
  }
  const { store } = await startBot(sandbox);
  await ada.says(general, `${app.mention} before`);
  const use = await bob.invokes(app, general, 'ask', { prompt: 'one' });
  await discord.until(() => use.state !== 'waiting');
  expect(await store.has(use.id)).toBe(true);
  await discord.until(() => use.message?.content.endsWith('Re: one'));
  // Some seconds later.
  await discord.until(() => texts(sandbox, general).includes('Re: missed'), { withinMs: 20_000 });
  expect(asked(sandbox)).toEqual(['before', 'one', 'missed']);
});

test('those whose patience ends together keep their order, also where one takes a while to have its place', async () => {
  const ids = Array.from({ length: 4 }, () => `${SnowflakeUtil.generate()}`);
  const found = { id: ids[1], channelId: '5', createdTimestamp: Date.now() };
  const pages = [{ size: 100, values: () => [found], firstKey: () => found.id }];
  const channel = {
    ...{ id: '5', lastMessageId: ids[0], isTextBased: () => true, isDMBased: () => false },
    ...{ guild: { members: { me: {} } }, permissionsFor: () => ({ has: () => true }) },
    messages: {
      // The first page is not the last, and the next does not come.
      fetch: async () => pages.pop() ?? new Promise(() => {}),
    },
  };
  const client = Object.assign(new EventEmitter(), { ws: new EventEmitter() });
  const taken: string[] = [];
  const { hear, whenRead } = followBacklog({
    client: client as unknown as Client, // as much of one as is looked at
    pace: createPace(50),
    log: silent,
    maxAgeMs: 600_000,
    now: Date.now,
    directChannels: async () => [],
    take: async ({ id }) => void taken.push(id),
    takeMissed: async ({ id }) => {
      await delay(100);
      taken.push(id);
    },
  });
  client.emit(Events.GuildAvailable, { channels: { cache: new Map([['5', channel]]) } });
  hear({ id: ids[0], channelId: '5', guild: {} } as unknown as Message);
  await delay(50);
  const commands = ids.slice(2).map(async (id) => {
    await whenRead({ id, channelId: '5', isDirect: false }, 100);
    taken.push(id);
  });
  await Promise.all(commands);
  expect(taken).toEqual(ids);
});
