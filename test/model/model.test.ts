import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ConfigError, ModelError } from '../../src/errors.js';
import { type ChatMessage, createModel, type ModelSettings } from '../../src/model/model.js';
import { hangUp, type OfflineModel, type Script, startModel } from '../../src/sandbox/model/model.js';
import { refusals } from '../../src/sandbox/model/refusals.js';
import { type Outcome, outcomeOf, serverThat } from './server.js';

// Before the first request, because the SDK keeps the console's functions as it finds them then.
const printed = vi.spyOn(console, 'error');

let server: OfflineModel;
beforeEach(async () => {
  server = await startModel();
});
afterEach(() => server.close());

const question: readonly ChatMessage[] = [{ role: 'user', content: 'Hello there' }];

const modelOf = (settings: Partial<ModelSettings> = {}) =>
  createModel({ baseUrl: server.url, model: 'm', stream: true, timeoutMs: 5_000, backoffMs: 1, ...settings });

const hear = (model = modelOf(), signal?: AbortSignal) => outcomeOf(model, question, signal);
const failureOf = ({ error }: Outcome) => (error instanceof ModelError ? error.failure : error);
const both = [{ stream: true }, { stream: false }] as const;

describe('the request', () => {
  test('holds the prompt and nothing that is not set', async () => {
    await hear();
    expect(server.requests[0]?.body).toEqual({
      model: 'm',
      messages: question,
      stream: true,
      stream_options: { include_usage: true },
    });
    await hear(modelOf({ stream: false }));
    expect(server.requests[1]?.body).toEqual({ model: 'm', messages: question, stream: false });
  });

  test('holds every setting that is set, the zeros too', async () => {
    await hear(modelOf({ temperature: 0, topP: 0.5, maxTokens: 7, frequencyPenalty: 0, presencePenalty: -1 }));
    expect(server.requests[0]?.body).toMatchObject({
      temperature: 0,
      top_p: 0.5,
      max_tokens: 7,
      frequency_penalty: 0,
      presence_penalty: -1,
    });
  });

  test('carries the key, or no authorization at all', async () => {
    await hear(modelOf({ apiKey: 'sk-secret' }));
    await hear();
    const [first, second] = server.requests;
    expect(first?.headers.authorization).toBe('Bearer sk-secret');
    expect(second?.headers).not.toHaveProperty('authorization');
  });

  test('takes nothing from the environment', async () => {
    const foreign = {
      OPENAI_API_KEY: 'sk-env',
      OPENAI_ADMIN_KEY: 'sk-admin',
      OPENAI_BASE_URL: 'http://127.0.0.1:9/v1',
      OPENAI_ORG_ID: 'org-env',
      OPENAI_PROJECT_ID: 'proj-env',
      OPENAI_CUSTOM_HEADERS: 'x-custom: env\nauthorization: Bearer sk-custom',
      OPENAI_LOG: 'debug',
    };
    for (const [name, value] of Object.entries(foreign)) vi.stubEnv(name, value);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    expect((await hear()).ending).toMatchObject({ finish: 'stop' });
    expect(JSON.stringify(server.requests[0]?.headers)).not.toMatch(/env|admin|custom|stainless|organization|project/i);
  });

  test('does not start when the signal is aborted already', async () => {
    const { error } = await hear(modelOf(), AbortSignal.abort(new Error('too late')));
    expect(error).toEqual(new Error('too late'));
    expect(server.requests).toHaveLength(0);
  });

  test('a key that no header can carry is refused at the start, without being told', () => {
    expect(() => modelOf({ apiKey: 'sk-a\nb' })).toThrow(ConfigError);
    expect(() => modelOf({ apiKey: 'sk-a\nb' })).not.toThrow(/sk-a/);
  });
});

describe('what a server does not take', () => {
  test('the other name of the token limit is used at once, and from then on', async () => {
    const model = modelOf({ maxTokens: 9 });
    server.script(refusals.unsupported('max_tokens'), 'Hi');
    expect(await hear(model)).toMatchObject({ pieces: ['Hi'] });
    await hear(model);
    expect(server.requests.map(({ body }) => [body.max_tokens, body.max_completion_tokens])).toEqual([
      [9, undefined],
      [undefined, 9],
      [undefined, 9],
    ]);
  });

  test('a server that takes neither name is asked twice only', async () => {
    const model = modelOf({ maxTokens: 9 });
    server.script(refusals.unsupported('max_tokens'), refusals.unsupported('max_completion_tokens'));
    expect(failureOf(await hear(model))).toBe('rejected');
    expect(server.requests).toHaveLength(2);
  });

  test('a limit out of range is no reason to use the other name', async () => {
    const error = { message: 'max_tokens is too high', param: 'max_tokens', code: 'invalid_value' };
    server.script({ status: 400, body: { error } });
    expect(failureOf(await hear(modelOf({ maxTokens: 9 })))).toBe('rejected');
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ['Groq', 400, { error: { message: "property 'stream_options' is unsupported, did you mean 'stream'?" } }],
    [
      'Mistral',
      422,
      {
        object: 'error',
        message: {
          detail: [{ type: 'extra_forbidden', loc: ['body', 'stream_options'], msg: 'Extra inputs are not permitted' }],
        },
      },
    ],
  ])('stream options that %s refuses are left out from then on', async (_, status, body) => {
    const model = modelOf();
    server.script({ status, body }, 'Hi');
    expect(await hear(model)).toMatchObject({ pieces: ['Hi'], ending: { finish: 'stop' } });
    await hear(model);
    expect(server.requests.map((request) => request.body.stream_options)).toEqual([
      { include_usage: true },
      undefined,
      undefined,
    ]);
  });

  test('two answers that learn at the same time both come', async () => {
    const model = modelOf({ maxTokens: 9 });
    server.script(refusals.unsupported('max_tokens'), refusals.unsupported('max_tokens'), 'Hi');
    const outcomes = await Promise.all([hear(model), hear(model)]);
    expect(outcomes.map(({ pieces }) => pieces)).toEqual([['Hi'], ['Hi']]);
  });
});

describe('an answer', () => {
  test('comes piece by piece, while it is being made', async () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    server.script(async function* () {
      yield 'Hel';
      await gate;
      yield 'lo';
    });
    const answer = modelOf()(question, new AbortController().signal);
    expect(await answer.next()).toEqual({ done: false, value: 'Hel' });
    open();
    expect(await answer.next()).toEqual({ done: false, value: 'lo' });
    expect(await answer.next()).toMatchObject({ done: true, value: { finish: 'stop' } });
  });

  test.each(both)('tells its model and its usage ($stream)', async ({ stream }) => {
    server.script(function* () {
      yield 'Hi';
      yield { usage: { prompt_tokens: 10, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 8 } } };
    });
    expect(await hear(modelOf({ stream }))).toEqual({
      pieces: ['Hi'],
      ending: { finish: 'stop', model: 'm', usage: { promptTokens: 10, cachedTokens: 8, completionTokens: 3 } },
    });
  });

  test.each([{ usage: null }, { usage: { prompt_tokens: 'many' } }, { usage: 3 }])(
    'with a usage of $usage has none',
    async (step) => {
      server.script(function* () {
        yield 'Hi';
        yield step;
      });
      expect((await hear()).ending).toEqual({ finish: 'stop', model: 'm' });
    },
  );

  test.each([
    ['length', 'length'],
    ['content_filter', 'content_filter'],
    ['stop', 'stop'],
    ['tool_calls', 'stop'],
    ['eos', 'stop'],
  ] as const)('that finishes with %s after text ends with %s', async (finish, expected) => {
    for (const { stream } of both) {
      server.script(function* () {
        yield 'Hi';
        yield { finish };
      });
      expect(await hear(modelOf({ stream }))).toMatchObject({ pieces: ['Hi'], ending: { finish: expected } });
    }
  });

  test.each(both)('is its content and its refusal, not its reasoning ($stream)', async ({ stream }) => {
    server.script(function* () {
      yield { delta: { reasoning_content: 'Hmm.' } };
      yield { delta: { content: null } };
      yield { delta: {} };
      yield { delta: { refusal: 'I cannot do that.' } };
    });
    expect((await hear(modelOf({ stream }))).pieces).toEqual(['I cannot do that.']);
  });

  test('of which the text comes in parts is their text', async () => {
    server.script(function* () {
      yield { delta: { content: [{ type: 'thinking', thinking: [] }] } };
      yield { delta: { content: [{ type: 'text', text: 'Hi' }] } };
    });
    expect((await hear()).pieces).toEqual(['Hi']);
  });

  test('is the first of several choices', async () => {
    server.script(function* () {
      yield { chunk: { choices: [{ index: 1, delta: { content: 'other' } }] } };
      yield {
        chunk: {
          choices: [
            { index: 1, delta: { content: 'other' } },
            { index: 0, delta: { content: 'mine' } },
          ],
        },
      };
    });
    expect((await hear()).pieces).toEqual(['mine']);
  });

  test('of white space is none, and white space before text comes with it', async () => {
    server.script(function* () {
      yield '\n';
      yield ' ';
    });
    const blank = await hear();
    expect([blank.pieces, failureOf(blank)]).toEqual([[], 'empty']);
    server.script(function* () {
      yield '\n';
      yield ' Hi';
      yield ' ';
      yield 'you';
    });
    expect((await hear()).pieces).toEqual(['\n Hi', ' ', 'you']);
  });

  test.each(both)('without text is empty, or held back by the filter ($stream)', async ({ stream }) => {
    server.script('');
    expect(failureOf(await hear(modelOf({ stream })))).toBe('empty');
    server.script(() => [{ finish: 'content_filter' }]);
    expect(failureOf(await hear(modelOf({ stream })))).toBe('filtered');
    expect(server.requests).toHaveLength(2);
  });

  test('is read whole where a server does not stream though asked to, and as a stream where it does unasked', async () => {
    const message = { role: 'assistant', content: 'Hi' };
    server.script({ status: 200, body: { model: 'x', choices: [{ index: 0, message, finish_reason: 'stop' }] } });
    expect(await hear()).toEqual({ pieces: ['Hi'], ending: { finish: 'stop', model: 'x' } });
    const event = { choices: [{ delta: { content: 'Ho' }, finish_reason: 'stop' }] };
    server.script({
      status: 200,
      body: `data: ${JSON.stringify(event)}\n\n`,
      headers: { 'content-type': 'text/event-stream' },
    });
    expect((await hear(modelOf({ stream: false }))).pieces).toEqual(['Ho']);
  });

  test('that came whole needs no finish reason', async () => {
    server.script({ status: 200, body: { choices: [{ message: { content: 'Hi' } }] } });
    expect((await hear(modelOf({ stream: false }))).ending).toMatchObject({ finish: 'stop' });
  });

  test('is the same wherever its bytes are split', async () => {
    const chunk = (delta: object, finish_reason: string | null = null) =>
      `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\r\n\r\n`;
    const bytes = Buffer.from(`: hello\n\n${chunk({ content: 'ä€🙂' })}${chunk({}, 'stop')}data: [DONE]\n\n`);
    const splits = Array.from({ length: bytes.length - 1 }, (_, index) => index + 1);
    const model = modelOf();
    for (const at of splits) {
      server.script(async function* () {
        yield { raw: bytes.subarray(0, at) };
        // Two writes in one turn may travel together.
        await new Promise((resolve) => setImmediate(resolve));
        yield { raw: bytes.subarray(at) };
        yield { finish: null };
      });
      const { pieces, ending } = await hear(model);
      expect([at, pieces.join(''), ending?.finish]).toEqual([at, 'ä€🙂', 'stop']);
    }
  });

  test('that was finished counts, though the connection breaks before the usage', async () => {
    server.script(function* () {
      yield { chunk: { choices: [{ delta: { content: 'Hi' }, finish_reason: 'stop' }] } };
      yield hangUp;
    });
    expect(await hear()).toEqual({ pieces: ['Hi'], ending: { finish: 'stop', model: 'm' } });
  });
});

describe('a refusal', () => {
  const refused: readonly (readonly [string, Script, string])[] = [
    ['bad key', refusals.badKey, 'key'],
    ['forbidden', refusals.forbidden, 'forbidden'],
    ['no credit', refusals.noCredit, 'credit'],
    ['402', { status: 402, body: { error: { message: 'Insufficient Balance' } } }, 'credit'],
    ['unknown model', refusals.unknownModel, 'model'],
    ['too long', refusals.tooLong, 'too-long'],
    ['413', { status: 413, body: '' }, 'too-long'],
    ['content filter', refusals.filtered, 'filtered'],
    ['any other 4xx', { status: 418, body: { error: { message: 'no' } } }, 'rejected'],
    ['422 in a bare body', { status: 422, body: { detail: [{ msg: 'Field required' }] } }, 'rejected'],
  ];
  test.each(refused)('for %s is not tried again', async (_, script, expected) => {
    server.script(script);
    for (const { stream } of both) expect(failureOf(await hear(modelOf({ stream })))).toBe(expected);
    expect(server.requests).toHaveLength(2);
  });

  test('keeps what the server said, wrapped in error or not, as its cause', async () => {
    server.script({ status: 400, body: { object: 'error', message: 'You sent nonsense.', code: 1000 } });
    expect((await hear()).error).toMatchObject({ cause: { message: expect.stringContaining('You sent nonsense.') } });
    server.script({ status: 400, body: { error: 'Plain nonsense.' } });
    expect((await hear()).error).toMatchObject({ cause: { message: expect.stringContaining('Plain nonsense.') } });
  });

  test('of the whole address is told apart from that of the model, for the log', async () => {
    const elsewhere = await hear(modelOf({ baseUrl: server.url.replace('/v1', '/v2') }));
    expect(elsewhere.error).toMatchObject({
      failure: 'model',
      cause: { message: expect.stringContaining('OPENAI_BASE_URL') },
    });
    server.script(refusals.unknownModel);
    expect((await hear()).error).toMatchObject({ cause: { message: expect.not.stringContaining('OPENAI_BASE_URL') } });
  });

  test('that repeats the key does not bring it into the error', async () => {
    server.script({ status: 401, body: { error: { message: 'No such key: sk-secret' } } });
    const { error } = await hear(modelOf({ apiKey: 'sk-secret' }));
    expect(error).toMatchObject({ failure: 'key', cause: { message: '401 No such key: [key]' } });
    const { cause } = error as ModelError; // checked just above
    expect(JSON.stringify(cause, Object.getOwnPropertyNames(cause))).not.toContain('secret');
  });

  test.each(both)('inside a 200 counts like one with its number ($stream)', async ({ stream }) => {
    const model = modelOf({ stream });
    server.script(() => [{ error: { code: 402, message: 'Add credits.' } }]);
    expect(failureOf(await hear(model))).toBe('credit');
    server.script({ status: 200, body: { error: { code: '401', message: 'no' } } });
    expect(failureOf(await hear(model))).toBe('key');
    server.script({ status: 200, body: { object: 'error', code: 404, message: 'no' } });
    expect(failureOf(await hear(model))).toBe('model');
    server.script(() => [{ error: { code: 502, message: 'upstream' } }], 'Hi');
    expect((await hear(model)).pieces).toEqual(['Hi']);
  });

  test('in the middle of a stream comes after the text, and is not tried again', async () => {
    server.script(function* () {
      yield 'Hel';
      yield { error: { message: 'overloaded', type: 'server_error' } };
    });
    const outcome = await hear();
    expect([outcome.pieces, failureOf(outcome)]).toEqual([['Hel'], 'trouble']);
    expect(server.requests).toHaveLength(1);
  });
});

describe('trying again', () => {
  test.each([
    ['500', refusals.serverError],
    ['503', refusals.overloaded],
    ['408', { status: 408, body: {} }],
    ['409', { status: 409, body: {} }],
    ['a page of a proxy', refusals.htmlPage],
    ['a dropped connection', () => [hangUp]],
    ['a stream without an end', () => [{ delta: { role: 'assistant' } }, { finish: null }]],
    ['a rate limit', refusals.rateLimited()],
  ] satisfies [string, Script][])('helps against %s', async (_, script) => {
    const retries: [string, number][] = [];
    server.script(script, script, 'Hi');
    const model = modelOf({ onRetry: ({ failure }, _waitMs, attempt) => retries.push([failure, attempt]) });
    expect(await hear(model)).toMatchObject({ pieces: ['Hi'], ending: { finish: 'stop' } });
    expect(retries.map(([, attempt]) => attempt)).toEqual([1, 2]);
    expect(server.requests).toHaveLength(3);
  });

  test('ends after three further attempts', async () => {
    server.script(refusals.serverError);
    expect(failureOf(await hear())).toBe('trouble');
    expect(server.requests).toHaveLength(4);
  });

  test('a refused connection is one after the last attempt', async () => {
    const gone = await startModel();
    await gone.close();
    const waits: number[] = [];
    const model = modelOf({ baseUrl: gone.url, backoffMs: 8, onRetry: (_, waitMs) => waits.push(waitMs) });
    expect(failureOf(await hear(model))).toBe('connection');
    expect(waits).toHaveLength(3);
    for (const [index, waitMs] of waits.entries()) {
      expect(waitMs).toBeGreaterThanOrEqual(6 * 2 ** index);
      expect(waitMs).toBeLessThanOrEqual(8 * 2 ** index);
    }
  });

  test.each([
    ['milliseconds', () => refusals.rateLimited({ ms: 20_000 })],
    ['seconds', () => refusals.rateLimited({ seconds: 20 })],
    ['a date', () => refusals.rateLimited({ until: new Date(Date.now() + 20_900) })],
    ['seconds by a server in trouble', () => ({ ...refusals.overloaded, headers: { 'retry-after': '20' } })],
  ])('waits as told in %s, and not longer than somebody wants the answer', async (_, refuse) => {
    const stop = new AbortController();
    const waits: number[] = [];
    server.script(refuse());
    const model = modelOf({
      onRetry: (_failure, waitMs) => {
        waits.push(waitMs);
        setImmediate(() => stop.abort(new Error('stopped')));
      },
    });
    expect((await hear(model, stop.signal)).error).toEqual(new Error('stopped'));
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThan(18_000);
    expect(waits[0]).toBeLessThanOrEqual(21_000);
    expect(server.requests).toHaveLength(1);
  });

  test('a date counts from the time that the server tells, and not from ours', async () => {
    const stop = new AbortController();
    const waits: number[] = [];
    const headers = { date: 'Sun, 06 Nov 1994 08:49:37 GMT', 'retry-after': 'Sun, 06 Nov 1994 08:49:57 GMT' };
    server.script({ ...refusals.overloaded, headers });
    const onRetry = (_: ModelError, waitMs: number) => {
      waits.push(waitMs);
      stop.abort();
    };
    await hear(modelOf({ onRetry }), stop.signal);
    expect(waits).toEqual([20_000]);
  });

  test.each([
    ['a date that is over', new Date(0).toUTCString()],
    ['no date', 'soon'],
    ['a date without a time', 'Sun, 06 Nov 2094'],
    ['nothing', ''],
    ['less than nothing', '-5'],
    ['years', '99999999999'],
    ['more seconds than a number can hold', '9'.repeat(400)],
  ])('waits as if nothing was told where %s is', async (_, told) => {
    const waits: number[] = [];
    server.script({ ...refusals.rateLimited(), headers: { 'retry-after': told } }, 'Hi');
    expect(await hear(modelOf({ onRetry: (_failure, waitMs) => waits.push(waitMs) }))).toMatchObject({
      pieces: ['Hi'],
    });
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeLessThanOrEqual(1);
  });

  test('a far date is not waited for but told', async () => {
    server.script(refusals.rateLimited({ until: new Date(Date.now() + 3 * 3_600_000) }));
    const { error } = await hear();
    expect(error).toMatchObject({ failure: 'busy', message: expect.stringMatching(/in about [34] hours\.$/) });
    expect(server.requests).toHaveLength(1);
  });

  test('a short wait that was told is waited', async () => {
    server.script(refusals.rateLimited({ ms: 5 }), 'Hi');
    expect((await hear()).pieces).toEqual(['Hi']);
  });

  test('a longer wait than a minute is not waited but told', async () => {
    server.script(refusals.rateLimited({ seconds: 221 }));
    const { error } = await hear();
    expect(error).toMatchObject({
      failure: 'busy',
      message: 'The language model is too busy right now. Please try again in about 4 minutes.',
    });
    expect(server.requests).toHaveLength(1);
  });

  test('is over once there was text', async () => {
    server.script(function* () {
      yield 'Hel';
      yield hangUp;
    });
    const outcome = await hear();
    expect([outcome.pieces, failureOf(outcome)]).toEqual([['Hel'], 'connection']);
    expect(server.requests).toHaveLength(1);
  });

  test('is over once there was text, also where the stream ends without a reason', async () => {
    server.script(() => ['Hel', { finish: null }]);
    const outcome = await hear();
    expect([outcome.pieces, failureOf(outcome)]).toEqual([['Hel'], 'connection']);
  });
});

describe('silence', () => {
  test.each([
    [
      'before anything',
      async function* ({ closed }: { closed: Promise<unknown> }) {
        await closed;
        yield '';
      },
      [],
    ],
    [
      'before text',
      async function* ({ closed }: { closed: Promise<unknown> }) {
        yield { delta: { role: 'assistant' } };
        await closed;
      },
      [],
    ],
    [
      'after text',
      async function* ({ closed }: { closed: Promise<unknown> }) {
        yield 'Hel';
        await closed;
      },
      ['Hel'],
    ],
  ] satisfies [string, Script, string[]][])('%s ends the request and is not tried again', async (_, script, pieces) => {
    server.script(script);
    const outcome = await hear(modelOf({ timeoutMs: 250 }));
    expect([outcome.pieces, failureOf(outcome)]).toEqual([pieces, 'stalled']);
    expect(await server.requests[0]?.closed).toBe('hung up');
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ['a comment', { raw: ': still here\n\n' }],
    ['reasoning', { delta: { reasoning_content: 'Hmm' } }],
    ['half an event', { raw: ':' }],
  ])('is broken by %s', async (_, sign) => {
    server.script(async function* () {
      for (let count = 0; count < 10; count += 1) {
        yield sign;
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
      yield { raw: '\n\n' };
      yield 'Hi';
    });
    expect((await hear(modelOf({ timeoutMs: 300 }))).pieces).toEqual(['Hi']);
  });

  test('of the reader is not the server’s', async () => {
    server.script(['Hel', 'lo'].join(' '));
    const answer = modelOf({ timeoutMs: 300 })(question, new AbortController().signal);
    expect((await answer.next()).value).toBe('Hel lo');
    await new Promise((resolve) => setTimeout(resolve, 450));
    expect(await answer.next()).toMatchObject({ done: true });
  });

  test('after the finish reason takes nothing away from the answer', async () => {
    server.script(async function* ({ closed }) {
      yield { chunk: { choices: [{ delta: { content: 'Hi' }, finish_reason: 'stop' }] } };
      await closed;
    });
    expect(await hear(modelOf({ timeoutMs: 250 }))).toMatchObject({ pieces: ['Hi'], ending: { finish: 'stop' } });
  });
});

describe('stopping', () => {
  const endless: Script = async function* ({ closed }) {
    yield 'Hel';
    await closed;
  };

  test('by leaving the loop ends the request', async () => {
    server.script(endless);
    for await (const piece of modelOf()(question, new AbortController().signal)) {
      expect(piece).toBe('Hel');
      break;
    }
    expect(await server.requests[0]?.closed).toBe('hung up');
  });

  test('by the signal in the middle ends the request and throws its reason', async () => {
    server.script(endless);
    const stop = new AbortController();
    const answer = modelOf()(question, stop.signal);
    expect((await answer.next()).value).toBe('Hel');
    const rest = answer.next();
    stop.abort('enough');
    await expect(rest).rejects.toBe('enough');
    expect(await server.requests[0]?.closed).toBe('hung up');
  });

  test('by the signal before the first byte ends the request and throws its reason', async () => {
    server.script(async function* ({ closed }) {
      await closed;
      yield '';
    });
    const stop = new AbortController();
    const outcome = hear(modelOf(), stop.signal);
    const { closed } = await server.request(0);
    stop.abort('enough');
    expect(await outcome).toEqual({ pieces: [], error: 'enough' });
    expect(await closed).toBe('hung up');
    expect(server.requests).toHaveLength(1);
  });

  test('by the signal ends a whole answer too', async () => {
    server.script(endless);
    const stop = new AbortController();
    const outcome = hear(modelOf({ stream: false }), stop.signal);
    const { closed } = await server.request(0);
    stop.abort('enough');
    expect(await outcome).toEqual({ pieces: [], error: 'enough' });
    expect(await closed).toBe('hung up');
  });

  test('is listened for no longer than the request lasts', async () => {
    server.script('Hello');
    const { signal } = new AbortController();
    for await (const _ of modelOf()(question, signal)) expect(getEventListeners(signal, 'abort')).not.toHaveLength(0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('yields no text that had come but was not asked for yet', async () => {
    server.script(() => ['one', 'two', 'three']);
    const stop = new AbortController();
    const answer = modelOf()(question, stop.signal);
    await answer.next();
    stop.abort('enough');
    await expect(answer.next()).rejects.toBe('enough');
  });
});

describe('an answer that cannot be read', () => {
  test.each([
    ['a number as text', { choices: [{ delta: { content: 42 } }] }],
    ['a number as finish reason', { choices: [{ delta: {}, finish_reason: 5 }] }],
    ['choices that are no list', { choices: 'none' }],
    ['a list', []],
    ['null', null],
    ['a word', 'hello'],
  ])('with %s in its stream is trouble, and is not asked for again', async (_, chunk) => {
    server.script(() => [{ chunk }]);
    expect(failureOf(await hear())).toBe('trouble');
    expect(server.requests).toHaveLength(1);
  });

  test('with broken JSON in its stream is trouble, after the text, and is printed nowhere', async () => {
    server.script(() => ['Hel', { raw: 'data: {"choices":[\n\n' }]);
    const outcome = await hear();
    expect([outcome.pieces, failureOf(outcome)]).toEqual([['Hel'], 'trouble']);
    expect(printed).not.toHaveBeenCalled();
  });

  test.each([
    ['no choices', { id: 'x', choices: [] }],
    ['null', 'null'],
    ['no message', { choices: [3] }],
    ['half of its JSON', '{"choices":'],
    ['nothing', ''],
  ])('with %s in a whole is trouble', async (_, body) => {
    server.script({ status: 200, body });
    for (const { stream } of both) expect(failureOf(await hear(modelOf({ stream })))).toBe('trouble');
    expect(server.requests).toHaveLength(2);
  });

  test('because it is a page is trouble', async () => {
    server.script({ ...refusals.htmlPage, status: 200 });
    for (const { stream } of both) expect(failureOf(await hear(modelOf({ stream })))).toBe('trouble');
  });

  test('because it breaks off in its headers is a lost connection', async () => {
    await using bad = await serverThat(({ socket }) => socket.end('HTTP/1.1 200 OK\r\ncontent-'));
    expect(failureOf(await hear(modelOf({ baseUrl: bad.baseUrl })))).toBe('connection');
  });

  test('because it breaks off in its length is a lost connection', async () => {
    await using bad = await serverThat((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
      response.write('{"choices":', () => response.destroy());
    });
    expect(failureOf(await hear(modelOf({ baseUrl: bad.baseUrl, stream: false })))).toBe('connection');
  });
});
