import { Client, Events, GatewayIntentBits } from 'discord.js';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { type Discord, type SandboxApplication, startDiscord } from '../../src/sandbox/discord.js';
import type { SandboxChannel, SandboxGuild } from '../../src/sandbox/guild.js';
import type { Person } from '../../src/sandbox/people.js';
import { api, connect } from './raw.js';

let discord: Discord;
let app: SandboxApplication;
let ada: Person;
let guild: SandboxGuild;
let general: SandboxChannel;

beforeEach(async () => {
  discord = await startDiscord();
  app = discord.application();
  ada = discord.person({ username: 'ada' });
  guild = discord.guild({ owner: ada });
  general = guild.channel('general');
  guild.install(app, ['SendMessages']);
});
afterEach(() => discord.close());

async function client(token = app.token) {
  const connected = await connect(discord);
  connected.identify(token);
  await connected.got('GUILD_CREATE');
  return connected;
}

const channelsIn = (payload: unknown) => (payload as { channels: { id: string }[] }).channels.map(({ id }) => id);

test('a channel that an app can’t view comes over the gateway with nothing but its place, and over REST not at all', async () => {
  const secret = guild.channel('secret');
  secret.overwrite(guild, [], ['ViewChannel']);
  await ada.says(secret, 'hush');
  const { d } = await (await client()).got('GUILD_CREATE');
  expect((d as { channels: object[] }).channels[1]).toEqual({
    id: secret.id,
    type: 0,
    guild_id: guild.id,
    name: '___hidden___',
    position: 0,
    parent_id: null,
    permission_overwrites: [{ id: guild.id, type: 0, allow: '0', deny: '1024' }],
    topic: null,
    nsfw: false,
    rate_limit_per_user: 0,
    last_message_id: null,
    last_pin_timestamp: null,
    flags: 1 << 17,
  });
  const bot = api(discord, `Bot ${app.token}`);
  const { body } = await bot('GET', `/guilds/${guild.id}/channels`);
  expect(body.map(({ id }: { id: string }) => id)).toEqual([general.id]);
  expect((await bot('GET', `/channels/${secret.id}/messages`)).body.code).toBe(50001);
});

test('discord.js knows such a channel, and that it can’t be viewed', async () => {
  const secret = guild.channel('secret');
  secret.overwrite(guild, [], ['ViewChannel']);
  const client = new Client({ intents: [GatewayIntentBits.Guilds], rest: { api: discord.url } });
  onTestFinished(() => client.destroy());
  const ready = new Promise((resolve) => client.once(Events.ClientReady, resolve));
  await client.login(app.token);
  await ready;
  const seen = ({ id }: { id: string }) => {
    const channel = client.channels.cache.get(id);
    return channel !== undefined && 'viewable' in channel && channel.viewable;
  };
  expect([client.channels.cache.size, seen(general), seen(secret)]).toEqual([2, true, false]);
});

test('a person’s client is told of no channel that they can’t view', async () => {
  const bob = discord.person({ username: 'bob' });
  guild.join(bob);
  guild.channel('secret').overwrite(guild, [], ['ViewChannel']);
  const { d } = await (await client(bob.token)).got('GUILD_CREATE');
  expect(channelsIn(d)).toEqual([general.id]);
});

test('an app that loses sight of a channel by an overwrite gets it hidden, and its messages no more', async () => {
  const connected = await client();
  general.overwrite(app, [], ['ViewChannel']);
  await ada.says(general, 'hush');
  expect((await connected.got('CHANNEL_UPDATE')).d).toMatchObject({ id: general.id, name: '___hidden___' });
  general.overwrite(app, ['ViewChannel'], []);
  await connected.got('THREAD_LIST_SYNC');
  expect(connected.events().slice(2)).toEqual(['CHANNEL_UPDATE', 'CHANNEL_UPDATE', 'THREAD_LIST_SYNC']);
  expect(connected.received.at(-2)?.d).toMatchObject({ id: general.id, name: 'general' });
});

test('a role that shows and hides channels tells of each of them, and of the active threads in what is new', async () => {
  const thread = await ada.opensThread(general, 'aside');
  await ada.archives(await ada.opensThread(general, 'old'));
  const connected = await client();
  guild.allow(guild, []);
  await connected.got('CHANNEL_UPDATE');
  expect(connected.events().slice(2)).toEqual(['GUILD_ROLE_UPDATE', 'CHANNEL_UPDATE']);
  const seer = guild.role('seer', ['ViewChannel']);
  guild.grant(app, seer);
  expect((await connected.got('THREAD_LIST_SYNC')).d).toMatchObject({
    guild_id: guild.id,
    channel_ids: [general.id],
    threads: [{ id: thread.id }],
  });
  guild.revoke(app, seer);
  await expect
    .poll(() => connected.events().slice(4))
    .toEqual([
      'GUILD_ROLE_CREATE',
      'GUILD_MEMBER_UPDATE',
      'CHANNEL_UPDATE',
      'THREAD_LIST_SYNC',
      'GUILD_MEMBER_UPDATE',
      'CHANNEL_UPDATE',
    ]);
});

test('permissions that are taken away midway are 50013, with an event that tells of the role', async () => {
  const bot = api(discord, `Bot ${app.token}`);
  const say = () => bot('POST', `/channels/${general.id}/messages`, { content: 'x' });
  expect((await say()).status).toBe(200);
  const connected = await client();
  guild.allow(guild, ['ViewChannel']);
  guild.allow(guild.roleOf(app), []);
  await expect.poll(() => connected.events().filter((name) => name === 'GUILD_ROLE_UPDATE')).toHaveLength(2);
  expect((await say()).body.code).toBe(50013);
});
