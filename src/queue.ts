import { setTimeout as delay } from 'node:timers/promises';
import type Database from 'better-sqlite3';
import { failureIn } from './database.js';
import { StoreError } from './errors.js';

/** How long between two looks at a file that another program has locked. */
export const LOOK_AGAIN_MS = 20;

/** If nobody looked for longer than this, it may have been free in between. */
const UNSEEN_MS = 1000;

/** How long a transaction of many may last, in milliseconds: others that write wait for it, and so does this process. */
const PORTION_MS = 50;

/** How long the file is left to others after it. They look for that every LOOK_AGAIN_MS. */
export const PAUSE_MS = LOOK_AGAIN_MS + 5;

/**
 * Does what is asked of the file as soon as no other program keeps it from it. SQLite itself would wait too, and keep the
 * whole process waiting with it. All of it throws a StoreError that tells what kept it from being done.
 */
export function openQueue(database: Database.Database, lockedMs: number) {
  let last: Promise<unknown> = Promise.resolve();
  let lockedSince = 0;
  let lockedAt = Number.NEGATIVE_INFINITY;
  let isHurried = false;
  /** What could not be written, and is to be as soon as anything can be. */
  const owed: (() => unknown)[] = [];

  async function patiently<Result>(work: () => Result): Promise<Result> {
    for (;;) {
      try {
        return work();
      } catch (error) {
        const failure = failureIn(error);
        if (failure === undefined) throw error;
        if (failure !== 'locked' || isLockedTooLong()) throw new StoreError(failure, { cause: error });
        await delay(LOOK_AGAIN_MS);
      }
    }
  }

  /** The lock is waited for, not the step: after one that waited in vain, others don't wait as long again. */
  function isLockedTooLong(): boolean {
    const now = performance.now();
    if (now - lockedAt > UNSEEN_MS) lockedSince = now;
    lockedAt = now;
    return isHurried || now - lockedSince >= lockedMs;
  }

  /** One write after another, in the order in which they were asked for, also where one has to wait. */
  function write<Result>(work: () => Result): Promise<Result> {
    const payAndWork = () => {
      payOwed();
      const result = work();
      lockedAt = Number.NEGATIVE_INFINITY;
      return result;
    };
    const done = last.then(() => patiently(payAndWork));
    last = done.catch(() => {});
    return done;
  }

  function payOwed(): void {
    try {
      for (let work = owed[0]; work; work = owed[0]) {
        work();
        owed.shift();
      }
    } catch {
      // It stays owed, and so does what comes after it.
    }
  }

  /** Writes what is true whenever it is written: if not now, then before anything else that is. */
  async function insist(work: () => unknown): Promise<void> {
    await write(work).catch((error) => {
      owed.push(work);
      throw error;
    });
  }

  /**
   * Takes steps until one says that it was the last, in transactions between which others can write. `before` is told
   * of each.
   */
  async function writeInPortions(step: () => boolean, before: () => unknown = () => {}): Promise<void> {
    const portion = database.transaction((): boolean => {
      const began = performance.now();
      while (performance.now() - began < PORTION_MS) if (!step()) return false;
      return true;
    });
    for (;;) {
      before();
      if (!(await write(() => portion.immediate()))) return;
      await delay(PAUSE_MS);
    }
  }

  return {
    patiently,
    write,
    writeInPortions,
    insist,
    /** Does the last of all; what is still to be done before it does not wait for another program any more. */
    writeLast<Result>(work: () => Result): Promise<Result> {
      isHurried = true;
      return write(work);
    },
  };
}
