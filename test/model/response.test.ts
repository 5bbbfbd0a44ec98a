import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type RequestListener, type ServerResponse, STATUS_CODES } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ModelError } from '../../src/errors.js';
import { LONGEST_ANSWER } from '../../src/model/completion.js';
import { LONGEST_EVENT } from '../../src/model/events.js';
import { type ChatMessage, createModel, type ModelSettings } from '../../src/model/model.js';
import {
  hangUp,
  type ModelRequest,
  type OfflineModel,
  type Script,
  type Step,
  startModel,
} from '../../src/sandbox/model/model.js';
import { type HttpAnswer, refusal, refusals } from '../../src/sandbox/model/refusals.js';
import { type Outcome, outcomeOf, rawServerThat, serverThat } from './server.js';

const printed = vi.spyOn(console, 'error');

let server: OfflineModel;
beforeEach(async () => {
  server = await startModel();
});
afterEach(async () => {
  expect(printed).not.toHaveBeenCalled();
  await server.close();
});

const question: readonly ChatMessage[] = [{ role: 'user', content: 'Hello there' }];

const hear = (settings: Partial<ModelSettings> = {}) => {
  const always = { baseUrl: server.url, model: 'm', stream: true, timeoutMs: 5_000, backoffMs: 1 };
  return outcomeOf(createModel({ ...always, ...settings }), question);
};

const failureOf = ({ error }: Outcome) => (error instanceof ModelError ? error.failure : error);
const heard = (outcome: Outcome) => [outcome.pieces.join(''), outcome.ending?.finish ?? failureOf(outcome)] as const;
const both = [{ stream: true }, { stream: false }] as const;
const json = { 'content-type': 'application/json' };
const events = { 'content-type': 'text/event-stream' };

const event = (delta: object, finish_reason: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const done = 'data: [DONE]\n\n';
const hi = `${event({ content: 'Hi' })}${event({}, 'stop')}${done}`;

describe('each error of OpenAI’s table', () => {
  /** See https://platform.openai.com/docs/guides/error-codes. */
  const table: readonly (readonly [HttpAnswer, string, requests: number])[] = [
    [refusal(401, 'Invalid Authentication', 'invalid_request_error'), 'key', 1],
    [refusals.badKey, 'key', 1],
    [refusal(401, 'You must be a member of an organization to use the API', 'invalid_request_error'), 'key', 1],
    [refusal(401, 'Your IP is not authorized', 'invalid_request_error', 'ip_not_authorized'), 'key', 1],
    [refusals.forbidden, 'forbidden', 1],
    [refusals.rateLimited(), 'busy', 11],
    [refusals.noCredit, 'credit', 1],
    [refusals.serverError, 'trouble', 4],
    [refusals.overloaded, 'trouble', 4],
    [refusal(503, 'Slow Down', 'server_error', 'slow_down'), 'trouble', 4],
  ];
  test.each(table)('%j is its failure, and asked for again where that may help', async (answer, failure, requests) => {
    server.script(answer);
    expect(heard(await hear({ backoffMs: 0.1 }))).toEqual(['', failure]);
    expect(server.requests).toHaveLength(requests);
  });
});

describe('a status', () => {
  const named: Readonly<Record<number, string>> = {
    401: 'key',
    402: 'credit',
    403: 'forbidden',
    404: 'model',
    408: 'trouble',
    409: 'trouble',
    413: 'too-long',
    429: 'busy',
  };
  const failureFor = (status: number) =>
    named[status] ?? (status >= 400 && status < 500 ? ('rejected' as const) : ('trouble' as const));

  const statuses = [...Object.keys(STATUS_CODES).map(Number), 299, 399, 498, 499, 520, 524, 529, 530, 599, 600, 999];
  const refusing = statuses.filter((status) => status >= 300);

  test.each([
    ['without a body', ''],
    ['with a page', '<html>no</html>'],
    ['with JSON of another kind', '["no"]'],
    ['with half a JSON', '{"error":{"message":"'],
  ])('of any number %s is a failure of its kind', async (_, body) => {
    await using bad = await serverThat(({ url }, response) => {
      response.writeHead(Number(url?.split('/')[2]), json).end(body);
    });
    const outcomes = refusing.map(async (status) => {
      const outcome = await hear({ baseUrl: `${bad.baseUrl}/${status}`, backoffMs: 0.1 });
      return [status, ...heard(outcome)];
    });
    expect(await Promise.all(outcomes)).toEqual(refusing.map((status) => [status, '', failureFor(status)]));
  });

  test.each([200, 201, 202, 204, 205])('of success (%i) without an answer is a failure too', async (status) => {
    for (const type of [json, events, {}]) {
      await using bad = await serverThat((_, response) => response.writeHead(status, type).end());
      for (const { stream } of both) {
        expect(failureOf(await hear({ baseUrl: bad.baseUrl, stream }))).toMatch(/^(trouble|connection)$/);
      }
    }
  });

  test('counts though its body breaks off', async () => {
    await using bad = await serverThat((_, response) => {
      response.writeHead(401, { ...json, 'content-length': '100' });
      response.write('{"error":', () => response.destroy());
    });
    expect(failureOf(await hear({ baseUrl: bad.baseUrl }))).toBe('key');
  });

  test('counts though a header holds what no header should', async () => {
    const refused = 'HTTP/1.1 401 No\r\nx-request-id: caf\xe9\r\ncontent-length: 2\r\n\r\n{}';
    await using bad = await rawServerThat((socket) => {
      socket.once('data', () => socket.end(Buffer.from(refused, 'latin1')));
    });
    expect(failureOf(await hear({ baseUrl: bad.baseUrl }))).toBe('key');
  });

  test('counts though its body never ends, however fast or slowly it comes', async () => {
    for (const text of ['x'.repeat(65_536), '']) {
      const hungUp = new Set<string>();
      await using bad = await serverThat((_, response) => {
        response.once('close', () => hungUp.add(text)).writeHead(401, json);
        response.flushHeaders();
        pour(response, text);
      });
      expect(failureOf(await hear({ baseUrl: bad.baseUrl }))).toBe('key');
      await expect.poll(() => hungUp).toContain(text);
    }
  });

  test('that sends elsewhere is followed, and the key stays behind', async () => {
    const keys: unknown[] = [];
    await using other = await serverThat(({ headers }, response) => {
      keys.push(headers.authorization);
      response.writeHead(200, events).end(hi);
    });
    await using bad = await serverThat(({ url = '' }, response) => {
      response.writeHead(308, { location: `${other.baseUrl}${url.slice('/v1'.length)}` }).end();
    });
    expect(heard(await hear({ baseUrl: bad.baseUrl, apiKey: 'sk-secret' }))).toEqual(['Hi', 'stop']);
    expect(keys).toEqual([undefined]);
  });

  test('that sends round in circles is trouble', async () => {
    await using bad = await serverThat(({ url }, response) => {
      response.writeHead(307, { location: url }).end();
    });
    expect(failureOf(await hear({ baseUrl: bad.baseUrl }))).toBe('trouble');
  });
});

/** Sends the same without an end, as fast as it is read. */
function pour(response: ServerResponse, text: string): void {
  const more = () => {
    if (text !== '' && !response.destroyed) response.write(text, more);
  };
  more();
}

describe('a connection', () => {
  test.each(both)('that is reset before the answer is asked for again ($stream)', async ({ stream }) => {
    let count = 0;
    await using bad = await rawServerThat((socket) => {
      count += 1;
      socket.once('data', () => socket.resetAndDestroy());
    });
    expect(heard(await hear({ baseUrl: bad.baseUrl, stream }))).toEqual(['', 'connection']);
    expect(count).toBe(4);
  });

  test('that is reset amid the stream keeps the text, and is not asked for again', async () => {
    const sockets: Socket[] = [];
    await using bad = await serverThat(({ socket }, response) => {
      sockets.push(socket);
      response.writeHead(200, events).write(event({ content: 'Hel' }));
    });
    const model = createModel({ baseUrl: bad.baseUrl, model: 'm', stream: true, timeoutMs: 5_000 });
    const answer = model(question, new AbortController().signal);
    expect((await answer.next()).value).toBe('Hel');
    sockets[0]?.resetAndDestroy();
    await expect(answer.next()).rejects.toMatchObject({ failure: 'connection' });
    expect(sockets).toHaveLength(1);
  });

  test.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['half a status line', 'HTTP/1.1 2'],
    ['a header without an end', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}`],
    ['a chunk of no length', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
    ['nothing', ''],
  ])('that speaks %s is lost', async (_, said) => {
    await using bad = await rawServerThat((socket) => void socket.once('data', () => socket.end(said)));
    for (const { stream } of both)
      expect(heard(await hear({ baseUrl: bad.baseUrl, stream }))).toEqual(['', 'connection']);
  });

  // After ten seconds the line would give up by itself.
  test('that can’t be made is not waited for any longer than the signal lets', { timeout: 8_000 }, async () => {
    // A server that was stopped, and whose queue of those who want to connect is full.
    const listens = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
      console.log(this.address().port);
    });`;
    const server = spawn(process.execPath, ['-e', listens], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void server.kill('SIGKILL'));
    const [port] = await once(server.stdout, 'data');
    server.kill('SIGSTOP');
    const queue = Array.from({ length: 8 }, () => connect(Number(port), '127.0.0.1').on('error', () => {}));
    onTestFinished(() => queue.forEach((socket) => void socket.destroy()));
    const baseUrl = `http://127.0.0.1:${Number(port)}/v1`;
    const model = createModel({ baseUrl, model: 'm', stream: true, timeoutMs: 60_000 });
    const stop = AbortSignal.timeout(200);
    expect((await outcomeOf(model, question, stop)).error).toBe(stop.reason);
  });

  test('serves again once an answer was read to its end', async () => {
    const sockets = new Set<object>();
    await using good = await serverThat(async ({ socket }, response) => {
      sockets.add(socket);
      response.writeHead(200, events).write(hi);
      await wait(20);
      response.end();
    });
    const model = createModel({ baseUrl: good.baseUrl, model: 'm', stream: true, timeoutMs: 5_000 });
    for (let count = 0; count < 4; count += 1) {
      expect(heard(await outcomeOf(model, question))).toEqual(['Hi', 'stop']);
      // The server ends it a moment after the last event, which is not waited for.
      await wait(100);
    }
    expect(sockets.size).toBe(1);
  });

  test('that stays open after [DONE] is not waited for, whatever else comes', { timeout: 20_000 }, async () => {
    const followedBy = (text: string): Script =>
      async function* (request) {
        yield { raw: hi };
        yield* repeated({ raw: text }, request);
      };
    server.script(followedBy(''), followedBy(': still here\n\n'), followedBy(event({ content: 'more' })));
    const outcomes = await Promise.all([1, 2, 3].map(() => hear({ timeoutMs: 60_000 })));
    expect(outcomes.map(heard)).toEqual([1, 2, 3].map(() => ['Hi', 'stop']));
    expect(await Promise.all(server.requests.map(({ closed }) => closed))).toEqual([1, 2, 3].map(() => 'hung up'));
  });
});

/** The same step again and again, until the client hangs up. */
async function* repeated(step: Step, { closed }: ModelRequest): AsyncGenerator<Step> {
  let isOpen = true;
  closed.then(() => {
    isOpen = false;
  });
  while (isOpen) {
    yield step;
    await wait(20);
  }
}

describe('an answer that is packed, though asked not to be,', () => {
  test.each(both)('is trouble, and not paid for a second time ($stream)', async ({ stream }) => {
    const codings: unknown[] = [];
    await using bad = await serverThat(({ headers }, response) => {
      codings.push(headers['accept-encoding']);
      response.writeHead(200, { ...events, 'content-encoding': 'gzip' }).end(gzipSync(hi));
    });
    expect(heard(await hear({ baseUrl: bad.baseUrl, stream }))).toEqual(['', 'trouble']);
    expect(codings).toEqual(['identity']);
  });

  test.each(['none', 'identity', ''])('is not one that only says so (%j)', async (coding) => {
    await using good = await serverThat((_, response) => {
      response.writeHead(200, { ...events, 'content-encoding': coding }).end(hi);
    });
    expect(heard(await hear({ baseUrl: good.baseUrl }))).toEqual(['Hi', 'stop']);
  });
});

describe('slowness', () => {
  test('of a text that trickles in, byte by byte, is no fault', async () => {
    const text = hi.replace(done, '');
    server.script(async function* () {
      for (const byte of Buffer.from(text)) {
        yield { raw: Uint8Array.of(byte) };
        await wait(8);
      }
      yield { finish: null };
    });
    expect(heard(await hear({ timeoutMs: 1_000 }))).toEqual(['Hi', 'stop']);
  });

  test.each<[string, Step]>([
    ['signs of life', { raw: ': still here\n\n' }],
    ['thoughts', { delta: { reasoning_content: 'Hmm' } }],
    ['nothing', { raw: '' }],
  ])('has an end: %s for ever are no answer', async (_, step) => {
    server.script(async function* (request) {
      yield 'Hel';
      yield* repeated(step, request);
    });
    expect(heard(await hear({ longestMs: 800 }))).toEqual(['Hel', 'stalled']);
    expect(await server.requests[0]?.closed).toBe('hung up');
    expect(server.requests).toHaveLength(1);
  });

  test('of a whole answer has an end too, though white space keeps coming', async () => {
    await using bad = await serverThat((_, response) => {
      response.writeHead(200, json);
      const timer = setInterval(() => response.write('\n'), 20);
      response.once('close', () => clearInterval(timer));
    });
    expect(failureOf(await hear({ baseUrl: bad.baseUrl, stream: false, longestMs: 300 }))).toBe('stalled');
  });
});

describe('a stream', () => {
  const forms: readonly (readonly [string, string])[] = [
    ['with CR LF', hi.replaceAll('\n', '\r\n')],
    ['with CR', hi.replaceAll('\n', '\r')],
    ['without a space after its colons', hi.replaceAll('data: ', 'data:')],
    ['after a byte order mark', `\uFEFF${hi}`],
    ['with comments', `: PROCESSING\n\n${hi.replaceAll('\n\n', '\n\n: still here\n\n')}`],
    ['with other fields', hi.replaceAll('data:', 'id: 1\nevent: message\nretry: 3\nwhat: ever\ndata:')],
    ['with events of other names', `event: ping\ndata: {"type":"ping"}\n\n${hi}`],
    ['with events of no choices', `data: {"sources":[]}\n\ndata: {}\n\n${hi}`],
    ['with events of no data', `event: ping\n\ndata:\n\n${hi}`],
    [
      'with unknown fields',
      hi.replaceAll('"delta":', '"new":{"deep":[1]},"delta":').replaceAll('{"choices"', '{"x":[],"choices"'),
    ],
    ['with its JSON over several lines', hi.replaceAll('{"choices":', '{\ndata: "choices":')],
    ['without [DONE]', hi.replace(done, '')],
    ['with half an event at its end', `${hi.replace(done, '')}data: {"cho`],
    ['with more after [DONE]', `${hi}data: {"broken\n\n${event({ content: 'more' })}`],
    [
      'with nulls',
      hi.replace('{"choices"', '{"model":null,"usage":null,"choices"').replace('"index":0', '"index":null'),
    ],
  ];

  /** The plain form is cut at every byte elsewhere. */
  const step = import.meta.env.MODE === 'long' ? 1 : 3;

  test.each(forms)('%s is read, wherever its bytes are split', async (_, text) => {
    const bytes = Buffer.from(text);
    let at = 0;
    await using good = await serverThat((_, response) => {
      const cut = at;
      at += step;
      response.writeHead(200, events).write(bytes.subarray(0, cut), () => response.end(bytes.subarray(cut)));
    });
    const outcomes = await Promise.all(
      Array.from({ length: Math.ceil(bytes.length / step) }, () => hear({ baseUrl: good.baseUrl })),
    );
    for (const outcome of outcomes) expect(heard(outcome)).toEqual(['Hi', 'stop']);
  });

  test.each([
    ['half a JSON', 'data: {"choices":[\n\n', 'trouble'],
    ['half a JSON under another name', 'event: thread.run\ndata: {"choices":[\n\n', 'trouble'],
    ['a page', 'data: <html>\n\n', 'trouble'],
    ['a number as text', event({ content: 7 }), 'trouble'],
    ['a word as a delta', 'data: {"choices":[{"delta":"lo"}]}\n\n', 'trouble'],
    ['null as a choice', 'data: {"choices":[null]}\n\n', 'trouble'],
    ['a list', 'data: []\n\n', 'trouble'],
    ['an error', 'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n', 'trouble'],
    ['an error in one word', 'data: {"error":"overloaded"}\n\n', 'trouble'],
    ['an error of a proxy', 'data: {"error":{"code":429,"message":"slow down"},"choices":[]}\n\n', 'busy'],
    ['an error event', 'event: error\ndata: {"message":"Add credits.","code":402}\n\n', 'credit'],
    ['a detail', 'data: {"detail":"Not authenticated"}\n\n', 'trouble'],
    ['an error whose code is an object', 'data: {"error":{"message":"x","code":{"toString":1}}}\n\n', 'trouble'],
    [
      'an error nested too deep',
      `data: {"error":{"message":"x","code":400,"d":${'['.repeat(20_000)}${']'.repeat(20_000)}}}\n\n`,
      'rejected',
    ],
    [
      'an error nested too deep to be told',
      `data: {"error":${'['.repeat(20_000)}${']'.repeat(20_000)}}\n\n`,
      'trouble',
    ],
    ['an end without a reason', '', 'connection'],
    ['a reason that says it failed', event({}, 'error'), 'trouble'],
  ])('with %s after text keeps the text, and is not asked for again', async (_, text, failure) => {
    server.script(() => ['Hel', { raw: text }, { raw: ': and on\n\n' }, { finish: null }]);
    expect(heard(await hear())).toEqual(['Hel', failure]);
    expect(server.requests).toHaveLength(1);
  });

  test('of which one event never ends is trouble, and the request is ended', async () => {
    for (const raw of ['x'.repeat(65_536), `: ${'x'.repeat(65_536)}\n\n`, `data: ${'x'.repeat(65_536)}\n`]) {
      server.script(function* () {
        for (;;) yield { raw };
      });
      expect(failureOf(await hear())).toBe('trouble');
      expect(await server.requests.at(-1)?.closed).toBe('hung up');
    }
    expect(server.requests).toHaveLength(3);
  });
});

describe('the longest answer', () => {
  const word = 'x'.repeat(100_000);

  test.each(both)('is longer than one word of 100,000 characters ($stream)', async ({ stream }) => {
    server.script(word);
    expect(heard(await hear({ stream }))).toEqual([word, 'stop']);
  });

  test.each(both)('is where a longer one is cut, and ends with length ($stream)', async ({ stream }) => {
    server.script(() => [word, word, word]);
    const [text, finish] = heard(await hear({ stream }));
    expect([text.length, finish]).toEqual([LONGEST_ANSWER, 'length']);
  });

  test('is where one that never ends is ended, with its request', async () => {
    server.script(function* () {
      for (;;) yield 'and so on, ';
    });
    const [text, finish] = heard(await hear());
    expect([text.length, finish]).toEqual([LONGEST_ANSWER, 'length']);
    expect(await server.requests[0]?.closed).toBe('hung up');
  });

  test('is where white space that never ends is ended, and that is empty', async () => {
    server.script(function* () {
      for (;;) yield ' \n'.repeat(500);
    });
    expect(failureOf(await hear())).toBe('empty');
    expect(await server.requests[0]?.closed).toBe('hung up');
  });

  test('that is not streamed ends as well, whatever it consists of', async () => {
    let sent = 0;
    const endless: RequestListener = (_, response) => {
      response.writeHead(200, json).once('close', () => {
        sent = response.socket?.bytesWritten ?? sent;
      });
      pour(response, ' '.repeat(65_536));
    };
    await using bad = await serverThat(endless);
    expect(failureOf(await hear({ baseUrl: bad.baseUrl, stream: false }))).toBe('trouble');
    expect(sent).toBeLessThan(10 * LONGEST_EVENT);
  });
});

test('a page instead of an answer is trouble, with 200 or with 502', async () => {
  for (const status of [200, 502]) {
    server.script({ ...refusals.htmlPage, status });
    for (const { stream } of both) expect(heard(await hear({ stream }))).toEqual(['', 'trouble']);
  }
});

test('a refusal inside a 200 is one after the connection was dropped once, too', async () => {
  server.script(() => [hangUp], { status: 200, body: { error: { message: 'no', code: 'insufficient_quota' } } });
  expect(failureOf(await hear())).toBe('credit');
});

test('what people wrote is not in the failure, though the server repeats it and breaks off', async () => {
  await using bad = await serverThat((_, response) => {
    response.writeHead(422, { ...json, 'content-length': '1000' });
    response.write('{"detail":[{"input":"Hello there', () => response.destroy());
  });
  const { error } = await hear({ baseUrl: bad.baseUrl });
  expect(error).toMatchObject({ failure: 'rejected', cause: { message: expect.not.stringContaining('Hello') } });
});
