import * as fs from 'node:fs';
import { setTimeout as delay, setImmediate as nextRound } from 'node:timers/promises';
import { promisify } from 'node:util';
import type Database from 'better-sqlite3';
import { failureIn, kept } from './database.js';
import { StoreError, type StoreFailure } from './errors.js';

/** How long between two looks at a file that another program has locked. */
export const LOOK_AGAIN_MS = 20;

/** If nobody looked for longer than this, it may have been free in between. */
const UNSEEN_MS = 1000;

/** How long a transaction of many may last, in milliseconds: others that write wait for it, and so does this process. */
const PORTION_MS = 50;

/** How long the file is left to others after it. They look for that every LOOK_AGAIN_MS. */
export const PAUSE_MS = LOOK_AGAIN_MS + 5;

const fdatasync = promisify(fs.fdatasync);

/** Something to be written. */
interface Step {
  readonly work: () => unknown;
  /** Whether it can't be in one transaction with others. */
  readonly isAlone: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** How many of the first can be written together. */
function countTogether(steps: readonly Step[]): number {
  const count = steps.findIndex(({ isAlone }) => isAlone);
  return count === -1 ? steps.length : Math.max(count, 1);
}

/**
 * Does what is asked of the file as soon as no other program keeps it from it. SQLite itself would wait too, and keep the
 * whole process waiting with it. All of it throws a StoreError that tells what kept it from being done.
 */
export function openQueue(database: Database.Database, lockedMs: number) {
  let lockedSince = 0;
  let lockedAt = Number.NEGATIVE_INFINITY;
  let isHurried = false;
  let isWriting = false;
  const waiting: Step[] = [];
  /** What could not be written, and is to be as soon as anything can be. */
  const owed: (() => unknown)[] = [];
  const log = openLog(database);

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
  function enqueue<Result>(work: () => Result, isAlone: boolean): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      // Whatever `work` returns comes back to whoever waits for it, and to nobody else.
      waiting.push({ work, isAlone, resolve: resolve as Step['resolve'], reject });
      if (isWriting) return;
      isWriting = true;
      writeAll();
    });
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      // All that has come in this round of events is there then.
      await nextRound();
      await perform(waiting.splice(0, countTogether(waiting)));
    }
    isWriting = false;
  }

  /** Many in one transaction; where that fails, each by itself, so that one is not refused for another. */
  async function perform(steps: readonly Step[]): Promise<void> {
    try {
      const values = await patiently(() => {
        payOwed();
        const all = transact(steps);
        lockedAt = Number.NEGATIVE_INFINITY;
        return all;
      });
      for (const [index, { resolve }] of steps.entries()) resolve(values[index]);
    } catch (error) {
      const [step] = steps;
      if (steps.length === 1) step?.reject(error);
      else for (const one of steps) await perform([one]);
    }
  }

  function transact(steps: readonly Step[]): readonly unknown[] {
    const [first] = steps;
    return first?.isAlone ? [first.work()] : together.immediate(steps);
  }

  const together = database.transaction((steps: readonly Step[]) => steps.map(({ work }) => work()));

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

  /** What can't be a part of a transaction, or is one of its own. */
  const alone = <Result>(work: () => Result): Promise<Result> => enqueue(work, true);

  /** Resolves when it is written: it outlives this process. Only `synced` tells that it outlives the machine. */
  const note = <Result>(work: () => Result): Promise<Result> => enqueue(work, false);

  /** Notes what is true whenever it is written: if not now, then before anything else that is. */
  async function insist(work: () => unknown): Promise<void> {
    await note(work).catch((error) => {
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
      if (!(await alone(() => portion.immediate()))) return log.synced();
      await delay(PAUSE_MS);
    }
  }

  return {
    patiently,
    note,
    /** Resolves when the disk has all that was written by now. */
    synced: log.synced,
    /**
     * Writes what is to be on disk when this resolves, whatever becomes of the machine. A StoreError of the wait for the disk
     * means that it is done, though perhaps not for good.
     */
    async write<Result>(work: () => Result): Promise<Result> {
      const result = await note(work);
      await log.synced();
      return result;
    },
    alone,
    insist,
    writeInPortions,
    /** Does the last of all; what is still to be done before it does not wait for another program any more. */
    async writeLast<Result>(work: () => Result): Promise<Result> {
      isHurried = true;
      try {
        const result = await alone(work);
        // Others may have the file open still, and then SQLite leaves the wait to them.
        await log.synced();
        return result;
      } finally {
        log.close();
      }
    },
  };
}

/**
 * Waits for the disk, as SQLite itself would in each transaction ("PRAGMA synchronous", FULL), but without keeping the
 * process waiting. Those who ask while it is being waited for share the next wait. A database without a log is waited for
 * by SQLite.
 *
 * To have the log open beside SQLite is safe: its locks are on other files ("How To Corrupt An SQLite Database File", 2.2).
 */
function openLog(database: Database.Database) {
  let descriptor = openBeside(database);
  const writeBack = kept(database.prepare<[], { busy: number }>('PRAGMA wal_checkpoint(TRUNCATE)'));
  let latest: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  let hasFailed = false;

  async function sync(): Promise<void> {
    await latest.catch(() => {});
    next = undefined;
    latest = flush();
    await latest;
  }

  async function flush(): Promise<void> {
    if (descriptor === undefined) return;
    try {
      if (hasFailed) leaveLog();
      await fdatasync(descriptor);
    } catch (error) {
      hasFailed = true;
      throw error instanceof StoreError ? error : new StoreError(failureOfDisk(error), { cause: error });
    }
  }

  /** What the system could not write it may take for written from then on; but where all is copied, nothing hangs on it. */
  function leaveLog(): void {
    if (writeBack.get()?.busy !== 0) throw new StoreError('disk');
    hasFailed = false;
  }

  return {
    synced(): Promise<void> {
      next ??= sync();
      return next;
    },
    /** Nothing that is written later is waited for. */
    close(): void {
      const open = descriptor;
      descriptor = undefined;
      if (open !== undefined) latest.catch(() => {}).finally(() => fs.close(open));
    },
  };
}

/** SQLite knows best where its file is: what it was opened by may be a link. */
function openBeside(database: Database.Database): number | undefined {
  if (kept(database.prepare('PRAGMA journal_mode')).pluck().get() !== 'wal') return undefined;
  const file = kept(database.prepare(`SELECT file FROM pragma_database_list WHERE name = 'main'`)).pluck().get();
  return fs.openSync(`${file}-wal`, 'r+');
}

const failureOfDisk = (error: unknown): StoreFailure =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT') ? 'full' : 'disk';
