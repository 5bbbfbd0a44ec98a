import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { Store } from '../src/chat.js';
import { ConfigError } from '../src/errors.js';
import { migrations } from '../src/migrations.js';
import { openStore } from '../src/store.js';
import { bob, question } from './fakes.js';

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
  expect(await store.begin(asked, '')).toBe(true);
  expect(await store.begin(asked, '')).toBe(false);
  await store.finish(asked.id, 'yes', 1, 'stop');
  await store.reset('c1', '1', undefined);
  await store.close();
  expect(await openStore(path).begin(asked, '')).toBe(false);
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

test('a file that is no database is named and left as it was', () => {
  const path = join(folder, 'letter.db');
  writeFileSync(path, 'Dear reader, this is not a database, however long it goes on.');
  expect(() => openStore(path)).toThrow(ConfigError);
  expect(() => openStore(path)).toThrow(/DATABASE_PATH: .*letter\.db is damaged/);
  expect(readFileSync(path, 'utf8')).toMatch(/^Dear reader/);
});

test('a database of another program is named and left as it was', () => {
  const path = join(folder, 'other.db');
  const other = new Database(path);
  unfreed.push(other);
  other.exec('CREATE TABLE accounts (id)');
  other.close();
  expect(() => openStore(path)).toThrow(/is a database of another program/);
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

test('a database of a newer version is refused and left as it was', async () => {
  const path = newPath();
  await openStore(path).close();
  const newer = new Database(path);
  unfreed.push(newer);
  newer.exec(`PRAGMA user_version = ${migrations.length + 1}`);
  newer.close();
  expect(() => openStore(path)).toThrow(/newer version of Parley/);
});

test('a path whose folder can’t be made is told', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  expect(() => openStore(join(file, 'parley.db'))).toThrow(/DATABASE_PATH: the folder of .* can’t be made/);
});
