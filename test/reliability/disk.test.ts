/// <reference types="vite/types/importMeta.d.ts" />
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createChat } from '../../src/chat.js';
import { migrations } from '../../src/migrations.js';
import { openStore } from '../../src/store.js';
import { openHome, openSandbox, startBot } from '../discord/home.js';
import { counted, gate, listener, question, sayingModel, silent } from '../fakes.js';
import { answers, prompt, run } from './run.js';

const isLong = import.meta.env.MODE === 'long';
const storeModule = new URL('../../dist/src/store.js', import.meta.url).href;

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'parley-disk-'));
const newPath = (): string => join(newFolder(), 'parley.db');

/** Some versions of Node abort where one of these is freed; see the store. */
const unfreed: object[] = [];

/** The database as another program has it open. */
function openBeside(path: string): Database.Database {
  const database = new Database(path);
  unfreed.push(database);
  onTestFinished(() => void database.close());
  return database;
}

function rowsOf(database: Database.Database, sql: string): unknown[] {
  const select = database.prepare(sql);
  unfreed.push(select);
  return select.all();
}

/** A chat over a store, to whose answers nobody but a listener listens. */
const chatOver = (store: ReturnType<typeof openStore>, text = 'Hello.') =>
  createChat({
    ...{ store, model: sayingModel(text).model, count: counted, log: silent, systemPrompt: 'Be brief.' },
    ...{ contextTokens: 1000, maxConcurrent: 8, maxWaitingPerPerson: 100, maxWaitingPerChannel: 100 },
  });

/** The reference in small print below a failure. */
const reference = ({ id }: { readonly id: string }): string => `-# Reference: ${id}`;

describe('a database that another program has locked', () => {
  test('is waited for: each question asked meanwhile is answered, in order, and none before it is on disk', async () => {
    const sandbox = await openHome();
    const { discord, model, app, ada, bob, general, garden, databasePath } = sandbox;
    model.script(async function* ({ body }) {
      yield `You said: ${String(body.messages.at(-1)?.content).split('\n| ')[1]}`;
    });
    const other = openBeside(databasePath);
    other.exec('BEGIN EXCLUSIVE');
    for (const text of ['one', 'two']) {
      await ada.says(general, `${app.mention} ${text}`);
      await bob.says(garden, `${app.mention} ${text} too`);
    }
    await ada.invokes(app, general, 'ask', { prompt: 'three' });
    await pause(2000);
    expect(model.requests).toHaveLength(0);
    other.exec('ROLLBACK');
    // The command has its place since it was acknowledged.
    await discord.until(() => answers(sandbox, general)[0] === '> three\n\nYou said: three');
    await discord.until(() => answers(sandbox, garden).length === 2);
    expect(answers(sandbox, general).slice(1)).toEqual(['You said: one', 'You said: two']);
    expect(answers(sandbox, garden)).toEqual(['You said: one too', 'You said: two too']);
    expect(model.requests.map((_, number) => prompt(sandbox, number))).toContainEqual([
      ...['| one', 'You said: one', '| two', 'You said: two'],
      '| three',
    ]);
  });

  test('does not keep the process waiting', async () => {
    const path = newPath();
    const store = openStore(path);
    const other = openBeside(path);
    other.exec('BEGIN IMMEDIATE');
    let isTaken = false;
    const taken = store.begin(question('one'), '').then(() => {
      isTaken = true;
    });
    // If the process stood still while the store waits, these would take as many times as long.
    await beats(100);
    expect(isTaken).toBe(false);
    other.exec('COMMIT');
    await taken;
    await store.close();
  });

  test('is not waited for for ever, nor by each question anew, and the person is told', async () => {
    const path = newPath();
    const store = openStore(path, undefined, 500);
    const chat = chatOver(store);
    const other = openBeside(path);
    other.exec('BEGIN IMMEDIATE');
    const told: number[] = [];
    const start = performance.now();
    const all = Array.from({ length: 8 }, async (_, index) => {
      const { audience, shown } = listener();
      await chat.answer(question('hi', { channelId: `c${index}` }), audience);
      told.push(performance.now() - start);
      return shown.failure;
    });
    for (const failure of await Promise.all(all)) {
      expect(failure).toBe('I can’t get at my memory: another program holds it. Please try again in a moment.');
    }
    expect(told.at(-1)).toBeLessThan(3 * (told[0] ?? 0));
    other.exec('COMMIT');
    const { audience, shown } = listener();
    await chat.answer(question('hi again', { channelId: 'c0' }), audience);
    expect(shown.text).toBe('Hello.');
    await store.close();
  });

  test('does not keep the process from ending', async () => {
    const path = newPath();
    const store = openStore(path, undefined, 600_000);
    const other = openBeside(path);
    other.exec('BEGIN IMMEDIATE');
    const kept = [question('one'), question('two')].map((asked) => store.begin(asked, ''));
    const failures = Promise.allSettled(kept);
    await store.close();
    expect(await failures).toMatchObject(kept.map(() => ({ reason: { failure: 'locked' } })));
  });

  test.runIf(isLong)('for longer than it is waited for is told on Discord', async () => {
    const sandbox = await openSandbox();
    const { discord, model, app, ada, general, databasePath } = sandbox;
    model.script('Hello.');
    const bot = run(sandbox);
    await bot.ready;
    const other = openBeside(databasePath);
    other.exec('BEGIN EXCLUSIVE');
    const asked = await ada.says(general, `${app.mention} hi`);
    await discord.until(() => answers(sandbox, general).length === 1, { withinMs: 50_000 });
    expect(answers(sandbox, general)[0]).toMatch(/^I can’t get at my memory: another program holds it\./);
    expect(answers(sandbox, general)[0]).toMatch(reference(asked));
    other.exec('ROLLBACK');
    await ada.says(general, `${app.mention} hi`);
    await discord.until(() => answers(sandbox, general)[1] === 'Hello.');
  });
});

/** Resolves when a timer of 10 ms has gone off so many times, one after the other. */
async function beats(count: number): Promise<void> {
  for (let beat = 0; beat < count; beat += 1) await pause(10);
}

/** A process that opens a database and then does something with its store; it prints `open` in between. */
function storeProcess(path: string, work: string) {
  const script = `
    import { openStore } from ${JSON.stringify(storeModule)};
    const store = openStore(process.argv[1]);
    process.stdout.write('open');
    ${work}
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, opened: once(child.stdout, 'data'), end: once(child, 'close') };
}

const TURNS = 40;

test('several processes open a new database at once and write to it, and nothing of any is lost', async () => {
  const path = newPath();
  const others = ['a', 'b'].map((channelId) =>
    storeProcess(
      path,
      `for (let index = 0; index < ${TURNS}; index += 1) {
        const id = '${channelId}' + index;
        const speaker = { id: '1', handle: 'ada', name: 'Ada' };
        const place = { channelId: '${channelId}' };
        await store.begin({ id, place, speaker, text: '', attachments: [], isPrivate: false }, '');
        await store.finish(id, String(index), 1, 'stop');
      }
      await store.close();`,
    ),
  );
  const store = openStore(path);
  for (let index = 0; index < TURNS; index += 1) {
    const asked = question('', { channelId: 'here' });
    await store.begin(asked, '');
    await store.finish(asked.id, String(index), 1, 'stop');
  }
  for (const { end } of others) expect(await end).toEqual([0, null]);
  const all = Array.from({ length: TURNS }, (_, index) => String(index));
  for (const channelId of ['here', 'a', 'b']) {
    expect((await store.exchanges(channelId)).map(({ answer }) => answer)).toEqual(all);
  }
  await store.close();
});

test('a second bot on one database says so and ends, the first goes on, and after its death the next starts at once', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general } = sandbox;
  model.script('One.', 'Two.');
  const first = run(sandbox);
  await first.ready;
  const second = run(sandbox);
  expect(await second.exit).toBe(1);
  expect(second.told()).toEqual([
    expect.stringMatching(/^DATABASE_PATH: another Parley answers from .* already\. This one ends\.$/),
  ]);
  await ada.says(general, `${app.mention} one`);
  await discord.until(() => answers(sandbox, general).length === 1);
  first.kill('SIGKILL');
  await first.exit;
  await run(sandbox).ready;
  await ada.says(general, `${app.mention} two`);
  await discord.until(() => answers(sandbox, general).length === 2);
  expect(answers(sandbox, general)).toEqual(['One.', 'Two.']);
  expect(model.requests).toHaveLength(2);
});

describe('a read-only', () => {
  /** Nothing is forbidden to root, so root becomes somebody else, if that person may read the program. */
  const isRoot = process.getuid?.() === 0;
  const nobody = 65_534;
  const becomeNobody = `process.setgroups([]); process.setgid(${nobody}); process.setuid(${nobody});`;
  const mayRead =
    spawnSync(process.execPath, ['-e', `${isRoot ? becomeNobody : ''} import(${JSON.stringify(storeModule)})`])
      .status === 0;

  test.skipIf(!mayRead).each([
    ['file', 0o444, 0o777],
    ['folder', 0o666, 0o555],
  ])('%s is told in one line, and the exit code is 1', async (_, fileMode, folderMode) => {
    const sandbox = await openSandbox();
    const path = newPath();
    await openStore(path).close();
    chmodSync(path, fileMode);
    chmodSync(dirname(path), folderMode);
    const bot = run(sandbox, { settings: { DATABASE_PATH: path }, ...(isRoot && { before: becomeNobody }) });
    expect(await bot.exit).toBe(1);
    expect(bot.told()).toEqual([`DATABASE_PATH: ${path} can’t be written to. It and its folder have to be writable.`]);
  });
});

/** A disk that a test can fill while a program writes to it. */
interface Disk {
  readonly path: string;
  /** What starts a program that is to see this disk. */
  readonly by?: readonly string[];
  fill(pid: number): void;
  empty(pid: number): void;
  /** Copies the database, for others to look at. */
  copy(pid: number): string;
}

/** A disk of half a megabyte, in a name space of its own. */
function smallDisk(): Disk {
  const folder = newFolder();
  const seen = (pid: number) => `/proc/${pid}/root${folder}`;
  return {
    path: join(folder, 'parley.db'),
    by: [...ownMounts, `mount -t tmpfs -o size=512k none ${folder} && exec "$0" "$@"`],
    fill(pid) {
      const filler = openSync(join(seen(pid), 'filler'), 'w');
      expect(() => {
        for (;;) writeSync(filler, Buffer.alloc(4096));
      }).toThrow(/ENOSPC/);
      closeSync(filler);
    },
    empty: (pid) => rmSync(join(seen(pid), 'filler')),
    copy(pid) {
      const to = newFolder();
      cpSync(seen(pid), to, { recursive: true });
      return join(to, 'parley.db');
    },
  };
}

const ownMounts = ['unshare', ...(process.getuid?.() === 0 ? [] : ['--map-root-user']), '--mount', 'sh', '-c'];

/** A process that may make no file longer than the database's log is just now. */
function fullQuota(): Disk {
  const path = newPath();
  const limit = (pid: number, most: string) => {
    expect(spawnSync('prlimit', ['--pid', `${pid}`, `--fsize=${most}:unlimited`]).status).toBe(0);
  };
  return {
    path,
    fill: (pid) => limit(pid, `${statSync(`${path}-wal`).size}`),
    empty: (pid) => limit(pid, 'unlimited'),
    copy: () => path,
  };
}

const works = (command: string, ...given: string[]): boolean => spawnSync(command, given).status === 0;
const [unshare = '', ...mountOptions] = ownMounts;

describe.each([
  ['disk', smallDisk, 'my disk is full', works(unshare, ...mountOptions, `mount -t tmpfs none ${tmpdir()}`)],
  ['quota', fullQuota, 'I have trouble with my memory', works('prlimit', '--fsize')],
])('a full %s', (_, openDisk, sentence, isPossible) => {
  test.skipIf(!isPossible)('is told with the turn’s reference, and when there is room again it goes on', async () => {
    const sandbox = await openSandbox();
    const { discord, model, app, ada, general, garden } = sandbox;
    const rest = gate();
    model.script(
      'One.',
      async function* () {
        yield 'Two ';
        await rest.opened;
        yield 'words.';
      },
      'Three.',
      'Four.',
    );
    const disk = openDisk();
    const bot = run(sandbox, { settings: { DATABASE_PATH: disk.path }, ...(disk.by && { by: disk.by }) });
    await bot.ready;
    await ada.says(general, `${app.mention} one`);
    await discord.until(() => answers(sandbox, general).length === 1);
    const begun = await ada.says(general, `${app.mention} two`);
    await discord.until(() => answers(sandbox, general).length === 2);
    disk.fill(bot.pid);
    const lost = await ada.says(garden, `${app.mention} lost`);
    await discord.until(() => answers(sandbox, garden).length === 1);
    expect(answers(sandbox, garden)[0]).toMatch(sentence);
    expect(answers(sandbox, garden)[0]).toMatch(reference(lost));
    rest.open();
    await discord.until(() => answers(sandbox, general)[1]?.includes('Reference'));
    expect(answers(sandbox, general)[1]).toMatch(/^Two words\.\n-# I /);
    expect(answers(sandbox, general)[1]).toMatch(sentence);
    const failed = bot.log().filter(({ msg }) => msg === 'turn failed');
    expect(failed.map(({ turn }) => turn)).toEqual([lost.id, begun.id]);

    disk.empty(bot.pid);
    await ada.says(general, `${app.mention} three`);
    await ada.says(garden, `${app.mention} four`);
    await discord.until(() => answers(sandbox, general).length === 3 && answers(sandbox, garden).length === 2);
    expect([prompt(sandbox, 2), prompt(sandbox, 3)]).toEqual(
      expect.arrayContaining([['| one', 'One.', '| three'], ['| four']]),
    );
    const rows = rowsOf(openBeside(disk.copy(bot.pid)), 'SELECT id, state, answer, address FROM turns ORDER BY seq');
    expect(rows).toMatchObject([
      { state: 'answered', answer: 'One.' },
      { id: begun.id, state: 'failed', answer: 'Two words.', address: null },
      { state: 'answered' },
      { state: 'answered' },
    ]);
    bot.kill('SIGTERM');
    expect(await bot.exit).toBe(0);
  });
});

test.skipIf(!works('prlimit', '--fsize'))(
  'what a full disk kept from being taken is answered by the next start, where the failure was told',
  async () => {
    const sandbox = await openSandbox();
    const { discord, model, app, ada, garden } = sandbox;
    model.script('Now I can.');
    const disk = fullQuota();
    const settings = { DATABASE_PATH: disk.path };
    const bot = run(sandbox, { settings });
    await bot.ready;
    disk.fill(bot.pid);
    await ada.says(garden, `${app.mention} lost`);
    await discord.until(() => answers(sandbox, garden)[0]?.includes('Reference'));
    bot.kill('SIGTERM');
    expect(await bot.exit).toBe(0);
    await run(sandbox, { settings }).ready;
    await discord.until(() => answers(sandbox, garden)[0] === 'Now I can.');
    expect(answers(sandbox, garden)).toHaveLength(1);
    expect(model.requests).toHaveLength(1);
  },
);

/** A word that stands in the pages that are to be damaged, and nowhere else. */
const MARK = 'so-it-is-said ';

/** A database with long answers in one channel and short ones in another, and between them a page of a third. */
async function seed(path: string, [long, short]: readonly [string, string]): Promise<void> {
  const store = openStore(path);
  const answered = async (channelId: string, answer: string) => {
    const asked = question('And?', { channelId });
    await store.begin(asked, '');
    await store.finish(asked.id, answer, 10, 'stop');
    await store.settle(asked.id);
  };
  for (let count = 0; count < 20; count += 1) await answered(long, MARK.repeat(200));
  for (let count = 0; count < 2; count += 1) await answered('between', 'x'.repeat(PAGE / 2));
  for (let count = 0; count < 10; count += 1) await answered(short, 'Yes.');
  await store.close();
}

const PAGE = 4096;

/** Writes over those pages of a file that hold the mark. */
function damagePages(path: string): void {
  const bytes = readFileSync(path);
  const file = openSync(path, 'r+');
  for (let at = 0; at < bytes.length; at += PAGE) {
    if (bytes.subarray(at, at + PAGE).includes(MARK)) writeSync(file, Buffer.alloc(PAGE, 0xaa), 0, PAGE, at);
  }
  closeSync(file);
}

test('a page that is damaged while it runs is told, the log names it, and other channels go on', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general, garden, databasePath } = sandbox;
  model.script('Hello.');
  await seed(databasePath, [general.id, garden.id]);
  const bot = run(sandbox);
  await bot.ready;
  damagePages(databasePath);
  const asked = await ada.says(general, `${app.mention} hi`);
  await discord.until(() => answers(sandbox, general).length === 1);
  expect(answers(sandbox, general)).toEqual([
    `My memory is damaged. Whoever runs me has to look at it.\n${reference(asked)}`,
  ]);
  expect(bot.log().find(({ turn }) => turn === asked.id)).toMatchObject({
    msg: 'turn failed',
    err: { failure: 'damaged', cause: { code: 'SQLITE_CORRUPT' } },
  });
  await ada.says(garden, `${app.mention} hi`);
  await discord.until(() => answers(sandbox, garden).length === 1);
  expect(answers(sandbox, garden)).toEqual(['Hello.']);
  expect(prompt(sandbox, 0)).toHaveLength(21);
});

test('a database that was damaged while it was closed is told in one line, and nothing of it is changed', async () => {
  const sandbox = await openSandbox();
  const { databasePath } = sandbox;
  await seed(databasePath, ['1', '2']);
  damagePages(databasePath);
  const before = readFileSync(databasePath);
  const bot = run(sandbox);
  expect(await bot.exit).toBe(1);
  expect(bot.told()).toEqual([
    `DATABASE_PATH: ${databasePath} is damaged, or not a database. Nothing was changed in it.`,
  ]);
  expect(readFileSync(databasePath).equals(before)).toBe(true);
});

/** A database as version 1 made it, with the rows that it wrote. */
function openVersion1(path: string): Database.Database {
  mkdirSync(dirname(path), { recursive: true });
  const database = openBeside(path);
  database.exec(
    `PRAGMA journal_mode = WAL; BEGIN; PRAGMA application_id = 0x5041524c; ${migrations[0]}; PRAGMA user_version = 1; COMMIT`,
  );
  return database;
}

interface Version1Turn {
  readonly id: string;
  readonly channelId: string;
  readonly text: string;
  readonly state: 'open' | 'answered' | 'stopped' | 'failed';
  readonly failure?: string;
  readonly answer?: string;
}

function insertTurns(database: Database.Database, turns: readonly Version1Turn[]): void {
  const insert = database.prepare(
    `INSERT INTO turns (id, channel_id, asker_id, private, state, failure, question, answer, tokens, asked_at, ended_at)
     VALUES (:id, :channelId, '1', 0, :state, :failure, :question, :answer, 10, 1, 2)`,
  );
  unfreed.push(insert);
  for (const { id, channelId, text, state, failure = null, answer = null } of turns) {
    const speaker = { id: '1', handle: 'ada', name: 'Ada' };
    const asked = { id, place: { channelId }, speaker, text, attachments: [], isPrivate: false };
    insert.run({ id, channelId, state, failure, question: JSON.stringify(asked), answer });
  }
}

test('a database of version 1 is brought up to date, its history is in the next prompt, and what was open is past', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general, databasePath } = sandbox;
  const version1 = openVersion1(databasePath);
  const channelId = general.id;
  insertTurns(version1, [
    { id: '10', channelId, text: 'too old', state: 'answered', answer: 'Before the window.' },
    { id: '11', channelId, text: 'one', state: 'answered', answer: 'One.' },
    { id: '12', channelId, text: 'stopped', state: 'stopped', failure: 'reset', answer: 'Hal' },
    { id: '13', channelId, text: 'failed', state: 'failed', failure: 'busy' },
    { id: '14', channelId, text: 'two', state: 'answered', answer: 'Two.' },
    { id: '15', channelId, text: 'open', state: 'open' },
  ]);
  version1.exec(
    `INSERT INTO channels VALUES ('${channelId}', 'A pirate.'); INSERT INTO windows VALUES ('${channelId}', '', 2)`,
  );
  version1.close();
  model.script('Three.');
  await startBot(sandbox);
  await ada.says(general, `${app.mention} three`);
  await discord.until(() => answers(sandbox, general).length > 0);
  expect(prompt(sandbox, 0)).toEqual(['| one', 'One.', '| two', 'Two.', '| three']);
  expect(model.requests[0]?.body.messages[0]?.content).toMatch('A pirate.');
  expect(answers(sandbox, general)).toEqual(['Three.']);
  expect(model.requests).toHaveLength(1);
});

describe('a migration that is cut', () => {
  const turns = ['one', 'two'].map(
    (text, index) => ({ id: `${index}`, channelId: 'c1', text, state: 'answered', answer: text }) as const,
  );

  /** All that a database holds. */
  const contents = (database: Database.Database): unknown[] =>
    ['PRAGMA user_version', 'SELECT * FROM sqlite_schema', 'SELECT * FROM turns', 'SELECT * FROM channels'].map((sql) =>
      rowsOf(database, sql),
    );

  async function finishes(path: string): Promise<void> {
    const store = openStore(path);
    expect((await store.exchanges('c1')).map(({ answer }) => answer)).toEqual(['one', 'two']);
    await store.begin(question('three'), 'here');
    expect(await store.unsettled()).toHaveLength(1);
    await store.close();
  }

  test('by an error in its last step leaves the old version whole, and the next start finishes it', async () => {
    const path = newPath();
    const version1 = openVersion1(path);
    insertTurns(version1, turns);
    version1.exec('CREATE INDEX direct_channels ON channels (system_role)');
    const before = contents(version1);
    expect(() => openStore(path)).toThrow(/can’t be opened \(SQLITE_ERROR: .*direct_channels already exists\)/);
    expect(contents(version1)).toEqual(before);
    version1.exec('DROP INDEX direct_channels');
    await finishes(path);
  });

  test('by the death of the process leaves the old version whole, and the next start finishes it', async () => {
    const path = newPath();
    const version1 = openVersion1(path);
    insertTurns(version1, turns);
    // The old table is dropped after its rows were copied; that empties this one, which takes for ever.
    const endless = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n';
    version1.exec(`
      CREATE TABLE traps (seq INTEGER REFERENCES turns ON DELETE CASCADE);
      INSERT INTO traps SELECT seq FROM turns;
      CREATE TRIGGER trap AFTER DELETE ON traps BEGIN SELECT max(i) FROM (${endless}); END;
    `);
    const before = contents(version1);
    const { child, end } = storeProcess(path, '');
    await expect.poll(() => isLocked(version1), { interval: 5, timeout: 30_000 }).toBe(true);
    child.kill('SIGKILL');
    await end;
    expect(contents(version1)).toEqual(before);
    version1.exec('DROP TABLE traps');
    await finishes(path);
  });

  function isLocked(database: Database.Database): boolean {
    try {
      database.exec('PRAGMA busy_timeout = 0; BEGIN IMMEDIATE; ROLLBACK');
      return false;
    } catch {
      return true;
    }
  }
});

test('rows that can’t be read are left out and named in the log, and their channel goes on', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general, databasePath } = sandbox;
  model.script('Hello.');
  await seed(databasePath, ['1', general.id]);
  const database = openBeside(databasePath);
  database.exec(
    `UPDATE turns SET question = '{"id": 5' WHERE seq = 23; UPDATE turns SET question = '[]' WHERE seq = 24`,
  );
  database.exec(`UPDATE turns SET state = 'open', question = 'null', address = '{}' WHERE seq = 25`);
  database.close();
  const bot = run(sandbox);
  await bot.ready;
  for (const count of [1, 2]) {
    await ada.says(general, `${app.mention} hi`);
    await discord.until(() => answers(sandbox, general).length === count);
  }
  expect(answers(sandbox, general)).toEqual(['Hello.', 'Hello.']);
  expect(prompt(sandbox, 0)).toHaveLength(15);
  const unreadable = bot.log().filter(({ msg }) => msg === 'a turn in the database can’t be read');
  expect(unreadable.map(({ seq }) => seq)).toEqual([25, 23, 24]);
});
