import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type HttpAnswer, refusal, refusals } from './refusals.js';
import { countWords, plainText, type RequestBody, readRequest } from './request.js';

/** A chat completions API of one's own, on loopback only. It makes nothing up: tests script it, and unscripted it tells what it was sent. */
export interface OfflineModel {
  /** The base URL, up to and with `/v1`. */
  readonly url: string;
  /** The questions that were let in, in order. */
  readonly requests: readonly ModelRequest[];
  /** The question of that number, counted from 0, as soon as it is there. */
  request(number: number): Promise<ModelRequest>;
  /** How the next questions are answered: the first by the first script, and so on; the last stays for all further ones. */
  script(...scripts: readonly [Script, ...Script[]]): void;
  /** Ends every connection. Throws what a script has thrown. */
  close(): Promise<void>;
}

export interface ModelRequest {
  readonly body: RequestBody;
  readonly headers: IncomingHttpHeaders;
  /** When it came, in milliseconds since 1970. */
  readonly time: number;
  /** Settles when its exchange is over: all was sent, or somebody hung up before. */
  readonly closed: Promise<'sent' | 'hung up'>;
}

/** How a question is answered: with this text, with this HTTP answer, or step by step. */
export type Script = string | HttpAnswer | ((request: ModelRequest) => AsyncIterable<Step> | Iterable<Step>);

/**
 * A step of an answer. A script that ends without a finish reason ends with `stop`. To be silent, wait for something:
 * `await request.closed` is silent until the client gives up.
 */
export type Step =
  | string // text
  | HttpAnswer // instead of an answer; only as the first step
  | typeof hangUp
  | { readonly delta: Readonly<Record<string, unknown>> } // role, refusal, reasoning_content …
  | { readonly finish: string | null } // null: the answer ends without a reason
  | { readonly usage: unknown }
  | { readonly error: unknown } // in place of a chunk or of the whole answer, which it ends
  | { readonly chunk: unknown } // any JSON as an event
  | { readonly raw: string | Uint8Array }; // any bytes: broken events, `: comments`

/** Breaks the connection off. */
export const hangUp = Symbol('hang up');

/** Starts the offline model on `port`, or on a free one. With `apiKey` set it lets nobody else in. */
export async function startModel(
  options: { readonly port?: number; readonly apiKey?: string } = {},
): Promise<OfflineModel> {
  const requests: ModelRequest[] = [];
  const arrivals = new Set<() => void>();
  const faults: unknown[] = [];
  let scripts: readonly Script[] = [tellWhatCame];

  const server = createServer((incoming, outgoing) => {
    // What fails outside of a script is a client that broke off its question.
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const refused = refuse(incoming, options.apiKey);
    if (refused) return send(outgoing, refused);
    if (incoming.method === 'GET') return send(outgoing, modelList);
    const parsed = readRequest(await textOf(incoming));
    if ('status' in parsed) return send(outgoing, parsed);
    const request: ModelRequest = {
      body: parsed,
      headers: incoming.headers,
      time: Date.now(),
      closed: new Promise((resolve) => {
        outgoing.once('close', () => resolve(outgoing.writableFinished ? 'sent' : 'hung up'));
      }),
    };
    const [script = tellWhatCame, ...later] = scripts;
    if (later.length > 0) scripts = later;
    requests.push(request);
    for (const arrival of arrivals) arrival();
    await play(script, request, outgoing).catch((fault) => {
      faults.push(fault);
      outgoing.destroy();
    });
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  // A server that listens on a port has an address of this shape.
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    request: (number) =>
      new Promise((resolve) => {
        const look = () => {
          const request = requests[number];
          if (!request) return;
          arrivals.delete(look);
          resolve(request);
        };
        arrivals.add(look);
        look();
      }),
    script: (...next) => {
      scripts = next;
    },
    close: async () => {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
      if (faults.length > 0) throw faults[0];
    },
  };
}

const modelList: HttpAnswer = {
  status: 200,
  body: { object: 'list', data: [{ id: 'offline', object: 'model', created: 0, owned_by: 'parley' }] },
};

/** A page in a browser can be made to ask a loopback address under a name of its own; so the name has to be ours. */
function refuse({ headers, method, url = '' }: IncomingMessage, apiKey: string | undefined): HttpAnswer | undefined {
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(headers.host ?? ''))
    return refusal(403, 'This model answers on loopback only.', 'invalid_request_error', null);
  if (apiKey !== undefined && headers.authorization !== `Bearer ${apiKey}`) return refusals.badKey;
  if (!['GET /v1/models', 'POST /v1/chat/completions'].includes(`${method} ${url}`))
    return refusal(404, `Invalid URL (${method} ${url})`, 'invalid_request_error', null);
  return undefined;
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const bytes: Buffer[] = [];
  for await (const chunk of incoming) bytes.push(chunk);
  return Buffer.concat(bytes).toString();
}

function send(outgoing: ServerResponse, { status, body, headers }: HttpAnswer): void {
  outgoing.writeHead(status, { 'content-type': 'application/json', ...headers });
  outgoing.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** The steps of a script, until it ends or nobody listens any more. */
async function* stepsOf(script: Script, request: ModelRequest): AsyncGenerator<Step> {
  if (typeof script !== 'function') return yield script;
  const steps = (async function* () {
    yield* script(request);
  })();
  const over = request.closed.then(() => ({ done: true, value: undefined }) as const);
  for (;;) {
    const step = await Promise.race([steps.next(), over]);
    if (step.done) return;
    yield step.value;
  }
}

async function play(script: Script, request: ModelRequest, outgoing: ServerResponse): Promise<void> {
  const completion = request.body.stream ? streamed(request, outgoing) : whole(request, outgoing);
  let finish: string | null = 'stop';
  let usage: unknown;
  for await (const each of stepsOf(script, request)) {
    // What was written before is still sent.
    if (each === hangUp) return outgoing.socket?.destroySoon();
    const step = typeof each === 'string' ? { delta: { content: each } } : each;
    if ('status' in step) return send(outgoing, step);
    if ('error' in step) return completion.fail(step);
    if ('finish' in step) finish = step.finish;
    else if ('usage' in step) usage = step.usage;
    else completion.add(step);
    await takenIn(outgoing, request);
  }
  completion.end(finish, usage);
}

/** A script without an end is told no faster than it is heard. */
async function takenIn(outgoing: ServerResponse, { closed }: ModelRequest): Promise<void> {
  if (outgoing.writableNeedDrain) await Promise.race([once(outgoing, 'drain'), closed]);
}

/** An answer on its way to the client. */
interface Outgoing {
  add(step: Extract<Step, { delta: unknown } | { chunk: unknown } | { raw: unknown }>): void;
  fail(answer: { readonly error: unknown }): void;
  /** Without `usage` the words are counted. */
  end(finish: string | null, usage: unknown): void;
}

type Message = Readonly<Record<string, unknown>>;

/** Server-sent events, see https://platform.openai.com/docs/api-reference/chat/streaming. */
function streamed({ body, time }: ModelRequest, outgoing: ServerResponse): Outgoing {
  const head = { id: 'chatcmpl-offline', object: 'chat.completion.chunk', created: seconds(time), model: body.model };
  let message: Message | undefined;
  const write = (bytes: string | Uint8Array) => {
    if (!outgoing.headersSent) outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    outgoing.write(bytes);
  };
  const event = (json: unknown) => write(`data: ${JSON.stringify(json)}\n\n`);
  const choice = (delta: Message, finish_reason: string | null) =>
    event({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason }] });
  return {
    add(step) {
      if ('raw' in step) return write(step.raw);
      if ('chunk' in step) return event(step.chunk);
      if (!message) choice({ role: 'assistant', content: '' }, null);
      choice(step.delta, null);
      message = grown(message ?? {}, step.delta);
    },
    fail(answer) {
      event(answer);
      outgoing.end();
    },
    end(finish, usage = countWords(body, message?.content)) {
      if (finish !== null) {
        choice({}, finish);
        if (body.stream_options?.include_usage) event({ ...head, choices: [], usage });
        write('data: [DONE]\n\n');
      }
      outgoing.end();
    },
  };
}

function whole({ body, time }: ModelRequest, outgoing: ServerResponse): Outgoing {
  let message: Message = { role: 'assistant', content: null, refusal: null };
  return {
    add(step) {
      if (!('delta' in step)) throw new Error('Raw bytes and chunks need a streamed answer.');
      message = grown(message, step.delta);
    },
    fail: (answer) => send(outgoing, { status: 200, body: answer }),
    end(finish_reason, usage = countWords(body, message.content)) {
      const choices = [{ index: 0, message, logprobs: null, finish_reason }];
      const head = { id: 'chatcmpl-offline', object: 'chat.completion', created: seconds(time), model: body.model };
      send(outgoing, { status: 200, body: { ...head, choices, usage } });
    },
  };
}

/** A message with a delta added: texts are appended, anything else is replaced. */
const grown = (message: Message, delta: Message): Message => ({
  ...message,
  ...Object.fromEntries(
    Object.entries(delta).map(([name, value]) => [
      name,
      typeof value === 'string' && name !== 'role' ? `${message[name] ?? ''}${value}` : value,
    ]),
  ),
});

const seconds = (ms: number) => Math.floor(ms / 1000);

/** The answer when nothing is scripted: what came, word by word. */
function* tellWhatCame({ body: { messages } }: ModelRequest): Generator<string> {
  const role = messages.find((message) => message.role === 'system' || message.role === 'developer');
  const answer = [
    'I am the offline model: I only repeat what I was sent.',
    `You said: ${plainText(messages.at(-1)?.content)}`,
    `I was given ${messages.length} ${messages.length === 1 ? 'message' : 'messages'}.`,
    role ? `My system role: ${plainText(role.content)}` : 'I was given no system role.',
  ];
  yield* answer.join('\n').split(/(?<=\s)/);
}
