import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { adjustableClock } from '../../src/sandbox/clock.js';
import { type Discord, type SandboxApplication, startDiscord } from '../../src/sandbox/discord.js';
import type { SandboxChannel, SandboxGuild } from '../../src/sandbox/guild.js';
import type { Person } from '../../src/sandbox/people.js';
import { api, connect } from './raw.js';

const clock = adjustableClock();
const minuteMs = 60_000;
let discord: Discord;
let app: SandboxApplication;
let ada: Person;
let bob: Person;
let guild: SandboxGuild;
let general: SandboxChannel;
let bot: ReturnType<typeof api>;

beforeAll(async () => {
  discord = await startDiscord({ limits: false, clock });
});
afterAll(() => discord.close());
beforeEach(() => {
  app = discord.application();
  ada = discord.person({ username: 'ada' });
  bob = discord.person({ username: 'bob' });
  guild = discord.guild({ owner: ada, members: [bob] });
  general = guild.channel('general');
  guild.install(app);
  bot = api(discord, `Bot ${app.token}`);
});

async function client() {
  const connected = await connect(discord);
  connected.identify(app.token, 513);
  await connected.got('GUILD_CREATE');
  return connected;
}

const say = () => bot('POST', `/channels/${general.id}/messages`, { content: 'x' });

describe('a timeout', () => {
  test('leaves nothing but reading until it is over, and the bot is told without the members intent', async () => {
    const { body: own } = await say();
    const message = await ada.says(general, `${app.mention} hello`);
    await ada.reacts(message, '👍');
    const connected = await client();
    await ada.timesOut(guild, app, 10 * minuteMs);
    const { communication_disabled_until: until } = (await connected.got('GUILD_MEMBER_UPDATE')).d as {
      communication_disabled_until: string;
    };
    expect(Math.abs(Date.parse(until) - clock.now() - 10 * minuteMs)).toBeLessThan(5_000);
    const react = (emoji: string) =>
      bot('PUT', `/channels/${general.id}/messages/${message.id}/reactions/${encodeURIComponent(emoji)}/@me`);
    const refused = [
      await say(),
      await react('👀'),
      await react('👍'),
      await bot('POST', `/channels/${general.id}/typing`),
    ];
    expect(refused.map(({ status, body }) => [status, body.code])).toEqual(refused.map(() => [403, 50013]));
    expect((await bot('GET', `/channels/${general.id}/messages`)).body).toHaveLength(2);
    expect((await bot('PATCH', `/channels/${general.id}/messages/${own.id}`, { content: 'y' })).status).toBe(200);
    clock.advance(10 * minuteMs);
    expect((await say()).status).toBe(200);
    const { body: me } = await bot('GET', `/users/@me/guilds/${guild.id}/member`);
    expect(me.communication_disabled_until).toBe(until);
  });

  test('can be ended before its time', async () => {
    await ada.timesOut(guild, app, minuteMs);
    expect((await say()).body.code).toBe(50013);
    await ada.timesOut(guild, app, 0);
    expect((await say()).status).toBe(200);
  });

  test('leaves no right to write in threads either, whatever a channel allows', async () => {
    const thread = await ada.opensThread(general, 'aside');
    general.overwrite(app, ['SendMessages', 'SendMessagesInThreads'], []);
    await ada.timesOut(guild, app, minuteMs);
    expect((await bot('POST', `/channels/${thread.id}/messages`, { content: 'x' })).body.code).toBe(50013);
    expect((await say()).body.code).toBe(50013);
  });

  test('does not stop the answer to a command', async () => {
    await bot('PUT', `/applications/${app.id}/commands`, [{ name: 'ask', description: 'Ask.' }]);
    const connected = await client();
    await ada.timesOut(guild, app, minuteMs);
    const use = await ada.invokes(app, general, 'ask');
    const { id, token } = (await connected.got('INTERACTION_CREATE')).d as { id: string; token: string };
    const answer = { type: 4, data: { content: 'Here' } };
    expect((await api(discord)('POST', `/interactions/${id}/${token}/callback`, answer)).status).toBe(204);
    expect(use.message?.content).toBe('Here');
  });

  test('is for who may moderate and stands above, of members who are no administrators, for 28 days at most', async () => {
    await expect(bob.timesOut(guild, app, minuteMs)).rejects.toMatchObject({ code: 50013 });
    guild.grant(bob, guild.role('moderator', ['ModerateMembers']));
    await bob.timesOut(guild, app, minuteMs);
    await expect(bob.timesOut(guild, ada, minuteMs)).rejects.toMatchObject({ code: 50013 });
    await expect(ada.timesOut(guild, app, 29 * 24 * 60 * minuteMs)).rejects.toMatchObject({ code: 50035 });
    guild.grant(app, guild.role('admin', ['Administrator']));
    await expect(ada.timesOut(guild, app, minuteMs)).rejects.toMatchObject({ status: 403 });
    const path = `/guilds/${guild.id}/members/${bob.id}`;
    const wrong = ada.call('PATCH', path, { communication_disabled_until: 'soon' });
    await expect(wrong).rejects.toMatchObject({ code: 50035 });
  });
});

describe('being put out', () => {
  test('tells the bot, which has no more access to channels and knows no such server', async () => {
    const { body: own } = await say();
    const connected = await client();
    await ada.kicks(guild, app);
    expect((await connected.got('GUILD_DELETE')).d).toEqual({ id: guild.id });
    const at = `/channels/${general.id}/messages`;
    const refused = [await say(), await bot('PATCH', `${at}/${own.id}`, { content: 'y' }), await bot('GET', at)];
    expect(refused.map(({ status, body }) => [status, body.code])).toEqual(refused.map(() => [403, 50001]));
    expect(await bot('GET', `/guilds/${guild.id}`)).toMatchObject({ status: 404, body: { code: 10004 } });
    await ada.says(general, `${app.mention} are you there?`);
    guild.install(app);
    await expect.poll(() => connected.events().slice(3)).toEqual(['GUILD_CREATE']);
  });

  test('is for who may, and stands above', async () => {
    await expect(bob.kicks(guild, app)).rejects.toMatchObject({ code: 50013 });
    guild.grant(bob, guild.role('moderator', ['KickMembers']));
    await expect(bob.kicks(guild, ada)).rejects.toMatchObject({ code: 50013 });
    await bob.kicks(guild, app);
    await expect(bob.kicks(guild, app)).rejects.toMatchObject({ code: 10007 });
  });
});
