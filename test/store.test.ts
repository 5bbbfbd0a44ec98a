import { hash } from 'node:crypto';
import {
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { createChat, type Store } from '../src/chat.js';
import { StoreError } from '../src/errors.js';
import { migrations } from '../src/migrations.js';
import { openStore } from '../src/store.js';
import { bob, counted, listener, question, sayingModel, silent } from './fakes.js';

const folder = mkdtempSync(join(tmpdir(), 'parley-store-'));
let files = 0;
/** Some versions of Node abort where one of these is freed; see the store. */
const unfreed: object[] = [];
const newPath = (): string => join(folder, `${files++}`, 'deep', 'parley.db');

async function answered(store: Store, text: string, told: Parameters<typeof question>[1] = {}): Promise<string> {
  const asked = question(text, told);
  await store.begin(asked, '');
  await store.finish(asked.id, `answer to ${text}`, 10, 'stop');
  return asked.id;
}

const said = async (store: Store, channelId = 'c1', privateTo?: string): Promise<string[]> =>
  (await store.exchanges(channelId, privateTo)).map(({ question: { text } }) => text);

test('what was said is there again after closing and opening the file', async () => {
  const path = newPath();
  const store = openStore(path);
  const asked = question('one', {
    place: { channelId: 'c1', parentId: 'c0' },
    quote: { messageId: '5', speaker: { ...bob, isApp: 'other' }, text: 'zero' },
    attachments: [{ name: 'a.txt', type: 'text/plain', bytes: 5 }],
  });
  await store.begin(asked, '');
  await store.finish(asked.id, 'yes', 7, 'stop');
  await store.setSystemRole('c1', 'A pirate.');
  await store.close();
  const again = openStore(path);
  expect(await again.exchanges('c1')).toEqual([{ seq: 1, question: asked, answer: 'yes', tokens: 7 }]);
  expect(await again.systemRole('c1')).toBe('A pirate.');
  await again.close();
});

test('a question is taken once, also after a restart and after it was forgotten', async () => {
  const path = newPath();
  const store = openStore(path);
  const asked = question('one');
  expect(await store.begin(asked, '')).toBeDefined();
  expect(await store.begin(asked, '')).toBeUndefined();
  await store.finish(asked.id, 'yes', 1, 'stop');
  await store.reset('c1', '1', undefined);
  await store.close();
  expect(await openStore(path).begin(asked, '')).toBeUndefined();
});

test('only answered questions are exchanges', async () => {
  const store = openStore(':memory:');
  await answered(store, 'one');
  await store.begin(question('open'), '');
  const failed = question('failed');
  await store.begin(failed, '');
  await store.end(failed.id, 'failed', 'busy', 'half');
  expect(await said(store)).toEqual(['one']);
});

test('a turn that was ended does not end again', async () => {
  const store = openStore(':memory:');
  const asked = question('one');
  await store.begin(asked, '');
  await store.end(asked.id, 'stopped', 'reset', '');
  expect(await store.finish(asked.id, 'late', 1, 'stop')).toBe(false);
  expect(await said(store)).toEqual([]);
});

test('nothing of a channel reaches another', async () => {
  const store = openStore(':memory:');
  await answered(store, 'one');
  await store.setSystemRole('c1', 'A pirate.');
  await store.moveWindow('c1', 5);
  await answered(store, 'two', { channelId: 'c2' });
  expect(await said(store, 'c2')).toEqual(['two']);
  expect(await store.systemRole('c2')).toBeUndefined();
});

test('a private exchange is seen by its asker alone', async () => {
  const store = openStore(':memory:');
  await answered(store, 'public');
  await answered(store, 'secret', { speaker: bob, isPrivate: true });
  expect(await said(store)).toEqual(['public']);
  expect(await said(store, 'c1', '1')).toEqual(['public']);
  expect(await said(store, 'c1', bob.id)).toEqual(['public', 'secret']);
});

test('a reset counts and forgets the exchanges, and keeps the system role', async () => {
  const store = openStore(':memory:');
  await store.setSystemRole('c1', 'A pirate.');
  await answered(store, 'one');
  await answered(store, 'two');
  await answered(store, 'elsewhere', { channelId: 'c2' });
  expect(await store.reset('c1', '1', undefined)).toBe(2);
  expect(await said(store)).toEqual([]);
  expect(await said(store, 'c2')).toEqual(['elsewhere']);
  expect(await store.systemRole('c1')).toBe('A pirate.');
  expect(await store.reset('c1', '1', undefined)).toBe(0);
});

test('a reset leaves others’ private exchanges to them', async () => {
  const store = openStore(':memory:');
  await answered(store, 'mine', { isPrivate: true });
  await answered(store, 'theirs', { speaker: bob, isPrivate: true });
  expect(await store.reset('c1', '1', undefined)).toBe(1);
  expect(await said(store, 'c1', bob.id)).toEqual(['theirs']);
});

test('what was forgotten is gone from the file', async () => {
  const path = newPath();
  const store = openStore(path);
  await answered(store, 'the-secret-word');
  await store.reset('c1', '1', undefined);
  for (const file of [path, `${path}-wal`]) expect(readFileSync(file).includes('the-secret-word')).toBe(false);
  await store.close();
});

test('what was forgotten is gone from the file, also where SQLite has moved it within the file', async () => {
  const path = newPath();
  const store = openStore(path);
  const database = new Database(path);
  const insert = database.prepare(
    `INSERT INTO turns (id, channel_id, asker_id, private, state, question, asked_at) VALUES (?, ?, '1', 0, 'open', ?, 1)`,
  );
  const finish = database.prepare(`UPDATE turns SET state = 'answered', answer = ?, tokens = 1 WHERE id = ?`);
  unfreed.push(database, insert, finish);
  database.exec('BEGIN');
  // Rows that grow while others stand behind them no longer fit their pages.
  for (let number = 0; number < 1000; number += 1) {
    const asked = { ...question(`word-${number}-`, { channelId: `c${number % 5}` }), id: `${number}` };
    insert.run(asked.id, asked.place.channelId, JSON.stringify(asked));
    const late = number - 7 * (number % 9);
    if (late >= 0) finish.run(`word-${late}-${'y'.repeat((late * 37) % 800)}`, `${late}`);
  }
  database.exec(`UPDATE turns SET state = 'failed' WHERE state = 'open'; COMMIT`);
  database.close();
  await store.reset('c1', '1', undefined);
  const bytes = readFileSync(path);
  const standing = Array.from({ length: 1000 }, (_, number) => number).filter((number) =>
    bytes.includes(`word-${number}-`),
  );
  expect(standing).toEqual(Array.from({ length: 1000 }, (_, number) => number).filter((number) => number % 5 !== 1));
  await store.close();
});

test('the window only moves forward', async () => {
  const store = openStore(':memory:');
  for (const text of ['one', 'two', 'three']) await answered(store, text);
  await store.moveWindow('c1', 3);
  await store.moveWindow('c1', 2);
  expect(await said(store)).toEqual(['three']);
});

test('a private window is its person’s own, and begins no earlier than everybody’s', async () => {
  const store = openStore(':memory:');
  for (const text of ['one', 'two', 'three', 'four']) await answered(store, text);
  await store.moveWindow('c1', 2);
  await store.moveWindow('c1', 3, bob.id);
  expect(await said(store)).toEqual(['two', 'three', 'four']);
  expect(await said(store, 'c1', bob.id)).toEqual(['three', 'four']);
  expect(await said(store, 'c1', '1')).toEqual(['two', 'three', 'four']);
});

test('the system role can be taken back', async () => {
  const store = openStore(':memory:');
  await store.setSystemRole('c1', 'A pirate.');
  await store.setSystemRole('c1', undefined);
  expect(await store.systemRole('c1')).toBeUndefined();
});

/** A print of each file in a database's folder, but of those in which SQLite keeps its memory. */
const prints = (path: string): string[] =>
  readdirSync(dirname(path))
    .filter((name) => !name.endsWith('-shm'))
    .map((name) => `${name} ${hash('sha256', readFileSync(join(dirname(path), name)))}`);

/** A database whose file and log both hold something, as a process leaves it that is killed. */
async function leftOpen(): Promise<string> {
  const path = newPath();
  const store = openStore(path);
  for (let count = 0; count < 20; count += 1) await answered(store, 'one '.repeat(500));
  await store.reset('c2', '1', undefined);
  await answered(store, 'two');
  const copy = newPath();
  cpSync(dirname(path), dirname(copy), { recursive: true });
  await store.close();
  return copy;
}

const PAGE = 4096;

describe('what is not to be opened is named, and no byte of it is changed:', () => {
  function refuses(path: string, why: RegExp): void {
    const before = prints(path);
    for (let times = 0; times < 2; times += 1) {
      expect(() => openStore(path)).toThrow(
        expect.objectContaining({ name: 'ConfigError', message: expect.stringMatching(why) }),
      );
      expect(prints(path)).toEqual(expect.arrayContaining(before));
    }
  }

  test('a file that is no database', () => {
    const path = newPath();
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'Dear reader, this is not a database, however long it goes on.');
    refuses(path, /^DATABASE_PATH: .*parley\.db is damaged, or not a database\. Nothing was changed in it\.$/);
  });

  test('a database of another program', () => {
    const path = newPath();
    mkdirSync(dirname(path), { recursive: true });
    const other = new Database(path);
    unfreed.push(other);
    other.exec('CREATE TABLE accounts (id)');
    other.close();
    refuses(path, /is a database of another program\. Nothing was changed in it\.$/);
  });

  test('a database of a newer version', async () => {
    const path = newPath();
    await openStore(path).close();
    const newer = new Database(path);
    unfreed.push(newer);
    newer.exec(`PRAGMA user_version = ${migrations.length + 1}`);
    newer.close();
    refuses(path, /was written by a newer version of Parley\. Nothing was changed in it\.$/);
  });

  test.each<[string, (path: string, size: number) => void]>([
    ['whose first page is damaged', (path) => overwrite(path, 0)],
    ['of which a page in the middle is damaged', (path, size) => overwrite(path, Math.floor(size / PAGE / 2) * PAGE)],
    ['that was cut off', (path, size) => truncateSync(path, size / 2)],
  ])('a database %s', async (_, damage) => {
    const path = await leftOpen();
    damage(path, statSync(path).size);
    refuses(path, /is damaged, or not a database\. Nothing was changed in it\.$/);
  });

  function overwrite(path: string, at: number): void {
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.alloc(PAGE, 0xaa), 0, PAGE, at);
    closeSync(file);
  }
});

test('a database that a killed process left is opened whole', async () => {
  const store = openStore(await leftOpen());
  const all = await said(store);
  expect([all.length, all.at(-1)]).toEqual([21, 'two']);
  await store.close();
});

test('a question that a crash left open is there to be taken up, with its address, and can be forgotten after its end', async () => {
  const path = newPath();
  const crashed = openStore(path);
  const asked = question('the-lost-word');
  await crashed.begin(asked, 'here');
  await crashed.readdress(asked.id, 'further-on');
  const store = openStore(path);
  expect(await store.unsettled()).toEqual([{ id: asked.id, channelId: 'c1', address: 'further-on', question: asked }]);
  await store.end(asked.id, 'failed', 'busy', 'Half');
  expect(await store.unsettled()).toMatchObject([{ end: { text: 'Half', failure: 'busy' } }]);
  await store.settle(asked.id);
  expect(await store.unsettled()).toEqual([]);
  await store.reset('c1', '1', undefined);
  await store.close();
  await crashed.close();
  const bytes = readFileSync(path);
  expect(bytes.includes('the-lost-word')).toBe(false);
  expect(bytes.includes('further-on')).toBe(false);
});

describe('rows that can’t be read', () => {
  const chatOver = (store: Store) =>
    createChat({
      ...{ store, model: sayingModel('Hello.').model, count: counted, log: silent, systemPrompt: 'Be brief.' },
      ...{ contextTokens: 1000, maxConcurrent: 8, maxWaitingPerPerson: 100, maxWaitingPerChannel: 100 },
    });

  /** Where something stands without which a question is none. */
  const needed: readonly (readonly [string, string?])[] = [
    ...([['id'], ['place'], ['speaker'], ['text'], ['attachments'], ['isPrivate'], ['place', 'channelId']] as const),
    ...([
      ['speaker', 'id'],
      ['speaker', 'handle'],
      ['speaker', 'name'],
      ['quote', 'messageId'],
    ] as const),
  ];

  /** The question with something else, or nothing, in one of its places. */
  function bend(json: string, [first, second]: readonly [string, string?], value: unknown): string {
    const whole = JSON.parse(json);
    if (second === undefined) whole[first] = value;
    else whole[first][second] = value;
    return JSON.stringify(whole);
  }

  const spoiling: fc.Arbitrary<(json: string) => string> = fc.oneof(
    fc.string().map((text) => () => text),
    fc.nat({ max: 99 }).map((percent) => (json: string) => json.slice(0, (json.length * percent) / 100)),
    fc.tuple(fc.constantFrom(...needed), fc.constantFrom(undefined, null, 5, [1], { x: 1 })).map(
      ([place, value]) =>
        (json: string) =>
          bend(json, place, value),
    ),
  );

  const rowShape = {
    channelId: fc.constantFrom('c1', 'c2'),
    state: fc.constantFrom('open', 'answered', 'answered', 'stopped', 'failed'),
    isForgotten: fc.constantFrom(false, false, false, true),
    spoil: fc.option(spoiling),
    answer: fc.constantFrom('yes', 'yes', 'yes', null),
    tokens: fc.constantFrom(5, 5, 5, null, -1, 2 ** 60),
    address: fc.option(fc.string()),
  };
  type Row = { [Name in keyof typeof rowShape]: (typeof rowShape)[Name] extends fc.Arbitrary<infer V> ? V : never };

  /** A database of a version, with these rows. */
  function write(path: string, version: number, rows: readonly Row[]): void {
    mkdirSync(dirname(path), { recursive: true });
    const database = new Database(path);
    database.exec(`PRAGMA synchronous = OFF; ${migrations.slice(0, version).join('')}`);
    database.exec(`PRAGMA application_id = ${0x5041524c}; PRAGMA user_version = ${version}; BEGIN`);
    const [column, value] = version === 1 ? ['', ''] : [', address', ', :address'];
    const insert = database.prepare(
      `INSERT INTO turns (id, channel_id, asker_id, private, state, question, answer, tokens, asked_at${column})
       VALUES (:id, :channelId, '1', 0, :state, :question, :answer, :tokens, 1${value})`,
    );
    unfreed.push(database, insert);
    for (const [index, { channelId, state, isForgotten, spoil, answer, tokens, address }] of rows.entries()) {
      const quote = { messageId: '5', speaker: bob, text: 'zero' };
      const asked = { ...question('hi', { channelId, quote }), id: `${index + 1}`, later: 'of a version to come' };
      const json = (spoil ?? String)(JSON.stringify(asked));
      insert.run({
        ...{ id: asked.id, channelId, state, question: isForgotten ? null : json, answer, tokens },
        ...(version > 1 && { address }),
      });
    }
    database.exec('COMMIT');
    database.close();
  }

  test.each([1, 2])(
    'in a database of version %i are left out and told of once, their channels go on, and no turn is left',
    (version) =>
      fc.assert(
        fc.asyncProperty(fc.array(fc.record(rowShape), { maxLength: 12 }), async (given) => {
          const path = newPath();
          write(path, version, given);
          const rows = given.map((row, index) => ({ ...row, seq: index + 1 }));
          const told: number[] = [];
          const store = openStore(path, (seq) => told.push(seq));

          const left = rows.filter(({ address }) => version > 1 && address !== null);
          expect((await store.unsettled()).map(({ id, question }) => [Number(id), question !== undefined])).toEqual(
            left.map(({ seq, isForgotten, spoil }) => [seq, !isForgotten && spoil === null]),
          );
          const past = rows.filter(({ state, isForgotten }) => state === 'answered' && !isForgotten);
          const isRead = ({ spoil, answer, tokens }: Row) => spoil === null && answer !== null && tokens === 5;
          for (const channelId of ['c1', 'c2', 'c1']) {
            const here = past.filter((row) => row.channelId === channelId && isRead(row));
            expect((await store.exchanges(channelId)).map(({ seq }) => seq)).toEqual(here.map(({ seq }) => seq));
          }
          const unread = [
            ...left.filter(({ isForgotten, spoil }) => !isForgotten && spoil !== null),
            ...past.filter((row) => !isRead(row)),
          ];
          expect(new Set(told)).toEqual(new Set(unread.map(({ seq }) => seq)));
          expect(told).toHaveLength(new Set(told).size);

          await chatOver(store).resume(
            () => listener().audience,
            () => false,
          );
          await vi.waitUntil(async () => (await store.unsettled()).length === 0, { interval: 1 });
          for (const channelId of ['c1', 'c2']) {
            await answered(store, 'new', { channelId });
            expect((await said(store, channelId)).at(-1)).toBe('new');
          }
          await store.close();
        }),
        { numRuns: import.meta.env.MODE === 'long' ? 500 : 50 },
      ),
  );

  test('a question that is another’s, or from another channel, is none', async () => {
    const path = newPath();
    const store = openStore(path);
    for (const count of [1, 2, 3]) await store.begin(question(`${count}`), '');
    const database = new Database(path);
    unfreed.push(database);
    database.exec(`UPDATE turns SET question = json_set(question, '$.id', 'x') WHERE seq = 1`);
    database.exec(`UPDATE turns SET question = json_set(question, '$.place.channelId', 'x') WHERE seq = 2`);
    database.close();
    expect((await store.unsettled()).map((left) => left.question?.text)).toEqual([undefined, undefined, '3']);
    await store.close();
  });
});

test('how a turn ended is on disk as soon as it can be written, if it could not be at first', async () => {
  const path = newPath();
  const store = openStore(path, undefined, 50);
  const asked = question('one');
  await store.begin(asked, 'here');
  const other = new Database(path);
  unfreed.push(other);
  other.exec('BEGIN IMMEDIATE');
  await expect(store.end(asked.id, 'failed', 'busy', 'Half')).rejects.toThrow(StoreError);
  await expect(store.settle(asked.id)).rejects.toThrow(StoreError);
  other.exec('COMMIT');
  other.close();
  expect(await store.unsettled()).toHaveLength(1);
  await store.begin(question('two'), 'there');
  expect(await store.unsettled()).toMatchObject([{ address: 'there' }]);
  await store.close();
});

test('a reset forgets a turn whose end could not be written before', async () => {
  const path = newPath();
  const store = openStore(path, undefined, 50);
  const asked = question('the-secret-word');
  await store.begin(asked, 'here');
  const other = new Database(path);
  unfreed.push(other);
  other.exec('BEGIN IMMEDIATE');
  await expect(store.end(asked.id, 'failed', 'busy', 'Half')).rejects.toThrow(StoreError);
  other.exec('COMMIT');
  other.close();
  await store.reset('c1', '1', undefined);
  for (const file of [path, `${path}-wal`]) expect(readFileSync(file).includes('the-secret-word')).toBe(false);
  await store.close();
});

test('a path whose folder can’t be made is told', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  expect(() => openStore(join(file, 'parley.db'))).toThrow(/DATABASE_PATH: the folder of .* can’t be made/);
});
