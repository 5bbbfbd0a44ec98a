import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { chooseConversation } from '../../src/console/chat.js';
import { Misuse } from '../../src/console/misuse.js';
import { consoleChannel, openHistory } from '../../src/history.js';
import { refusals } from '../../src/sandbox/model/refusals.js';
import { openStore } from '../../src/store.js';
import { openSandbox } from '../discord/home.js';
import { ada, gate, question } from '../fakes.js';
import { serverThat } from '../model/server.js';
import {
  BOLD,
  harmIn,
  newFolder,
  openHome,
  openProgram,
  outcome,
  program,
  run,
  type Settings,
  SPEAKER,
  saidIn,
  settingsFor,
  sitDown,
} from './program.js';
import { noTerminal, openTerminal } from './terminal.js';

/** An answer that has begun and does not end by itself. */
async function* unending({ closed }: { readonly closed: Promise<unknown> }) {
  yield 'One ';
  await closed;
}

/** An answer that does not begin. */
async function* silent({ closed }: { readonly closed: Promise<unknown> }) {
  await closed;
  yield '';
}

/** How the questions ended that were asked. */
function endsIn(databasePath: string): unknown[] {
  const database = new Database(databasePath, { readonly: true });
  const ends = database.prepare('SELECT state FROM turns ORDER BY seq').pluck().all();
  database.close();
  return ends;
}

describe.skipIf(noTerminal !== undefined)(noTerminal ? `in a terminal (${noTerminal})` : 'in a terminal', () => {
  test('each question builds on what was said before, but for what failed, and so it does when the conversation is continued', async () => {
    const { model, settings } = await openHome();
    model.script('Hello, Ada.', refusals.noCredit, 'You are Ada.', 'Still Ada.', 'Rhymed.');
    const terminal = await sitDown({ settings });
    terminal.type('I am Ada.\r');
    await terminal.until(/Parley: Hello, Ada\.\nYou:$/);
    terminal.type('two\r');
    await terminal.until(/You: two\nMy credit with the language model is used up\. [^\n]+\nYou:$/);
    terminal.type('Who am I?\r');
    await terminal.until(/Parley: You are Ada\.\nYou:$/);
    terminal.type('quit\r');
    expect(await terminal.exit).toEqual({ code: 0, signal: 0 });
    expect(terminal.marksPastes()).toBe(false);
    expect(terminal.screen()).toMatch(/You: quit$/);
    expect(terminal.cursor().column).toBe(0);

    const continued = await sitDown({ settings }, ['--continue']);
    expect(continued.screen()).toMatch(/with 2 exchanges so far/);
    continued.press('up');
    await continued.until(/You: Who am I\?$/);
    continued.press('enter');
    await continued.until(/Still Ada\.\nYou:$/);
    const said = ['I am Ada.', 'Hello, Ada.', 'Who am I?'];
    expect(model.requests.map(saidIn)).toEqual([
      said.slice(0, 1),
      [...said.slice(0, 2), 'two'],
      said,
      [...said, 'You are Ada.', 'Who am I?'],
    ]);
    expect(model.requests[0]?.body.messages[0]?.content).toMatch(/\n\nBe brief\.$/);
    continued.press('ctrl-d');
    expect(await continued.exit).toEqual({ code: 0, signal: 0 });
    expect(continued.screen()).toMatch(/Still Ada\.\nYou:$/);
    expect(continued.cursor()).toEqual({ column: 0, row: continued.screen().split('\n').length });
  });

  test('commands are those of Discord, Tab completes them, and what is pasted or between """ is none', async () => {
    const { model, settings } = await openHome();
    model.script('Arr.', 'Afresh.', 'Seen.', 'Read.', 'Done.');
    const terminal = await sitDown({ settings });
    terminal.type('/sys');
    terminal.press('tab');
    await terminal.until(/You: \/system$/);
    expect(terminal.cursor().column).toBe('You: /system '.length);
    terminal.press('tab');
    await terminal.until(/\/system set +\/system show +\/system clear *\nYou: \/system$/);
    terminal.type('sh\t\r');
    await terminal.until(/You: \/system show\s+My role here:\n.*Be brief\.\nYou:$/);
    terminal.type('/sys\tse\tTalk like a pirate.\r');
    await terminal.until(/You: \/system set Talk like a pirate\.\nFrom the next.*\n.*Talk like a pirate\.\nYou:$/);
    terminal.type('/ask Who are you?\r');
    await terminal.until(/Arr\.\nYou:$/);
    expect(model.requests[0]?.body.messages[0]?.content).toMatch(/\n\nTalk like a pirate\.$/);
    expect(saidIn(model.requests[0])).toEqual(['Who are you?']);

    // Without a text it shows the role there is, and takes the next entry, if there is one.
    terminal.type('/system set\r');
    await terminal.until(/\nTalk like a pirate\.\nWho am I here, .*\(Ctrl-D changes nothing\)\n…$/);
    terminal.press('ctrl-d');
    await terminal.until(/… ?\nYou:$/);
    terminal.type('/system set\r');
    await terminal.until(/changes nothing\)\n…$/);
    terminal.paste('Rhyme.\nAlways.');
    terminal.press('enter');
    await terminal.until(/From the next.*\n.*Rhyme\.\n.*Always\.\nYou:$/);
    terminal.type('/system clear\r');
    await terminal.until(/again:\n.*Be brief\.\nYou:$/);

    terminal.type('/reset\r');
    await terminal.until(/Forgotten: 1 exchange\. The next question starts afresh\.\nYou:$/);
    terminal.type('/resett now\r');
    await terminal.until(/There is no command \/resett\. \/help lists them\.\nYou:$/);
    terminal.type('/system\r');
    await terminal.until(/You: \/system\n\/system set {2}\/system show {2}\/system clear\nYou:$/);
    terminal.type('/help\r');
    await terminal.until(
      /quit leaves\..*\/ask .*\/help .*\/reset .*\/system set .*\/system show .*\/system clear.*You:$/s,
    );
    terminal.type('Who are you?\r');
    await terminal.until(/Afresh\.\nYou:$/);
    expect(saidIn(model.requests[1])).toEqual(['Who are you?']);

    terminal.paste('/reset\n\n\tquit\n');
    terminal.press('enter');
    await terminal.until(/Seen\.\nYou:$/);
    terminal.type('"""\rexit\r/help\r"""\r');
    await terminal.until(/Read\.\nYou:$/);
    const pasted = Array.from({ length: 1000 }, (_, index) => `line ${index} 文`).join('\n');
    terminal.type('what is this? ');
    terminal.paste(pasted);
    await terminal.until(/\[1000 lines\]$/);
    terminal.press('enter');
    await terminal.until(/Done\.\nYou:$/);
    expect(saidIn(model.requests[4])?.slice(2)).toEqual([
      ...['/reset\n\n\tquit', 'Seen.', 'exit\n/help', 'Read.'],
      `what is this? ${pasted}`,
    ]);
  });

  test('Ctrl-C stops the answer, also before its first text; the next question knows nothing of it, and twice leaves', async () => {
    const { model, settings, databasePath } = await openHome();
    const { opened, open } = gate();
    model.script(
      unending,
      silent,
      async function* () {
        await opened;
        yield 'At last.';
      },
      unending,
    );
    const terminal = await sitDown({ settings });
    terminal.type('Tell me all\r');
    await terminal.until(/Parley: One$/);
    terminal.type('ahead');
    terminal.press('ctrl-c');
    await terminal.until(/Parley: One\nStopped\.\nYou: ahead$/);
    expect(await (await model.request(0)).closed).toBe('hung up');
    const before = terminal.written().length;
    terminal.resize(12, 30);
    // It has heard of it when it has drawn its line anew.
    await vi.waitUntil(() => terminal.written().length > before, { timeout: 20_000 });
    terminal.type('?\r');
    await model.request(1);
    await terminal.until(/You: ahead\?\n⠹$/);
    terminal.press('ctrl-c');
    await terminal.until(/You: ahead\?\nStopped\.\nYou:$/);
    terminal.resize(100, 30);
    // Something turns until the first text comes, and leaves no trace.
    terminal.type('Well?\r');
    await terminal.until(/Parley: thinking ⠹$/);
    open();
    await terminal.until(/You: Well\?\nParley: At last\.\nYou:$/);
    expect(terminal.screen()).not.toMatch(/thinking|[⠋⠙⠹⠸]/);
    expect(saidIn(model.requests[2])).toEqual(['Well?']);

    terminal.type('More\r');
    await terminal.until(/Parley: One$/);
    terminal.press('ctrl-c');
    await terminal.until(/Stopped\.\nYou:$/);
    terminal.press('ctrl-c');
    expect(await terminal.exit).toEqual({ code: 130, signal: 0 });
    expect(terminal.marksPastes()).toBe(false);
    expect(terminal.cursor().column).toBe(0);
    expect(endsIn(databasePath)).toEqual(['stopped', 'stopped', 'answered', 'stopped']);
  });

  test('while another program keeps the file locked, it shows that it waits, and Ctrl-C twice leaves', async () => {
    const { settings, databasePath } = await openHome();
    const terminal = await sitDown({ settings });
    const lock = new Database(databasePath);
    lock.exec('BEGIN IMMEDIATE');
    terminal.type('Hello?\r');
    await terminal.until(/Parley: thinking ⠹$/);
    terminal.press('ctrl-c');
    terminal.press('ctrl-c');
    expect(await terminal.exit).toEqual({ code: 130, signal: 0 });
    expect(terminal.marksPastes()).toBe(false);
    lock.close();
  });

  test('in a Chinese system it speaks Chinese, in its columns; a closed window ends the answer, and gives the terminal back', async () => {
    const { model, settings, databasePath } = await openHome();
    model.script('Some **bold** words that go on\n\n```js\nlet a = `b`;\n```\n- [docs](https://example.org)', unending);
    const terminal = openProgram(['chat'], { ...settings, LANG: 'zh_CN.UTF-8' }, { columns: 24, rows: 30 });
    await terminal.until(/问：$/);
    terminal.type('你好');
    await terminal.until(/问：你好$/);
    expect(terminal.cursor().column).toBe(8);
    terminal.press('enter');
    await terminal.until(/example\.org.*问：$/s);
    expect(terminal.screen()).toMatch(/答：Some bold words that\ngo on\n\n.*let a = `b`;\n.*docs/s);
    expect(terminal.screen()).not.toMatch(/\*\*|\]\(/);
    expect(terminal.written()).toContain(BOLD);
    terminal.type('/nothing\r');
    await terminal.until(/没有 \/nothing 这个命令。.*\n.*问：$/s);
    terminal.type('再见\r');
    await terminal.until(/答：One$/);
    terminal.kill('SIGHUP');
    expect(await terminal.exit).toEqual({ code: 129, signal: 0 });
    expect(terminal.marksPastes()).toBe(false);
    expect(terminal.screen()).toMatch(/答：One$/);
    expect(terminal.cursor().column).toBe(0);
    expect(endsIn(databasePath)).toEqual(['answered', 'failed']);
  });

  test('answers to questions from a pipe are readable too where they are read, and can do nothing else', async () => {
    const { model, settings } = await openHome();
    model.script('Some **bold** text.\u001b]2;owned\u0007\u001b[2J');
    const chat = `echo show | "${process.execPath}" "${program}" chat`;
    const terminal = openTerminal({ command: 'sh', args: ['-c', chat], env: settings, cwd: newFolder() });
    expect(await terminal.exit).toEqual({ code: 0, signal: 0 });
    expect(terminal.screen()).toMatch(/^Some bold text\./);
    expect(harmIn(terminal.written())).toEqual([]);
  });

  test('a terminal without escape sequences is written none, and Ctrl-D leaves no row empty there', async () => {
    const { model, settings } = await openHome();
    model.script('Some **bold** text.');
    const args = ['TERM=dumb', process.execPath, program, 'chat'];
    const terminal = openTerminal({ command: 'env', args, env: settings, cwd: newFolder(), columns: 100 });
    await terminal.until(/You:$/);
    terminal.type('"""one\r');
    await terminal.until(/…$/);
    terminal.type('two"""\r');
    await terminal.until(/\n… two"""\nParley: Some \*\*bold\*\* text\.\nYou:$/);
    terminal.press('ctrl-d');
    expect(await terminal.exit).toEqual({ code: 0, signal: 0 });
    expect(terminal.screen()).toMatch(/You:$/);
    expect(terminal.cursor()).toEqual({ column: 0, row: terminal.screen().split('\n').length });
    expect(terminal.written()).not.toContain('\u001b');
  });
});

test('between pipes each line is a question, only answers are on standard output, and a failure is told by the exit code too', async () => {
  const { model, settings } = await openHome();
  model.script('**One**', 'Two\n', refusals.unknownModel, 'Four');
  const input = 'first\n\n"""\nsecond\n\nquit\n"""\nthird\nfourth\n exit \nnever';
  const { code, out, err } = await outcome(['chat', '--verbose', '--model', 'other'], settings, input);
  expect({ code, out }).toEqual({ code: 1, out: '**One**\nTwo\nFour\n' });
  const spent = String.raw`other, \d+ \+ \d+ tokens, \d+\.\d s\n`;
  expect(err).toMatch(new RegExp(`^(?:${spent}){2}The language model I am set to use [^\n]+\n${spent}$`));
  expect(model.requests).toHaveLength(4);
  expect(saidIn(model.requests[3])).toEqual(['first', '**One**', 'second\n\nquit', 'Two\n', 'fourth']);
});

test('between pipes a reader who has read enough ends the program, and that is no error', async () => {
  const { model, settings, databasePath } = await openHome();
  model.script(async function* () {
    for (;;) {
      yield 'line\n';
      // So slowly that it is not ended as too long before the reader leaves.
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
  const { child, output, exit, until } = run(['chat'], settings, 'go on\nand on\n');
  await until(/line/);
  child.stdout.destroy();
  expect(await exit).toBe(0);
  expect(output.err).toBe('');
  expect(await (await model.request(0)).closed).toBe('hung up');
  expect(endsIn(databasePath)).toEqual(['failed']);
});

test('between pipes SIGTERM and SIGINT end the answer and the program, and nothing more is asked', async () => {
  const endBy = async (signal: NodeJS.Signals, code: number) => {
    const { model, settings, databasePath } = await openHome();
    model.script(unending);
    const { child, output, exit, until } = run(['chat'], settings, 'first\nsecond\n');
    await until(/One/);
    child.kill(signal);
    expect(await exit).toBe(code);
    expect(output).toEqual({ out: 'One \n', err: '' });
    expect(model.requests).toHaveLength(1);
    expect(endsIn(databasePath)).toEqual(['failed']);
  };
  await Promise.all([endBy('SIGTERM', 143), endBy('SIGINT', 130)]);
});

test.skipIf(!existsSync('/dev/full'))(
  'an answer that can’t be written is told in one line, and the exit code is 1',
  async () => {
    const { settings } = await openHome();
    const full = openSync('/dev/full', 'w');
    onTestFinished(() => closeSync(full));
    const child = spawn(process.execPath, [program, 'chat'], {
      ...{ cwd: newFolder(), env: { PATH: process.env.PATH, ...settings } },
      stdio: ['pipe', full, 'pipe'],
    });
    child.stdin?.end('hi\n');
    const [said, [code]] = await Promise.all([textOf(child.stderr ?? Readable.from([])), once(child, 'close')]);
    expect({ code, said }).toEqual({ code: 1, said: expect.stringMatching(/^ENOSPC[^\n]+\n$/) });
  },
);

test('a conversation that can’t be is misuse', async () => {
  const history = openHistory(join(newFolder(), 'parley.db'));
  onTestFinished(() => history.close());
  for (const flags of [
    { continue: true },
    { channel: '42' },
    { conversation: ' ' },
    { continue: true, conversation: 'x' },
  ] as const) {
    await expect(chooseConversation(flags, history)).rejects.toThrow(Misuse);
  }
});

test('a copy is made when something is to be done in it, of what stands there then, under a name that is free then', async () => {
  const databasePath = join(newFolder(), 'parley.db');
  const [store, history] = [openStore(databasePath), openHistory(databasePath)];
  onTestFinished(async () => void (await Promise.all([store.close(), history.close()])));
  const say = async (text: string) => {
    const asked = question(text, { place: { channelId: '1234' } });
    await store.begin(asked, undefined);
    await store.finish(asked.id, 'Yes.', 9, 'stop');
  };
  await say('forgotten');
  const choose = () => chooseConversation({ channel: '1234' }, history);
  const [one, other, late] = [await choose(), await choose(), await choose()];
  const name = consoleChannel('copy-of-1234');
  expect(await history.has(name)).toBe(false);
  await store.reset('1234', ada.id, undefined);
  await say('new');
  for (const each of [other, one, other]) await each.prepare();
  expect([other, one].map(({ place }) => place.channelId)).toEqual([name, `${name}-2`]);
  for (const { place } of [one, other]) {
    expect(await store.exchanges(place.channelId)).toMatchObject([{ question: { text: 'new' } }]);
  }
  expect(late.source).toBe('1234');
  expect((await history.conversations()).map(({ channelId }) => channelId).sort()).toEqual([
    ...['1234', name, `${name}-2`],
  ]);
});

test('--channel goes on with a copy of a channel’s conversation, and the channel stays as it is', async () => {
  const { model, settings, databasePath } = await openHome();
  const store = openStore(databasePath);
  onTestFinished(() => store.close());
  const asked = question('Who are you?', { place: { channelId: '1234' } });
  const secret = question('A secret', { place: { channelId: '1234' }, isPrivate: true });
  for (const each of [asked, secret]) {
    await store.begin(each, undefined);
    await store.finish(each.id, 'Parley.', 9, 'stop');
  }
  await store.setSystemRole('1234', 'Rhyme.');
  model.script('As I said.', 'Indeed.');
  await outcome(['chat', '--channel', '1234'], settings, 'Again?\n/system set Shout.\nReally?\n/reset\n');
  const copied = ['@ada (Ada):\n| Who are you?', 'Parley.', 'Again?'];
  expect(model.requests.map(saidIn)).toEqual([copied, [...copied, 'As I said.', 'Really?']]);
  expect(model.requests.map(({ body }) => String(body.messages[0]?.content).split('\n').at(-1))).toEqual([
    ...['Rhyme.', 'Shout.'],
  ]);
  expect(await store.exchanges('1234', ada.id)).toMatchObject([{ question: asked }, { question: secret }]);
  expect(await store.systemRole('1234')).toBe('Rhyme.');
  // Under a name that is no channel's id; and it was reset.
  expect(await store.systemRole(consoleChannel('copy-of-1234'))).toBe('Shout.');
  expect(await store.exchanges(consoleChannel('copy-of-1234'))).toEqual([]);
});

/** A chat API that keeps the bytes of what it is asked, and answers by how much was said before. */
async function recordingModel() {
  const bodies: string[] = [];
  const server = await serverThat(async (incoming, outgoing) => {
    const bytes: Buffer[] = [];
    for await (const chunk of incoming) bytes.push(chunk);
    const body = Buffer.concat(bytes).toString();
    bodies.push(body);
    const content = `Answer ${JSON.parse(body).messages.length}: “好”.`;
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    outgoing.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`);
    outgoing.end(
      `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`,
    );
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return { bodies, url: server.baseUrl };
}

type Sandbox = Awaited<ReturnType<typeof openSandbox>>;

/** The bot as a program of its own, on the same file. */
async function startBot({ discord, app }: Sandbox, settings: Settings) {
  const bot = run([], { ...settings, DISCORD_TOKEN: app.token, DISCORD_API_URL: discord.url });
  await bot.until(/Add it to a server/);
  return bot;
}

const answersIn = ({ discord, ada: person, app, general }: Sandbox) =>
  discord
    .sees(person, general)
    .filter(({ author }) => author.id === app.id)
    .map(({ content }) => content);

/** What a person reads of the log: nothing, if all is well. */
const complaints = (log: string): string[] =>
  log.split('\n').filter((line) => line !== '' && !/"level":[1-3]0\b/.test(line));

test('for the same conversation the chat API receives the same bytes from the console and from Discord, apart from who speaks', async () => {
  const sandbox = await openSandbox();
  const { ada: person, app, discord, general } = sandbox;
  const { bodies, url } = await recordingModel();
  const settings = {
    ...settingsFor(url, sandbox.databasePath),
    ...{ OPENAI_TEMPERATURE: '0.5', OPENAI_MAX_TOKENS: '300', OPENAI_FREQUENCY_PENALTY: '0.1' },
  };
  const answers = () => discord.sees(person, general).filter(({ content }) => content.startsWith('Answer'));
  const says = async (text: string, told: Parameters<typeof person.says>[2] = {}) => {
    const before = answers().length;
    await person.says(general, `${app.mention} ${text}`, told);
    await discord.until(() => answers().length > before);
  };
  await startBot(sandbox, settings);
  await discord.until(() => app.commands().length > 0);
  const role = await person.invokes(app, general, 'system set', { text: 'Rhyme “well”.' });
  await discord.until(() => role.state === 'answered');
  const questions = ['Who are you?', '```js\nlet a = "b";\n\n> quoted\n```\n**你好** 🙂', '@ada (Ada): | really?'];
  for (const text of questions) await says(text);
  const last = answers().at(-1);
  await says('Why this?', last && { replyTo: last });

  const blocks = questions.map((text) => `"""${text}"""\n`).join('');
  const console = await outcome(['chat', '--channel', general.id], settings, `And now?\n/reset\n${blocks}`);
  expect(console).toMatchObject({ code: 0, err: '' });
  await says('And now?');
  expect(bodies).toHaveLength(9);
  const [afresh, continued] = [bodies.slice(5, 8), bodies[4] ?? ''];
  const anonymous = (body = '') => body.replaceAll(/(?<="content":")@[^"\\]*:(?=\\n\| )/g, '@somebody:');
  const speakers = (body = '') => body.match(/(?<="content":")@[^"\\]*(?=\\n[|>] )/g);
  expect(afresh.map(anonymous)).toEqual(bodies.slice(0, 3).map(anonymous));
  expect(anonymous(continued)).toBe(anonymous(bodies[8]));
  expect(speakers(afresh[2])).toEqual(Array(3).fill(SPEAKER));
  const inChannel = [...Array(3).fill('@ada (Ada):'), '@ada (Ada) replies to this message from you:'];
  expect(speakers(bodies[8])).toEqual([...inChannel, '@ada (Ada):']);
  expect(speakers(continued)).toEqual([...inChannel, SPEAKER]);
  expect(JSON.parse(continued).messages[0].content).toMatch(/\nRhyme “well”\.$/);
});

test('the console works on the file while a bot starts on it, answers, and stops; a conversation is gone on with by its name', async () => {
  const sandbox = await openSandbox();
  const { model, discord, app, general, ada: person, databasePath } = sandbox;
  const settings = settingsFor(model.url, databasePath);
  const { opened, open } = gate();
  model.script(async function* ({ body }) {
    const asked = String(body.messages.at(-1)?.content);
    yield 'Heard: ';
    if (asked.endsWith('long')) await opened;
    yield String(asked.split(' ').at(-1));
  });
  await outcome(['chat', '--conversation', '旅行 plan'], settings, 'before\n');
  const long = run(['chat', '--conversation', 'long'], settings, 'long\nnext\n');
  await long.until(/Heard/);
  const bot = await startBot(sandbox, settings);
  const numbers = Array.from({ length: 4 }, (_, index) => index);
  const [short] = await Promise.all([
    outcome(['chat', '--conversation', '旅行 plan'], settings, numbers.map((number) => `c${number}\n`).join('')),
    ...numbers.map((number) => person.says(general, `${app.mention} d${number}`)),
  ]);
  await discord.until(() => answersIn(sandbox).length === 4);
  expect(answersIn(sandbox).sort()).toEqual(numbers.map((number) => `Heard: d${number}`));
  expect(short).toEqual({ code: 0, out: numbers.map((number) => `Heard: c${number}\n`).join(''), err: '' });
  bot.child.kill('SIGTERM');
  expect(await bot.exit).toBe(0);
  expect(complaints(bot.output.err)).toEqual([]);
  const remembered = model.requests.map(saidIn).find((said) => said?.at(-1) === 'c0');
  expect(remembered).toEqual(['before', 'Heard: before', 'c0']);
  // A conversation on the console is no channel of Discord's.
  expect(app.calls().filter(({ path }) => path.includes('console'))).toEqual([]);

  open();
  expect(await long.exit).toBe(0);
  expect(long.output).toEqual({ out: 'Heard: long\nHeard: next\n', err: '' });
  expect(saidIn(model.requests.at(-1))).toEqual(['long', 'Heard: long', 'next']);
  expect(model.requests.at(-1)?.body.messages.at(-1)?.content).toBe(`${SPEAKER}\n| next`);
});
