import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Chat } from '../../../src/chat.js';
import type { StoreFailure } from '../../../src/errors.js';
import type { Place } from '../../../src/question.js';
import type { Channel } from './channel.js';
import { type Disk, openFromOutside } from './disk.js';
import { type Asked, type Ledger, newLedger } from './ledger.js';

/** In the last one, the bot may write, but not read what was said before. */
export const places: readonly Place[] = [
  { channelId: 'c1' },
  { channelId: 'c2' },
  { channelId: 't1', parentId: 'c1' },
  { channelId: 'unread' },
];

/** What becomes of a request: it, or its answer, may be lost on the way. */
export type Fate = 'before' | 'after' | 'fine';

/** When a process dies: at so many calls from now, before or after that call takes effect. */
export interface Doom {
  readonly calls: number;
  readonly isAfter: boolean;
}

/** Channels, people, and a disk, with one process after another between them. */
export interface World {
  readonly folder: string;
  readonly ledger: Ledger;
  readonly channels: ReadonlyMap<string, Channel>;
  readonly trouble: Trouble;
  /** The database that the next process opens. */
  path: string;
  disk: Disk;
  life: Life | undefined;
}

/** What goes wrong from now on. */
export interface Trouble {
  /** What becomes of the next requests. */
  fates: Fate[];
  /** What the next steps of the store fail with. */
  failures: StoreFailure[];
  /** How many of the next requests take long. */
  slow: number;
  isCrowded: boolean;
}

/** A process, from its start to its end. */
export interface Life {
  readonly chat: Chat;
  /** Questions that it has taken, or may have taken, and not let go of; and whether it knows who asked them. */
  readonly inHand: Map<Asked, { readonly isKnown: boolean }>;
  /** By its id, a channel in which it still looks for what it has missed: what comes there meanwhile waits. */
  readonly reading: Map<string, Promise<void>>;
  /** By its id, a channel in which it has just told a refusal in words, and until when that will do for others. */
  readonly refused: Map<string, number>;
  /** What its requests will do when they arrive. */
  readonly onTheWay: Set<() => unknown>;
  /** What the model is being asked. */
  readonly running: Set<Asked>;
  /** What its disk has failed to write, and is to write with what it writes next. */
  readonly owed: (() => unknown)[];
  /** Resolves when what was owed until now has been written. */
  paid: Promise<unknown>;
  doom: Doom | undefined;
  callsLeft: number;
  isDead: boolean;
  /** Whether what happens comes to it: not before it has taken up what another has left. */
  isListening: boolean;
  isClosing: boolean;
  /** Whether the disk has failed it. */
  isMarred: boolean;
  /** Closes the database. */
  close(): Promise<void>;
}

export function createWorld(folder: string, path: string): World {
  const channels = places.map(({ channelId: id }): [string, Channel] => [
    id,
    { id, isReadable: id !== 'unread', isGone: false, posted: [], nonces: new Map() },
  ]);
  return {
    ...{ folder, path, disk: openFromOutside(path), ledger: newLedger(), channels: new Map(channels) },
    trouble: { fates: [], failures: [], slow: 0, isCrowded: false },
    life: undefined,
  };
}

export function channelOf(world: World, { question }: Asked): Channel {
  const channel = world.channels.get(question.place.channelId);
  if (!channel) throw new Error(`There is no channel ${question.place.channelId}.`);
  return channel;
}

export const fault = ({ ledger }: World, what: string): void => void ledger.faults.push(what);

export const tell = ({ ledger }: World, what: string): void => void ledger.story.push(`${Date.now()} ${what}`);

export const never = new Promise<never>(() => {});

/** Every call by which a process reaches what is outside goes through here; once it has died, none does. */
export async function outgoing<Result>(
  world: World,
  life: Life,
  name: string,
  call: () => Result | Promise<Result>,
): Promise<Result> {
  if (life.isDead) return never;
  const isLast = life.doom !== undefined && life.callsLeft-- === 0;
  if (isLast && !life.doom?.isAfter) return die(world, life, name);
  try {
    const result = await call();
    if (isLast) return die(world, life, name);
    return life.isDead ? never : result;
  } catch (error) {
    if (isLast) return die(world, life, name);
    if (life.isDead) return never;
    throw error;
  }
}

/** From here on, the process is no more, and the disk is as it was at this moment. What is on its way may arrive. */
export function die(world: World, life: Life, at: string): Promise<never> {
  if (life.isDead) return never;
  tell(world, `the process dies at ${at}`);
  life.isDead = true;
  world.ledger.kills += 1;
  const image = join(world.folder, `${world.ledger.kills}.db`);
  for (const part of ['', '-wal']) if (existsSync(world.path + part)) copyFileSync(world.path + part, image + part);
  world.path = image;
  if (life.doom?.isAfter) for (const effect of life.onTheWay) attempt(effect);
  return never;
}

function attempt(effect: () => unknown): void {
  try {
    effect();
  } catch {
    // Nobody hears of it any more.
  }
}

/** Waits; rejects when the signal aborts before. */
export const after = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(signal?.reason);
    if (signal?.aborted) return abort();
    signal?.addEventListener('abort', abort, { once: true });
    setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
  });
