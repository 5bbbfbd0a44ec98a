import { createConnection, type Socket } from 'node:net';
import { inflateSync, constants as zlib } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { adjustableClock } from '../../src/sandbox/clock.js';
import { type Discord, startDiscord } from '../../src/sandbox/discord.js';
import { connect } from './raw.js';

const clock = adjustableClock();
let discord: Discord;
beforeEach(async () => {
  discord = await startDiscord({ clock });
});
afterEach(() => discord.close());

function home() {
  const app = discord.application();
  const ada = discord.person({ username: 'ada' });
  const guild = discord.guild({ owner: ada });
  const general = guild.channel('general');
  guild.install(app);
  return { app, ada, guild, general };
}

async function ready(token: string, intents = 513) {
  const client = await connect(discord);
  client.identify(token, intents);
  const { d } = await client.got('READY');
  return { ...client, ready: d as { session_id: string; guilds: { id: string }[]; resume_gateway_url: string } };
}

describe('connecting', () => {
  test('hello comes first, then READY with unavailable servers, then the servers', async () => {
    const { app, guild, general } = home();
    const client = await connect(discord);
    expect((await client.got(10)).d).toEqual({ heartbeat_interval: 41_250 });
    client.identify(app.token);
    const { d } = await client.got('GUILD_CREATE');
    expect(client.received.map(({ t, s }) => [t, s])).toEqual([
      [null, null],
      ['READY', 1],
      ['GUILD_CREATE', 2],
    ]);
    expect(client.received[1]?.d).toMatchObject({
      v: 10,
      user: { id: app.id, bot: true },
      guilds: [{ id: guild.id, unavailable: true }],
    });
    expect(d).toMatchObject({ id: guild.id, channels: [{ id: general.id }], members: [{ user: { id: app.id } }] });
  });

  test('heartbeats are acknowledged, before and after identifying', async () => {
    const client = await connect(discord);
    client.send(1, null);
    await client.got(11);
  });

  test('a heartbeat can be asked for by the server', async () => {
    const client = await connect(discord);
    discord.faults.gateway.askForHeartbeat();
    await client.got(1);
  });

  test.each([
    [4001, 'an unknown opcode', { op: 42, d: null }],
    [4002, 'a payload without an opcode', { d: 1 }],
    [4002, 'a payload over 4096 bytes', { op: 1, d: 'x'.repeat(5000) }],
    [4002, 'an identify without properties', { op: 2, d: { token: 't', intents: 0 } }],
    [4003, 'a status before identifying', { op: 3, d: {} }],
    [4003, 'a request for members before identifying', { op: 8, d: {} }],
    [4004, 'a wrong token', { op: 2, d: { token: 'nonsense', intents: 0, properties: {} } }],
  ])('closes with %i for %s', async (code, _what, payload) => {
    const client = await connect(discord);
    client.socket.send(JSON.stringify(payload));
    expect(await client.closed).toBe(code);
  });

  test('closes with 4002 for what is no JSON', async () => {
    const client = await connect(discord);
    client.socket.send('{"op":');
    expect(await client.closed).toBe(4002);
  });

  test('closes with 4012 for another version', async () => {
    expect(await (await connect(discord, '?v=9')).closed).toBe(4012);
  });

  test('closes with 4005 for identifying twice', async () => {
    const { app } = home();
    const client = await ready(app.token);
    client.identify(app.token);
    expect(await client.closed).toBe(4005);
  });

  test.each([
    [4013, 'unknown', 1 << 30],
    [4013, 'negative', -1],
    [4014, 'message content', 1 << 15],
    [4014, 'members', 1 << 1],
    [4014, 'presences', 1 << 8],
  ])('closes with %i for %s intents of an app that has none switched on', async (code, _what, intents) => {
    const { app } = home();
    const client = await connect(discord);
    client.identify(app.token, intents);
    expect(await client.closed).toBe(code);
  });

  test.each(['limited', 'on'] as const)('the message content intent may be asked for where it is %s', async (state) => {
    await ready(discord.application({ messageContent: state }).token, 513 | (1 << 15));
  });

  test.each([[[2, 2]], [[-1, 2]], [[0, 0]], [[0, 1.5]], [[0.5, 1]]])(
    'closes with 4010 for the shard %j, which cannot be',
    async (shard) => {
      const { app } = home();
      const client = await connect(discord);
      client.identify(app.token, 513, { shard });
      expect(await client.closed).toBe(4010);
    },
  );

  test('a server is on one shard of two, direct messages on the first', async () => {
    const { app, ada, guild } = home();
    const shards = await Promise.all([connect(discord), connect(discord)]);
    for (const [id, shard] of shards.entries()) shard.identify(app.token, 1 | (1 << 12), { shard: [id, 2] });
    await Promise.all(shards.map((shard) => shard.got('READY')));
    const home2 = Number((BigInt(guild.id) >> 22n) % 2n);
    await shards[home2]?.got('GUILD_CREATE');
    await ada.says(await ada.directs(app), 'hello');
    await shards[0]?.got('MESSAGE_CREATE');
    expect(shards[1 - home2]?.events()).not.toContain('GUILD_CREATE');
    expect(shards[1]?.events()).not.toContain('MESSAGE_CREATE');
  });

  test('closes with 4008 past 120 payloads a minute', async () => {
    const client = await connect(discord);
    for (let sent = 0; sent < 121; sent += 1) client.send(1, null);
    expect(await client.closed).toBe(4008);
    expect(client.received.filter(({ op }) => op === 11)).toHaveLength(120);
  });

  test('closes with 4009 when no heartbeat comes, and the session cannot be resumed', async () => {
    await discord.close();
    discord = await startDiscord({ heartbeatMs: 20 });
    const { app } = home();
    const client = await ready(app.token);
    expect(await client.closed).toBe(4009);
    const again = await connect(discord);
    again.send(6, { token: app.token, session_id: client.ready.session_id, seq: 1 });
    expect((await again.got(9)).d).toBe(false);
  });

  test('what comes behind a payload that closes the connection is not heard', async () => {
    const { app } = home();
    const client = await connect(discord);
    client.send(99, null);
    client.identify(app.token);
    expect(await client.closed).toBe(4001);
    expect(client.events()).toEqual([]);
    expect(app.isConnected()).toBe(false);
  });

  test('an address that is none harms nobody', async () => {
    const { port } = new URL(discord.url);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = createConnection(Number(port), '127.0.0.1');
      socket.on('error', reject).on('data', (data) => {
        resolve(data.toString());
        socket.destroy();
      });
      const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
      socket.write(
        `GET // HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`,
      );
    });
    expect(answer).toContain('HTTP/1.1 101');
    await connect(discord);
  });

  test.each([
    ['who breaks off', (socket: Socket) => socket.resetAndDestroy()],
    ['who stays on the line', (_socket: Socket) => {}],
  ])('of somebody turned away %s, nothing is left', async (_who, then) => {
    const { port } = new URL(discord.url);
    const socket = createConnection({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
    const refused = new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    expect(await refused).toContain('403');
    then(socket);
    await discord.close();
    socket.destroy();
    discord = await startDiscord({ clock });
  });

  test('zlib-stream compression flushes after each payload', async () => {
    const socket = new WebSocket(
      `${discord.url.replace('http', 'ws').replace('/api', '/')}?v=10&encoding=json&compress=zlib-stream`,
    );
    const data = await new Promise<Buffer>((resolve) => socket.once('message', resolve));
    const text = inflateSync(data, { finishFlush: zlib.Z_SYNC_FLUSH }).toString();
    expect(JSON.parse(text)).toMatchObject({ op: 10 });
    socket.terminate();
  });

  test.each([{ host: 'evil.example' }, { origin: 'https://evil.example' }])('refuses %o', async (headers) => {
    const socket = new WebSocket(`${discord.url.replace('http', 'ws').replace('/api', '/')}?v=10`, { headers });
    const error = await new Promise<Error>((resolve) => socket.once('error', resolve));
    expect(error.message).toContain('403');
  });
});

describe('resuming', () => {
  test('replays what was missed, in order, then says RESUMED', async () => {
    const { app, ada, general } = home();
    const first = await ready(app.token);
    await first.got('GUILD_CREATE');
    discord.faults.gateway.drop();
    await first.closed;
    for (const text of ['one', 'two', 'three']) await ada.says(general, text);
    const second = await connect(discord);
    second.send(6, { token: app.token, session_id: first.ready.session_id, seq: 2 });
    expect((await second.got('RESUMED')).d).toEqual({ _trace: [] });
    expect(second.received.slice(1).map(({ t, s }) => [t, s])).toEqual([
      ['MESSAGE_CREATE', 3],
      ['MESSAGE_CREATE', 4],
      ['MESSAGE_CREATE', 5],
      ['RESUMED', 6],
    ]);
  });

  test('closes with 4007 for a sequence number that was never reached', async () => {
    const { app } = home();
    const { ready: session } = await ready(app.token);
    const client = await connect(discord);
    client.send(6, { token: app.token, session_id: session.session_id, seq: 99 });
    expect(await client.closed).toBe(4007);
  });

  test.each(['another token', 'an unknown session'])('opcode 9 (false) for %s', async (wrong) => {
    const { app } = home();
    const { ready: session } = await ready(app.token);
    const client = await connect(discord);
    const asked = { token: app.token, session_id: session.session_id, seq: 1 };
    client.send(6, wrong === 'another token' ? { ...asked, token: 'other' } : { ...asked, session_id: 'other' });
    expect((await client.got(9)).d).toBe(false);
    client.identify(app.token);
    await client.got('READY');
  });

  test.each([1000, 1001])('a session that the client closed with %i is gone', async (code) => {
    const { app } = home();
    const closed = await ready(app.token);
    closed.socket.close(code);
    await closed.closed;
    await discord.until(() => !app.isConnected());
    expect(await resumeOf(app.token, closed.ready.session_id)).toBe(false);
  });

  test('a session that lost its connection waits five minutes', async () => {
    const { app } = home();
    const lost = await ready(app.token);
    discord.faults.gateway.drop({ code: 4000 });
    expect(await lost.closed).toBe(4000);
    clock.advance(4.9 * 60_000);
    expect(await resumeOf(app.token, lost.ready.session_id)).toBe(true);
    discord.faults.gateway.drop();
    clock.advance(5.1 * 60_000);
    expect(await resumeOf(app.token, lost.ready.session_id)).toBe(false);
  });

  /** Whether a session can be resumed. */
  async function resumeOf(token: string, session_id: string): Promise<boolean> {
    const client = await connect(discord);
    client.send(6, { token, session_id, seq: 1 });
    return Promise.race([client.got(9).then(() => false), client.got('RESUMED').then(() => true)]);
  }

  test('a resume with another’s token harms no session', async () => {
    const { app, ada, general } = home();
    const client = await ready(app.token);
    const stranger = await connect(discord);
    stranger.send(6, { token: ada.token, session_id: client.ready.session_id, seq: 1 });
    expect((await stranger.got(9)).d).toBe(false);
    await ada.says(general, 'still there?');
    await client.got('MESSAGE_CREATE');
  });

  test('a session that was resumed elsewhere outlives the connection that it came from', async () => {
    await discord.close();
    discord = await startDiscord({ heartbeatMs: 300 });
    const { app, ada, general } = home();
    const old = await ready(app.token);
    const next = await connect(discord);
    const beats = setInterval(() => next.send(1, null), 30);
    next.send(6, { token: app.token, session_id: old.ready.session_id, seq: 1 });
    await next.got('RESUMED');
    expect(await old.closed).toBe(4009);
    expect(app.isConnected()).toBe(true);
    await ada.says(general, 'still there?');
    await next.got('MESSAGE_CREATE');
    clearInterval(beats);
  });

  test('a resume can be refused, for good or for now', async () => {
    const { app } = home();
    const { ready: session } = await ready(app.token);
    const asked = { token: app.token, session_id: session.session_id, seq: 1 };
    discord.faults.gateway.refuseResumes(1, true);
    const now = await connect(discord);
    now.send(6, asked);
    expect((await now.got(9)).d).toBe(true);
    now.send(6, asked);
    await now.got('RESUMED');
    discord.faults.gateway.refuseResumes(1);
    const forGood = await connect(discord);
    forGood.send(6, asked);
    expect((await forGood.got(9)).d).toBe(false);
  });
});

describe('events', () => {
  test('go only to those who asked for them by an intent', async () => {
    const { app, ada, general } = home();
    const everything = await ready(app.token, 1 | (1 << 9) | (1 << 10) | (1 << 11));
    const little = await ready(app.token, 1);
    const message = await ada.says(general, 'hello');
    await ada.types(general);
    await ada.reacts(message, '👍');
    await ada.edits(message, 'hello you');
    await ada.deletes(message);
    await everything.got('MESSAGE_DELETE');
    await ada.opensThread(general, 'aside');
    await little.got('THREAD_CREATE');
    expect(everything.events().slice(2, 7)).toEqual([
      'MESSAGE_CREATE',
      'TYPING_START',
      'MESSAGE_REACTION_ADD',
      'MESSAGE_UPDATE',
      'MESSAGE_DELETE',
    ]);
    expect(little.events()).toEqual(['READY', 'GUILD_CREATE', 'THREAD_CREATE']);
  });

  test('of a channel go only to those who see it', async () => {
    const { app, ada, guild, general } = home();
    const secret = guild.channel('secret');
    secret.overwrite(guild, [], ['ViewChannel']);
    const client = await ready(app.token);
    await ada.says(secret, 'hush');
    await ada.says(general, 'hello');
    await client.got('MESSAGE_CREATE');
    expect(client.received.filter(({ t }) => t === 'MESSAGE_CREATE')).toMatchObject([
      { d: { channel_id: general.id } },
    ]);
  });

  test('of a server tell of coming, of roles, of leaving', async () => {
    const { app, guild } = home();
    const client = await ready(app.token);
    const other = discord.guild({ name: 'Other', owner: discord.person({ username: 'bob' }) });
    other.install(app);
    guild.role('staff');
    guild.rename('New home');
    guild.kick(app);
    await client.got('GUILD_DELETE');
    expect(client.events()).toEqual([
      'READY',
      'GUILD_CREATE',
      'GUILD_CREATE',
      'GUILD_ROLE_CREATE',
      'GUILD_UPDATE',
      'GUILD_DELETE',
    ]);
    other.remove();
    await discord.until(() => true);
    expect(client.events().at(-1)).toBe('GUILD_DELETE');
  });

  test('members are chunked on request', async () => {
    const { app, ada, guild } = home();
    const client = await ready(app.token);
    client.send(8, { guild_id: guild.id, user_ids: [ada.id, '1'], nonce: 'n' });
    expect((await client.got('GUILD_MEMBERS_CHUNK')).d).toMatchObject({
      members: [{ user: { id: ada.id } }],
      not_found: ['1'],
      nonce: 'n',
    });
  });

  test('all members are for those with the members intent alone', async () => {
    const { app, ada, guild } = home();
    const client = await ready(app.token);
    client.send(8, { guild_id: guild.id, query: '', limit: 0, nonce: 'all' });
    client.send(8, { guild_id: guild.id, query: 'ad', limit: 1, nonce: 'one' });
    expect((await client.got('GUILD_MEMBERS_CHUNK')).d).toMatchObject({
      nonce: 'one',
      members: [{ user: { id: ada.id } }],
    });
    const reader = discord.application({ members: 'on' });
    guild.install(reader);
    const all = await ready(reader.token, 1 | (1 << 1));
    all.send(8, { guild_id: guild.id, query: '', limit: 0 });
    expect(((await all.got('GUILD_MEMBERS_CHUNK')).d as { members: unknown[] }).members).toHaveLength(3);
  });

  test('of newcomers need the members intent', async () => {
    const { ada, guild } = home();
    const app = discord.application({ name: 'Other', members: 'limited' });
    guild.install(app);
    const [with_, without] = [await ready(app.token, 1 | (1 << 1) | (1 << 9)), await ready(app.token, 1 | (1 << 9))];
    guild.join(discord.person({ username: 'bob' }));
    guild.grant(ada, guild.role('staff'));
    const greeting = await without.got('MESSAGE_CREATE');
    expect(greeting.d).toMatchObject({ type: 7 });
    await with_.got('GUILD_MEMBER_UPDATE');
    expect(without.events().filter((name) => name.includes('MEMBER'))).toEqual([]);
  });

  test('a person’s client gets everything it can see, with its content', async () => {
    const { ada, general } = home();
    const bob = discord.person({ username: 'bob' });
    const client = await ready(ada.token, 0);
    await expect(bob.says(general, 'hello')).rejects.toMatchObject({ code: 50001 });
    await ada.says(general, 'hello');
    expect((await client.got('MESSAGE_CREATE')).d).toMatchObject({ content: 'hello', author: { id: ada.id } });
  });
});

describe('faults', () => {
  test('opcode 7 and opcode 9 go to everybody', async () => {
    const { app } = home();
    const client = await ready(app.token);
    discord.faults.gateway.askToReconnect();
    await client.got(7);
    discord.faults.gateway.invalidate(false);
    expect((await client.got(9)).d).toBe(false);
    const again = await connect(discord);
    again.send(6, { token: app.token, session_id: client.ready.session_id, seq: 1 });
    expect((await again.got(9)).d).toBe(false);
  });

  test('after opcode 9 a client goes on over the same connection: it resumes, or identifies', async () => {
    const { app, ada, general } = home();
    const client = await ready(app.token, 513);
    discord.faults.gateway.invalidate(true);
    expect(app.isConnected()).toBe(false);
    await client.got(9);
    await ada.says(general, 'meanwhile');
    client.send(6, { token: app.token, session_id: client.ready.session_id, seq: 2 });
    await client.got('RESUMED');
    expect(client.events()).toEqual(['READY', 'GUILD_CREATE', 'MESSAGE_CREATE', 'RESUMED']);
    discord.faults.gateway.invalidate(false);
    client.identify(app.token);
    await discord.until(() => app.isConnected());
    await expect.poll(() => client.events().filter((name) => name === 'READY')).toHaveLength(2);
  });

  test.each([{}, { code: 4000 }])('a connection that is dropped (%o) counts as none at once', async (cut) => {
    const { app } = home();
    const client = await ready(app.token);
    discord.faults.gateway.drop(cut);
    expect(app.isConnected()).toBe(false);
    await client.closed;
  });

  test('an event can come twice, late, or be lost until a resume', async () => {
    const { app, ada, general } = home();
    const client = await ready(app.token);
    const contentsOf = (payloads: readonly { t?: string | null | undefined; d?: unknown }[]) =>
      payloads.filter(({ t }) => t === 'MESSAGE_CREATE').map(({ d }) => (d as { id: string }).id);
    const { disturb } = discord.faults.gateway;
    disturb({ event: 'MESSAGE_CREATE', copies: 2 });
    disturb({ event: 'MESSAGE_CREATE', copies: 0 });
    disturb({ event: 'MESSAGE_CREATE', delayMs: 30 });
    const ids: string[] = [];
    for (const text of ['twice', 'lost', 'late', 'last']) ids.push((await ada.says(general, text)).id);
    const [twice = '', lost = '', late = '', last = ''] = ids;
    await expect.poll(() => contentsOf(client.received)).toEqual([twice, twice, last, late]);
    const second = await connect(discord);
    second.send(6, { token: app.token, session_id: client.ready.session_id, seq: 2 });
    await second.got('RESUMED');
    expect(contentsOf(second.received)).toEqual([twice, twice, lost, last, late]);
  });

  test('heartbeats can go unanswered, and connections be refused', async () => {
    const client = await connect(discord);
    discord.faults.gateway.acknowledgesHeartbeats = false;
    client.send(1, null);
    discord.faults.gateway.askToReconnect();
    await client.got(7);
    expect(client.received.some(({ op }) => op === 11)).toBe(false);
    discord.faults.gateway.acceptsConnections = false;
    await expect(connect(discord)).rejects.toThrow('503');
    discord.faults.clear();
    const again = await connect(discord);
    again.send(1, null);
    await again.got(11);
  });
});
