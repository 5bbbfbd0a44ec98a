import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { consoleChannel } from '../../src/history.js';
import { openStore } from '../../src/store.js';
import { ada, bob, question } from '../fakes.js';
import { harmIn, newFolder, openProgram, outcome, run, settingsFor } from './program.js';
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
  const { settings } = await rememberedTalks();
  const [text, markdown, json] = await Promise.all(
    ['text', 'markdown', 'json'].map((format) => outcome(['history', '--format', format], settings)),
  );
  expect(text?.out).toMatch(
    new RegExp(`^${TIME}\t旅行\tconsole\t1 exchange\t它管理磁盘。\n${TIME}\t1234\tchannel\t3 exchanges\tYes\\.\n$`),
  );
  expect(markdown?.out).toMatch(/^- \*\*旅行\*\* \(console, .*, 1 exchange\): 它管理磁盘。\n- \*\*1234\*\* .*\n$/);
  expect(JSON.parse(json?.out ?? '')).toMatchObject([
    { channelId: 'console:旅行', kind: 'console', name: '旅行', exchanges: 1 },
    { channelId: '1234', kind: 'channel', exchanges: 3, last: { answer: 'Yes.', question: { text: 'Is that so?' } } },
  ]);
  for (const each of [text, markdown, json]) expect(each).toMatchObject({ code: 0, err: '' });
});

test('one conversation is told whole, by its name or the id of its channel, as text, Markdown and JSON', async () => {
  const { settings } = await rememberedTalks();
  const [text, markdown, json] = await Promise.all([
    outcome(['history', '旅行'], settings),
    outcome(['history', '1234', '-f', 'markdown'], settings),
    outcome(['history', '1234', '--format', 'json'], settings),
  ]);
  expect(text.out).toMatch(
    new RegExp(`^\\*\\*Eve\\*\\*, ${TIME}\n\n文件系统是什么？\n\n\\*\\*Parley\\*\\*\n\n它管理磁盘。\n`),
  );
  expect(markdown.out.replaceAll(new RegExp(TIME, 'g'), 'TIME').trimEnd()).toBe(
    [
      '**Ada**, TIME\n\nHow do I open a file?\n\n**Parley**\n\nUse `open`.\n\nThen *read*.',
      '**Bob (private)**, TIME\n\nAnd a folder?\n\n**Parley**\n\nThe same.',
      '**Ada**, TIME\n\n> Cats\n> are liquid.\n\nIs that so?\n\n**Parley**\n\nYes.',
    ].join('\n\n'),
  );
  expect(JSON.parse(json.out)).toMatchObject({
    channelId: '1234',
    exchanges: [
      { question: { text: 'How do I open a file?', speaker: ada }, answer: 'Use `open`.\n\nThen *read*.' },
      { question: { isPrivate: true } },
      { question: { quote: { text: 'Cats\nare liquid.' } } },
    ],
  });
});

test('what was ever said is found with its place, Chinese by any two characters in a row, the newest first', async () => {
  const { settings } = await rememberedTalks();
  const [chinese, cats, newest, inverted] = await Promise.all([
    outcome(['history', 'search', '件系'], settings),
    outcome(['history', 'search', 'cats'], settings),
    outcome(['history', 'search', '--limit', '1', 'cats'], settings),
    outcome(['history', 'search', '系件'], settings),
  ]);
  expect(chinese.out).toMatch(new RegExp(`^${TIME}\t旅行\tEve\t文件系统是什么？\n$`));
  expect(cats.out).toMatch(
    new RegExp(`^${TIME}\t1234\tAda\tWhat about cats\\?\n${TIME}\t1234\tquoted\tCats are liquid\\.\n$`),
  );
  expect(newest.out).toBe(`${cats.out.split('\n')[0]}\n`);
  for (const each of [chinese, cats, newest]) expect(each).toMatchObject({ code: 0, err: '' });
  // As grep has it.
  expect(inverted).toEqual({ code: 1, out: '', err: '' });
});

test('what is exported and imported into an empty database is exported in the same lines', async () => {
  const { settings } = await rememberedTalks();
  const folder = newFolder();
  const [file, anew] = [join(folder, 'talks.jsonl'), join(folder, 'new', 'parley.db')];
  expect(await outcome(['history', 'export', file], settings)).toEqual({
    code: 0,
    out: '',
    err: 'Exported: 5 turns.\n',
  });
  const lines = readFileSync(file, 'utf8');
  expect(statSync(file).mode & 0o077).toBe(0);
  const other = { ...settings, DATABASE_PATH: anew };
  const told = { code: 0, out: '', err: 'Imported: 5 turns; 0 were here already.\n' };
  expect(await outcome(['history', 'import'], other, lines)).toEqual(told);
  expect(await outcome(['history', 'export'], other)).toEqual({ code: 0, out: lines, err: 'Exported: 5 turns.\n' });
  expect(await outcome(['history', 'import', file], other)).toMatchObject({
    ...{ code: 0, err: 'Imported: 0 turns; 5 were here already.\n' },
  });
});

test('export overwrites no file', async () => {
  const { settings } = await rememberedTalks();
  const file = join(newFolder(), 'kept.txt');
  writeFileSync(file, 'kept');
  expect(await outcome(['history', 'export', file], settings)).toEqual({
    ...{ code: 2, out: '', err: `${file} exists already.\n` },
  });
  expect(readFileSync(file, 'utf8')).toBe('kept');
});

test('what can’t be done is told in a line that is for people, and changes nothing', async () => {
  const { settings } = await rememberedTalks();
  const text = join(newFolder(), 'text.db');
  writeFileSync(text, 'This is no database.'.repeat(100));
  const cases: readonly (readonly [args: readonly string[], code: number, told: RegExp, input?: string])[] = [
    [['nobody'], 2, /no conversation “nobody”/],
    [['--format', 'xml'], 2, /text, json, markdown/],
    [['search', '--limit', '0', 'x'], 2, /--limit is a whole number/],
    [['import'], 1, /^Line 1: .* Nothing was imported\.$/m, 'no line of ours\n'],
  ];
  const outcomes = await Promise.all([
    ...cases.map(([args, , , input]) => outcome(['history', ...args], settings, input)),
    outcome(['history'], { ...settings, DATABASE_PATH: text }),
  ]);
  expect(outcomes).toEqual([
    ...cases.map(([, code, told]) => ({ code, out: '', err: expect.stringMatching(told) })),
    { code: 1, out: '', err: expect.stringMatching(/^DATABASE_PATH: /) },
  ]);
  for (const { err } of outcomes) expect(err).toMatch(/^[^\n]+\n$/);
  expect((await outcome(['history'], settings)).out).toMatch(/\t3 exchanges\t/);
});

test('a reader who has seen enough is no error', async () => {
  const { settings, databasePath } = await rememberedTalks();
  const store = openStore(databasePath);
  for (let turn = 0; turn < 60; turn++) {
    const asked = question(`Question ${turn}`, { place: { channelId: '1234' } });
    await store.begin(asked, undefined);
    await store.finish(asked.id, 'x'.repeat(10_000), 9, 'stop');
  }
  await store.close();
  const commands = [['export'], ['1234']];
  const ends = commands.map(async (args) => {
    const { child, exit, output } = run(['history', ...args], settings);
    child.stdout.once('data', () => child.stdout.destroy());
    return { args, code: await exit, err: output.err };
  });
  expect(await Promise.all(ends)).toEqual(commands.map((args) => ({ args, code: 0, err: '' })));
});

test.skipIf(noTerminal !== undefined)(
  `in a terminal what others wrote can do nothing but be read${noTerminal ? ` (${noTerminal})` : ''}`,
  async () => {
    const databasePath = join(newFolder(), 'parley.db');
    const store = openStore(databasePath);
    const asked = question('\u001b]2;owned\u0007\u001b[2Jhi', { place: { channelId: '1234' } });
    await store.begin(asked, undefined);
    await store.finish(asked.id, '**Bold**\u001b[2J\u009b2J \u202edcba', 9, 'stop');
    await store.close();
    const settings = settingsFor('http://127.0.0.1:9/v1', databasePath);
    for (const args of [[], ['1234', '--format', 'markdown'], ['search', 'owned']]) {
      const terminal = openProgram(['history', ...args], settings);
      expect(await terminal.exit).toEqual({ code: 0, signal: 0 });
      expect(harmIn(terminal.written()), args.join(' ')).toEqual([]);
    }
  },
);
