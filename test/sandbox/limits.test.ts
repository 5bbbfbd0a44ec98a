import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Discord, type SandboxApplication, startDiscord } from '../../src/sandbox/discord.js';
import type { SandboxGuild } from '../../src/sandbox/guild.js';
import { createLimits } from '../../src/sandbox/limits.js';
import type { Person } from '../../src/sandbox/people.js';
import { api } from './raw.js';

/** Stands still but for what a test lets pass. */
let now: number;
const clock = { now: () => now };
let discord: Discord;
let app: SandboxApplication;
let ada: Person;
let guild: SandboxGuild;
let bot: ReturnType<typeof api>;

beforeEach(async () => {
  now = Date.now();
  discord = await startDiscord({ clock });
  app = discord.application();
  ada = discord.person({ username: 'ada' });
  guild = discord.guild({ owner: ada });
  guild.install(app);
  bot = api(discord, `Bot ${app.token}`);
});
afterEach(() => discord.close());

describe('a route', () => {
  test('tells its limit in headers, and answers 429 past it until its window is over', async () => {
    const channel = guild.channel('general');
    const say = () => bot('POST', `/channels/${channel.id}/messages`, { content: 'x' });
    const remaining: (string | null)[] = [];
    for (let sent = 0; sent < 5; sent += 1) {
      now += 100;
      remaining.push((await say()).headers.get('x-ratelimit-remaining'));
    }
    expect(remaining).toEqual(['4', '3', '2', '1', '0']);
    const { status, headers, body } = await say();
    expect(status).toBe(429);
    expect(body).toMatchObject({ message: 'You are being rate limited.', retry_after: 4.6, global: false });
    expect(Object.fromEntries(headers)).toMatchObject({
      'retry-after': '5',
      'x-ratelimit-limit': '5',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset-after': '4.600',
      'x-ratelimit-scope': 'user',
    });
    expect(discord.texts(ada, channel)).toHaveLength(5);
    now += 4_600;
    expect((await say()).status).toBe(200);
    expect(discord.calls.filter((call) => call.status === 429)).toHaveLength(1);
  });

  test('is limited per channel; posting and editing share a name, and count apart', async () => {
    const [one, other] = [guild.channel('one'), guild.channel('other')];
    const say = (channel: { id: string }) => bot('POST', `/channels/${channel.id}/messages`, { content: 'x' });
    for (let sent = 0; sent < 4; sent += 1) await say(one);
    const last = await say(one);
    expect((await say(other)).status).toBe(200);
    const edit = await bot('PATCH', `/channels/${one.id}/messages/${last.body.id}`, { content: 'y' });
    expect(edit.headers.get('x-ratelimit-remaining')).toBe('4');
    expect(edit.headers.get('x-ratelimit-bucket')).toBe(last.headers.get('x-ratelimit-bucket'));
    expect((await say(one)).status).toBe(429);
  });

  test('of reactions takes one in a quarter of a second, and a refused call counts too', async () => {
    const channel = guild.channel('general');
    const message = await ada.says(channel, 'x');
    const path = (emoji: string) =>
      `/channels/${channel.id}/messages/${message.id}/reactions/${encodeURIComponent(emoji)}/@me`;
    expect((await bot('PUT', path('nonsense'))).body.code).toBe(10014);
    expect((await bot('PUT', path('👀'))).body).toMatchObject({ retry_after: 0.25 });
    now += 250;
    expect((await bot('PUT', path('👀'))).status).toBe(204);
    now += 250;
    expect((await bot('DELETE', path('👀'))).status).toBe(204);
  });

  test('does not hold people back', async () => {
    const channel = guild.channel('general');
    for (let sent = 0; sent < 8; sent += 1) await ada.says(channel, 'x');
  });
});

describe('a bot', () => {
  test('makes 50 requests a second over all routes, those of interactions excepted', async () => {
    for (let sent = 0; sent < 50; sent += 1) expect((await bot('GET', '/users/@me')).status).toBe(200);
    const { status, headers, body } = await bot('GET', '/users/@me');
    expect(status).toBe(429);
    expect(body.global).toBe(true);
    expect(headers.get('x-ratelimit-scope')).toBe('global');
    expect(headers.get('x-ratelimit-global')).toBe('true');
    expect((await bot('POST', '/interactions/1/2/callback', { type: 5 })).body.code).toBe(10062);
    now += 1_000;
    expect((await bot('GET', '/users/@me')).status).toBe(200);
  });

  test('is shut out after 10,000 invalid requests in ten minutes', () => {
    const limits = createLimits(clock);
    for (let answers = 0; answers < 9_999; answers += 1) limits.answered(401);
    limits.answered(404);
    expect(limits.isShutOut()).toBe(false);
    limits.answered(403);
    expect(limits.isShutOut()).toBe(true);
    now += 10 * 60_000 + 1;
    expect(limits.isShutOut()).toBe(false);
  });
});

describe('faults ordered by a test', () => {
  test('answer the next calls of a route, with or without their effect', async () => {
    const channel = guild.channel('general');
    const say = (content: string) => bot('POST', `/channels/${channel.id}/messages`, { content });
    const route = '/channels/:channel_id/messages';
    discord.faults.rest({
      method: 'POST',
      route,
      of: app,
      times: 2,
      answer: { status: 503, body: { message: 'busy' }, headers: { 'x-a': 'b' } },
    });
    discord.faults.rest({ method: 'POST', route, of: app, takesEffect: true, answer: { status: 500 } });
    await ada.says(channel, 'from Ada');
    const first = await say('one');
    expect([first.status, first.body, first.headers.get('x-a')]).toEqual([503, { message: 'busy' }, 'b']);
    expect((await say('two')).status).toBe(503);
    expect((await say('three')).status).toBe(500);
    expect((await say('four')).status).toBe(200);
    expect(discord.texts(ada, channel)).toEqual(['from Ada', 'three', 'four']);
  });

  test('cut or keep the line, before and after the effect', async () => {
    const channel = guild.channel('general');
    const say = (content: string) =>
      fetch(`${discord.url}/v10/channels/${channel.id}/messages`, {
        method: 'POST',
        headers: { authorization: `Bot ${app.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ content }),
        signal: AbortSignal.timeout(200),
      });
    discord.faults.rest({ answer: 'reset' });
    discord.faults.rest({ answer: 'reset', takesEffect: true });
    discord.faults.rest({ answer: 'silence', takesEffect: true });
    await expect(say('one')).rejects.toThrow();
    await expect(say('two')).rejects.toThrow();
    await expect(say('three')).rejects.toThrow(/timeout|aborted/);
    expect(discord.texts(ada, channel)).toEqual(['two', 'three']);
    expect(app.calls().map(({ status }) => status)).toEqual([0, 0, 0]);
  });

  test('delay, and play the global limit', async () => {
    discord.faults.rest({ delayMs: 30 });
    const before = performance.now();
    expect((await bot('GET', '/users/@me')).status).toBe(200);
    expect(performance.now() - before).toBeGreaterThan(25);
    discord.faults.globalRateLimit(1.5);
    expect(await bot('GET', '/users/@me')).toMatchObject({ status: 429, body: { global: true, retry_after: 1.5 } });
    expect((await bot('GET', '/users/@me')).status).toBe(200);
  });
});
