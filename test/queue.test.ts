import { createHook } from 'node:async_hooks';
import { mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { transactionsIn } from '../bench/wal.js';
import { StoreError } from '../src/errors.js';
import { openQueue } from '../src/queue.js';

const folder = mkdtempSync(join(tmpdir(), 'parley-queue-'));
/** Some versions of Node abort where one of these is freed; see the database. */
const unfreed: object[] = [];
let files = 0;

/** A queue for a file with a list of words, each of which can be written once. */
function open() {
  const path = join(folder, `${files++}.db`);
  const database = new Database(path, { timeout: 0 });
  unfreed.push(database);
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE words (word TEXT PRIMARY KEY)');
  const insert = database.prepare('INSERT INTO words VALUES (?)');
  const select = database.prepare('SELECT word FROM words ORDER BY rowid').pluck();
  unfreed.push(insert, select);
  const queue = openQueue(database, 500);
  const begun = transactionsIn(readFileSync(`${path}-wal`));
  return {
    ...queue,
    path,
    database,
    put: (word: string) => () => insert.run(word).changes,
    words: () => select.all(),
    transactions: () => transactionsIn(readFileSync(`${path}-wal`)) - begun,
  };
}

test('what is asked for in the same moment is written in one transaction, in its order', async () => {
  const { write, note, put, words, transactions } = open();
  await Promise.all([write(put('one')), note(put('two')), Promise.resolve().then(() => write(put('three')))]);
  expect(words()).toEqual(['one', 'two', 'three']);
  expect(transactions()).toBe(1);
});

/** How many requests to the file system are made while this is done, apart from SQLite's own. */
async function fileRequests(work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const hook = createHook({
    init(_, type) {
      if (type === 'FSREQCALLBACK') count += 1;
    },
  }).enable();
  await work().finally(() => hook.disable());
  return count;
}

test('only what must last waits for the disk, and those who wait at the same time wait once', async () => {
  const { write, note, synced, put } = open();
  expect(await fileRequests(() => note(put('one')))).toBe(0);
  expect(await fileRequests(() => write(put('two')))).toBe(1);
  expect(await fileRequests(() => Promise.all(['three', 'four', 'five'].map((word) => write(put(word)))))).toBe(1);
  expect(await fileRequests(synced)).toBe(1);
});

test('what is written while the disk is waited for is waited for anew', async () => {
  const { write, put } = open();
  const later = async () => {
    // By then, the first is being waited for.
    await new Promise((resolve) => setImmediate(resolve));
    await write(put('two'));
  };
  expect(await fileRequests(() => Promise.all([write(put('one')), later()]))).toBe(2);
});

test('one that fails is undone by itself, and the others are written', async () => {
  const { write, put, words } = open();
  const twice = () => {
    put('half')();
    put('one')();
  };
  const outcomes = await Promise.allSettled([write(put('one')), write(twice), write(put('two'))]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(outcomes[1]).toMatchObject({ reason: { failure: 'disk' } });
  expect(words()).toEqual(['one', 'two']);
});

test('a fault that is none of SQLite’s is thrown as it is', async () => {
  const { write, put, words } = open();
  const fault = new TypeError('no such thing');
  const faulty = write(() => {
    throw fault;
  });
  await Promise.all([expect(faulty).rejects.toBe(fault), write(put('one'))]);
  expect(words()).toEqual(['one']);
});

test('what can be part of no transaction comes in its order too', async () => {
  const { write, alone, put, database, words } = open();
  const seen: unknown[] = [];
  await Promise.all([
    write(put('one')),
    alone(() => {
      seen.push(words(), database.inTransaction);
      database.exec('VACUUM');
    }),
    write(put('two')),
  ]);
  expect(seen).toEqual([['one'], false]);
  expect(words()).toEqual(['one', 'two']);
});

test('where the file stays locked, each of those that waited together is told', async () => {
  const { path, write, put, words } = open();
  const other = new Database(path);
  unfreed.push(other);
  other.exec('BEGIN IMMEDIATE');
  const outcomes = await Promise.allSettled([write(put('one')), write(put('two'))]);
  other.exec('ROLLBACK');
  for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: expect.any(StoreError) });
  expect(outcomes).toMatchObject([{ reason: { failure: 'locked' } }, { reason: { failure: 'locked' } }]);
  expect(words()).toEqual([]);
  await write(put('three'));
  expect(words()).toEqual(['three']);
});

test('what could not be noted is noted before whatever is written next', async () => {
  const { path, insist, write, put, words } = open();
  const other = new Database(path);
  unfreed.push(other);
  other.exec('BEGIN IMMEDIATE');
  await expect(insist(put('owed'))).rejects.toThrow(StoreError);
  other.exec('ROLLBACK');
  await write(put('next'));
  expect(words()).toEqual(['owed', 'next']);
});

test('however writes come, they are done in their order, each whole or not at all', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          kind: fc.constantFrom('write', 'note', 'alone', 'insist'),
          fails: fc.boolean(),
          /** How many rounds of microtasks come before it. */
          later: fc.nat({ max: 4 }),
        }),
        { maxLength: 20 },
      ),
      async (all) => {
        const { put, words, database, ...queue } = open();
        const asked: string[] = [];
        const one = async ({ kind, fails, later }: (typeof all)[number], index: number) => {
          for (let round = 0; round < later; round++) await Promise.resolve();
          const word = `${index}`;
          if (!fails) asked.push(word);
          const work = () => {
            put(word)();
            // Undone again, but for one that is in no transaction.
            if (fails) throw new Error('no');
          };
          const isAlone = kind === 'alone';
          const done = queue[kind as 'write'](isAlone ? () => (fails ? undefined : put(word)()) : work);
          // What is insisted on is tried again and again.
          await done.catch(() => {});
        };
        await Promise.all(all.filter(({ kind, fails }) => kind !== 'insist' || !fails).map(one));
        expect(words()).toEqual(asked);
        database.close();
      },
    ),
    { numRuns: 60 },
  ));

test('the last of all waits for the disk, and whoever still waits for it then is told the truth', async () => {
  const { write, note, synced, writeLast, put, database } = open();
  const waits = [write(put('one')), note(put('two')).then(synced)];
  const last = async () => {
    await waits[0];
    await writeLast(() => database.close());
  };
  expect(await fileRequests(() => Promise.all([...waits, last()]))).toBeGreaterThanOrEqual(2);
});

test('a file that goes by the name of a link is waited for where it is', async () => {
  const target = join(folder, 'target.db');
  new Database(target).close();
  const link = join(folder, 'link.db');
  symlinkSync(target, link);
  const database = new Database(link, { timeout: 0 });
  unfreed.push(database);
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE words (word TEXT PRIMARY KEY)');
  const { write } = openQueue(database, 500);
  expect(await fileRequests(() => write(() => database.exec(`INSERT INTO words VALUES ('one')`)))).toBe(1);
});

test('to close twice closes nothing of others', async () => {
  const { writeLast, database } = open();
  await writeLast(() => database.close());
  await new Promise((resolve) => setImmediate(resolve));
  const closes = await fileRequests(async () => {
    await writeLast(() => database.close());
    await new Promise((resolve) => setImmediate(resolve));
  });
  expect(closes).toBe(0);
});
