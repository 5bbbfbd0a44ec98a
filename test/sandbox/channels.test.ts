import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { adjustableClock } from '../../src/sandbox/clock.js';
import { type Discord, type SandboxApplication, startDiscord } from '../../src/sandbox/discord.js';
import type { SandboxChannel, SandboxGuild } from '../../src/sandbox/guild.js';
import type { Person } from '../../src/sandbox/people.js';
import { api, connect } from './raw.js';

const clock = adjustableClock();
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

async function client(intents = 513) {
  const connected = await connect(discord);
  connected.identify(app.token, intents);
  await connected.got('GUILD_CREATE');
  return connected;
}

interface Place {
  readonly id: string;
  readonly last_message_id: string | null;
  readonly message_count?: number;
  readonly total_message_sent?: number;
}

/** The channels and the threads that a bot gets when it connects. */
async function places(): Promise<{ channels: Place[]; threads: Place[] }> {
  const { received } = await client();
  return received.find(({ t }) => t === 'GUILD_CREATE')?.d as { channels: Place[]; threads: Place[] };
}

describe('the last message of a channel', () => {
  test('is none at first, then the latest, and stays so when it is deleted', async () => {
    const lastOf = async () => (await places()).channels.find(({ id }) => id === general.id)?.last_message_id;
    expect(await lastOf()).toBeNull();
    const [one, two] = [await ada.says(general, 'one'), await ada.says(general, 'two')];
    expect(await lastOf()).toBe(two.id);
    await ada.clears(general, [one, two]);
    expect(await lastOf()).toBe(two.id);
    expect((await bot('GET', `/channels/${general.id}`)).body.last_message_id).toBe(two.id);
    expect((await bot('GET', `/channels/${general.id}/messages/${two.id}`)).body.code).toBe(10008);
  });

  test('is told of active threads too, and deleting takes nothing off what was ever sent', async () => {
    const thread = await ada.opensThread(general, 'aside', await ada.says(general, 'hello'));
    const [, two] = [await ada.says(thread, 'one'), await ada.says(thread, 'two')];
    await ada.deletes(two);
    const old = await ada.opensThread(general, 'old');
    await ada.archives(old);
    expect((await places()).threads).toMatchObject([
      { id: thread.id, last_message_id: two.id, message_count: 1, total_message_sent: 2 },
    ]);
  });

  test('is told of a direct conversation', async () => {
    const talk = await ada.directs(app);
    const { id } = await ada.says(talk, 'psst');
    const { body } = await bot('POST', '/users/@me/channels', { recipient_id: ada.id });
    expect(body.last_message_id).toBe(id);
  });
});

describe('an archived thread', () => {
  async function archived() {
    const thread = await ada.opensThread(general, 'aside');
    const at = `/channels/${thread.id}/messages`;
    const { body: own } = await bot('POST', at, { content: 'x' });
    const theirs = await ada.says(thread, 'hello');
    await ada.archives(thread);
    return { thread, at, own, theirs };
  }

  test('takes no edit, no deletion and no reaction, from nobody', async () => {
    const { thread, at, own, theirs } = await archived();
    const reaction = `${at}/${own.id}/reactions/${encodeURIComponent('👍')}/@me`;
    const refused = [
      await bot('PATCH', `${at}/${own.id}`, { content: 'y' }),
      await bot('DELETE', `${at}/${own.id}`),
      await bot('PUT', reaction),
      await bot('DELETE', reaction),
    ];
    expect(refused.map(({ status, body }) => [status, body.code])).toEqual(refused.map(() => [400, 50083]));
    await expect(ada.clears(thread, [own, theirs])).rejects.toMatchObject({ code: 50083 });
    await expect(ada.call('PATCH', `${at}/${own.id}`, { flags: 4 })).rejects.toMatchObject({ code: 50083 });
    expect((await bot('GET', `${at}?limit=1`)).body[0].id).toBe(theirs.id);
  });

  test('comes back with a message, and bots are told', async () => {
    const { thread, at } = await archived();
    const connected = await client();
    expect((await bot('POST', at, { content: 'y' })).status).toBe(200);
    expect((await connected.got('THREAD_UPDATE')).d).toMatchObject({
      id: thread.id,
      thread_metadata: { archived: false, locked: false },
    });
    expect(connected.events().slice(-1)).toEqual(['MESSAGE_CREATE']);
  });

  test('comes back for who is in it and may write there, and tells since when', async () => {
    const { thread } = await archived();
    const path = `/channels/${thread.id}`;
    const since = async () => (await bot('GET', path)).body.thread_metadata.archive_timestamp;
    const before = await since();
    clock.advance(60_000);
    await expect(bob.unarchives(thread)).rejects.toMatchObject({ code: 50013 });
    expect((await bot('PATCH', path, { name: 'mine' })).body.code).toBe(50013);
    expect((await bot('PATCH', path, { archived: false })).body.thread_metadata).toMatchObject({ archived: false });
    expect(Date.parse(await since()) - Date.parse(before)).toBeGreaterThanOrEqual(60_000);
    await ada.archives(thread);
    general.overwrite(app, [], ['SendMessagesInThreads']);
    expect((await bot('PATCH', path, { archived: false })).body.code).toBe(50013);
  });

  test('takes no change but together with coming back', async () => {
    const { thread } = await archived();
    await expect(ada.locks(thread)).rejects.toMatchObject({ code: 50083 });
    await ada.call('PATCH', `/channels/${thread.id}`, { archived: false, name: 'again' });
    expect((await bot('GET', `/channels/${thread.id}`)).body).toMatchObject({ name: 'again' });
  });

  test('that is locked comes back for those alone who manage threads', async () => {
    const thread = await bob.opensThread(general, 'own');
    const at = `/channels/${thread.id}/messages`;
    await bot('POST', at, { content: 'x' });
    await ada.locks(thread);
    await ada.archives(thread);
    expect((await bot('POST', at, { content: 'y' })).body.code).toBe(50083);
    expect((await bot('PATCH', `/channels/${thread.id}`, { archived: false })).body.code).toBe(50013);
    await expect(bob.unarchives(thread)).rejects.toMatchObject({ code: 50013 });
    await ada.unarchives(thread);
    expect((await bot('POST', at, { content: 'y' })).body.code).toBe(160005);
    await ada.unlocks(thread);
    expect((await bot('POST', at, { content: 'y' })).status).toBe(200);
  });
});

test('who opened a thread names and archives it, and neither locks nor slows it', async () => {
  const thread = await bob.opensThread(general, 'own');
  const change = (what: object) => bob.call('PATCH', `/channels/${thread.id}`, what);
  await change({ name: 'ours' });
  await expect(bob.locks(thread)).rejects.toMatchObject({ code: 50013 });
  await expect(change({ rate_limit_per_user: 5 })).rejects.toMatchObject({ code: 50013 });
  await bob.archives(thread);
});

test('in an active locked thread, reactions go on and own messages can be deleted', async () => {
  const thread = await ada.opensThread(general, 'aside');
  const at = `/channels/${thread.id}/messages`;
  const { body: own } = await bot('POST', at, { content: 'x' });
  await ada.locks(thread);
  expect((await bot('PUT', `${at}/${own.id}/reactions/${encodeURIComponent('👍')}/@me`)).status).toBe(204);
  expect((await bot('DELETE', `${at}/${own.id}`)).status).toBe(204);
});

describe('midway', () => {
  test('a channel goes with its threads, and is 10003 from then on', async () => {
    const thread = await ada.opensThread(general, 'aside');
    const message = await ada.says(general, 'hello');
    const connected = await client();
    await ada.removesChannel(general);
    expect((await connected.got('CHANNEL_DELETE')).d).toMatchObject({ id: general.id, guild_id: guild.id });
    expect((await connected.got('THREAD_DELETE')).d).toMatchObject({ id: thread.id, parent_id: general.id });
    for (const { id } of [general, thread]) {
      expect(await bot('POST', `/channels/${id}/messages`, { content: 'x' })).toMatchObject({
        status: 404,
        body: { code: 10003 },
      });
    }
    expect(discord.edits(message).map(({ content }) => content)).toEqual(['hello']);
  });

  test('a thread goes alone', async () => {
    const thread = await ada.opensThread(general, 'aside');
    const connected = await client();
    await ada.removesChannel(thread);
    await connected.got('THREAD_DELETE');
    expect((await bot('GET', `/channels/${thread.id}/messages`)).body.code).toBe(10003);
    expect((await bot('POST', `/channels/${general.id}/messages`, { content: 'x' })).status).toBe(200);
  });

  test('messages deleted together are told together', async () => {
    const messages = [await bob.says(general, 'one'), await bob.says(general, 'two')];
    const connected = await client();
    await ada.clears(general, messages);
    expect((await connected.got('MESSAGE_DELETE_BULK')).d).toEqual({
      ids: messages.map(({ id }) => id),
      channel_id: general.id,
      guild_id: guild.id,
    });
  });

  test('direct messages are closed, and opened again', async () => {
    const at = `/channels/${(await ada.directs(app)).id}/messages`;
    ada.closesMessages();
    expect((await bot('POST', at, { content: 'x' })).body.code).toBe(50007);
    ada.opensMessages();
    expect((await bot('POST', at, { content: 'x' })).status).toBe(200);
  });
});
