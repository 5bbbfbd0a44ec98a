import { Client } from 'discord.js';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { adjustableClock } from '../../src/sandbox/clock.js';
import { type Discord, startDiscord } from '../../src/sandbox/discord.js';
import type { DiscordOptions } from '../../src/sandbox/server.js';
import { createSessionStarts } from '../../src/sandbox/session-starts.js';
import { api, connect } from './raw.js';

const dayMs = 24 * 60 * 60_000;
const clock = adjustableClock();
let discord: Discord;
afterEach(() => discord.close());

async function open(identifies: DiscordOptions['identifies']) {
  discord = await startDiscord({ clock, ...(identifies && { identifies }) });
  const app = discord.application();
  const bot = api(discord, `Bot ${app.token}`);
  const limit = async () => (await bot('GET', '/gateway/bot')).body.session_start_limit;
  return { app, limit };
}

async function identified(token: string) {
  const client = await connect(discord);
  client.identify(token);
  return client;
}

describe('the sessions of a day', () => {
  test('are counted down for each app, and start anew after it', async () => {
    const { app, limit } = await open(undefined);
    expect(await limit()).toMatchObject({ total: 1000, remaining: 1000, max_concurrency: 1 });
    await (await identified(app.token)).got('READY');
    await (await identified(app.token)).got('READY');
    await (await identified(discord.application().token)).got('READY');
    const { remaining, reset_after } = await limit();
    expect(remaining).toBe(998);
    expect(reset_after).toBeGreaterThan(dayMs - 60_000);
    expect(reset_after).toBeLessThanOrEqual(dayMs);
    clock.advance(dayMs);
    expect((await limit()).remaining).toBe(1000);
  });

  test('count no resumes, no persons and no refused intents', async () => {
    const { app, limit } = await open({ aDay: 2 });
    const refused = await connect(discord);
    refused.identify(app.token, 1 << 15);
    expect(await refused.closed).toBe(4014);
    const first = await identified(app.token);
    const { session_id } = (await first.got('READY')).d as { session_id: string };
    discord.faults.gateway.drop();
    const again = await connect(discord);
    again.send(6, { token: app.token, session_id, seq: 1 });
    await again.got('RESUMED');
    const ada = discord.person({ username: 'ada' });
    for (let login = 0; login < 3; login += 1) await (await identified(ada.token)).got('READY');
    expect(await limit()).toMatchObject({ total: 2, remaining: 1 });
  });

  test('that are one too many end all sessions of the app, with 4004', async () => {
    const { app, limit } = await open({ aDay: 1 });
    const first = await identified(app.token);
    await first.got('READY');
    const second = await identified(app.token);
    expect([await second.closed, await first.closed]).toEqual([4004, 4004]);
    expect(app.isConnected()).toBe(false);
    expect((await limit()).remaining).toBe(0);
  });

  test('that are used up keep discord.js from logging in', async () => {
    const { app } = await open({ aDay: 1 });
    await (await identified(app.token)).got('READY');
    const client = new Client({ intents: [], rest: { api: discord.url } });
    onTestFinished(() => client.destroy());
    await expect(client.login(app.token)).rejects.toThrow('Not enough sessions remaining');
  });
});

describe('an identify that comes too soon', () => {
  test('is answered with opcode 9 (false), on a connection that stays open', async () => {
    const { app, limit } = await open({ everyMs: 5_000 });
    await (await identified(app.token)).got('READY');
    const second = await identified(app.token);
    expect((await second.got(9)).d).toBe(false);
    await (await identified(discord.application().token)).got('READY');
    clock.advance(5_000);
    second.identify(app.token);
    await second.got('READY');
    expect((await limit()).remaining).toBe(997);
  });

  test('is none, if the pace is not in force', async () => {
    const { app } = await open(undefined);
    for (let start = 0; start < 3; start += 1) await (await identified(app.token)).got('READY');
  });

  test('does not put off the next', async () => {
    discord = await startDiscord();
    let now = 0;
    const starts = createSessionStarts({ now: () => now }, { everyMs: 100 });
    const counts = [0, 60, 100, 199, 200].map((at) => {
      now = at;
      return starts.count('app');
    });
    expect(counts).toEqual(['welcome', 'too soon', 'welcome', 'too soon', 'welcome']);
  });
});
