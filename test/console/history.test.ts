import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test, vi } from 'vitest';
import { lineOf, listOf, readable, runExport, runHistory, runSearch, talkOf } from '../../src/console/history.js';
import { Misuse } from '../../src/console/misuse.js';
import { consoleChannel, openHistory } from '../../src/history.js';
import { openStore } from '../../src/store.js';
import { ada, bob, question } from '../fakes.js';
import { BOLD, harmIn, newFolder, openProgram, outcome, program, run, settingsFor } from './program.js';
import { noTerminal } from './terminal.js';

const TRIP = { id: 'console', handle: 'eve', name: 'Eve' };

/** What was said in a channel of Discord's and on the console, and the settings to look back at it. */
async function rememberedTalks() {
  const databasePath = join(newFolder(), 'parley.db');
  const store = openStore(databasePath);
  const say = async (asked: ReturnType<typeof question>, answer: string) => {
    await store.begin(asked, undefined);
    await store.finish(asked.id, answer, 9, 'stop');
  };
  const general = { place: { channelId: '1234' } };
  await say(question('How do I open a file?', general), 'Use `open`.\n\nThen *read*.');
  await say(question('And a folder?', { ...general, speaker: bob, isPrivate: true }), 'The same.');
  await say(
    question('Is that so?', { ...general, quote: { messageId: '9', speaker: ada, text: 'Cats\nare liquid.' } }),
    'Yes.',
  );
  await say(
    question('文件系统是什么？', { channelId: 'x', place: { channelId: consoleChannel('旅行') }, speaker: TRIP }),
    '它管理磁盘。',
  );
  await store.setSystemRole('1234', 'Rhyme.');
  const failed = question('What about cats?', general);
  await store.begin(failed, undefined);
  await store.end(failed.id, 'failed', 'busy', '');
  await store.close();
  return { databasePath, settings: settingsFor('http://127.0.0.1:9/v1', databasePath) };
}

const TIME = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d`;

test('the conversations are listed with what was said last, the newest first, as text, Markdown and JSON', async () => {
  const { settings, databasePath } = await rememberedTalks();
  const { out, ...end } = await outcome(['history'], settings);
  expect(end).toEqual({ code: 0, err: '' });
  expect(out).toMatch(
    new RegExp(`^${TIME}\t旅行\tconsole\t1 exchange\t它管理磁盘。\n${TIME}\t1234\tchannel\t3 exchanges\tYes\\.\n$`),
  );
  const history = openHistory(databasePath);
  const all = await history.conversations();
  expect(listOf(all, 'markdown')).toMatch(
    /^- \*\*旅行\*\* \(console, .*, 1 exchange\): 它管理磁盘。\n- \*\*1234\*\* .*$/,
  );
  expect(JSON.parse(listOf(all, 'json'))).toMatchObject([
    { channelId: 'console:旅行', kind: 'console', name: '旅行', exchanges: 1 },
    { channelId: '1234', kind: 'channel', exchanges: 3, last: { answer: 'Yes.', question: { text: 'Is that so?' } } },
  ]);
  await history.close();
});

test('where nothing is kept, that is said beside an empty list', async () => {
  const path = join(newFolder(), 'empty.db');
  await openStore(path).close();
  expect(await outcome(['history', '--format', 'json'], settingsFor('http://127.0.0.1:9/v1', path))).toEqual({
    ...{ code: 0, out: '[]\n', err: `No conversation is kept in ${path} yet.\n` },
  });
});

test('where there is no database, looking back is misuse, and makes none', async () => {
  const folder = newFolder();
  const path = join(folder, 'data', 'none.db');
  vi.stubEnv('DATABASE_PATH', path);
  onTestFinished(() => void vi.unstubAllEnvs());
  for (const look of [
    () => runHistory(undefined, { format: 'text' }),
    () => runHistory('1234', { format: 'text' }),
    () => runSearch(['x'], { limit: '20' }),
    () => runExport(join(folder, 'talks.jsonl')),
  ]) {
    await expect(look()).rejects.toThrow(new Misuse(`There is no database at ${path}.`));
  }
  expect(readdirSync(folder)).toEqual([]);
});

test('what stands of an answer in the list is cut between two characters', () => {
  const cut = (answer: string) => {
    const last = { seq: 1, question: question('Who?'), answer, tokens: 1, askedAt: 0 };
    const list = listOf([{ channelId: '1', kind: 'channel', exchanges: 1, lastAt: 0, last }], 'text');
    return list.split('\t').at(-1);
  };
  expect(cut(`${'x'.repeat(197)}👩‍👩‍👧 y`)).toBe('x'.repeat(197));
  expect(cut('x'.repeat(200))).toBe('x'.repeat(200));
  expect(cut('x'.repeat(201))).toBe('x'.repeat(200));
});

test('one conversation is told whole, by the id of its channel or its name, whatever that is, as Markdown and JSON', async () => {
  const { settings, databasePath } = await rememberedTalks();
  const store = openStore(databasePath);
  for (const [name, answer] of [
    ['search', 'Found.'],
    ['1234', 'A namesake.'],
  ] as const) {
    const asked = question('Where?', { channelId: consoleChannel(name), speaker: TRIP });
    await store.begin(asked, undefined);
    await store.finish(asked.id, answer, 9, 'stop');
  }
  await store.close();
  const [text, namesake, json] = await Promise.all([
    outcome(['history', 'show', 'search'], settings),
    outcome(['history', 'console:1234'], settings),
    outcome(['history', '1234', '--format', 'json'], settings),
  ]);
  expect(text.out).toMatch(new RegExp(`^\\*\\*Eve\\*\\*, ${TIME}\n\nWhere\\?\n\n\\*\\*Parley\\*\\*\n\nFound\\.\n$`));
  expect(namesake.out).toMatch(/\nA namesake\.\n$/);
  expect(JSON.parse(json.out)).toMatchObject({
    channelId: '1234',
    exchanges: [
      { question: { text: 'How do I open a file?', speaker: ada }, answer: 'Use `open`.\n\nThen *read*.' },
      { question: { isPrivate: true } },
      { question: { quote: { text: 'Cats\nare liquid.' } } },
    ],
  });
  const history = openHistory(databasePath);
  const told = talkOf('1234', await history.read('1234'), 'markdown');
  expect(told.replaceAll(new RegExp(TIME, 'g'), 'TIME').trimEnd()).toBe(
    [
      '**Ada**, TIME\n\nHow do I open a file?\n\n**Parley**\n\nUse `open`.\n\nThen *read*.',
      '**Bob (private)**, TIME\n\nAnd a folder?\n\n**Parley**\n\nThe same.',
      '**Ada**, TIME\n\n> Cats\n> are liquid.\n\nIs that so?\n\n**Parley**\n\nYes.',
    ].join('\n\n'),
  );
  await history.close();
});

test('what was ever said is found with its place, Chinese by any two characters in a row, the newest first', async () => {
  const { settings, databasePath } = await rememberedTalks();
  const cats = await outcome(['history', 'search', '--limit', '2', 'cats'], settings);
  expect(cats).toMatchObject({ code: 0, err: '' });
  expect(cats.out).toMatch(
    new RegExp(`^${TIME}\t1234\tAda\tWhat about cats\\?\n${TIME}\t1234\tquoted\tCats are liquid\\.\n$`),
  );
  // As grep has it.
  expect(await outcome(['history', 'search', '系件'], settings)).toEqual({ code: 1, out: '', err: 'Nothing found.\n' });
  const history = openHistory(databasePath);
  const lines = async (words: string) => (await history.search(words, { asShown: readable })).map(lineOf);
  expect(await lines('件系')).toEqual([expect.stringMatching(new RegExp(`^${TIME}\t旅行\tEve\t文件系统是什么？$`))]);
  expect(await lines('then')).toEqual([expect.stringMatching(/\t1234\tParley\tUse `open`\. Then read\.$/)]);
  await history.close();
});

test('a text is shown on one line without its Markdown', () => {
  expect(readable('# Files\n\n```js\nawait **x**;\n```\n\n- **one**\n- [two](https://x.y)\n')).toBe(
    'Files await **x**; • one • two (https://x.y)',
  );
});

test('what is exported and imported into an empty database is exported in the same lines, and no file is overwritten', async () => {
  const { settings } = await rememberedTalks();
  const folder = newFolder();
  const [file, anew] = [join(folder, 'talks.jsonl'), join(folder, 'new', 'parley.db')];
  expect(await outcome(['history', 'export', file], settings)).toEqual({
    ...{ code: 0, out: '', err: 'Exported: 5 turns.\n' },
  });
  const again = await outcome(['history', 'export', file], settings);
  expect(again).toEqual({ code: 2, out: '', err: `${file} exists already.\n` });
  const lines = readFileSync(file, 'utf8');
  expect(statSync(file).mode & 0o077).toBe(0);
  const other = { ...settings, DATABASE_PATH: anew };
  const told = { code: 0, out: '', err: 'Imported: 5 turns; 0 were here already.\n' };
  expect(await outcome(['history', 'import'], other, lines)).toEqual(told);
  const history = openHistory(anew);
  const there: string[] = [];
  await history.exportAll(async (all) => {
    for await (const line of all) there.push(line);
  });
  expect(there.join('')).toBe(lines);
  await history.close();
});

test('an export tells what it had to leave out, and has failed where that can’t be read', async () => {
  const { settings, databasePath } = await rememberedTalks();
  const store = openStore(databasePath);
  await store.begin(question('Still open?'), undefined);
  await store.close();
  const database = new Database(databasePath);
  database.exec(`UPDATE turns SET question = '{' WHERE seq = 2`);
  database.close();
  const { code, out, err } = await outcome(['history', 'export'], settings);
  expect({ code, err }).toEqual({
    code: 1,
    err: 'Turn 2 can’t be read.\nExported: 4 turns.\n1 turn is still open and was left out.\n',
  });
  expect(out.match(/"type":"\w+"/g)).toHaveLength(6);
});

test('an export for which the disk has no room is told in a sentence, and no part of it stays', async () => {
  const { settings, databasePath } = await rememberedTalks();
  const history = openHistory(databasePath);
  await history.importAll(longLines());
  await history.close();
  const file = join(newFolder(), 'talks.jsonl');
  // As much as it may write into one file, in blocks.
  const command = 'ulimit -f 500; exec "$0" "$@"';
  const child = spawn('sh', ['-c', command, process.execPath, program, 'history', 'export', file], { env: settings });
  const [said, [code]] = await Promise.all([textOf(child.stderr), once(child, 'close')]);
  expect({ code, said }).toEqual({ code: 1, said: `${file} can’t be written (EFBIG).\n` });
  expect(existsSync(file)).toBe(false);
});

/** An export of a megabyte. */
function* longLines() {
  yield '{"format":"parley-history","version":1}';
  for (let index = 0; index < 100; index += 1) {
    const asked = question(`Question ${index}`, { place: { channelId: '1234' } });
    const turn = { id: asked.id, channelId: '1234', askerId: ada.id, isPrivate: false, state: 'answered' };
    const end = { failure: null, question: asked, answer: 'x'.repeat(10_000), tokens: 9, finish: 'stop' };
    yield JSON.stringify({ type: 'turn', ...turn, ...end, askedAt: index, endedAt: index });
  }
  yield '{"type":"end"}';
}

test('what can’t be done is told in words for people', async () => {
  const { settings } = await rememberedTalks();
  const cases: readonly (readonly [args: readonly string[], code: number, told: RegExp, input?: string])[] = [
    [['nobody'], 2, /no conversation “nobody”/],
    [['search', '-x'], 2, /unknown option '-x'\nWhat begins with “-” is searched for behind “--”\.$/m],
    [['import', newFolder()], 2, /can’t be read \(EISDIR\)/],
    [['import'], 2, /^Line 1: .* Nothing was imported\.$/m, 'no line of ours\n'],
  ];
  const outcomes = await Promise.all(cases.map(([args, , , input]) => outcome(['history', ...args], settings, input)));
  expect(outcomes).toEqual(cases.map(([, code, told]) => ({ code, out: '', err: expect.stringMatching(told) })));
  for (const { err } of outcomes) expect(err).not.toMatch(/^ +at /m);
  await expect(runHistory(undefined, { format: 'xml' })).rejects.toThrow(
    new Misuse('--format is one of text, json, markdown.'),
  );
  for (const limit of ['0', 'x', '1.5'])
    await expect(runSearch(['x'], { limit })).rejects.toThrow(/--limit is a whole/);
  await expect(runSearch(['?', '!'], { limit: '20' })).rejects.toThrow(
    new Misuse('A search needs a letter or a digit.'),
  );
});

test('a reader who has seen enough is no error', async () => {
  const { settings, databasePath } = await rememberedTalks();
  const history = openHistory(databasePath);
  await history.importAll(longLines());
  await history.close();
  const { child, exit, output } = run(['history', '1234'], settings);
  child.stdout.once('data', () => child.stdout.destroy());
  expect({ code: await exit, err: output.err }).toEqual({ code: 0, err: '' });
});

test.skipIf(noTerminal !== undefined)(
  `in a terminal what others wrote can do nothing but be read, and hits are bold${noTerminal ? ` (${noTerminal})` : ''}`,
  async () => {
    const databasePath = join(newFolder(), 'parley.db');
    const store = openStore(databasePath);
    const asked = question('\u001b]2;owned\u0007\u001b[2Jhi', { place: { channelId: '1234' } });
    await store.begin(asked, undefined);
    await store.finish(asked.id, '**Bold**\u001b[2J\u009b2J \u202edcba', 9, 'stop');
    await store.close();
    const settings = settingsFor('http://127.0.0.1:9/v1', databasePath);
    const terminals = [
      ['1234', '--format', 'markdown'],
      ['search', 'owned'],
    ].map((args) => openProgram(['history', ...args], settings));
    for (const terminal of terminals) {
      expect(await terminal.exit).toEqual({ code: 0, signal: 0 });
      expect(harmIn(terminal.written())).toEqual([]);
    }
    expect(terminals.at(-1)?.written()).toContain(`${BOLD}owned`);
  },
);
