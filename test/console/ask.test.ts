import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { promptOf, readImage } from '../../src/console/ask.js';
import { Misuse } from '../../src/console/misuse.js';
import { readFlags } from '../../src/console/settings.js';
import type { ModelRequest } from '../../src/sandbox/model/model.js';
import { refusal } from '../../src/sandbox/model/refusals.js';
import { BOLD, harmIn, KEY, newFolder, openHome, openProgram, outcome, program, run } from './program.js';
import { noTerminal } from './terminal.js';

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const asked = ({ body }: ModelRequest) => body.messages.at(-1)?.content;

describe('between pipes', () => {
  test('the answer is written as it comes, and is all there is on standard output; what is piped in stands before the question', async () => {
    const { model, settings } = await openHome();
    let isRead = () => {};
    const first = new Promise<void>((resolve) => {
      isRead = resolve;
    });
    model.script(async function* () {
      yield '**One**\u0007';
      await first;
      yield ' and two';
    });
    const { until, output, exit } = run(['ask', '--', '--help', '你好'], settings, '- old\n+ 新\n\n');
    await until(/One/);
    expect(output.out).toBe('**One**\u0007');
    isRead();
    expect(await exit).toBe(0);
    expect(output).toEqual({ out: '**One**\u0007 and two\n', err: '' });
    expect(model.requests[0]?.body).toEqual({
      model: 'offline',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: '- old\n+ 新\n\n--help 你好' },
      ],
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  test('an answer that was cut off at its limit is one, and standard error says so, in the language of the system', async () => {
    const { model, settings } = await openHome();
    model.script(function* () {
      yield 'Once upon\n';
      yield { finish: 'length' };
    });
    expect(await outcome(['ask', '-5', 'degrees'], { ...settings, LANG: 'zh_CN.UTF-8' })).toEqual({
      ...{ code: 0, out: 'Once upon\n' },
      err: '回答在此中断：已达到所设的最大长度。\n',
    });
    expect(model.requests.map(asked)).toEqual(['-5 degrees']);
  });

  test('every option reaches the request, and --json tells the answer in the words of the chat API and nothing beside it', async () => {
    const { model, settings, folder } = await openHome();
    model.script(function* () {
      yield* ['Two', ' words'];
      yield { finish: 'length' };
    });
    const image = join(folder, 'a.jpg');
    writeFileSync(image, PIXEL, 'base64');
    const { code, out, err } = await outcome(
      [
        ...['ask', '-i', image, '--image', image, '--json', '--no-stream', '--system', '', '--model', 'other'],
        ...['-t', '0.5', '--max-tokens', '7', '--top-p', '0.9'],
        ...['--frequency-penalty', '-0.5', '--presence-penalty', '1', 'what?'],
      ],
      settings,
    );
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const part = { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } };
    expect(model.requests[0]?.body).toEqual({
      model: 'other',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'what?' }, part, part] }],
      stream: false,
      ...{ temperature: 0.5, max_tokens: 7, top_p: 0.9, frequency_penalty: -0.5, presence_penalty: 1 },
    });
    expect(out.endsWith('}\n')).toBe(true);
    const usage = { prompt_tokens: expect.any(Number), completion_tokens: 2, total_tokens: expect.any(Number) };
    expect(JSON.parse(out)).toEqual({
      object: 'chat.completion',
      model: 'other',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Two words' }, finish_reason: 'length' }],
      usage: { ...usage, prompt_tokens_details: { cached_tokens: 0 } },
    });
  });

  test('a failure of the model is told in one line with its cause, beside what had come; the key is not, and the exit code is 1', async () => {
    const { model, settings } = await openHome();
    model.script(function* (request) {
      if (String(asked(request)).endsWith('refuse'))
        yield refusal(400, `No ${KEY},\nno \u001b[2Janswer.`, KEY, KEY, KEY);
      yield 'Half an';
      yield { error: { message: `Bearer ${KEY}` } };
    });
    const env = { ...settings, LOG_LEVEL: 'trace' };
    const [cut, refused] = await Promise.all([
      outcome(['ask', 'cut'], env),
      outcome(['chat', '--verbose'], env, 'refuse\n'),
    ]);
    const told = 'The language model did not accept the request. (400 No [key], no [2Janswer.)\n';
    expect(refused).toEqual({ code: 1, out: '', err: told });
    expect(cut).toEqual({ code: 1, out: 'Half an\n', err: expect.stringMatching(/^The language[^\n]*\[key\]\)\n$/) });
  });

  test('an interrupt ends the request, what had come stays, and the exit code is 130', async () => {
    const { model, settings } = await openHome();
    model.script(async function* ({ closed }) {
      yield 'One moment';
      await closed;
    });
    const { child, output, exit, until } = run(['ask', 'wait'], settings);
    await until(/moment/);
    child.kill('SIGINT');
    expect(await exit).toBe(130);
    expect(output).toEqual({ out: 'One moment\n', err: '' });
    expect(await (await model.request(0)).closed).toBe('hung up');
  });

  test('an interrupt is one too while standard input is still being read', async () => {
    const { model, settings } = await openHome();
    const child = spawn(process.execPath, [program, 'ask', 'hi'], { env: { ...process.env, ...settings } });
    onTestFinished(() => void child.kill('SIGKILL'));
    const exit = once(child, 'exit');
    // More than fits into a pipe: it is taken once somebody reads.
    await new Promise((resolve) => child.stdin.write('much '.repeat(200_000), resolve));
    child.kill('SIGINT');
    expect(await exit).toEqual([130, null]);
    expect(model.requests).toEqual([]);
  });

  test.skipIf(!existsSync('/dev/full'))(
    'an output that can’t be written is told in one line, and the exit code is 1',
    async () => {
      const { model, settings } = await openHome();
      model.script('Fine.');
      const words = [process.execPath, program, 'ask', 'hi'];
      const env = { ...process.env, ...settings };
      const child = spawn('sh', ['-c', 'exec "$0" "$@" >/dev/full </dev/null', ...words], { env });
      onTestFinished(() => void child.kill('SIGKILL'));
      const [[code], told] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
      expect({ code, told }).toEqual({ code: 1, told: 'Standard output can’t be written (ENOSPC).\n' });
    },
  );

  test('a reader who has read enough ends the request, and that is no error', async () => {
    const { model, settings } = await openHome();
    model.script(async function* () {
      for (;;) {
        yield 'line\n';
        // So slowly that it is not ended as too long before the reader leaves.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    });
    const { child, output, exit, until } = run(['ask', 'go on'], settings);
    await until(/line/);
    child.stdout.destroy();
    expect(await exit).toBe(0);
    expect(output.err).toBe('');
    expect(await (await model.request(0)).closed).toBe('hung up');
  });

  test('misuse is told on standard error alone, nothing is asked, and the exit code is 2', async () => {
    const { model, settings } = await openHome();
    const [empty, unknown] = await Promise.all([
      outcome(['ask', ' '], settings, '\n'),
      outcome(['ask', '--temprature', '1', 'what?'], settings),
    ]);
    expect(empty).toEqual({ code: 2, out: '', err: expect.stringMatching(/^There is no question[^\n]*\n$/) });
    expect(unknown).toEqual({
      code: 2,
      out: '',
      err: expect.stringMatching(/^.*'--temprature'\n.*--temperature\?\)\n$/),
    });
    expect(model.requests).toEqual([]);
  });
});

const { signal } = new AbortController();

test('a question consists of what is piped in, what is said, or both, and of something', async () => {
  const ask = (words: readonly string[], input: Iterable<string | Buffer>) =>
    promptOf(words, Readable.from(input, { objectMode: false }), signal);
  const [before, after] = [Buffer.from('新').subarray(0, 2), Buffer.from('新').subarray(2)];
  expect(await ask([], ['\n  what is\nthis?\n\n'])).toBe('\n  what is\nthis?');
  expect(await ask([' review', 'this '], [before, after])).toBe('新\n\nreview this');
  expect(await ask(['what?'], [])).toBe('what?');
  await expect(ask([' '], [' \n'])).rejects.toThrow(/^There is no question/);
  await expect(ask(['what?'], ['\u0000PNG'])).rejects.toThrow(/^Standard input is no text/);
  const piece = Buffer.alloc(1024 * 1024, 'y');
  const endless = (function* () {
    for (;;) yield piece;
  })();
  await expect(ask(['what?'], endless)).rejects.toThrow('Standard input is larger than 100 MB.');
});

test('an image is known by what is in it, and what is none is misuse', async () => {
  const folder = newFolder();
  const path = (name: string) => join(folder, name);
  writeFileSync(path('b.txt'), 'GIF89a…');
  writeFileSync(path('text.png'), 'no image');
  writeFileSync(path('large.png'), PIXEL, 'base64');
  truncateSync(path('large.png'), 20 * 1024 * 1024 + 1);
  const gif = Buffer.from('GIF89a…').toString('base64');
  expect((await readImage(path('b.txt'))).image_url.url).toBe(`data:image/gif;base64,${gif}`);
  const faults: readonly (readonly [name: string, told: RegExp])[] = [
    ['text.png', /text\.png is no PNG, JPEG, GIF or WebP image/],
    ['none.png', /none\.png can’t be read \(ENOENT\)/],
    ['large.png', /large\.png is larger than 20 MB/],
    ['', /can’t be read \(EISDIR\)/],
  ];
  for (const [name, told] of faults) {
    const failure = await readImage(path(name)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Misuse);
    expect(String(failure)).toMatch(told);
  }
});

test('a fault in an option is told by the option’s name, and one in the environment by the setting’s', () => {
  const read = (flags: object, environment = {}) =>
    readFlags({ stream: true, ...flags }, { OPENAI_BASE_URL: 'http://127.0.0.1/v1', ...environment });
  expect(() => read({ temperature: 'hot' })).toThrow(/^--temperature must be a number from 0 to 2\.$/);
  expect(() => read({ temperature: '-0.5', topP: '2' })).toThrow(/^--temperature [^\n]*\n--top-p must[^\n]*$/);
  expect(() => read({ maxTokens: '' })).toThrow(/^--max-tokens needs a value\.$/);
  expect(() => read({}, { OPENAI_TOP_P: '2' })).toThrow(/^OPENAI_TOP_P must[^\n]*$/);
  expect(() => read({}, { OPENAI_BASE_URL: '' })).toThrow(Misuse);
  expect(read({ temperature: '0.5', stream: false }, { OPENAI_TEMPERATURE: 'hot' })).toMatchObject({
    ...{ OPENAI_TEMPERATURE: 0.5, OPENAI_STREAM: false },
  });
});

test.skipIf(noTerminal !== undefined)(
  `in a terminal the answer is made readable, and can do nothing but be read${noTerminal ? ` (${noTerminal})` : ''}`,
  async () => {
    const { model, settings } = await openHome();
    model.script('# Title\n\nSome **bold** text.\u001b]2;owned\u0007\u001b[2J\n\n- item');
    const terminal = openProgram(['ask', 'show'], settings);
    expect(await terminal.exit).toEqual({ code: 0, signal: 0 });
    expect(terminal.screen()).toMatch(/^Title\n\nSome bold text\..*\n\n.? ?item$/s);
    expect(terminal.screen()).not.toMatch(/[#*]/);
    expect(harmIn(terminal.written())).toEqual([]);
    expect(terminal.written()).toContain(BOLD);
  },
);
