import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { type Channel, createChannel, emptyWorld, type World } from './world.js';

/** Goes up when a stored world can't be read as one of today any more. */
const version = 1;

/** How long a change may wait for others to be written with it. */
const writeAfterMs = 500;

/**
 * The world that was stored in a file; an empty one where there is no file. One that can't be read is moved aside,
 * never overwritten, and `tell` hears of it.
 */
export function readWorld(path: string, tell: (line: string) => void): World {
  if (!existsSync(path)) return emptyWorld();
  try {
    return worldIn(deserialize(readFileSync(path)));
  } catch (error) {
    const aside = `${path}.${new Date().toISOString().replaceAll(':', '-')}`;
    renameSync(path, aside);
    const why = error instanceof Error ? error.message : String(error);
    tell(`What happened here before can’t be read (${why}). It was moved to ${aside}; this is a new beginning.`);
    return emptyWorld();
  }
}

function worldIn(stored: unknown): World {
  const isOurs = stored !== null && typeof stored === 'object' && 'version' in stored && 'world' in stored;
  if (!isOurs) throw new Error('it holds no world');
  if (stored.version !== version) throw new Error(`it is of version ${stored.version}, not ${version}`);
  // A file of this version holds a world; what later worlds have beside is empty in it.
  const world = { ...emptyWorld(), ...(stored.world as World) };
  for (const { members } of world.guilds.values()) for (const member of members.values()) member.timedOutUntil ??= null;
  const channels = [...world.channels.values()].map((channel) => [channel.id, completed(channel)] as const);
  return withoutPast({ ...world, channels: new Map(channels) });
}

/** A channel of an earlier sandbox, which has not counted its messages. */
function completed(channel: Channel): Channel {
  const { messages, messagesSent = messages.size, lastMessageId = [...messages.keys()].at(-1) ?? null } = channel;
  return createChannel({ ...channel, messagesSent, lastMessageId });
}

const interactionsLiveMs = 24 * 60 * 60_000;

/** What nobody can come back to: interactions whose tokens died long ago, and deleted messages. */
function withoutPast(world: World): World {
  const isRecent = ([, { createdAt }]: [string, { readonly createdAt: number }]) =>
    createdAt > Date.now() - interactionsLiveMs;
  return { ...world, deleted: new Map(), interactions: new Map([...world.interactions].filter(isRecent)) };
}

/**
 * Keeps a world in a file: each change is there within about a second, in a file that is whole at any time, whatever
 * ends the process. `tell` hears of a write that failed; the next change tries again.
 */
export function keepWorld(path: string, world: World, tell: (line: string) => void) {
  mkdirSync(dirname(path), { recursive: true });
  let pending: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();

  async function write(): Promise<void> {
    const draft = `${path}.new`;
    try {
      // It holds tokens, if only of this sandbox.
      await writeFile(draft, serialize({ version, world }), { flush: true, mode: 0o600 });
      await rename(draft, path);
    } catch (error) {
      tell(`What happens here is not being kept: ${error instanceof Error ? error.message : error}`);
    }
  }

  const writeNext = () => {
    writing = writing.then(() => {
      pending = undefined;
      return write();
    });
    return writing;
  };

  return {
    /** Something has changed. */
    changed(): void {
      pending ??= setTimeout(writeNext, writeAfterMs);
    },
    /** Writes what is not written yet. */
    async close(): Promise<void> {
      clearTimeout(pending);
      await writeNext();
    },
  };
}
