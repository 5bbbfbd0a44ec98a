import { request as httpRequest } from 'node:http';
import OpenAI, { APIError } from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hangUp, type OfflineModel, startModel } from '../../../src/sandbox/model/model.js';

let model: OfflineModel;
beforeEach(async () => {
  model = await startModel({ apiKey: 'sk-test' });
});
afterEach(() => model.close());

const messages = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Hi there' },
] as const;

const post = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${model.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-test', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

const client = () => new OpenAI({ baseURL: model.url, apiKey: 'sk-test', maxRetries: 0 });

describe('the SDK', () => {
  test('reads a whole answer', async () => {
    model.script('Hello you');
    const { choices, usage } = await client().chat.completions.create({ model: 'm', messages: [...messages] });
    expect(choices).toMatchObject([
      { index: 0, message: { role: 'assistant', content: 'Hello you' }, finish_reason: 'stop' },
    ]);
    expect(usage).toMatchObject({ prompt_tokens: 4, completion_tokens: 2, total_tokens: 6 });
  });

  test('reads a stream with its usage at the end', async () => {
    model.script(() => ['Hel', 'lo', { finish: 'length' }]);
    const stream = await client().chat.completions.create({
      model: 'm',
      messages: [...messages],
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content)).toEqual(['', 'Hel', 'lo', undefined, undefined]);
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('length');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 1 } });
  });

  test('lists its one model', async () => {
    expect((await client().models.list()).data).toMatchObject([{ id: 'offline' }]);
  });

  test('meets a bad key', async () => {
    const stranger = new OpenAI({ baseURL: model.url, apiKey: 'sk-other', maxRetries: 0 });
    const refused = stranger.chat.completions.create({ model: 'm', messages: [...messages] });
    await expect(refused).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' });
    await expect(refused).rejects.toBeInstanceOf(APIError);
    expect(model.requests).toHaveLength(0);
  });
});

describe('a request', () => {
  test.each([
    [
      { model: 'm', messages, colour: 'red' },
      { code: 'unknown_parameter', param: 'colour' },
    ],
    [
      { model: 'm', messages: [{ role: 'user', content: 'Hi', author: 'x' }] },
      { code: 'unknown_parameter', param: 'messages.0.author' },
    ],
    [
      { model: 'm', messages, temperature: 3 },
      { code: 'invalid_value', param: 'temperature' },
    ],
    [
      { model: 'm', messages, top_p: -1 },
      { code: 'invalid_value', param: 'top_p' },
    ],
    [
      { model: 'm', messages, presence_penalty: 2.5 },
      { code: 'invalid_value', param: 'presence_penalty' },
    ],
    [
      { model: 'm', messages, max_tokens: 0 },
      { code: 'invalid_value', param: 'max_tokens' },
    ],
    [
      { model: 'm', messages, stream_options: { include_usage: true } },
      { code: 'invalid_value', param: 'stream_options' },
    ],
    [
      { model: 'm', messages: [] },
      { code: 'invalid_value', param: 'messages' },
    ],
    [{ messages }, { code: 'invalid_value', param: 'model' }],
    ['{', { type: 'invalid_request_error' }],
  ])('%j is refused as OpenAI does', async (body, error) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error', ...error } });
    expect(model.requests).toHaveLength(0);
  });

  test('to another path, or under another name than loopback, is refused', async () => {
    const headers = { authorization: 'Bearer sk-test' };
    expect((await fetch(`${model.url}/embeddings`, { method: 'POST', headers })).status).toBe(404);
    // fetch does not let the name be chosen.
    const status = await new Promise((resolve, reject) => {
      const foreign = httpRequest(`${model.url}/models`, { headers: { ...headers, host: 'example.com' } });
      foreign
        .on('response', (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(403);
  });

  test('that breaks off is nobody’s fault', async () => {
    const broken = httpRequest(`${model.url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-test', 'content-length': 100 },
    });
    broken.on('error', () => {});
    await new Promise<void>((resolve) => broken.write('{"model":', () => resolve()));
    broken.destroy();
    expect((await post({ model: 'm', messages })).status).toBe(200);
    expect(model.requests).toHaveLength(1);
    await model.close();
  });

  test('can be awaited before it comes', async () => {
    const second = model.request(1);
    await post({ model: 'one', messages });
    await post({ model: 'two', messages });
    expect((await second).body.model).toBe('two');
    expect((await model.request(0)).body.messages).toEqual(messages);
  });

  test('knows whether its answer was sent', async () => {
    await (await post({ model: 'm', messages })).text();
    expect(await model.requests[0]?.closed).toBe('sent');
  });

  test('knows when its client has hung up', async () => {
    model.script(async function* ({ closed }) {
      yield 'Hel';
      await closed;
    });
    const stop = new AbortController();
    const { body } = await fetch(`${model.url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-test' },
      body: JSON.stringify({ model: 'm', messages, stream: true }),
      signal: stop.signal,
    });
    await body?.getReader().read();
    stop.abort();
    expect(await model.requests[0]?.closed).toBe('hung up');
  });
});

describe('scripts', () => {
  test('take their turn, and the last one stays', async () => {
    model.script({ status: 503, body: 'busy' }, 'first', 'then');
    const answers: string[] = [];
    for (let count = 0; count < 4; count += 1) answers.push(await (await post({ model: 'm', messages })).text());
    expect(answers[0]).toBe('busy');
    expect(answers.map((answer) => /first|then/.exec(answer)?.[0])).toEqual([undefined, 'first', 'then', 'then']);
  });

  test('can break the connection off after what they said', async () => {
    model.script(() => ['Hel', hangUp]);
    const response = await post({ model: 'm', messages, stream: true });
    const decoder = new TextDecoder();
    let heard = '';
    await expect(
      (async () => {
        for await (const bytes of response.body ?? []) heard += decoder.decode(bytes, { stream: true });
      })(),
    ).rejects.toThrow();
    expect(heard).toContain('Hel');
  });

  test('that throw break the connection off, and closing tells', async () => {
    const broken = await startModel();
    broken.script(() => {
      throw new Error('a fault in the script');
    });
    const answer = fetch(`${broken.url}/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'm', messages }),
    });
    await expect(answer).rejects.toThrow();
    await expect(broken.close()).rejects.toThrow('a fault in the script');
  });

  test('without an end are told no faster than they are heard, and left when the client is gone', async () => {
    model.script(function* () {
      for (;;) yield 'and so on, '.repeat(1000);
    });
    const response = await post({ model: 'm', messages, stream: true });
    await response.body?.cancel();
    expect(await model.requests[0]?.closed).toBe('hung up');
  });

  test('that wait are left when the client is gone', async () => {
    model.script(async function* () {
      yield 'Hel';
      await new Promise(() => {});
    });
    const response = await post({ model: 'm', messages, stream: true });
    await response.body?.cancel();
    expect(await model.requests[0]?.closed).toBe('hung up');
  });
});

test('unscripted it says who it is and what it was sent', async () => {
  const { choices } = await client().chat.completions.create({ model: 'm', messages: [...messages] });
  expect(choices[0]?.message.content).toBe(
    'I am the offline model: I only repeat what I was sent.\nYou said: Hi there\nI was given 2 messages.\nMy system role: Be brief.',
  );
});
