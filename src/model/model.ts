import { setTimeout as wait } from 'node:timers/promises';
import { APIError } from 'openai/error';
import { z } from 'zod';
import { ConfigError, ModelError } from '../errors.js';
import { Completion, type Ending } from './completion.js';
import { type Answered, LEFT, openLine } from './line.js';
import { readRefusal, refusesParameter } from './refusal.js';
import { type NextChunk, readResponse, refusalIn } from './response.js';
import { createWaits, inWords, toldWaitMs } from './retry.js';

export type { Ending, Usage } from './completion.js';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** An image, as the chat API takes it ("Vision"). */
export interface ImagePart {
  readonly type: 'image_url';
  readonly image_url: { readonly url: string };
}

/** A message, perhaps with images. */
export type Message =
  | ChatMessage
  | {
      readonly role: 'user';
      readonly content: string | readonly (ImagePart | { readonly type: 'text'; readonly text: string })[];
    };

/** A model that is shown images too. */
export type LookingModel = (prompt: readonly Message[], signal: AbortSignal) => ReturnType<Model>;

/**
 * Asks the model: yields the answer's text as it comes and returns how it ended. Leaving it early ends the request.
 * Text beyond LONGEST_ANSWER ends it too, with `length`. Throws a ModelError, or the signal's reason once that is aborted;
 * text that had come by then has been yielded.
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
  /** How long one request may take in all, whatever it sends; half an hour when absent. */
  readonly longestMs?: number | undefined;
  /** The first wait where the server tells none; later ones double. */
  readonly backoffMs?: number | undefined;
  /** Called before each wait, for the log; `attempt` is the one that failed, counted from 1. */
  readonly onRetry?: ((failure: ModelError, waitMs: number, attempt: number) => void) | undefined;
}

/** Nobody waits longer for a word. A whole answer has to be made before its first byte, so it gets all of it. */
const LONGEST_SILENCE_MS = 300_000;
/** Longer than models think, and shorter than a channel should wait for a server that only says it is alive. */
const LONGEST_REQUEST_MS = 30 * 60_000;
const patienceMs = ({ stream, timeoutMs }: ModelSettings) =>
  stream ? Math.min(timeoutMs, LONGEST_SILENCE_MS) : LONGEST_SILENCE_MS;

/**
 * A door to a chat completions API. While nothing has been yielded, rate limits, server trouble and broken connections are
 * tried again (see createWaits). What the server turns out not to take is left out from then on.
 * Throws a ConfigError when the key cannot be sent.
 */
export function createModel(settings: ModelSettings): LookingModel {
  const door = { send: connect(settings), url: urlIn(settings), settings, refused: new Set<string>() };
  return (prompt, signal) => ask(door, prompt, signal);
}

interface Door {
  readonly send: ReturnType<typeof openLine>;
  readonly url: URL;
  readonly settings: ModelSettings;
  /** Names of parameters that the server does not take. */
  readonly refused: Set<string>;
}

async function* ask(door: Door, prompt: readonly Message[], signal: AbortSignal): ReturnType<Model> {
  const nextWaitMs = createWaits(door.settings.backoffMs ?? 500);
  for (let attempt = 1; ; attempt += 1) {
    const body = requestBody(door, prompt);
    const completion = new Completion(door.settings.model);
    const request = openRequest(door, body, completion, signal);
    try {
      for (let text = await request.next(); text; text = await request.next()) {
        yield text;
        signal.throwIfAborted();
      }
      signal.throwIfAborted();
      return completion.ending();
    } catch (error) {
      signal.throwIfAborted();
      const failure = toModelError(error);
      if (completion.begun) return completion.ending(failure);
      if (learn(failure, body, door.refused)) continue;
      const waitMs = retryInMs(failure, nextWaitMs);
      door.settings.onRetry?.(failure, waitMs, attempt);
      await pause(waitMs, signal);
    } finally {
      request.end();
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

/** Nothing but these headers goes with a request: nothing of the environment, and nothing about the machine. */
function connect({ apiKey }: ModelSettings): Door['send'] {
  // The runtime quotes a header that it cannot send, and the key would stand in the log.
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey))
    throw new ConfigError('OPENAI_API_KEY holds a character that no key has.');
  return openLine({
    accept: 'application/json, text/event-stream',
    'accept-encoding': 'identity',
    'content-type': 'application/json',
    'user-agent': 'Parley',
    ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
  });
}

function urlIn({ baseUrl }: ModelSettings): URL {
  const url = new URL(baseUrl ?? 'https://api.openai.com/v1');
  url.pathname = `${url.pathname.replace(/\/$/, '')}/chat/completions`;
  return url;
}

const isWell = ({ status }: Answered): boolean => status >= 200 && status < 300;

type RequestBody = Readonly<Record<string, unknown>>;

/** Settings that are not set are left out by JSON itself. */
function requestBody({ url, settings, refused }: Door, prompt: readonly Message[]): RequestBody {
  return {
    model: settings.model,
    messages: prompt,
    stream: settings.stream,
    stream_options: settings.stream && !refused.has('stream_options') ? { include_usage: true } : undefined,
    temperature: settings.temperature,
    top_p: settings.topP,
    [limitName(url, refused)]: settings.maxTokens,
    frequency_penalty: settings.frequencyPenalty,
    presence_penalty: settings.presencePenalty,
  };
}

const limits = { max_completion_tokens: 'max_tokens', max_tokens: 'max_completion_tokens' } as const;

/** The token limit's name: OpenAI's newer models take the new one only, most other servers the old one only. */
function limitName({ hostname }: URL, refused: ReadonlySet<string>): keyof typeof limits {
  const openAi = /(^|\.)(api\.openai\.com|openai\.azure\.com)$/.test(hostname);
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

/**
 * One request, whose text is asked for piece by piece. It ends with the last of them, with what is thrown instead of one (a
 * ModelError where the server lets it wait too long, the signal's reason once that is aborted), or with `end`.
 */
function openRequest({ send, url, settings }: Door, body: RequestBody, completion: Completion, signal: AbortSignal) {
  signal.throwIfAborted();
  const sent = send(url, JSON.stringify(body));
  const stop = () => sent.end(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  const stall = () => sent.end(new ModelError('stalled'));
  const longest = setTimeout(stall, settings.longestMs ?? LONGEST_REQUEST_MS);
  // Only the waiting for the server counts, not what the reader of the answer does in between.
  let isWaiting = false;
  const silence = setTimeout(() => isWaiting && stall(), patienceMs(settings));
  let nextChunk: NextChunk | undefined;
  let isOver = false;

  async function hear<T>(work: Promise<T>): Promise<T> {
    isWaiting = true;
    silence.refresh();
    const heard = await work;
    isWaiting = false;
    return heard;
  }

  async function begin(): Promise<NextChunk> {
    const answered = await hear(sent.answered);
    if (!isWell(answered)) throw await refusalIn(sent, answered, settings.apiKey);
    return readResponse({ headers: answered.headers, read: () => hear(answered.read()) }, settings.stream);
  }

  function close(): void {
    isOver = true;
    clearTimeout(longest);
    clearTimeout(silence);
    signal.removeEventListener('abort', stop);
  }

  function leave(): undefined {
    close();
    sent.leave();
  }

  function end(): undefined {
    if (isOver) return;
    close();
    sent.end(LEFT);
  }

  return {
    /** The next piece of the answer; nothing after the last. */
    async next(): Promise<string | undefined> {
      try {
        nextChunk ??= await begin();
        while (!completion.isFull) {
          const chunk = await nextChunk();
          if (!chunk) return leave();
          const text = completion.take(chunk);
          if (text !== '') return text;
        }
      } catch (error) {
        end();
        throw error;
      }
      return end();
    },
    /** Ends it where it has not ended. */
    end,
  };
}

/** What is no JSON, what is nested too deep, and what is no chunk. */
const unreadable = [SyntaxError, RangeError, z.ZodError];

/** Every failure in our words; what the server or the connection said is the cause, for the log. */
function toModelError(error: unknown): ModelError {
  if (error instanceof ModelError) return error;
  if (unreadable.some((kind) => error instanceof kind)) return new ModelError('trouble', { cause: error });
  if (!(error instanceof APIError)) return new ModelError('connection', { cause: error });
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
