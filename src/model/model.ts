import { setTimeout as wait } from 'node:timers/promises';
import OpenAI, { APIConnectionError, APIError } from 'openai';
import { Stream } from 'openai/streaming';
import { z } from 'zod';
import { ConfigError, ModelError } from '../errors.js';
import { type Chunk, Completion, type Ending, readChunk } from './completion.js';
import { readRefusal, refusesParameter } from './refusal.js';
import { createWaits, inWords, toldWaitMs } from './retry.js';

export type { Ending, Usage } from './completion.js';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/**
 * Asks the model: yields the answer's text as it comes and returns how it ended. Leaving it early ends the request.
 * Throws a ModelError, or the signal's reason once that is aborted; text that had come by then has been yielded.
 */
export type Model = (prompt: readonly ChatMessage[], signal: AbortSignal) => AsyncGenerator<string, Ending>;

export interface ModelSettings {
  /** Not needed where the server asks for none. */
  readonly apiKey?: string | undefined;
  /** Up to and without `/chat/completions`; OpenAI's own when absent. */
  readonly baseUrl?: string | undefined;
  readonly model: string;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly presencePenalty?: number | undefined;
  readonly stream: boolean;
  /** How long a stream may send nothing before it is ended; at most about five minutes. */
  readonly timeoutMs: number;
  /** The first wait where the server tells none; later ones double. */
  readonly backoffMs?: number | undefined;
  /** Called before each wait, for the log; `attempt` is the one that failed, counted from 1. */
  readonly onRetry?: ((failure: ModelError, waitMs: number, attempt: number) => void) | undefined;
}

/** Just below the 300 s after which Node's own fetch gives up. A whole answer has to be made before its first byte, so it gets all of it. */
const LONGEST_SILENCE_MS = 295_000;
const patienceMs = ({ stream, timeoutMs }: ModelSettings) =>
  stream ? Math.min(timeoutMs, LONGEST_SILENCE_MS) : LONGEST_SILENCE_MS;

/**
 * A door to a chat completions API. While nothing has been yielded, rate limits, server trouble and broken connections are
 * tried again (see createWaits). What the server turns out not to take is left out from then on.
 * Throws a ConfigError when the key cannot be sent.
 */
export function createModel(settings: ModelSettings): Model {
  const client = connect(settings);
  const refused = new Set<string>();
  return (prompt, signal) => ask({ client, settings, refused }, prompt, signal);
}

interface Door {
  readonly client: OpenAI;
  readonly settings: ModelSettings;
  /** Names of parameters that the server does not take. */
  readonly refused: Set<string>;
}

async function* ask(door: Door, prompt: readonly ChatMessage[], signal: AbortSignal): ReturnType<Model> {
  const nextWaitMs = createWaits(door.settings.backoffMs ?? 500);
  for (let attempt = 1; ; attempt += 1) {
    const body = requestBody(door, prompt);
    const completion = new Completion(door.settings.model);
    try {
      for await (const chunk of chunks(door, body, signal)) {
        yield* completion.take(chunk);
        signal.throwIfAborted();
      }
      return completion.ending();
    } catch (error) {
      signal.throwIfAborted();
      const failure = toModelError(error);
      if (completion.begun) return completion.ending(failure);
      if (learn(failure, body, door.refused)) continue;
      const waitMs = retryInMs(failure, nextWaitMs);
      door.settings.onRetry?.(failure, waitMs, attempt);
      await pause(waitMs, signal);
    }
  }
}

/**
 * How long to wait before another attempt. Throws the failure when there shall be none: also for an answer that came but
 * cannot be read, which would cost as much a second time.
 */
function retryInMs(failure: ModelError, nextWaitMs: ReturnType<typeof createWaits>): number {
  const refusal = failure.cause instanceof APIError ? failure.cause : undefined;
  const passes =
    failure.failure === 'connection' || ((failure.failure === 'busy' || failure.failure === 'trouble') && refusal);
  const waitMs = passes ? nextWaitMs(failure.failure, toldWaitMs(refusal?.headers)) : undefined;
  if (waitMs === undefined) throw failure;
  return waitMs;
}

/** Waits, and throws the signal's reason as soon as it is aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/**
 * The SDK without what it adds by itself: no retries (it would retry a used-up quota), no log, and only our own headers,
 * because it takes further ones from the environment (OPENAI_CUSTOM_HEADERS) and tells about the machine in others.
 */
function connect(settings: ModelSettings): OpenAI {
  const { apiKey, baseUrl } = settings;
  // The runtime quotes a header that it cannot send, and the key would stand in the log.
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey))
    throw new ConfigError('OPENAI_API_KEY holds a character that no key has.');
  const headers = {
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'user-agent': 'Parley',
    ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
  };
  return new OpenAI({
    apiKey: apiKey ?? 'none',
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    baseURL: baseUrl ?? 'https://api.openai.com/v1',
    maxRetries: 0,
    // Ours is the clock that ends a silence; this one only has to be slower.
    timeout: 2 * patienceMs(settings),
    logLevel: 'off',
    fetch: async (url, init) => {
      const response = await fetch(url, { ...init, headers });
      return response.ok ? response : readable(response, apiKey);
    },
  });
}

/**
 * An error answer that the SDK can read: it drops a body without `error` around it (Mistral, FastAPI, vLLM before 0.10).
 * A page is cut, and the key, which some servers repeat, is taken out, because this ends in the log.
 */
async function readable(response: Response, apiKey: string | undefined): Promise<Response> {
  const raw = await response.text();
  const body = apiKey === undefined ? raw : raw.replaceAll(apiKey, '[key]');
  const { status, headers } = response;
  try {
    const json: unknown = JSON.parse(body);
    const wrapped = typeof json === 'object' && json !== null && 'error' in json ? json : { error: json };
    return new Response(JSON.stringify(wrapped, withoutInput), { status, headers });
  } catch {
    return new Response(body.slice(0, 500), { status, headers });
  }
}

/** FastAPI repeats what it was sent, which is what people wrote. */
const withoutInput = (field: string, value: unknown): unknown => (field === 'input' ? undefined : value);

type RequestBody = Readonly<Record<string, unknown>>;

/** Settings that are not set are left out by JSON itself. */
function requestBody({ client, settings, refused }: Door, prompt: readonly ChatMessage[]): RequestBody {
  return {
    model: settings.model,
    messages: prompt,
    stream: settings.stream,
    stream_options: settings.stream && !refused.has('stream_options') ? { include_usage: true } : undefined,
    temperature: settings.temperature,
    top_p: settings.topP,
    [limitName(client.baseURL, refused)]: settings.maxTokens,
    frequency_penalty: settings.frequencyPenalty,
    presence_penalty: settings.presencePenalty,
  };
}

const limits = { max_completion_tokens: 'max_tokens', max_tokens: 'max_completion_tokens' } as const;

/** The token limit's name: OpenAI's newer models take the new one only, most other servers the old one only. */
function limitName(baseUrl: string, refused: ReadonlySet<string>): keyof typeof limits {
  const openAi = /(^|\.)(api\.openai\.com|openai\.azure\.com)$/.test(new URL(baseUrl).hostname);
  const name = openAi ? 'max_completion_tokens' : 'max_tokens';
  return refused.has(name) ? limits[name] : name;
}

/** Remembers a parameter that the server does not take, and says whether another request can do without it. */
function learn({ failure, cause }: ModelError, body: RequestBody, refused: Set<string>): boolean {
  if (failure !== 'rejected' || !(cause instanceof APIError)) return false;
  const names = ['stream_options', 'max_completion_tokens', 'max_tokens'] as const;
  const name = names.find((each) => body[each] !== undefined && refusesParameter(cause.error, each));
  if (name === undefined || (name !== 'stream_options' && refused.has(limits[name]))) return false;
  refused.add(name);
  return true;
}

/** The chunks of one request, checked; a whole answer is a stream of one. The request ends with the generator. */
async function* chunks({ client, settings }: Door, body: RequestBody, signal: AbortSignal): AsyncGenerator<Chunk> {
  const request = new AbortController();
  const either = AbortSignal.any([signal, request.signal]);
  // Only the waiting for the server counts, not what the reader of the answer does in between.
  const hear = async <T>(work: Promise<T>): Promise<T> => {
    const silence = () => request.abort(new ModelError('stalled'));
    const timer = setTimeout(silence, patienceMs(settings));
    return work.finally(() => clearTimeout(timer));
  };
  try {
    const response = await hear(client.post('/chat/completions', { body, signal: either }).asResponse());
    const heard = new Response(heardBytes(response, hear), { headers: response.headers });
    const isStream = streams(response, settings.stream);
    // The stream aborts its controller however it ends, so it gets one that nobody looks at.
    for await (const chunk of isStream
      ? Stream.fromSSEResponse<unknown>(heard, new AbortController(), client)
      : [await heard.json()]) {
      throwIfError(chunk, response.headers);
      yield readChunk(chunk, !isStream);
    }
    // The SDK ends an aborted stream as if it were whole.
    either.throwIfAborted();
  } catch (error) {
    either.throwIfAborted();
    throw error;
  } finally {
    request.abort();
  }
}

/** Whatever comes is a sign of life, a comment to keep the connection alive too. */
function heardBytes(response: Response, hear: <T>(work: Promise<T>) => Promise<T>): ReadableStream<Uint8Array> | null {
  const reader = response.body?.getReader();
  if (!reader) return null;
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await hear(reader.read());
        if (done) return controller.close();
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** Servers send a whole answer though asked for a stream and the other way round; their content type tells. */
function streams(response: Response, asked: boolean): boolean {
  const type = response.headers.get('content-type') ?? '';
  return type.includes('event-stream') || (asked && !/json|html/.test(type));
}

/** The SDK knows an error in place of a chunk by its `error`; a whole answer has it in that place too, and older servers have it bare. */
function throwIfError(chunk: unknown, headers: Headers): void {
  if (typeof chunk !== 'object' || chunk === null) return;
  if ('error' in chunk && chunk.error) throw new APIError(undefined, Object(chunk.error), undefined, headers);
  if ('object' in chunk && chunk.object === 'error') throw new APIError(undefined, chunk, undefined, headers);
}

/** Every failure in our words; what the SDK or the server said is the cause, for the log. */
function toModelError(error: unknown): ModelError {
  if (error instanceof ModelError) return error;
  if (error instanceof SyntaxError || error instanceof z.ZodError) return new ModelError('trouble', { cause: error });
  if (!(error instanceof APIError) || error instanceof APIConnectionError)
    return new ModelError('connection', { cause: error });
  const failure = readRefusal(error.status, error.error);
  const toldMs = toldWaitMs(error.headers);
  if (failure === 'busy' && toldMs !== undefined) {
    const message = `The language model is too busy right now. Please try again in about ${inWords(toldMs)}.`;
    return new ModelError(failure, { message, cause: error });
  }
  if (error.status !== 404 || /model/i.test(error.message)) return new ModelError(failure, { cause: error });
  const hint = 'The server has no chat completions at this address. Is OPENAI_BASE_URL right? Most end in /v1.';
  return new ModelError(failure, { cause: new Error(hint, { cause: error }) });
}
