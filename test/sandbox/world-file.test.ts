import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serialize } from 'node:v8';
import { expect, onTestFinished, test } from 'vitest';
import { startDiscord } from '../../src/sandbox/discord.js';
import { keepWorld, readWorld } from '../../src/sandbox/world-file.js';

const without = (thing: object, ...fields: readonly string[]) =>
  Object.fromEntries(Object.entries(thing).filter(([field]) => !fields.includes(field)));

async function open() {
  const discord = await startDiscord();
  onTestFinished(() => discord.close());
  const ada = discord.person({ username: 'ada' });
  const app = discord.application();
  const guild = discord.guild({ owner: ada });
  const general = guild.channel('general');
  guild.install(app);
  const path = join(mkdtempSync(join(tmpdir(), 'world-')), 'world.bin');
  const read = () => readWorld(path, (line) => expect.unreachable(line));
  return { discord, ada, app, guild, general, path, read };
}

test('a world that an earlier sandbox kept has the last message of each channel, and nobody timed out', async () => {
  const { discord, ada, guild, general, path, read } = await open();
  const { id } = await ada.says(general, 'hello');
  const { channels, guilds, ...rest } = discord.world;
  const older = {
    ...without(rest, 'timedOut'),
    channels: new Map(
      [...channels].map(([key, channel]) => [key, without(channel, 'lastMessageId', 'messagesSent', 'archivedAt')]),
    ),
    guilds: new Map(
      [...guilds].map(([key, one]) => [
        key,
        { ...one, members: new Map([...one.members].map(([who, member]) => [who, without(member, 'timedOutUntil')])) },
      ]),
    ),
  };
  writeFileSync(path, serialize({ version: 1, world: older }));
  const world = read();
  expect(world.channels.get(general.id)).toMatchObject({ lastMessageId: id, messagesSent: 1, archivedAt: undefined });
  expect(world.guilds.get(guild.id)?.members.get(ada.id)).toMatchObject({ timedOutUntil: null });
  expect(world.timedOut).toEqual(new Set());
});

test('a timeout outlives a restart', async () => {
  const { discord, ada, app, guild, path, read } = await open();
  await ada.timesOut(guild, app, 60_000);
  await keepWorld(path, discord.world, (line) => expect.unreachable(line)).close();
  const world = read();
  const member = world.guilds.get(guild.id)?.members.get(app.id);
  expect(member).toBeDefined();
  expect([...world.timedOut]).toEqual([member]);
  expect([...world.timedOut][0]).toBe(member);
});
