/// <reference types="vitest/import-meta" />
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, type TaskMeta, test, vi } from 'vitest';
import { readConfig, readSandboxConfig, settings } from '../../src/config.js';
import { ConfigError, ModelError } from '../../src/errors.js';
import { readChunk } from '../../src/model/completion.js';
import { createModel, type Model, type ModelSettings } from '../../src/model/model.js';
import { inWords, toldWaitMs } from '../../src/model/retry.js';
import { isBlank } from '../../src/split.js';
import { character } from '../character.js';
import { type BadServer, type Outcome, outcomeOf, rawServerThat, serverThat } from '../model/server.js';

const isLong = import.meta.env.MODE === 'long';
/** Long enough for a busy machine: what takes longer hangs. */
const PATIENCE_MS = 20_000;

/** So many cases, but no more than fit into two minutes; how many those were is the test's figure. */
const cases = <Case>(task: { meta: TaskMeta }, short: number, long: number): fc.Parameters<Case> => ({
  numRuns: isLong ? long : short,
  interruptAfterTimeLimit: 120_000,
  timeout: 2 * PATIENCE_MS,
  reporter: (details) => {
    task.meta.figures = { cases: details.numRuns };
    if (details.failed) throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance });
  },
});
const long = { timeout: 180_000 };

const printed = vi.spyOn(console, 'error');
afterEach(() => expect(printed).not.toHaveBeenCalled());

const ask = (more: Partial<ModelSettings>, signal?: AbortSignal): Promise<Outcome> => {
  const always = { model: 'm', stream: true, timeoutMs: PATIENCE_MS, backoffMs: 0.01 };
  return outcomeOf(createModel({ ...always, ...more }), [{ role: 'user', content: 'Hello' }], signal);
};

/** How an exchange goes on when its bytes have been sent. */
type Finale = 'end' | 'break off' | 'go quiet';

/** What a server sends. */
interface Sent {
  readonly bytes: Uint8Array;
  /** Where its bytes are split. */
  readonly cuts: readonly number[];
  readonly finale: Finale;
}

const cuts = fc.array(fc.nat(), { maxLength: 6 });
const finales = (quiet: number) =>
  fc.oneof(
    { weight: 60, arbitrary: fc.constant<Finale>('end') },
    { weight: 20, arbitrary: fc.constant<Finale>('break off') },
    { weight: quiet, arbitrary: fc.constant<Finale>('go quiet') },
  );

/** What does harm in the middle of a stream. */
const tokens = fc.constantFrom(
  ...[
    '\n\n',
    '\n',
    '\r',
    '\r\n',
    ':',
    ': hi\n\n',
    'data:',
    'data: ',
    'data: {}\n\n',
    'data: null\n\n',
    'data: [DONE]\n\n',
  ],
  ...[
    'event: thread.x\n',
    'event: error\n',
    'id: 1\n',
    'retry: 0\n',
    '[DONE]',
    'null',
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    ',',
  ],
  ...[
    '"error":{"message":"no"},',
    '"error":null,',
    '"message":"no",',
    '"choices":[],',
    '"index":1,',
    '"finish_reason":"stop",',
  ],
  ...['1e999', '-0', '\\ud83d', '\uFEFF', '\u2028', '\0', 'content', '"content":[{"type":"text","text":"x"}],'],
);
const noise = fc.oneof(
  tokens.map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
);
const mutations = fc.array(
  fc.record({ at: fc.nat(), take: fc.oneof(fc.constant(0), fc.nat(40)), put: fc.option(noise) }),
  { maxLength: 4 },
);

function mutated(bytes: Buffer, all: readonly { at: number; take: number; put: Buffer | null }[]): Buffer {
  return all.reduce((rest, { at, take, put }) => {
    const place = at % (rest.length + 1);
    return Buffer.concat([rest.subarray(0, place), put ?? Buffer.alloc(0), rest.subarray(place + take)]);
  }, bytes);
}

const words = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom('', ' ', '\n', 'Hi', '\ud83d', '\ude42'),
);
const chunks = fc.oneof(
  {
    weight: 6,
    arbitrary: words.map((content) => ({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })),
  },
  { weight: 1, arbitrary: fc.constant({ choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] }) },
  { weight: 1, arbitrary: words.map((refusal) => ({ choices: [{ delta: { refusal }, finish_reason: '' }] })) },
  { weight: 1, arbitrary: fc.constant({ choices: [{ index: 1, delta: { content: 'other' } }] }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
);
const finishes = fc.constantFrom('stop', 'length', 'content_filter', 'error', null);
const lineEnds = fc.constantFrom('\n', '\r\n', '\r');

/** What may stand between two chunks. */
const odd = fc.constantFrom(
  ...[
    '',
    ':',
    ': hi',
    'data',
    'data:',
    'event: ping',
    'event: thread.x\ndata: {"',
    'id: 1\nretry: 0\ndata: {}',
    '\uFEFF',
  ],
  ...[
    'data: [DONE]',
    'data: null',
    'data: {\ndata: "choices":[]}',
    'data:{"error":{"message":"no"}}',
    'data: {"detail":1}',
  ],
);

const streams = fc
  .tuple(
    fc.array(fc.oneof({ weight: 5, arbitrary: chunks.map(eventOf) }, { weight: 1, arbitrary: odd }), { maxLength: 6 }),
    finishes.map((finish_reason) => eventOf({ choices: [{ index: 0, delta: {}, finish_reason }] })),
    fc.constantFrom(['data: [DONE]'], []),
    lineEnds,
    fc.oneof(fc.constant([]), mutations),
  )
  .map(([said, finish, done, lineEnd, all]) => {
    const text = [...said, finish, ...done].map((event) => `${event}\n\n`).join('');
    return mutated(Buffer.from(text.replaceAll('\n', lineEnd)), all);
  });

function eventOf(chunk: unknown): string {
  return `data: ${JSON.stringify(chunk)}`;
}

/** What is to be read of a stream: its text as far as it can be read, and how it ends. Reads all at once, and on its own. */
function expectedOf(bytes: Uint8Array): { text: string; isAnswer: boolean } {
  let text = '';
  let finish = '';
  for (const data of eventsOf(new TextDecoder().decode(bytes))) {
    if (data.startsWith('[DONE]')) break;
    try {
      const json: unknown = JSON.parse(data);
      if (isError(json)) break;
      const choice = readChunk(json, false).choices?.find(({ index }) => (index ?? 0) === 0);
      const said = choice?.delta ?? choice?.message;
      text += (said?.content ?? '') + (said?.refusal ?? '');
      finish = choice?.finish_reason || finish;
    } catch {
      break;
    }
  }
  const isAnswer = finish !== '' && finish !== 'error' && !isBlank(text);
  return { text: isBlank(text) ? '' : text, isAnswer };
}

function eventsOf(text: string): string[] {
  const whole = text.split(/\r\n|\r|\n/).slice(0, -1);
  const events: string[] = [];
  for (let end = whole.indexOf(''); end >= 0; end = whole.indexOf('')) {
    const data = whole.splice(0, end + 1).flatMap((line) => /^data: ?(.*)$/su.exec(line)?.slice(1) ?? []);
    if (data.some((line) => line !== '') || data.length > 1) events.push(data.join('\n'));
  }
  return events;
}

function isError(json: unknown): boolean {
  if (typeof json !== 'object' || json === null) return false;
  const { error, message, detail, choices } = { ...json } as Readonly<Record<string, unknown>>; // whatever is in it
  return Boolean(error) || (choices === undefined && (typeof message === 'string' || detail !== undefined));
}

/** A case: what the server sends under the case's own address, and the exchanges that came of it. */
interface Served {
  readonly reply: Sent & { readonly status: number; readonly type: string | undefined };
  readonly exchanges: [IncomingMessage, ServerResponse][];
}

const served = new Map<string, Served>();
let server: BadServer;

/** Has the server send this. Tells where, and waits until nothing of it is open any more. */
function serve(reply: Served['reply']) {
  const name = `/${randomUUID()}/`;
  const exchanges: Served['exchanges'] = [];
  served.set(name, { reply, exchanges });
  const allClosed = () => {
    for (const [request, response] of exchanges) expect(isClosed(request, response)).toBe(true);
  };
  return {
    baseUrl: server.baseUrl.replace('/v1', `${name}v1`),
    async expectAllClosed(): Promise<void> {
      await vi.waitFor(allClosed, { timeout: PATIENCE_MS, interval: 1 });
      served.delete(name);
    },
  };
}

/** An answer that waited behind another on its connection is not told that this is closed. */
const isClosed = (request: IncomingMessage, response: ServerResponse) => response.closed || request.socket.destroyed;

function send(request: IncomingMessage, response: ServerResponse): void {
  const found = served.get(/^\/.*?\//.exec(request.url ?? '')?.[0] ?? '');
  if (!found) return void response.destroy();
  const { bytes, cuts, finale, status, type } = found.reply;
  found.exchanges.push([request, response]);
  response.writeHead(status, type === undefined ? {} : { 'content-type': type });
  response.flushHeaders();
  const end = () => {
    if (finale === 'end') response.end();
    if (finale === 'break off') response.destroy();
  };
  write(response, split(bytes, cuts), end);
}

/** Piece by piece: what is written in one turn travels together. */
function write(
  target: { write(bytes: Uint8Array, then: () => void): unknown; destroyed: boolean },
  pieces: readonly Uint8Array[],
  end: () => void,
): void {
  const [piece, ...more] = pieces;
  if (target.destroyed) return;
  if (piece) target.write(piece, () => setImmediate(() => write(target, more, end)));
  else end();
}

function split(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [0, ...at.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((one, other) => one - other);
  return places
    .slice(1)
    .map((to, index) => bytes.subarray(places[index], to))
    .filter(({ length }) => length > 0);
}

beforeAll(async () => {
  server = await serverThat(send);
});
afterAll(() => server[Symbol.asyncDispose]());

function expectEnd({ pieces, ending, error }: Outcome): void {
  expect(pieces).not.toContain('');
  if (ending) expect(isBlank(pieces.join(''))).toBe(false);
  else expect(error).toBeInstanceOf(ModelError);
}

const quiet = (finale: Finale) => (finale === 'go quiet' ? { timeoutMs: 40 } : {});

describe('whatever a chat API sends', () => {
  const bodies = fc.oneof(
    { weight: 5, arbitrary: streams },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.array(noise, { maxLength: 20 }).map((all) => Buffer.concat(all)) },
  );

  test(
    'as a stream, the text is that of the events before the first fault, and the end is told',
    long,
    async ({ task }) => {
      const sent = fc.record<Sent>({ bytes: bodies, cuts, finale: finales(1) });
      await fc.assert(
        fc.asyncProperty(sent, async (each) => {
          const { baseUrl, expectAllClosed } = serve({ ...each, status: 200, type: 'text/event-stream' });
          const outcome = await ask({ baseUrl, ...quiet(each.finale) });
          expectEnd(outcome);
          await expectAllClosed();
          const { text, isAnswer } = expectedOf(each.bytes);
          const heard = outcome.pieces.join('');
          expect(text.startsWith(heard)).toBe(true);
          // Of what was sent before a connection broke, the last may be lost.
          if (each.finale === 'end') expect([heard, outcome.ending !== undefined]).toEqual([text, isAnswer]);
        }),
        cases(task, 200, 60_000),
      );
    },
  );

  test('under any status and type, streamed or not, it ends as an answer or as a failure', long, async ({ task }) => {
    const field = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom({ toString: 1 }, 'deep', 402, '429'));
    const error = fc.record({ message: fc.string(), code: field, type: field, param: field }, { requiredKeys: [] });
    const json = fc
      .tuple(fc.oneof(fc.jsonValue(), fc.record({ error: fc.oneof(error, fc.jsonValue()) }), chunks), mutations)
      .map(([value, all]) => mutated(Buffer.from(textOf(value)), all));
    const sent = fc.record({
      bytes: fc.oneof(bodies, json),
      cuts,
      finale: finales(1),
      status: fc.oneof(fc.constant(200), fc.integer({ min: 200, max: 599 }), fc.constantFrom(400, 401, 422, 500, 999)),
      type: fc.constantFrom(
        ...['application/json', 'text/event-stream', 'Text/Event-Stream; charset=utf-8'],
        'text/html',
        undefined,
      ),
      stream: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(sent, async ({ stream, ...each }) => {
        const { baseUrl, expectAllClosed } = serve(each);
        // A whole answer has almost five minutes to begin.
        const stop = new AbortController();
        const timer =
          !stream && each.finale === 'go quiet'
            ? setTimeout(() => stop.abort(new ModelError('stalled')), 40)
            : undefined;
        expectEnd(await ask({ baseUrl, stream, ...quiet(each.finale) }, stop.signal));
        await expectAllClosed();
        clearTimeout(timer);
      }),
      cases(task, 150, 30_000),
    );
  });

  test('it can be stopped at any moment, with the reason for an end', long, async ({ task }) => {
    const sent = fc.record<Sent>({ bytes: streams, cuts, finale: finales(60) });
    await fc.assert(
      fc.asyncProperty(sent, fc.nat(5), fc.boolean(), async (each, afterMs, leaves) => {
        const { baseUrl, expectAllClosed } = serve({ ...each, status: 200, type: 'text/event-stream' });
        const stop = new AbortController();
        const timer = setTimeout(() => stop.abort('enough'), afterMs);
        const always = { baseUrl, model: 'm', stream: true, timeoutMs: PATIENCE_MS, backoffMs: 0.01 };
        const model = createModel(always);
        const outcome = await outcomeOf(
          leaves ? leaving(model) : model,
          [{ role: 'user', content: 'Hello' }],
          stop.signal,
        );
        clearTimeout(timer);
        if (outcome.error !== 'enough') expectEnd(outcome);
        await expectAllClosed();
        expect(expectedOf(each.bytes).text.startsWith(outcome.pieces.join(''))).toBe(true);
      }),
      cases(task, 100, 20_000),
    );
  });

  test('though it is not even HTTP, it ends as an answer or as a failure', long, async ({ task }) => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
    const body = 'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n';
    const spoken = Buffer.from(`${head}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
    const headTokens = fc.constantFrom(
      ...['\r\n\r\n', '\r\n', 'HTTP/1.1 100 Continue\r\n\r\n', 'content-length: 1\r\n', 'content-encoding: gzip\r\n'],
      ...[
        'location: http://[\r\n',
        'transfer-encoding: gzip\r\n',
        'HTTP/1.0',
        '304',
        '101',
        'ffffffffffff\r\n',
        '-1\r\n',
      ],
    );
    const changes = fc.array(
      fc.record({ at: fc.nat(), take: fc.nat(10), put: fc.option(headTokens.map((text) => Buffer.from(text))) }),
      { minLength: 1, maxLength: 3 },
    );
    const bytes = fc.oneof(
      changes.map((all) => mutated(spoken, all)),
      fc.uint8Array({ maxLength: 60 }),
    );
    let sent: Sent | undefined;
    await using raw = await rawServerThat((socket) => {
      socket.on('data', () => {
        if (!sent) return;
        const { finale } = sent;
        write(socket, split(sent.bytes, sent.cuts), () => {
          if (finale === 'end') socket.end();
          if (finale === 'break off') socket.resetAndDestroy();
        });
      });
    });
    await fc.assert(
      fc.asyncProperty(fc.record<Sent>({ bytes, cuts, finale: finales(1) }), async (each) => {
        sent = each;
        // In some cases fetch itself never ends.
        expectEnd(await ask({ baseUrl: raw.baseUrl, timeoutMs: 500, ...quiet(each.finale) }));
      }),
      cases(task, 60, 10_000),
    );
  });

  test('as a wait, it is one of a month at most that can be said in words, or none', long, ({ task }) => {
    const visible = fc.string({ unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)) });
    const dates = fc.date({ noInvalidDate: true }).map((date) => date.toUTCString());
    const numbers = fc.oneof(fc.double(), fc.bigInt(), fc.integer()).map(String);
    const value = fc.oneof(
      visible,
      dates,
      numbers,
      fc.constantFrom('0', '-0', '.', 'Infinity', '1e400', '0x10', '1:11'),
    );
    const headers = fc.record({ 'retry-after': value, 'retry-after-ms': value, date: value }, { requiredKeys: [] });
    fc.assert(
      fc.property(headers, (told) => {
        const waitMs = toldWaitMs(new Headers(told));
        if (waitMs === undefined) return;
        expect(waitMs).toBeGreaterThan(0);
        expect(waitMs).toBeLessThanOrEqual(31 * 24 * 3_600_000);
        expect(inWords(waitMs)).toMatch(/^\d+ (second|minute|hour)s?$/);
      }),
      cases(task, 1_000, 1_000_000),
    );
  });
});

/** Deeper than can be written by JSON.stringify. */
const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
const textOf = (value: unknown) => JSON.stringify(value).replaceAll('"deep"', deep);

const addressPart = fc
  .array(fc.oneof(character.map(encodeURIComponent), fc.constantFrom(..."az09-._~!$&'()*+,;=:@/?")))
  .map((all) => all.join(''));

/** Like fast-check's own address with a query and a fragment, which lists all characters first. */
const webAddress = fc
  .tuple(
    fc.webUrl(),
    ...['?', '#'].map((mark) =>
      fc.option(
        addressPart.map((part) => mark + part),
        { nil: '' },
      ),
    ),
  )
  .map((parts) => parts.join(''));

/** A reader that goes after the first piece. */
const leaving = (model: Model): Model =>
  async function* (prompt, signal) {
    for await (const piece of model(prompt, signal)) {
      yield piece;
      break;
    }
    throw new ModelError('empty');
  };

describe('whatever stands in the environment', () => {
  const names = Object.keys(settings);
  const token = `${'a'.repeat(24)}.abcdef.${'b'.repeat(27)}`;
  const sensible = fc.constantFrom(
    ...[
      '',
      ' ',
      'true',
      '0',
      '1',
      '2',
      '60',
      '1e3',
      '0x10',
      'info',
      token,
      'sk-test',
      'http://127.0.0.1:1/v1',
      ':memory:',
    ],
    ...[
      'https://a.example/',
      'http://a?b',
      'http://a/#b',
      'HTTP://A:80//',
      'http://@a',
      'http:\\\\a',
      'http://a:/',
      'http:a',
    ],
  );
  const value = fc.option(fc.oneof(sensible, sensible, fc.string({ unit: character }), webAddress), { nil: undefined });
  const environments = fc.record(Object.fromEntries(names.map((name) => [name, value])));

  for (const [kind, readAny] of [
    ['the bot', readConfig],
    ['the sandbox', readSandboxConfig],
  ] as const) {
    test(`${kind} has its settings, or a fault for each setting that is none`, long, ({ task }) => {
      fc.assert(
        fc.property(environments, (environment) => {
          try {
            expect(names).toEqual(
              expect.arrayContaining(Object.keys(readAny(environment)).filter((name) => name !== 'hasChatApi')),
            );
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigError);
            for (const line of String((error as ConfigError).message).split('\n')) {
              // checked just above
              expect(line).toMatch(/^[A-Z_]+ (is|must) .*\.$/);
              expect(names).toContain(line.split(' ')[0]);
            }
          }
        }),
        cases(task, 500, 200_000),
      );
    });
  }

  test('no fault repeats a value', long, ({ task }) => {
    const secret = fc.stringMatching(/^[^\s]{3,20}$/).map((text) => `§${text}§`);
    const spiced = fc.record(Object.fromEntries(names.map((name) => [name, fc.option(secret, { nil: undefined })])));
    fc.assert(
      fc.property(spiced, (environment) => {
        const fault = faultOf(() => createModel(modelSettings(readConfig(environment))));
        for (const text of Object.values(environment)) if (text !== undefined) expect(fault).not.toContain(text);
      }),
      cases(task, 500, 100_000),
    );
  });

  test('settings that are accepted make a model, or a fault without the key', long, ({ task }) => {
    const keys = fc.oneof(fc.constant('sk-test'), fc.string({ unit: character, minLength: 1 }));
    fc.assert(
      fc.property(environments, keys, (environment, key) => {
        const config = accepted({ ...environment, DISCORD_TOKEN: token, OPENAI_API_KEY: key });
        if (!config) return;
        try {
          createModel(modelSettings(config));
        } catch (error) {
          expect(error).toEqual(new ConfigError('OPENAI_API_KEY holds a character that no key has.'));
        }
      }),
      cases(task, 500, 100_000),
    );
  });

  test('an address that is accepted is one to which a path can be added', long, ({ task }) => {
    const addresses = fc.oneof(
      sensible,
      webAddress,
      fc.string().map((text) => `http://${text}`),
    );
    fc.assert(
      fc.property(addresses, (address) => {
        const config = accepted({ DISCORD_TOKEN: token, OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: address });
        if (config)
          expect(new URL(`${config.OPENAI_BASE_URL}/chat/completions`).pathname).toMatch(/\/chat\/completions$/);
      }),
      cases(task, 500, 200_000),
    );
  });

  function faultOf(work: () => unknown): string {
    try {
      work();
      return '';
    } catch (error) {
      return String(error);
    }
  }

  function accepted(environment: Readonly<Record<string, string | undefined>>) {
    try {
      return readConfig(environment);
    } catch {
      return undefined;
    }
  }

  const modelSettings = (config: ReturnType<typeof readConfig>): ModelSettings => ({
    apiKey: config.OPENAI_API_KEY,
    baseUrl: config.OPENAI_BASE_URL,
    model: config.OPENAI_MODEL,
    stream: config.OPENAI_STREAM,
    timeoutMs: config.OPENAI_TIMEOUT * 1000,
  });
});
