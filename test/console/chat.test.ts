import { describe, expect, onTestFinished, test } from 'vitest';
import { consoleChannel } from '../../src/history.js';
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

describe.skipIf(noTerminal !== undefined)(noTerminal ? `in a terminal (${noTerminal})` : 'in a terminal', () => {
  test('each question builds on what was said before, and so it does when the conversation is continued', async () => {
    const { model, settings } = await openHome();
    model.script('Hello, Ada.', 'You are Ada.', 'Still Ada.');
    const terminal = await sitDown({ settings });
    terminal.type('I am Ada.\r');
    await terminal.until(/Parley: Hello, Ada\.\nYou:$/);
    terminal.type('Who am I?\r');
    await terminal.until(/Parley: You are Ada\.\nYou:$/);
    terminal.type('quit\r');
    expect(await terminal.exit).toEqual({ code: 0, signal: 0 });

    const continued = await sitDown({ settings }, ['--continue']);
    expect(continued.screen()).toMatch(/with 2 exchanges so far/);
    continued.press('up');
    await continued.until(/You: Who am I\?$/);
    continued.press('enter');
    await continued.until(/Still Ada/);
    const both = ['I am Ada.', 'Hello, Ada.', 'Who am I?'];
    expect(model.requests.map(saidIn)).toEqual([both.slice(0, 1), both, [...both, 'You are Ada.', 'Who am I?']]);
    expect(model.requests[0]?.body.messages[0]?.content).toMatch(/\n\nBe brief\.$/);
  });

  test('a pasted block is one question, and so is one between """, whatever stands in it', async () => {
    const { model, settings } = await openHome();
    model.script('Seen.', 'Read.', 'Done.');
    const terminal = await sitDown({ settings });
    terminal.paste('/reset\n\n\tquit\n');
    terminal.press('enter');
    await terminal.until(/Seen\.\nYou:$/);
    terminal.type('"""\rexit\r/help\r"""\r');
    await terminal.until(/Read\.\nYou:$/);
    const pasted = Array.from({ length: 40 }, (_, index) => `line ${index} 文`).join('\n');
    terminal.type('what is this? ');
    terminal.paste(pasted);
    await terminal.until(/\[40 lines\]$/);
    terminal.press('enter');
    await terminal.until(/Done\.\nYou:$/);
    expect(saidIn(model.requests[2])).toEqual([
      ...['/reset\n\n\tquit', 'Seen.', 'exit\n/help', 'Read.'],
      `what is this? ${pasted}`,
    ]);
  });

  test('Ctrl-C stops the answer, also before its first text, and the next question knows nothing of it', async () => {
    const { model, settings } = await openHome();
    model.script(unending, silent, 'Fine.');
    const terminal = await sitDown({ settings });
    terminal.type('Tell me all\r');
    await terminal.until(/Parley: One$/);
    terminal.press('ctrl-c');
    await terminal.until(/Parley: One\nStopped\.\nYou:$/);
    expect(await (await model.request(0)).closed).toBe('hung up');
    terminal.type('What?\r');
    await model.request(1);
    terminal.press('ctrl-c');
    await terminal.until(/You: What\?\nStopped\.\nYou:$/);
    terminal.type('And now?\r');
    await terminal.until(/Fine\.\nYou:$/);
    expect(saidIn(model.requests[2])).toEqual(['And now?']);
  });

  test('Ctrl-C twice leaves with 130, at the prompt and during an answer, and gives the terminal back', async () => {
    const { model, settings } = await openHome();
    model.script(unending);
    const [idle, busy] = await Promise.all([sitDown({ settings }), sitDown({ settings })]);
    expect(idle.modes.bracketedPasteMode).toBe(true);
    idle.press('ctrl-c');
    await idle.until(/Press Ctrl-C again to leave\.\nYou:$/);
    idle.press('ctrl-c');
    busy.type('Tell me all\r');
    await busy.until(/Parley: One$/);
    busy.type('\x03\x03');
    expect(await Promise.all([idle.exit, busy.exit])).toEqual([
      { code: 130, signal: 0 },
      { code: 130, signal: 0 },
    ]);
    for (const terminal of [idle, busy]) {
      expect(terminal.modes.bracketedPasteMode).toBe(false);
      expect(terminal.cursor().column).toBe(0);
    }
  });

  test('quit, exit and Ctrl-D leave, and give the terminal back', async () => {
    const home = await openHome();
    const terminals = await Promise.all([sitDown(home), sitDown(home), sitDown(home)]);
    for (const [index, typed] of ['quit\r', ' exit \r', '\x04'].entries()) terminals[index]?.type(typed);
    for (const terminal of terminals) {
      expect(await terminal.exit).toEqual({ code: 0, signal: 0 });
      expect(terminal.modes.bracketedPasteMode).toBe(false);
      expect(terminal.cursor().column).toBe(0);
    }
    expect(home.model.requests).toHaveLength(0);
  });

  test('a failing server between two good questions costs one line, and leaves nothing in the conversation', async () => {
    const { model, settings } = await openHome();
    model.script('First.', refusals.noCredit, 'Third.');
    const terminal = await sitDown({ settings });
    terminal.type('one\r');
    await terminal.until(/First\.\nYou:$/);
    terminal.type('two\r');
    await terminal.until(/You: two\nMy credit with the language model is used up\. [^\n]+\nYou:$/);
    terminal.type('three\r');
    await terminal.until(/Third\.\nYou:$/);
    expect(saidIn(model.requests[2])).toEqual(['one', 'First.', 'three']);
  });

  test('something turns until the first text comes, and leaves no trace', async () => {
    const { model, settings } = await openHome();
    const { opened, open } = gate();
    model.script(async function* () {
      await opened;
      yield 'At last.';
    });
    const terminal = await sitDown({ settings });
    terminal.type('Well?\r');
    await terminal.until(/Parley: thinking ⠹$/);
    open();
    await terminal.until(/You: Well\?\nParley: At last\.\nYou:$/);
    expect(terminal.screen()).not.toMatch(/thinking|[⠋⠙⠹⠸]/);
  });

  test('Tab completes the commands, which are those of Discord', async () => {
    const { model, settings } = await openHome();
    model.script('Arr.');
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
    await terminal.until(/… ?\n+You:$/);
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
    terminal.type('/help\r');
    await terminal.until(
      /quit leaves\..*\/ask .*\/help .*\/reset .*\/system set .*\/system show .*\/system clear.*You:$/s,
    );
    terminal.type('Who are you?\r');
    await terminal.until(/Arr\.\nYou:$/);
    expect(saidIn(model.requests[1])).toEqual(['Who are you?']);
    expect(model.requests).toHaveLength(2);
  });

  test('in a Chinese system it speaks Chinese, and keeps wide text in its columns', async () => {
    const { model, settings } = await openHome();
    model.script(async function* ({ closed }) {
      yield '你好，世界。';
      await closed;
    });
    const terminal = await sitDown({ settings }, [], { LANG: 'zh_CN.UTF-8' });
    terminal.type('你好');
    await terminal.until(/问：你好$/);
    expect(terminal.cursor().column).toBe(8);
    terminal.press('enter');
    await terminal.until(/问：你好\n答：你好，世/);
    terminal.press('ctrl-c');
    await terminal.until(/已停止。\n问：$/);
    terminal.type('/nothing\r');
    await terminal.until(/没有 \/nothing 这个命令。.*\n问：$/);
  });

  test('Markdown is made readable, and wrapped at words behind the name', async () => {
    const { model, settings } = await openHome();
    model.script('Some **bold** words that go on\n\n```js\nlet a = `b`;\n```\n- [docs](https://example.org)');
    const terminal = openProgram(['chat'], settings, { columns: 24, rows: 30 });
    await terminal.until(/You:$/);
    terminal.type('show\r');
    await terminal.until(/example\.org.*You:$/s);
    expect(terminal.screen()).toMatch(/Parley: Some bold words\nthat go on\n\n.*let a = `b`;\n.*docs/s);
    expect(terminal.screen()).not.toMatch(/\*\*|\]\(/);
    expect(terminal.written()).toContain(BOLD);
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
});

test('between pipes each line is a question, and nothing but plain answers is on standard output', async () => {
  const { model, settings } = await openHome();
  model.script('**One**', 'Two\n', 'Three');
  expect(await outcome(['chat'], settings, 'first\n\n"""\nsecond\n\nquit\n"""\nthird')).toEqual({
    code: 0,
    out: '**One**\nTwo\nThree\n',
    err: '',
  });
  expect(saidIn(model.requests[2])).toEqual(['first', '**One**', 'second\n\nquit', 'Two\n', 'third']);
});

test('between pipes a failed question is told by the exit code too, and --verbose tells of each answer', async () => {
  const { model, settings } = await openHome();
  model.script('One', refusals.unknownModel, 'Three');
  const args = ['chat', '--verbose', '--model', 'other'];
  const { code, out, err } = await outcome(args, settings, 'first\nsecond\nthird\n');
  expect({ code, out }).toEqual({ code: 1, out: 'One\nThree\n' });
  const spent = String.raw`other, \d+ \+ 1 tokens, \d+\.\d s\n`;
  expect(err).toMatch(new RegExp(`^${spent}The language model I am set to use [^\n]+\n${spent}$`));
});

test('between pipes a reader who has read enough ends the program, and that is no error', async () => {
  const { model, settings } = await openHome();
  model.script(async function* () {
    for (;;) {
      yield 'line\n'.repeat(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  const { child, output, exit, until } = run(['chat'], settings, 'go on\nand on\n');
  await until(/line/);
  child.stdout.destroy();
  expect(await exit).toBe(0);
  expect(output.err).toBe('');
  expect(await (await model.request(0)).closed).toBe('hung up');
});

test('a conversation that has a name is gone on with by it, and the last one by --continue', async () => {
  const { model, settings } = await openHome();
  model.script('One', 'Two', 'Three', 'Four');
  await outcome(['chat', '--conversation', '旅行 plan'], settings, 'first\n');
  await outcome(['chat'], settings, 'elsewhere\n');
  await outcome(['chat', '--conversation', '旅行 plan'], settings, 'second\n');
  await outcome(['chat', '-c'], settings, 'third\n');
  expect(saidIn(model.requests[3])).toEqual(['first', 'One', 'second', 'Three', 'third']);
  expect(saidIn(model.requests[1])).toEqual(['elsewhere']);
});

test('a conversation that can’t be is misuse', async () => {
  const { model, settings } = await openHome();
  const cases = [['--continue'], ['--channel', '42'], ['--conversation', ' '], ['-c', '--conversation', 'x']];
  for (const { code, out, err } of await Promise.all(
    cases.map((args) => outcome(['chat', ...args], settings, 'hi\n')),
  )) {
    expect(err).toMatch(/^[^\n]+\n$/);
    expect({ code, out, err }).toMatchObject({ code: 2, out: '' });
  }
  expect(model.requests).toHaveLength(0);
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
  await outcome(['chat', '--channel', '1234'], settings, 'Again?\n/system set Shout.\n');
  await outcome(['chat', '--continue'], settings, 'Really?\n/reset\n');
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
  const { bodies, url } = await recordingModel();
  const settings = {
    ...settingsFor(url, sandbox.databasePath),
    ...{ OPENAI_TEMPERATURE: '0.5', OPENAI_MAX_TOKENS: '300', OPENAI_FREQUENCY_PENALTY: '0.1' },
  };
  const questions = ['Who are you?', '```js\nlet a = "b";\n\n> quoted\n```\n**你好** 🙂', '@ada (Ada): | really?'];
  await startBot(sandbox, settings);
  for (const [index, text] of questions.entries()) {
    await sandbox.ada.says(sandbox.general, `${sandbox.app.mention} ${text}`);
    await sandbox.discord.until(() => answersIn(sandbox).length === index + 1);
  }
  const input = questions.map((text) => `"""${text}"""\n`).join('');
  expect(await outcome(['chat'], settings, input)).toMatchObject({ code: 0, err: '' });
  const speakers = (body: string) => body.match(/(?<="content":")@[^"\\]*:(?=\\n\| )/g);
  const anonymous = (body = '') => body.replaceAll(/(?<="content":")@[^"\\]*:(?=\\n\| )/g, '@somebody:');
  expect(bodies).toHaveLength(6);
  expect(bodies.slice(3).map(anonymous)).toEqual(bodies.slice(0, 3).map(anonymous));
  expect(speakers(bodies[2] ?? '')).toEqual(Array(3).fill('@ada (Ada):'));
  expect(speakers(bodies[5] ?? '')).toEqual(Array(3).fill(SPEAKER));
});

test('the console works on the file while a bot starts on it, answers, and stops', async () => {
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
  await outcome(['chat', '--conversation', 'short'], settings, 'before\n');
  const long = run(['chat', '--conversation', 'long'], settings, 'long\nnext\n');
  await long.until(/Heard/);
  const bot = await startBot(sandbox, settings);
  const numbers = Array.from({ length: 4 }, (_, index) => index);
  const [short] = await Promise.all([
    outcome(['chat', '--conversation', 'short'], settings, numbers.map((number) => `c${number}\n`).join('')),
    ...numbers.map((number) => person.says(general, `${app.mention} d${number}`)),
  ]);
  await discord.until(() => answersIn(sandbox).length === 4);
  expect(answersIn(sandbox).sort()).toEqual(numbers.map((number) => `Heard: d${number}`));
  expect(short).toEqual({ code: 0, out: numbers.map((number) => `Heard: c${number}\n`).join(''), err: '' });
  bot.child.kill('SIGTERM');
  expect(await bot.exit).toBe(0);
  expect(complaints(bot.output.err)).toEqual([]);
  // A conversation on the console is no channel of Discord's.
  expect(app.calls().filter(({ path }) => path.includes('console'))).toEqual([]);

  open();
  expect(await long.exit).toBe(0);
  expect(long.output).toEqual({ out: 'Heard: long\nHeard: next\n', err: '' });
  expect(saidIn(model.requests.at(-1))).toEqual(['long', 'Heard: long', 'next']);
  expect(model.requests.at(-1)?.body.messages.at(-1)?.content).toBe(`${SPEAKER}\n| next`);
});
