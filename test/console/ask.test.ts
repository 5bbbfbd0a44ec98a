import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ModelRequest } from '../../src/sandbox/model/model.js';
import { refusal, refusals } from '../../src/sandbox/model/refusals.js';
import { BOLD, harmIn, KEY, openHome, openProgram, outcome, run } from './program.js';
import { noTerminal } from './terminal.js';

const asked = ({ body }: ModelRequest) => body.messages.at(-1)?.content;

test('the answer is all there is on standard output, as it came, and ends with one newline', async () => {
  const { model, settings } = await openHome();
  model.script(function* (request) {
    yield* asked(request) === 'open' ? ['**Ah', 'a**\u0007'] : ['Aha\n'];
  });
  const runs = await Promise.all([outcome(['ask', 'open'], settings), outcome(['ask', 'closed'], settings)]);
  expect(runs).toEqual([
    { code: 0, out: '**Aha**\u0007\n', err: '' },
    { code: 0, out: 'Aha\n', err: '' },
  ]);
});

test('an answer is written as it comes, and with --no-stream when it has ended', async () => {
  const { model, settings } = await openHome();
  let isRead = () => {};
  const first = new Promise<void>((resolve) => {
    isRead = resolve;
  });
  model.script(async function* () {
    yield 'One';
    await first;
    yield ' and two';
  });
  const streamed = run(['ask', 'count'], settings);
  await streamed.until(/One/);
  expect(streamed.output.out).toBe('One');
  isRead();
  expect(await streamed.exit).toBe(0);
  expect(streamed.output.out).toBe('One and two\n');
  expect(await outcome(['ask', '--no-stream', 'count'], settings)).toEqual({ code: 0, out: 'One and two\n', err: '' });
  expect(model.requests.map(({ body }) => body.stream)).toEqual([true, false]);
});

test('standard input stands before the words of the question, and is one by itself', async () => {
  const { model, settings } = await openHome();
  model.script('Fine.');
  await outcome(['ask', 'review', 'this'], settings, '- old\n+ 新\n');
  await outcome(['ask'], settings, '\n  what is\nthis?\n\n');
  expect(model.requests.map(({ body }) => body.messages)).toEqual([
    [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: '- old\n+ 新\n\nreview this' },
    ],
    [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: '\n  what is\nthis?' },
    ],
  ]);
});

test('every option reaches the request, and what is not given is not in it', async () => {
  const { model, settings } = await openHome();
  model.script('Fine.');
  const options = [
    ...['--system', 'Rhyme.', '--model', 'other', '--temperature', '0.5', '--max-tokens', '7', '--top-p', '0.9'],
    ...['--frequency-penalty', '-0.5', '--presence-penalty', '1', '--no-stream'],
  ];
  await outcome(['ask', ...options, '--', '--no-stream', 'is', 'what?'], settings);
  await outcome(['ask', '--system', '', '-5', 'degrees'], settings);
  expect(model.requests.map(({ body }) => body)).toEqual([
    {
      model: 'other',
      messages: [
        { role: 'system', content: 'Rhyme.' },
        { role: 'user', content: '--no-stream is what?' },
      ],
      stream: false,
      ...{ temperature: 0.5, max_tokens: 7, top_p: 0.9, frequency_penalty: -0.5, presence_penalty: 1 },
    },
    {
      model: 'offline',
      messages: [{ role: 'user', content: '-5 degrees' }],
      stream: true,
      stream_options: { include_usage: true },
    },
  ]);
});

test('--json tells answer, model, finish reason and usage in the words of the chat API', async () => {
  const { model, settings } = await openHome();
  model.script(function* () {
    yield* ['Two', ' words'];
    yield { finish: 'length' };
  });
  const { code, out, err } = await outcome(['ask', '--json', 'how many?'], settings);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out.endsWith('}\n')).toBe(true);
  expect(JSON.parse(out)).toEqual({
    object: 'chat.completion',
    model: 'offline',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Two words' }, finish_reason: 'length' }],
    usage: {
      ...{ prompt_tokens: 4, completion_tokens: 2, total_tokens: 6 },
      prompt_tokens_details: { cached_tokens: 0 },
    },
  });
});

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

test('--image shows the model files, which are known by what is in them', async () => {
  const { model, settings, folder } = await openHome();
  model.script('A pixel.');
  const paths = ['a.jpg', 'b.txt'].map((name) => join(folder, name));
  writeFileSync(paths[0] ?? '', PIXEL, 'base64');
  writeFileSync(paths[1] ?? '', 'GIF89a…');
  const images = paths.flatMap((path) => ['--image', path]);
  expect(await outcome(['ask', ...images, 'what', 'is', 'this?'], settings)).toMatchObject({ code: 0, err: '' });
  const gif = Buffer.from('GIF89a…').toString('base64');
  expect(model.requests.map(asked)).toEqual([
    [
      { type: 'text', text: 'what is this?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } },
      { type: 'image_url', image_url: { url: `data:image/gif;base64,${gif}` } },
    ],
  ]);
});

test('misuse is told in one line, nothing is asked, and the exit code is 2', async () => {
  const { model, settings, folder } = await openHome();
  const [text, large] = [join(folder, 'text.png'), join(folder, 'large.png')];
  writeFileSync(text, 'no image');
  writeFileSync(large, PIXEL, 'base64');
  truncateSync(large, 20 * 1024 * 1024 + 1);
  const cases: readonly (readonly [args: readonly string[], told: RegExp])[] = [
    [[], /no question/],
    [['--image', text, 'what?'], /text\.png is no PNG, JPEG, GIF or WebP image/],
    [['--image', join(folder, 'none.png'), 'what?'], /none\.png can’t be read \(ENOENT\)/],
    [['--image', large, 'what?'], /large\.png is larger than 20 MB/],
    [['--temperature', 'hot', 'what?'], /^--temperature must be a number from 0 to 2/],
    [['--max-tokens', '', 'what?'], /^--max-tokens needs a value/],
    [['--temprature', '1', 'what?'], /unknown option.*\n.*--temperature/],
  ];
  const outcomes = await Promise.all(cases.map(([args]) => outcome(['ask', ...args], settings)));
  for (const [index, { code, out, err }] of outcomes.entries()) {
    expect(err).toMatch(cases[index]?.[1] ?? '');
    expect({ err, code, out }).toMatchObject({ code: 2, out: '' });
    expect(
      err
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('(Did you mean')),
    ).toHaveLength(1);
  }
  expect(model.requests).toHaveLength(0);
});

test('a failure of the model is told in one line, beside what had come, and the exit code is 1', async () => {
  const { model, settings } = await openHome();
  model.script(function* (request) {
    if (asked(request) === 'refuse') yield refusals.noCredit;
    yield 'Half an';
    yield { finish: 'content_filter' };
  });
  const [refused, cut] = await Promise.all([outcome(['ask', 'refuse'], settings), outcome(['ask', 'cut'], settings)]);
  expect(refused).toEqual({ code: 1, out: '', err: expect.stringMatching(/^My credit [^\n]+\n$/) });
  expect(cut).toEqual({ code: 1, out: 'Half an\n', err: expect.stringMatching(/content filter[^\n]*\n$/) });
});

test('a key that can’t be sent is named, and not told', async () => {
  const { settings } = await openHome();
  const { code, out, err } = await outcome(['ask', 'hi'], { ...settings, OPENAI_API_KEY: `${KEY} ü` });
  expect({ out, err }).toEqual({ out: '', err: 'OPENAI_API_KEY holds a character that no key has.\n' });
  expect(code).not.toBe(0);
});

test('the key is told nowhere, whatever the server answers', async () => {
  const { model, settings } = await openHome();
  model.script(
    refusal(401, `Incorrect API key provided: ${KEY}.`, 'invalid_request_error', 'invalid_api_key'),
    refusal(400, KEY, KEY, KEY, KEY),
    refusal(403, `Bearer ${KEY}`, 'request_forbidden', KEY),
  );
  for (const args of [['ask'], ['ask', '--json'], ['chat', '--verbose']]) {
    const { code, out, err } = await outcome(args, { ...settings, LOG_LEVEL: 'trace' }, 'who?\n');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^[^\n]+\n$/);
    expect(out + err).not.toContain(KEY);
  }
  expect(model.requests).toHaveLength(3);
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

test('a reader who has read enough ends the request, and that is no error', async () => {
  const { model, settings } = await openHome();
  model.script(async function* () {
    for (;;) {
      yield 'line\n'.repeat(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  const { child, output, exit, until } = run(['ask', 'go on'], settings);
  await until(/line/);
  child.stdout.destroy();
  expect(await exit).toBe(0);
  expect(output.err).toBe('');
  expect(await (await model.request(0)).closed).toBe('hung up');
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
