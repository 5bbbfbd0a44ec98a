import { type APIOverwrite, PermissionFlagsBits as bits, ChannelType, OverwriteType } from 'discord-api-types/v10';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRole } from '../../src/sandbox/payloads.js';
import {
  everyoneByDefault,
  everyPermission,
  may,
  type Permission,
  permissionSet,
  permissionsIn,
} from '../../src/sandbox/permissions.js';
import { createChannel, emptyWorld, type Guild } from '../../src/sandbox/world.js';

/** A server with an owner and a member who has two roles, and what of it a test wants otherwise. */
function home({ everyone = everyoneByDefault, roles = [0n, 0n], overwrites = [] as APIOverwrite[] }) {
  const world = emptyWorld();
  const [one = 0n, two = 0n] = roles;
  const member = { userId: 'member', nick: null, roles: ['one', 'two'], joinedAt: 0, timedOutUntil: null };
  const guild: Guild = {
    id: 'home',
    name: 'Home',
    ownerId: 'owner',
    members: new Map([
      ['owner', { ...member, userId: 'owner', roles: [] }],
      ['member', member],
    ]),
    roles: new Map([
      ['home', createRole('home', '@everyone', everyone)],
      ['one', createRole('one', 'one', one)],
      ['two', createRole('two', 'two', two)],
    ]),
    systemChannelId: null,
  };
  const channel = createChannel({ id: 'channel', type: ChannelType.GuildText, guildId: 'home', overwrites });
  world.guilds.set('home', guild);
  world.channels.set('channel', channel);
  const thread = (type: ChannelType.PublicThread | ChannelType.PrivateThread, people: readonly string[] = []) =>
    createChannel({ id: 'thread', type, guildId: 'home', parentId: 'channel', people: new Set(people) });
  return { world, channel, thread };
}

const overwrite = (
  id: string,
  allow: readonly Permission[],
  deny: readonly Permission[],
  type = OverwriteType.Role,
): APIOverwrite => ({
  id,
  type,
  allow: `${permissionSet(allow)}`,
  deny: `${permissionSet(deny)}`,
});
const bitSet = fc.bigInt({ min: 0n, max: everyPermission }).map((set) => set & everyPermission);
const someOverwrites = fc.array(
  fc.record({
    id: fc.constantFrom('home', 'one', 'two', 'member'),
    allow: bitSet.map(String),
    deny: bitSet.map(String),
  }),
  { maxLength: 4 },
);

describe('in a channel', () => {
  test('the owner may do everything, and who is not in the server nothing, whatever it says', () => {
    fc.assert(
      fc.property(someOverwrites, (some) => {
        const overwrites = some.map((one) => ({
          ...one,
          type: one.id === 'member' ? OverwriteType.Member : OverwriteType.Role,
        }));
        const { world, channel } = home({ overwrites });
        expect(permissionsIn(world, 'owner', channel)).toBe(everyPermission);
        expect(permissionsIn(world, 'stranger', channel)).toBe(0n);
      }),
    );
  });

  test('an administrator may do everything, whatever the channel denies', () => {
    const overwrites = [overwrite('home', [], ['ViewChannel', 'SendMessages'])];
    const { world, channel } = home({ roles: [bits.Administrator, 0n], overwrites });
    expect(permissionsIn(world, 'member', channel)).toBe(everyPermission);
  });

  test('who cannot see it may do nothing there', () => {
    fc.assert(
      fc.property(bitSet, bitSet, someOverwrites, (everyone, role, some) => {
        const overwrites = some.map((one) => ({
          ...one,
          type: one.id === 'member' ? OverwriteType.Member : OverwriteType.Role,
        }));
        const { world, channel } = home({
          everyone: everyone & ~bits.Administrator,
          roles: [role & ~bits.Administrator, 0n],
          overwrites,
        });
        const has = permissionsIn(world, 'member', channel);
        if ((has & bits.ViewChannel) === 0n) expect(has).toBe(0n);
      }),
    );
  });

  test('overwrites go over each other: @everyone, then roles together, then the member', () => {
    const everyone = overwrite('home', [], ['SendMessages', 'AddReactions']);
    const one = overwrite('one', ['SendMessages'], []);
    const two = overwrite('two', [], ['SendMessages']);
    const own = overwrite('member', [], ['SendMessages'], OverwriteType.Member);
    const maySend = (overwrites: APIOverwrite[]) => {
      const { world, channel } = home({ overwrites });
      return may(world, 'member', channel, 'SendMessages');
    };
    expect(maySend([])).toBe(true);
    expect(maySend([everyone])).toBe(false);
    expect(maySend([everyone, one])).toBe(true);
    expect(maySend([one, two, everyone])).toBe(true);
    expect(maySend([own, one, two, everyone])).toBe(false);
  });

  test('who may not write may not attach, embed or call everybody either', () => {
    const { world, channel } = home({ overwrites: [overwrite('home', [], ['SendMessages', 'SendMessagesInThreads'])] });
    for (const needsWriting of ['AttachFiles', 'EmbedLinks', 'MentionEveryone'] as const) {
      expect(may(world, 'member', channel, needsWriting)).toBe(false);
    }
    expect(may(world, 'member', channel, 'AddReactions')).toBe(true);
  });
});

describe('in a thread', () => {
  test('the parent’s permissions hold, and to write is one of its own', () => {
    const { world, thread } = home({ overwrites: [overwrite('home', [], ['SendMessages'])] });
    expect(may(world, 'member', thread(ChannelType.PublicThread), 'SendMessages')).toBe(true);
    const other = home({ overwrites: [overwrite('home', [], ['SendMessagesInThreads'])] });
    expect(may(other.world, 'member', other.thread(ChannelType.PublicThread), 'SendMessages')).toBe(false);
    expect(may(other.world, 'member', other.channel, 'SendMessages')).toBe(true);
  });

  test('that is private, there are those who are in it and those who manage threads', () => {
    const { world, thread } = home({});
    const closed = thread(ChannelType.PrivateThread);
    expect(permissionsIn(world, 'member', closed)).toBe(0n);
    expect(may(world, 'owner', closed, 'ViewChannel')).toBe(true);
    expect(may(world, 'member', thread(ChannelType.PrivateThread, ['member']), 'ViewChannel')).toBe(true);
  });
});
