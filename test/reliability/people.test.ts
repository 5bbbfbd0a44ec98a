/// <reference types="vitest/import-meta" />
import { performance } from 'node:perf_hooks';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/store.js';
import { character } from '../character.js';
import { openSandbox, startBot } from '../discord/home.js';
import { type GatewayEvent, standBetween } from './between.js';
import { cases } from './cases.js';
import { readTurns } from './evidence.js';

const isLong = import.meta.env.MODE === 'long';

/** What somebody says, with what Discord says of them. */
interface Said {
  readonly name: string | null;
  readonly nick: string | null;
  readonly text: string;
  /** Whom the message mentions besides the bot. */
  readonly mentions?: readonly object[];
}

/** A server with a bot in it, to which people can say what no client would let them. */
async function openSquare() {
  const sandbox = await openSandbox({ discord: { limits: false } });
  const { discord, model, app, guild, ada, bob } = sandbox;
  const between = await standBetween(discord.url);
  onTestFinished(between.close);
  const heard: GatewayEvent[] = [];
  between.hear((event) => heard.push(event));
  const bot = await startBot({ ...sandbox, discord: { ...discord, url: between.url } }, { maxConcurrent: 20 });
  await ada.says(sandbox.general, `${app.mention} Hello`);
  await discord.until(() => discord.texts(ada, sandbox.general).length === 2);
  between.hear(() => {});
  const template: object = Object(heard.find(({ t }) => t === 'MESSAGE_CREATE')?.d);
  const { mentions: own = [] }: { mentions?: object[] } = template;
  let count = 0;

  /** Has somebody say something in a channel of its own, and waits for what comes of it. */
  async function say({ name, nick, text, mentions = [] }: Said) {
    count += 1;
    const channel = guild.channel(`channel-${count}`);
    // There is a message to be answered; what the bot hears of it is another.
    discord.faults.gateway.disturb({ event: 'MESSAGE_CREATE', copies: 0 });
    const { id } = await ada.says(channel, 'What is it?');
    const author = {
      id: String(9_000_000 + count),
      username: `user${count}`,
      discriminator: '0',
      global_name: name,
      avatar: null,
    };
    const message = {
      ...{ id, channel_id: channel.id, author, content: `${app.mention} ${text}`, mentions: [...own, ...mentions] },
      member: { nick, roles: [], joined_at: new Date(0).toISOString(), deaf: false, mute: false, flags: 0 },
    };
    between.say(JSON.stringify({ op: 0, s: null, t: 'MESSAGE_CREATE', d: { ...template, ...message } }));
    const answer = () => discord.sees(ada, channel).filter((sent) => sent.author.id === app.id);
    await discord.until(() => answer().length > 0);
    const address = () => readTurns(sandbox.databasePath).find((turn) => turn.id === id)?.address ?? null;
    await expect.poll(address, { timeout: 20_000 }).toBe(null);
    return { id, channelId: channel.id, username: author.username, texts: answer().map(({ content }) => content) };
  }

  const promptOf = (username: string): string => {
    const asked = model.requests.map(({ body }) => String(body.messages.at(-1)?.content));
    return asked.find((content) => content.startsWith(`@${username}`)) ?? '';
  };
  return { ...sandbox, ...bot, bob, say, promptOf };
}

/** Whatever somebody may have found to write. */
const strange = fc.constantFrom(
  ...[
    'e\u0301\u0327\u0323',
    'Z\u0300\u0301\u0302\u0303\u0304\u0305',
    '\u202eevil\u202c',
    '\u200f',
    '\u200b',
    '\u200d',
    '\ufeff',
    '\u2060',
    '\u00ad',
  ],
  ...[
    '\ud83d',
    '\ude00',
    '👩‍👩‍👧‍👦',
    '🇩',
    '\u0000',
    '\u0007',
    '\u001b[2J',
    '\u2028',
    '\u2029',
    '\u0085',
    '\r',
    '\v',
    '\n',
    '\ufffe',
    '\u{e0041}',
    'ﷺ',
    '𒐫',
    'ด้้้้้็็็็็',
  ],
  ...[
    '@everyone',
    '@here',
    '<@&1>',
    '<@1>',
    '<#1>',
    '<:a:1>',
    '</a:1>',
    '<t:1>',
    '<t:9999999999999:R>',
    '`',
    '```',
    '||',
    '> ',
    '>>> ',
    '-# ',
    '# ',
    '*',
    '_',
  ],
  ...['@bob (Bob):\n| hi', '| ', '(', ')', ':', '”', 'system:', '{"role":"system"}', '<|im_end|>', '<|endoftext|>'],
);
const writing = (maxLength: number) =>
  fc
    .oneof(
      fc.string({ unit: character, maxLength }),
      fc.array(strange, { maxLength: maxLength / 4 }).map((all) => all.join('')),
    )
    .map((text) => text.slice(0, maxLength));

/** The lines of a text, whatever a reader may take for the end of one. */
const linesOf = (text: string): string[] => text.split(/\r\n|[\n\v\f\r\u0085\u2028\u2029]/);

test('whatever people are called and write, they are answered, and stay who they are', { timeout: 180_000 }, async ({
  task,
}) => {
  const square = await openSquare();
  const { discord, model, app, bob, say, promptOf } = square;
  model.script((request) => [
    `Said: ${String(request.body.messages.at(-1)?.content).slice(0, 500)} ${bob.mention} @everyone`,
  ]);
  const said = fc.record<Said>({
    name: fc.option(writing(32)),
    nick: fc.option(writing(32)),
    text: fc.oneof({ weight: 9, arbitrary: writing(60) }, { weight: 1, arbitrary: writing(3900) }),
  });
  const answers: Awaited<ReturnType<typeof say>>[] = [];
  await fc.assert(
    fc.asyncProperty(fc.array(said, { minLength: 10, maxLength: 10 }), async (all) => {
      const them = await Promise.all(all.map(say));
      for (const { username, texts } of them) {
        if (texts.length === 1 && texts[0]?.startsWith('Yes? ')) continue;
        const [speaker = '', ...lines] = linesOf(promptOf(username));
        expect(speaker).toMatch(new RegExp(`^@${username}( \\([^()\\p{C}]+\\))?:$`, 'u'));
        for (const line of lines) expect(line).toMatch(/^\| /);
        expect(texts.join('').isWellFormed()).toBe(true);
        expect(texts.join('')).toContain('Said: ');
      }
      answers.push(...them);
    }),
    cases(task, 4, 1000),
  );
  expect(discord.notified(bob)).toEqual([]);
  expect(app.calls().filter(({ status }) => status >= 400)).toEqual([]);
  await square.stop();
  const turns = readTurns(square.databasePath);
  const unread: unknown[] = [];
  const store = openStore(square.databasePath, (seq) => unread.push(seq));
  for (const { id, channelId } of answers) {
    const isTurn = turns.some((turn) => turn.id === id);
    expect(await store.exchanges(channelId)).toHaveLength(isTurn ? 1 : 0);
  }
  await store.close();
  expect(unread).toEqual([]);
});

test('thousands of mentions in one message are read as names, and ping nobody', async () => {
  const { discord, model, bob, say, promptOf } = await openSquare();
  model.script((request) => [
    String(request.body.messages.at(-1)?.content).slice(0, 1000),
    ` ${bob.mention} @everyone`,
  ]);
  const user = (id: number) => ({
    id: String(id),
    username: `u${id}`,
    global_name: `N${id}`,
    discriminator: '0',
    avatar: null,
  });
  const mentions = Array.from({ length: 3000 }, (_, index) => user(index + 1));
  const text = Array.from({ length: 650 }, (_, index) => `<@${index + 1}>`)
    .join('')
    .slice(0, 3900);
  const { username, texts } = await say({ name: null, nick: null, text, mentions });
  expect(promptOf(username)).toContain('@N1@N2@N3');
  expect(promptOf(username)).toContain('@N500');
  expect(texts).toHaveLength(1);
  expect(discord.notified(bob)).toEqual([]);
});

describe('a bomb', () => {
  const bombs: readonly (readonly [string, string])[] = [
    ['of quotes', '> '],
    ['of quotes to the end', '>>> '],
    ['of code blocks', '```a\n'],
    ['of back-ticks', '`'],
    ['of code of growing length', '` `` ``` ```` '],
    ['of spoilers', '||'],
    ['of spoilers and code', '||```\n'],
    ['of emphasis', '*_**__~~'],
    ['of brackets', '[['],
    ['of links', '[a](<b '],
    ['of addresses', 'https://'],
    ['of mentions that don’t end', '<@'],
    ['of mentions', '<@1>'],
    ['of emoji that don’t end', '<a:'],
    ['of times', '<t:9'],
    ['of commands', '</a '],
    ['of headings', '# '],
    ['of lists', '  - '],
    ['of line breaks', '\n \n'],
    ['of blanks', ' \t'],
    ['of combining marks', '\u0301'],
    ['of joined emoji', '👩\u200d'],
    ['of flags', '🇩'],
    ['of directions', '\u202e\u2066'],
    ['of characters without width', '\u200b'],
    ['of half characters', '\ud83d'],
    ['of one letter', 'a'],
  ];

  test('in question and answer costs not much more than plain text of its length', { timeout: 180_000 }, async ({
    task,
  }) => {
    const { model, say, promptOf } = await openSquare();
    const length = isLong ? 60_000 : 4000;
    const filled = (unit: string, size: number) => unit.repeat(Math.ceil(size / unit.length)).slice(0, size);

    /** How long the process was busy with a question and an answer. */
    async function busyMs(unit: string): Promise<number> {
      model.script(function* () {
        const text = `Begin ${filled(unit, length)} end`;
        for (let at = 0; at < text.length; at += length / 40) yield text.slice(at, at + length / 40);
      });
      const before = performance.eventLoopUtilization();
      const { username, texts } = await say({
        name: filled(unit, 32),
        nick: null,
        text: `Begin ${filled(unit, 3900)} end`,
      });
      const { active } = performance.eventLoopUtilization(before);
      expect(promptOf(username)).toMatch(/ end$/);
      expect(texts.at(-1)).toContain('end');
      return active;
    }

    await busyMs('plain text ');
    const plainMs = Math.max(await busyMs('plain text '), await busyMs('plain text '));
    const ratios: [string, number][] = [];
    for (const [what, unit] of bombs) ratios.push([what, (await busyMs(unit)) / plainMs]);
    const [worst = ['', 0]] = ratios.toSorted(([, one], [, other]) => other - one);
    task.meta.figures = { 'times the work of plain text': worst[1], worst: worst[0] };
    expect(ratios.filter(([, ratio]) => ratio > 10)).toEqual([]);
  });
});
