import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Discord, type SandboxApplication, startDiscord } from '../../src/sandbox/discord.js';
import type { SandboxChannel } from '../../src/sandbox/guild.js';
import type { Person } from '../../src/sandbox/people.js';
import { connect } from './raw.js';

let discord: Discord;
let app: SandboxApplication;
let ada: Person;
let general: SandboxChannel;

beforeEach(async () => {
  discord = await startDiscord();
  app = discord.application();
  ada = discord.person({ username: 'ada' });
  const guild = discord.guild({ owner: ada });
  general = guild.channel('general');
  guild.install(app);
});
afterEach(() => discord.close());

type Client = Awaited<ReturnType<typeof connect>>;

async function client(): Promise<Client> {
  const connected = await connect(discord);
  connected.identify(app.token);
  await connected.got('GUILD_CREATE');
  return connected;
}

/** The ids of the messages that came, in the order in which they came. */
const idsOf = ({ received }: Client) =>
  received.flatMap(({ t, d }) => (t === 'MESSAGE_CREATE' ? [(d as { id: string }).id] : []));

const sequencesOf = ({ received }: Client) => received.flatMap(({ s }) => s ?? []);

describe('what opens a session can be disturbed like any event:', () => {
  test('READY and the servers come twice', async () => {
    discord.faults.gateway.disturb({ event: 'READY', copies: 2 });
    discord.faults.gateway.disturb({ event: 'GUILD_CREATE', copies: 2, of: app });
    const connected = await client();
    await expect.poll(() => connected.events()).toEqual(['READY', 'READY', 'GUILD_CREATE', 'GUILD_CREATE']);
    expect(sequencesOf(connected)).toEqual([1, 2, 3, 4]);
  });

  test('a server comes before READY', async () => {
    discord.faults.gateway.disturb({ event: 'READY', behind: 'GUILD_CREATE' });
    const connected = await connect(discord);
    connected.identify(app.token);
    await connected.got('READY');
    expect(connected.events()).toEqual(['GUILD_CREATE', 'READY']);
  });

  test('RESUMED comes twice', async () => {
    const connected = await client();
    const { session_id } = (await connected.got('READY')).d as { session_id: string };
    discord.faults.gateway.drop();
    discord.faults.gateway.disturb({ event: 'RESUMED', copies: 2 });
    const again = await connect(discord);
    again.send(6, { token: app.token, session_id, seq: 2 });
    await expect.poll(() => again.events()).toEqual(['RESUMED', 'RESUMED']);
  });
});

describe('an event that is held back', () => {
  test('behind the next of its name changes places with it, and the ones after come as they are', async () => {
    const connected = await client();
    discord.faults.gateway.disturb({ event: 'MESSAGE_CREATE', behind: 'MESSAGE_CREATE', times: 2 });
    const ids: string[] = [];
    for (const text of ['one', 'two', 'three', 'four', 'five']) ids.push((await ada.says(general, text)).id);
    const [one = '', two = '', three = '', four = '', five = ''] = ids;
    await expect.poll(() => idsOf(connected)).toEqual([two, one, four, three, five]);
    expect(sequencesOf(connected)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('behind another name comes after it: a message is deleted before it is there', async () => {
    const connected = await client();
    discord.faults.gateway.disturb({ event: 'MESSAGE_CREATE', behind: 'MESSAGE_DELETE' });
    const message = await ada.says(general, 'one');
    await ada.deletes(message);
    await connected.got('MESSAGE_CREATE');
    expect(connected.events().slice(2)).toEqual(['MESSAGE_DELETE', 'MESSAGE_CREATE']);
  });

  test('holds back what waits for it, and comes twice if that was ordered', async () => {
    const connected = await client();
    const { disturb } = discord.faults.gateway;
    disturb({ event: 'MESSAGE_CREATE', behind: 'MESSAGE_DELETE', copies: 2 });
    disturb({ event: 'MESSAGE_UPDATE', behind: 'MESSAGE_CREATE' });
    const message = await ada.says(general, 'one');
    await ada.edits(message, 'two');
    await ada.deletes(message);
    await connected.got('MESSAGE_UPDATE');
    expect(connected.events().slice(2)).toEqual([
      'MESSAGE_DELETE',
      'MESSAGE_CREATE',
      'MESSAGE_CREATE',
      'MESSAGE_UPDATE',
    ]);
  });

  test('waits in each session by itself, and comes when nothing is disturbed any more', async () => {
    const [one, other] = [await client(), await client()];
    discord.faults.gateway.disturb({ event: 'MESSAGE_CREATE', behind: 'MESSAGE_CREATE' });
    const first = await ada.says(general, 'one');
    await other.got('MESSAGE_CREATE');
    expect(idsOf(one)).toEqual([]);
    discord.faults.clear();
    await expect.poll(() => idsOf(one)).toEqual([first.id]);
    expect(idsOf(other)).toEqual([first.id]);
  });
});

describe('a close code', () => {
  test.each([
    [1000, true],
    [1001, true],
    [4000, true],
    [4001, true],
    [4002, true],
    [4003, false],
    [4004, false],
    [4005, true],
    [4007, false],
    [4008, true],
    [4009, false],
    [4010, false],
    [4011, false],
    [4012, false],
    [4013, false],
    [4014, false],
  ])('of %i leaves a session to resume: %s', async (code, isResumable) => {
    const connected = await client();
    const { session_id } = (await connected.got('READY')).d as { session_id: string };
    discord.faults.gateway.drop({ code, of: app });
    expect(app.isConnected()).toBe(false);
    expect(await connected.closed).toBe(code);
    const again = await connect(discord);
    again.send(6, { token: app.token, session_id, seq: 2 });
    await (isResumable ? again.got('RESUMED') : again.got(9));
    expect(again.received[1]).toMatchObject(isResumable ? { t: 'RESUMED' } : { op: 9, d: false });
  });
});

test('of the sessions that a bot lost one after the other, the latest can be resumed, and most are forgotten', async () => {
  const sessions: string[] = [];
  for (let start = 0; start < 6; start += 1) {
    const connected = await client();
    const { session_id } = (await connected.got('READY')).d as { session_id: string };
    sessions.push(session_id);
    discord.faults.gateway.drop();
  }
  const resumable: boolean[] = [];
  for (const session_id of sessions) {
    const again = await connect(discord);
    again.send(6, { token: app.token, session_id, seq: 2 });
    resumable.push(await Promise.race([again.got('RESUMED').then(() => true), again.got(9).then(() => false)]));
    again.socket.terminate();
  }
  expect(resumable).toEqual([false, false, true, true, true, true]);
});
