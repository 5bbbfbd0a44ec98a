import { expect, onTestFinished, test } from 'vitest';
import { buildPrompt } from '../../../src/prompt.js';
import { renderQuestion } from '../../../src/question.js';
import { demonstrate } from '../../../src/sandbox/model/demonstration.js';
import { type OfflineModel, startModel } from '../../../src/sandbox/model/model.js';

const question = (text: string) => ({
  id: '1',
  place: { channelId: '1' },
  speaker: { id: '1', handle: 'ada', name: 'Ada' },
  text,
  attachments: [],
  isPrivate: false,
});

async function open(): Promise<OfflineModel> {
  const model = await startModel();
  onTestFinished(() => model.close());
  model.script(demonstrate);
  return model;
}

// What a test reads of an answer is for the test to know.
type Answer = Omit<Response, 'json'> & { json(): Promise<ReturnType<typeof JSON.parse>> };

const ask = (model: OfflineModel, messages: unknown): Promise<Answer> =>
  fetch(`${model.url}/chat/completions`, { method: 'POST', body: JSON.stringify({ model: 'offline', messages }) });

/** How it answers a question, asked as the bot asks it. */
async function answer(text: string) {
  const response = await ask(await open(), [{ role: 'user', content: renderQuestion(question(text)) }]);
  const body = response.headers.get('content-type') === 'text/html' ? {} : await response.json();
  return {
    status: response.status,
    text: String(body.choices?.[0]?.message.content ?? ''),
    finish: body.choices?.[0]?.finish_reason,
    code: body.error?.code,
  };
}

test('it says what it was told and by whom, what it remembers, and the role that it was given, as the bot tells it', async () => {
  const earlier = { seq: 1, question: question('Hello\nyou'), answer: 'Hello.', tokens: 4 };
  const { messages } = buildPrompt('You are kind.\n\nAnd brief.', [earlier], question('One\ntwo'), 16_000, () => 1);
  const body = await (await ask(await open(), messages)).json();
  expect(body.choices[0].message.content).toBe(
    [
      'I am the offline model: I only tell what I was sent. Ask me for `help` to see what I can show.',
      '',
      '@ada (Ada) said:',
      '> One',
      '> two',
      '',
      'I remember 1 exchange before that:',
      '- @ada (Ada): Hello',
      '',
      'My system role: You are kind.\n\nAnd brief.',
    ].join('\n'),
  );
});

test('what it is asked by others’ bots, in no form of ours, it takes as it is', async () => {
  const body = await (await ask(await open(), [{ role: 'user', content: 'Good morning' }])).json();
  expect(body.choices[0].message.content).toContain(
    'Somebody said:\n> Good morning\n\nI remember nothing before that.',
  );
  expect(body.choices[0].message.content).toContain('I was given no system role.');
});

test('its help names what it can show, and it shows what its help names', async () => {
  const { text } = await answer('help');
  const said = [...text.matchAll(/^- `(.*?)`/gm)].map(([, words = '']) => words);
  expect(said).toContain('fail with a rate limit');
  // Those that take their time are tried below, or are slow by nature.
  const quick = said.filter(
    (words) => words.startsWith('fail') || words.startsWith('be cut') || words === 'an empty answer',
  );
  expect(quick.length).toBeGreaterThan(10);
  for (const words of quick) {
    const shown = await answer(`Please, ${words}!`);
    expect(shown.text, words).not.toContain('said:');
  }
});

test.each([
  ['fail with a wrong key', 401, 'invalid_api_key'],
  ['please fail with a rate limit', 429, 'rate_limit_exceeded'],
  ['fail with a lack of credit', 429, 'insufficient_quota'],
  ['fail with an unknown model', 404, 'model_not_found'],
  ['fail with a too long prompt', 400, 'context_length_exceeded'],
  ['fail with a server error', 500, null],
  ['fail with a filter', 400, 'content_filter'],
])('asked to %s, it answers %i', async (words, status, code) => {
  expect(await answer(words)).toMatchObject({ status, code });
});

test('it can be cut off by its length or by a filter, and have nothing to say', async () => {
  expect(await answer('be cut off')).toMatchObject({ finish: 'length' });
  expect(await answer('be cut off by the filter')).toMatchObject({ finish: 'content_filter' });
  expect(await answer('an empty answer')).toMatchObject({ finish: 'stop', text: '' });
});

test('it answers as long as it is asked to', async () => {
  expect((await answer('Give me 100,000 characters')).text).toHaveLength(100_000);
  const long = await answer('a long answer with code');
  expect(long.text.length).toBeGreaterThan(5_000);
  expect(long.text.match(/^```/gm)?.length).toBe(10);
});

test('it can hang up', async () => {
  const model = await open();
  const content = renderQuestion(question('hang up'));
  await expect((async () => (await ask(model, [{ role: 'user', content }])).text())()).rejects.toThrow();
});
