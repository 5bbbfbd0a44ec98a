import { afterEach, describe, expect, test } from 'vitest';
import { adjustableClock } from '../../src/sandbox/clock.js';
import { type Discord, startDiscord } from '../../src/sandbox/discord.js';
import { createLimits } from '../../src/sandbox/limits.js';
import type { DiscordOptions } from '../../src/sandbox/server.js';
import { api, connect } from './raw.js';

let discord: Discord;
afterEach(() => discord.close());

async function open(options: DiscordOptions = {}) {
  discord = await startDiscord(options);
  const app = discord.application();
  const ada = discord.person({ username: 'ada' });
  const guild = discord.guild({ owner: ada });
  const general = guild.channel('general');
  guild.install(app);
  const bot = api(discord, `Bot ${app.token}`);
  return { app, ada, guild, general, bot };
}

async function client(token: string) {
  const connected = await connect(discord);
  connected.identify(token);
  await connected.got('GUILD_CREATE');
  return connected;
}

describe('an outage', () => {
  test('cuts everybody off, and lets nobody in until it is over; then sessions go on', async () => {
    const { app, ada, general, bot } = await open();
    const connected = await client(app.token);
    const { session_id } = (await connected.got('READY')).d as { session_id: string };
    await ada.says(general, 'before');
    discord.faults.outage(true);
    expect(app.isConnected()).toBe(false);
    expect(await connected.closed).toBe(1006);
    await expect(bot('GET', '/users/@me')).rejects.toThrow('fetch failed');
    await expect(ada.says(general, 'during')).rejects.toThrow('fetch failed');
    await expect(connect(discord)).rejects.toThrow();
    discord.faults.outage(false);
    await ada.says(general, 'after');
    const again = await connect(discord);
    again.send(6, { token: app.token, session_id, seq: 3 });
    await again.got('RESUMED');
    expect(again.events()).toEqual(['MESSAGE_CREATE', 'RESUMED']);
    expect(discord.texts(ada, general)).toEqual(['before', 'after']);
  });

  test('cuts off the answer to a call that has taken effect', async () => {
    const { app, ada, general, bot } = await open();
    discord.faults.rest({ answer: 'silence', takesEffect: true });
    const cut = expect(bot('POST', `/channels/${general.id}/messages`, { content: 'x' })).rejects.toThrow(
      'fetch failed',
    );
    await discord.until(() => app.calls().length === 1);
    discord.faults.outage(true);
    await cut;
    expect(discord.texts(ada, general)).toEqual(['x']);
  });

  test('ends with all other faults', async () => {
    const { bot } = await open();
    discord.faults.outage(true);
    discord.faults.clear();
    expect((await bot('GET', '/users/@me')).status).toBe(200);
  });
});

test('the Date header tells the time of the sandbox’s clock', async () => {
  const clock = adjustableClock();
  const { bot } = await open({ clock });
  clock.advance(3 * 60 * 60_000);
  const tellsNow = ({ headers }: Awaited<ReturnType<typeof bot>>) =>
    expect(Math.abs(Date.parse(headers.get('date') ?? '') - clock.now())).toBeLessThan(60_000);
  tellsNow(await bot('GET', '/users/@me'));
  tellsNow(await bot('GET', '/nonsense'));
});

describe('in a long run', () => {
  test('as many calls are kept as was said, and never twice as many', async () => {
    const { bot } = await open({ keepsCalls: 5, limits: false });
    const counts: number[] = [];
    for (let call = 0; call < 23; call += 1) {
      await bot('GET', `/users/${call}`);
      counts.push(discord.calls.length);
    }
    expect(Math.max(...counts)).toBeLessThan(10);
    expect(Math.min(...counts.slice(5))).toBeGreaterThanOrEqual(5);
    expect(discord.calls.at(-1)?.path).toBe('/users/22');
  });

  test('as many messages of each channel are kept as was said', async () => {
    const { ada, guild, general } = await open({ keepsMessages: 3 });
    const garden = guild.channel('garden');
    for (const text of ['1', '2', '3', '4', '5']) await ada.says(general, text);
    await ada.says(garden, 'alone');
    expect([discord.texts(ada, general), discord.texts(ada, garden)]).toEqual([['3', '4', '5'], ['alone']]);
  });

  test('windows of limits that are over are cleared away', () => {
    let now = 0;
    const limits = createLimits({ now: () => now });
    const route = '/channels/:channel_id/messages';
    for (let channel = 0; channel < 1_000; channel += 1) {
      now += 100;
      limits.count({ method: 'POST', route, resource: `${channel}`, callerId: 'app' });
    }
    expect(limits.windows()).toBeLessThan(200);
  });

  test('interactions are forgotten long after their tokens died, and such a token is told so', async () => {
    const clock = adjustableClock();
    const { app, ada, general, bot } = await open({ clock });
    await bot('PUT', `/applications/${app.id}/commands`, [{ name: 'ask', description: 'Ask.' }]);
    const connected = await client(app.token);
    await ada.invokes(app, general, 'ask');
    const { id, token } = (await connected.got('INTERACTION_CREATE')).d as { id: string; token: string };
    await bot('POST', `/interactions/${id}/${token}/callback`, { type: 4, data: { content: 'Here' } });
    clock.advance(61 * 60_000);
    await ada.invokes(app, general, 'ask');
    expect(discord.world.interactions.size).toBe(1);
    const answer = await api(discord)('PATCH', `/webhooks/${app.id}/${token}/messages/@original`, { content: 'x' });
    expect(answer).toMatchObject({ status: 401, body: { code: 50027 } });
  });
});
