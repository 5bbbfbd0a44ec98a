import { type ChildProcess, spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { FaultyArchive } from '../src/archive.js';
import type { Store } from '../src/chat.js';
import { UserError } from '../src/errors.js';
import { consoleChannel, type History, openHistory } from '../src/history.js';
import { migrations } from '../src/migrations.js';
import type { Question } from '../src/question.js';
import { openStore } from '../src/store.js';
import { ada, bob, question } from './fakes.js';

const folder = mkdtempSync(join(tmpdir(), 'parley-history-'));
let files = 0;
/** Some versions of Node abort where one of these is freed; see the store. */
const unfreed: object[] = [];
const newPath = (): string => join(folder, `${files++}.db`);

/** A module of the built program. */
const built = (name: string): string => new URL(`../dist/src/${name}.js`, import.meta.url).href;

function openBeside(path: string): Database.Database {
  const database = new Database(path);
  unfreed.push(database);
  return database;
}

function rowsOf(path: string, sql: string): unknown[] {
  const database = openBeside(path);
  const select = database.prepare(sql);
  unfreed.push(select);
  const rows = select.all();
  database.close();
  return rows;
}

/** A store and a history on one file. */
function open(path = newPath()) {
  const store = openStore(path);
  const history = openHistory(path);
  return { path, store, history, close: () => Promise.all([store.close(), history.close()]) };
}

async function answered(store: Store, text: string, answer: string, told: Parameters<typeof question>[1] = {}) {
  const asked = question(text, told);
  await store.begin(asked, 'a-secret-token');
  await store.finish(asked.id, answer, 10, 'stop');
  await store.settle(asked.id);
  return asked;
}

const hits = async (history: History, words: string, options?: Parameters<History['search']>[1]) =>
  (await history.search(words, options)).map(({ part, excerpt: { text } }) => `${part}: ${text}`);

async function exported(history: History): Promise<string[]> {
  const lines: string[] = [];
  await history.exportAll(async (all) => {
    for await (const line of all) lines.push(line.slice(0, -1));
  });
  return lines;
}

describe('conversations', () => {
  test('are told with what they are, how much was said in them, and what was said last', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { store, history, close } = open();
    const say = (at: number, channelId: string, place: Partial<Question['place']> = {}) => {
      vi.setSystemTime(at);
      return answered(store, `asked at ${at}`, `answered at ${at}`, { place: { channelId, ...place } });
    };
    for (const at of [1, 5]) await say(at, '100');
    await say(2, '200', { parentId: '100' });
    await say(3, '300', { isDirect: true });
    await say(4, consoleChannel('Über: alles'));
    await store.begin(question('only asked', { channelId: '400' }), '');
    vi.useRealTimers();
    const all = await history.conversations();
    expect(all).toMatchObject([
      { channelId: '100', kind: 'channel', exchanges: 2, lastAt: 5, last: { answer: 'answered at 5' } },
      { channelId: 'console:Über: alles', kind: 'console', name: 'Über: alles', exchanges: 1 },
      { channelId: '300', kind: 'direct' },
      { channelId: '200', kind: 'thread', last: { askedAt: 2, question: { text: 'asked at 2' } } },
    ]);
    expect(all).toHaveLength(4);
    expect(all.map(({ name }) => name)).toEqual([undefined, 'Über: alles', undefined, undefined]);
    await close();
  });

  test('of several turns in the same millisecond end with the one that came last', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { store, history, close } = open();
    for (const number of [1, 2, 3]) await answered(store, `asked ${number}`, `answered ${number}`);
    expect(await history.conversations()).toMatchObject([{ exchanges: 3, last: { answer: 'answered 3' } }]);
    vi.useRealTimers();
    await close();
  });

  test('are read whole, oldest first, with everything that was asked', async () => {
    const { store, history, close } = open();
    const first = await answered(store, 'one', 'One.', {
      quote: { messageId: '5', speaker: bob, text: 'zero' },
      attachments: [{ name: 'a.txt', type: 'text/plain', bytes: 5 }],
    });
    const second = await answered(store, 'two', 'Two.', { speaker: bob, isPrivate: true });
    await answered(store, 'elsewhere', 'There.', { channelId: 'c2' });
    await store.moveWindow('c1', 2);
    const read = await history.read('c1');
    expect(read.map(({ question, answer }) => [question, answer])).toEqual([
      [first, 'One.'],
      [second, 'Two.'],
    ]);
    expect(read.every(({ askedAt }) => Math.abs(askedAt - Date.now()) < 60_000)).toBe(true);
    await close();
  });

  test('of the console: the one spoken in last, and what somebody asked of late', async () => {
    const { store, history, close } = open();
    expect(await history.lastOnConsole()).toBeUndefined();
    vi.useFakeTimers({ toFake: ['Date'] });
    for (const [at, name] of ['old', 'new', 'old', 'newest'].entries()) {
      vi.setSystemTime(at);
      await answered(store, `${at}`, 'Yes.', { channelId: consoleChannel(name) });
    }
    await answered(store, 'on Discord', 'Yes.');
    await answered(store, 'by another', 'Yes.', { channelId: consoleChannel('old'), speaker: bob });
    vi.setSystemTime(9);
    await store.begin(question('9', { channelId: consoleChannel('old') }), '');
    vi.useRealTimers();
    expect(await history.lastOnConsole()).toBe(consoleChannel('old'));
    expect(await history.asked(ada.id, 3)).toEqual(['2', '3', '9']);
    await close();
  });
});

describe('a search', () => {
  test('finds in questions, quotes and answers, newest first, and tells where, when and who', async () => {
    const { store, history, close } = open();
    await answered(store, '文件系统是什么？', 'It keeps files.', { channelId: 'c2', speaker: bob });
    await answered(store, 'And you?', '我看不到文件。');
    await answered(store, 'Is that so?', 'Yes.', { quote: { messageId: '1', text: '文件很多' }, isPrivate: true });
    expect(await hits(history, '文件')).toEqual([
      'quote: 文件很多',
      'answer: 我看不到文件。',
      'question: 文件系统是什么？',
    ]);
    expect(await hits(history, '文件', { limit: 1 })).toEqual(['quote: 文件很多']);
    const [hit, ...others] = await history.search('系统');
    expect(others).toEqual([]);
    expect(hit).toMatchObject({ channelId: 'c2', question: { speaker: bob }, excerpt: { hits: [[2, 4]] } });
    expect(hit?.askedAt).toBeGreaterThan(Date.now() - 60_000);
    expect(await hits(history, 'keep 什么')).toEqual(['question: 文件系统是什么？']);
    expect(await hits(history, '。')).toEqual([]);
    await close();
  });

  test('finds nothing across a question and its quote', async () => {
    const { store, history, close } = open();
    await answered(store, 'one', 'Yes.', { quote: { messageId: '1', text: 'two' } });
    expect(await hits(history, 'one-two')).toEqual([]);
    expect(await hits(history, 'one two')).toHaveLength(1);
    await close();
  });

  test('finds what was asked while it is being answered, and its answer then', async () => {
    const { store, history, close } = open();
    const asked = question('one');
    await store.begin(asked, '');
    expect(await hits(history, 'one')).toEqual(['question: one']);
    await store.finish(asked.id, 'two', 1, 'stop');
    expect(await hits(history, 'one two')).toHaveLength(1);
    const failed = question('three');
    await store.begin(failed, '');
    await store.end(failed.id, 'failed', 'busy', 'four');
    expect(await hits(history, 'three four')).toHaveLength(1);
    await close();
  });

  test('throws at no query', async () => {
    const { store, history, close } = open();
    await answered(store, 'one', 'Yes.');
    const words = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'a文*"^-+:(){} \0') }),
      fc.constantFrom('AND', 'one NOT two', 'NEAR(one)', 'question:one', 'x '.repeat(2000)),
    );
    await fc.assert(
      fc.asyncProperty(words, async (query) => {
        expect(Array.isArray(await history.search(query))).toBe(true);
      }),
      { numRuns: import.meta.env.MODE === 'long' ? 300 : 100 },
    );
    await close();
  });

  test('tells how much is still to be put into the index, in transactions between which others can write', async () => {
    const { path, store, history, close } = open();
    const others = Array.from({ length: 50 }, (_, index) => `文件系统${index}`).join('，');
    await history.importAll(manyLines(250, (index) => ({ channelId: 'c1', text: `${others} word${index}` })));
    const told: number[] = [];
    let written: Promise<unknown> | undefined;
    const searched = history.search('word249', {
      onIndexing(left) {
        told.push(left);
        written ??= store.begin(question('meanwhile'), '').then(() => told.push(-1));
      },
    });
    expect(await searched).toHaveLength(1);
    await written;
    expect(told[0]).toBe(250);
    expect(told.filter((left) => left >= 0)).toEqual([...told].filter((left) => left >= 0).sort((a, b) => b - a));
    expect(rowsOf(path, 'SELECT count(*) AS left FROM unindexed')).toEqual([{ left: 0 }]);
    const count = told.length;
    await history.search('word1', { onIndexing: (left) => told.push(left) });
    expect(told).toHaveLength(count);
    await close();
  });

  test('shows an excerpt of what is made of a text, and finds in the text as it is', async () => {
    const { store, history, close } = open();
    await answered(store, 'one', '**文**件 and\n\n- more');
    const asShown = (text: string) => text.replaceAll('*', '').replaceAll(/\s+/g, ' ');
    expect(await hits(history, 'more', { asShown })).toEqual(['answer: 文件 and - more']);
    await close();
  });

  test('leaves out rows that can’t be read, and tells of each once', async () => {
    const { path, store, history, close } = open();
    for (const text of ['one', 'two', 'three']) await answered(store, text, 'Yes.');
    expect(await hits(history, 'yes')).toHaveLength(3);
    const database = openBeside(path);
    database.exec(`UPDATE turns SET question = '{' WHERE seq = 2`);
    database.close();
    const told: number[] = [];
    const other = openHistory(path, (seq) => told.push(seq));
    expect(await hits(other, 'yes')).toEqual(['answer: Yes.', 'answer: Yes.']);
    expect((await other.read('c1')).map(({ question: { text } }) => text)).toEqual(['one', 'three']);
    expect((await exported(other)).filter((line) => line.includes('"turn"'))).toHaveLength(2);
    expect(told).toEqual([2]);
    await Promise.all([close(), other.close()]);
  });
});

describe('what was forgotten', () => {
  const words = ['xyzzyplugh', '秘密', '密口', 'plughxyzzy'];
  const standing = (path: string) =>
    words.filter((word) => [path, `${path}-wal`].some((file) => existsSync(file) && readFileSync(file).includes(word)));

  test('is found no more, and neither its words nor their pairs are in the file', async () => {
    const { path, store, history, close } = open();
    for (let count = 0; count < 30; count += 1) await answered(store, `other ${count}`, '别的话', { channelId: 'c2' });
    await answered(store, 'xyzzyplugh 秘密口令', 'plughxyzzy');
    expect(await hits(history, '秘密')).toHaveLength(1);
    await answered(store, 'later 秘密', 'Yes.');
    expect(standing(path)).toEqual(words);
    await store.reset('c1', '1', undefined);
    expect(standing(path)).toEqual([]);
    expect(await hits(history, '秘密')).toEqual([]);
    expect(await hits(history, '别的')).toHaveLength(20);
    await close();
    expect(standing(path)).toEqual([]);
  });

  test('is gone from the file where it is very much, and what is said later can be forgotten as well', async () => {
    const { path, store, history, close } = open();
    await history.importAll(manyLines(1100, (count) => ({ channelId: 'c1', text: `xyzzyplugh 秘密口令 ${count}` })));
    await answered(store, '别的话', 'plughxyzzy', { channelId: 'c2' });
    expect(await hits(history, '秘密')).toHaveLength(20);
    expect(await store.reset('c1', '1', undefined)).toBe(1100);
    expect(standing(path)).toEqual(['plughxyzzy']);
    expect(await hits(history, '秘密')).toEqual([]);
    expect(await hits(history, 'plughxyzzy 别的')).toHaveLength(1);
    await store.reset('c2', '1', undefined);
    expect(standing(path)).toEqual([]);
    await close();
  });

  test('leaves the words of a large index in several steps, the last of which another process may take', async () => {
    const { path, store, history, close } = open();
    const told = (index: number) => ({
      channelId: index % 60 === 0 ? 'c1' : 'c2',
      text: `word ${wordsOf(index, 0)[0]}`,
    });
    await history.importAll(manyLines(3100, told));
    await answered(store, 'more', 'xyzzyplugh', { channelId: 'c1' });
    await history.search('word');
    const older = openBeside(path);
    const forget = `UPDATE turns SET question = NULL, answer = NULL WHERE seq = (SELECT min(seq) FROM turns WHERE channel_id = 'c2')`;
    older.exec(forget);
    older.close();
    expect(await history.search('word', { limit: 10_000 })).toHaveLength(3099);
    expect(await store.reset('c1', '1', undefined)).toBe(53);
    const inIndex = 'SELECT count(*) AS count FROM said';
    expect(rowsOf(path, inIndex)).toEqual([{ count: 3047 }]);
    expect(rowsOf(path, 'SELECT * FROM leaving')).toEqual([]);
    expect(standing(path)).toEqual([]);
    // As a process leaves it that is cut off behind a reset.
    const cutOff = openBeside(path);
    cutOff.exec(forget.replace('min(seq)', 'max(seq)'));
    cutOff.close();
    const next = openStore(path);
    await vi.waitUntil(() => isDeepStrictEqual(rowsOf(path, inIndex), [{ count: 3046 }]), { interval: 5 });
    await Promise.all([close(), next.close()]);
  });

  test('leaves no word behind, in whatever steps it came and went', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 5 }), async (counts) => {
        const { path, store, history, close } = open();
        let number = 0;
        let isAnyLeft = false;
        for (const count of counts) {
          const from = number;
          await history.importAll(
            manyLines(count, (index) => ({
              channelId: `c${index % 4}`,
              text: wordsOf(from + index, index % 4).join(' '),
            })),
          );
          number += count;
          await history.search('anything');
          if (count % 3 === 0) await store.reset('c2', '1', undefined);
        }
        await store.reset('c1', '1', undefined);
        const forgotten = new Set(Array.from({ length: number }, (_, index) => wordsOf(index, 1)).flat());
        for (const [digits] of readFileSync(path, 'latin1').matchAll(/[0-9a-f]{12,}(?=x)/g)) {
          isAnyLeft ||= [12, 13, 14, 15, 16].some((length) => forgotten.has(`${digits.slice(-length)}x`));
        }
        expect(isAnyLeft).toBe(false);
        await close();
      }),
      { numRuns: import.meta.env.MODE === 'long' ? 60 : 10 },
    ));

  test('of others in private stays to be found', async () => {
    const { store, history, close } = open();
    await answered(store, 'secret', 'Yes.', { speaker: bob, isPrivate: true });
    await history.search('secret');
    await store.reset('c1', ada.id, undefined);
    expect(await hits(history, 'secret')).toHaveLength(1);
    await close();
  });
});

/** Words that stand in no other turn. */
const wordsOf = (turn: number, channel: number): string[] =>
  Array.from(
    { length: 12 },
    (_, place) => `${hash('sha1', `${turn} ${channel} ${place}`).slice(0, 12 + (place % 5))}x`,
  );

/** The lines of an export of turns that were answered. */
function* manyLines(count: number, told: (index: number) => { readonly channelId: string; readonly text: string }) {
  yield '{"format":"parley-history","version":1}';
  for (let index = 0; index < count; index += 1) {
    const { channelId, text } = told(index);
    const asked = question(text, { channelId });
    const turn = { id: asked.id, channelId, askerId: ada.id, isPrivate: false, state: 'answered', failure: null };
    const end = { question: asked, answer: 'Yes.', tokens: 5, finish: 'stop', askedAt: index, endedAt: index };
    yield JSON.stringify({ type: 'turn', ...turn, ...end });
  }
  yield '{"type":"end"}';
}

describe('a process of an older version', () => {
  test('goes on on a file that a newer one has brought up to date, and what it adds and forgets is known to the newer', async () => {
    const path = newPath();
    mkdirSync(dirname(path), { recursive: true });
    const older = openBeside(path);
    older.exec(
      `PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON; ${migrations.slice(0, 2).join('')};
       PRAGMA application_id = ${0x5041524c}; PRAGMA user_version = 2`,
    );
    const insert = older.prepare(
      `INSERT INTO turns (id, channel_id, asker_id, private, state, question, asked_at) VALUES (?, ?, '1', 0, 'open', ?, 1)`,
    );
    const finish = older.prepare(`UPDATE turns SET state = 'answered', answer = ?, tokens = 1 WHERE id = ?`);
    const forget = older.prepare('UPDATE turns SET question = NULL, answer = NULL, tokens = NULL WHERE channel_id = ?');
    unfreed.push(insert, finish, forget);
    const say = (text: string, channelId: string) => {
      const asked = question(text, { channelId });
      insert.run(asked.id, channelId, JSON.stringify(asked));
      finish.run(`answer to ${text}`, asked.id);
    };
    say('before', 'c1');
    const history = openHistory(path);
    expect(await hits(history, 'answer')).toEqual(['answer: answer to before']);
    say('after', 'c2');
    expect(await hits(history, 'answer')).toEqual(['answer: answer to after', 'answer: answer to before']);
    forget.run('c1');
    expect(await hits(history, 'answer')).toEqual(['answer: answer to after']);
    older.close();
    await history.close();
    const store = openStore(path);
    await vi.waitUntil(() => isDeepStrictEqual(rowsOf(path, 'SELECT rowid FROM said'), [{ rowid: 2 }]), {
      interval: 5,
    });
    await store.close();
  });
});

test('a bot that writes and consoles that search have no trouble with each other', async () => {
  const { path, store, history, close } = open();
  const other = openHistory(path);
  const writing = Array.from({ length: 150 }, async (_, count) => {
    await answered(store, `word ${count}`, '好的', { channelId: `c${count % 5}` });
    if (count % 50 === 49) await store.reset('c1', '1', undefined);
  });
  const searching = [history, other].map(async (one) => {
    for (let count = 0; count < 40; count += 1) await one.search('word 好的');
  });
  await Promise.all([...writing, ...searching]);
  const found = await history.search('word 好的', { limit: 1000 });
  expect(found.map(({ question }) => question.id).sort()).toEqual(
    (await Promise.all([0, 1, 2, 3, 4].map((number) => history.read(`c${number}`))))
      .flat()
      .map(({ question }) => question.id)
      .sort(),
  );
  await Promise.all([close(), other.close()]);
});

describe('an answer that runs on the console', () => {
  const onConsole = { channelId: consoleChannel('trip') };

  /** Another process that joins the consoles of a file, and then does this until it is killed. */
  async function another(path: string, then: string): Promise<ChildProcess> {
    const script = `
      const { openStore } = await import(${JSON.stringify(built('store'))});
      const { openHistory } = await import(${JSON.stringify(built('history'))});
      await openHistory(${JSON.stringify(path)}).joinConsoles();
      const store = openStore(${JSON.stringify(path)});
      ${then}
      console.log('done');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    return child;
  }

  test('is ended as failed when it died with its process, and left alone as long as a console lives', async () => {
    const path = newPath();
    const asked = question('the-lost-word', onConsole);
    const { store, history, close } = open(path);
    await store.begin(question('of Discord'), 'an address');
    const one = await another(path, `await store.begin(${JSON.stringify(asked)}, undefined);`);
    const other = await another(path, '');
    const states = 'SELECT state, failure FROM turns ORDER BY seq';
    const isOpen = { state: 'open', failure: null };
    expect(rowsOf(path, states)).toEqual([isOpen, isOpen]);
    for (const child of [one, other]) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await history.joinConsoles();
    expect(rowsOf(path, states)).toEqual([isOpen, { state: 'failed', failure: 'interrupted' }]);
    await store.reset(onConsole.channelId, ada.id, undefined);
    expect(readFileSync(path).includes('the-lost-word')).toBe(false);
    await close();
  });

  test('is ended and forgotten by a reset, also one in another process, where it is nobody else’s in private', async () => {
    const { path, store, history, close } = open();
    const here = openStore(path);
    const mine = question('the-secret-word', onConsole);
    const theirs = question('theirs', { ...onConsole, speaker: bob, isPrivate: true });
    const elsewhere = question('elsewhere', { channelId: consoleChannel('other') });
    const onDiscord = question('on Discord', onConsole);
    for (const asked of [mine, theirs, elsewhere]) await store.begin(asked, undefined);
    // Whoever finds its audience again goes on with it.
    await store.begin(onDiscord, 'an address');
    expect(await here.reset(onConsole.channelId, ada.id, undefined)).toBe(1);
    expect(readFileSync(path).includes('the-secret-word')).toBe(false);
    const finished = [mine, theirs, elsewhere, onDiscord].map(({ id }) => store.finish(id, 'late', 1, 'stop'));
    expect(await Promise.all(finished)).toEqual([false, true, true, true]);
    expect((await history.read(onConsole.channelId)).map(({ question }) => question.text)).toEqual([
      'theirs',
      'on Discord',
    ]);
    await Promise.all([close(), here.close()]);
  });
});

test('a place is taken as soon as anything was said in it, and free again when that is forgotten', async () => {
  const { store, history, close } = open();
  expect(await history.has('c1')).toBe(false);
  const asked = question('one');
  await store.begin(asked, 'x');
  expect(await history.has('c1')).toBe(true);
  await store.end(asked.id, 'failed', 'busy', '');
  expect(await history.has('c1')).toBe(true);
  await answered(store, 'two', 'Yes.', { channelId: 'c2' });
  expect(await history.has('c2')).toBe(true);
  for (const channelId of ['c1', 'c2']) await store.reset(channelId, ada.id, undefined);
  expect([await history.has('c1'), await history.has('c2')]).toEqual([false, false]);
  await close();
});

test('a locked file is waited for, and told of when that lasts', async () => {
  const path = newPath();
  const store = openStore(path);
  const history = openHistory(path, undefined, 50);
  await answered(store, 'one', 'Yes.');
  const locking = openBeside(path);
  locking.exec('BEGIN IMMEDIATE');
  await expect(history.search('one')).rejects.toMatchObject({ failure: 'locked' });
  expect(await history.read('c1')).toHaveLength(1);
  locking.exec('COMMIT');
  locking.close();
  expect(await hits(history, 'one')).toHaveLength(1);
  await Promise.all([store.close(), history.close()]);
});

describe('a copy', () => {
  test('holds what the prompts of a conversation hold, under ids of its own, and the source stays as it is', async () => {
    const { path, store, history, close } = open();
    for (const text of ['old', 'one', 'two']) await answered(store, text, `${text}!`, { speaker: bob });
    await answered(store, 'private', 'no', { isPrivate: true });
    await answered(store, 'three', 'three!', { quote: { messageId: '7', text: 'quoted' } });
    await store.begin(question('open'), '');
    await store.moveWindow('c1', 2);
    await store.setSystemRole('c1', 'A pirate.');
    const before = rowsOf(path, `SELECT * FROM turns WHERE channel_id = 'c1'`);
    const to = consoleChannel('copy');
    expect(await history.copy('c1', to)).toBe(3);
    expect(rowsOf(path, `SELECT * FROM turns WHERE channel_id = 'c1'`)).toEqual(before);
    const [source, copy] = [await store.exchanges('c1'), await store.exchanges(to)];
    const told = ({ question: { id, place, ...said }, answer, tokens }: (typeof copy)[number]) => [
      said,
      answer,
      tokens,
    ];
    expect(copy.map(told)).toEqual(source.map(told));
    expect(copy.map(({ question: { place } }) => place)).toEqual(source.map(() => ({ channelId: to })));
    expect(new Set([...source, ...copy].map(({ question: { id } }) => id)).size).toBe(6);
    expect(await store.systemRole(to)).toBe('A pirate.');
    expect(rowsOf(path, `SELECT DISTINCT asker_id, finish, address FROM turns WHERE channel_id = '${to}'`)).toEqual([
      { asker_id: bob.id, finish: 'stop', address: null },
      { asker_id: ada.id, finish: 'stop', address: null },
    ]);
    expect((await history.read(to)).map(({ askedAt }) => askedAt)).toEqual(
      (await history.read('c1')).filter(({ seq }) => [2, 3, 5].includes(seq)).map(({ askedAt }) => askedAt),
    );
    await store.reset(to, ada.id, undefined);
    expect(await store.exchanges('c1')).toEqual(source);
    await close();
  });

  test('of a thread has its parent’s system role where it has none of its own', async () => {
    const { store, history, close } = open();
    await answered(store, 'one', 'Yes.', { place: { channelId: 'c2', parentId: 'c1' } });
    await store.setSystemRole('c1', 'A pirate.');
    await history.copy('c2', 'c3');
    expect(await store.systemRole('c3')).toBe('A pirate.');
    await close();
  });

  test('goes to no place where something was said', async () => {
    const { store, history, close } = open();
    await answered(store, 'one', 'Yes.');
    await answered(store, 'two', 'Yes.', { channelId: 'c2' });
    await expect(history.copy('c1', 'c2')).rejects.toThrow(UserError);
    expect(await history.read('c2')).toHaveLength(1);
    expect(await history.copy('c9', 'c3')).toBe(0);
    await close();
  });
});

describe('an export', () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 5 });
  const words = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('文件系统', 'a\nb\r\n\u2028c\u0085', '\0'));
  const speaker = fc.record({ id: fc.constantFrom('1', '2'), handle: name, name });
  const step = fc.oneof(
    fc.record({
      what: fc.constantFrom('answered', 'answered', 'stopped', 'failed', 'refused', 'open', 'unsettled'),
      channelId: fc.constantFrom('c1', 'c2', 'console:x'),
      answer: words,
      isPrivate: fc.boolean(),
      asked: fc.record(
        {
          speaker,
          text: words,
          quote: fc.record({ messageId: name, speaker, text: words }, { requiredKeys: ['messageId'] }),
          attachments: fc.array(fc.record({ name, type: name, bytes: fc.nat() }), { maxLength: 2 }),
        },
        { requiredKeys: ['speaker', 'text', 'attachments'] },
      ),
      tokens: fc.nat(),
    }),
    fc.record({ what: fc.constant('reset'), channelId: fc.constantFrom('c1', 'c2') }),
    fc.record({
      what: fc.constant('window'),
      channelId: fc.constantFrom('c1', 'c2'),
      from: fc.nat({ max: 15 }),
      privateTo: fc.option(fc.constant('1'), { nil: undefined }),
    }),
    fc.record({
      what: fc.constant('role'),
      channelId: fc.constantFrom('c1', 'c2'),
      role: fc.option(words, { nil: undefined }),
    }),
  );
  type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

  async function take(store: Store, one: Step): Promise<void> {
    if ('role' in one) return store.setSystemRole(one.channelId, one.role);
    if ('from' in one) return store.moveWindow(one.channelId, one.from, one.privateTo);
    if (!('asked' in one)) return void (await store.reset(one.channelId, '1', undefined));
    const { what, channelId, isPrivate, asked: told, answer, tokens } = one;
    const asked = question('', { channelId, isPrivate, ...told });
    await store.begin(asked, 'a-secret-token', what === 'refused' ? 'Refused' : undefined);
    if (what === 'open') return;
    if (what === 'stopped' || what === 'failed') await store.end(asked.id, what, 'busy', answer);
    // It has no effect on what was refused.
    else await store.finish(asked.id, answer, tokens, 'stop');
    if (what !== 'unsettled') await store.settle(asked.id);
  }

  test('that is imported is exported the same again, the prompts hold the same, and no address is in it', () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        const from = open();
        for (const one of steps) await take(from.store, one);
        const lines = await exported(from.history);
        expect(lines.join()).not.toContain('a-secret-token');
        expect(lines.join('').split(/[\n\r\u0085\u2028\u2029]/)).toHaveLength(1);
        const to = open();
        const turns = lines.filter((line) => line.startsWith('{"type":"turn"')).length;
        expect(await to.history.importAll(lines)).toEqual({ turns, skipped: 0 });
        expect(await exported(to.history)).toEqual(lines);
        expect(await to.history.importAll(lines)).toEqual({ turns: 0, skipped: turns });
        expect(await exported(to.history)).toEqual(lines);
        for (const channelId of ['c1', 'c2', 'console:x']) {
          for (const privateTo of [undefined, '1', '2']) {
            const [one, other] = [from, to].map(({ store }) => store.exchanges(channelId, privateTo));
            const told = async (all: typeof one) => (await all)?.map(({ seq, ...exchange }) => exchange);
            expect(await told(other)).toEqual(await told(one));
          }
          expect(await to.store.systemRole(channelId)).toBe(await from.store.systemRole(channelId));
        }
        await Promise.all([from.close(), to.close()]);
      }),
      { numRuns: import.meta.env.MODE === 'long' ? 300 : 15 },
    ));

  test('keeps when and how each turn ended, and which conversations are direct', async () => {
    const from = open();
    await answered(from.store, 'one', 'Yes.', { place: { channelId: 'c1', isDirect: true } });
    const refused = question('two');
    await from.store.begin(refused, '', 'Refused');
    const to = open();
    await to.history.importAll(await exported(from.history));
    const columns = 'id, asker_id, private, state, failure, question, answer, tokens, finish, asked_at, ended_at';
    const all = `SELECT ${columns} FROM turns ORDER BY seq`;
    expect(rowsOf(to.path, all)).toEqual(rowsOf(from.path, all));
    expect(rowsOf(to.path, 'SELECT * FROM channels')).toEqual(rowsOf(from.path, 'SELECT * FROM channels'));
    expect(await to.store.has(refused.id)).toBe(true);
    await Promise.all([from.close(), to.close()]);
  });

  test('that is imported beside other conversations leaves them as they are, and adds to a channel behind what is there', async () => {
    const from = open();
    for (const text of ['one', 'two', 'three']) await answered(from.store, text, `${text}!`);
    await from.store.moveWindow('c1', 2);
    await from.store.setSystemRole('c1', 'A pirate.');
    const lines = await exported(from.history);
    const to = open();
    await to.history.importAll(lines.filter((line) => !line.includes('three') && !line.includes('"window"')));
    await answered(to.store, 'new', 'new!');
    await answered(to.store, 'elsewhere', 'there', { channelId: 'c2' });
    await to.store.setSystemRole('c1', 'A poet.');
    expect(await to.history.importAll(lines)).toEqual({ turns: 1, skipped: 2 });
    expect((await to.store.exchanges('c1')).map(({ answer }) => answer)).toEqual(['two!', 'new!', 'three!']);
    expect((await to.store.exchanges('c2')).map(({ answer }) => answer)).toEqual(['there']);
    expect(await to.store.systemRole('c1')).toBe('A poet.');
    expect(await hits(to.history, 'three')).toHaveLength(1);
    await Promise.all([from.close(), to.close()]);
  });

  test('leaves out what is still open and what can’t be read, and counts it', async () => {
    const { path, store, history, close } = open();
    for (const text of ['one', 'two', 'three']) await answered(store, text, 'Yes.');
    const asked = question('four');
    for (const each of [asked, question('five')]) await store.begin(each, '');
    const database = openBeside(path);
    database.exec(`UPDATE turns SET question = '{' WHERE seq = 1; UPDATE turns SET asked_at = -1 WHERE seq = 2`);
    database.close();
    const count = () => history.exportAll(async (lines) => void (await Readable.from(lines).toArray()));
    expect(await count()).toEqual({ turns: 1, open: 2, unreadable: 2 });
    await store.end(asked.id, 'failed', 'busy', 'half');
    expect(await count()).toEqual({ turns: 2, open: 1, unreadable: 2 });
    await close();
  });
});

describe('an import', () => {
  const [header = '', turn = '', end = ''] = manyLines(1, () => ({ channelId: 'c1', text: 'one' }));
  const bend = (place: string, value: unknown) => JSON.stringify({ ...JSON.parse(turn), [place]: value });

  test.each<[string, string[], string]>([
    ['nothing', [], 'Line 1: This is no export of Parley.'],
    ['another file', ['Dear reader,', turn], 'Line 1: This is no export of Parley.'],
    [
      'an export of a newer version',
      ['{"format":"parley-history","version":2}', end],
      'Line 1: This was exported by a newer version',
    ],
    ['a line that is no JSON', [header, turn, '{', end], 'Line 3: This is no JSON.'],
    ['a line of another kind', [header, '{"type":"other"}', end], 'Line 2: “type” is missing or not as it should be.'],
    ['a faulty time', [header, bend('askedAt', 'now'), end], 'Line 2: “askedAt” is missing or not as it should be.'],
    ['a time before 1970', [header, bend('askedAt', -1), end], 'Line 2: “askedAt” is'],
    ['a time that no date can tell', [header, bend('endedAt', 8.64e15 + 1), end], 'Line 2: “endedAt” is'],
    ['an answer to a question that was forgotten', [header, bend('question', null), end], 'Line 2: “answer” is'],
    [
      'more than one export',
      [header, turn, end, '', header, end],
      'Line 5: The export ended before this.\nLine 6: The',
    ],
    ['an open turn', [header, bend('state', 'open'), end], 'Line 2: “state” is'],
    ['an answered turn without tokens', [header, bend('tokens', null), end], 'Line 2: “answer” is'],
    ['a question that is another’s', [header, bend('id', 'x'), end], 'Line 2: “question” is'],
    ['a question from another channel', [header, bend('channelId', 'x'), end], 'Line 2: “question” is'],
    [
      'faults in several lines',
      [header, turn, '5', '', '{', end],
      'Line 3: “type” is missing or not as it should be.\nLine 5: This',
    ],
    [
      'very many faults',
      [header, ...Array.from({ length: 30 }, () => '!')],
      'Line 11: This is no JSON.\nAnd 20 more.\nNothing',
    ],
    ['an export that was cut off', [header, turn], 'Line 3 is missing: the end was cut off.'],
  ])('of %s is refused, its faults are named, and nothing comes in', async (_, lines, why) => {
    const { path, history, close } = open();
    const refused = history.importAll(lines).catch((error: unknown) => error);
    expect(await refused).toBeInstanceOf(FaultyArchive);
    expect(await refused).toHaveProperty('message', expect.stringContaining(why));
    expect(await refused).toHaveProperty('message', expect.stringMatching(/Nothing was imported\.$/));
    expect(rowsOf(path, 'SELECT * FROM turns')).toEqual([]);
    await close();
  });

  test('that was cut off is made whole by importing again', async () => {
    const { path, history, close } = open();
    const lines = [...manyLines(5, () => ({ channelId: 'c1', text: 'one' }))];
    const database = openBeside(path);
    database.exec(
      `CREATE TRIGGER full AFTER INSERT ON turns WHEN new.seq = 3 BEGIN SELECT raise(ABORT, 'no more'); END`,
    );
    await expect(history.importAll(lines)).rejects.toThrow();
    // How many came in before depends on how fast it went.
    const skipped = (await history.read('c1')).length;
    expect(skipped).toBeLessThan(3);
    database.exec('DROP TRIGGER full');
    database.close();
    expect(await history.importAll(lines)).toEqual({ turns: 5 - skipped, skipped });
    expect(await history.read('c1')).toHaveLength(5);
    await close();
  });

  test('takes windows as they are meant, wherever they stand', async () => {
    const { store, history, close } = open();
    const lines = [...manyLines(2, () => ({ channelId: 'c1', text: 'one' }))];
    const after = JSON.parse(lines[1] ?? '').id;
    const window = JSON.stringify({ type: 'window', channelId: 'c1', privateTo: '', after });
    await history.importAll([header, window, ...lines.slice(1)]);
    expect(await store.exchanges('c1')).toHaveLength(1);
    await close();
  });

  test('takes lines as they come, with other line ends and a mark at the beginning', async () => {
    const { history, close } = open();
    const lines = async function* () {
      for (const line of [`\ufeff${header}`, turn, '', end, '']) yield `${line}\r`;
    };
    expect(await history.importAll(lines())).toEqual({ turns: 1, skipped: 0 });
    await close();
  });
});
