import type { Readable } from 'node:stream';
import { APIError } from 'openai/error';
import { ModelError } from '../errors.js';
import { type Chunk, readChunk } from './completion.js';
import { EventReader, LONGEST_EVENT } from './events.js';
import type { Answered } from './line.js';

/** Waits for something that the server has to do. */
export type Hear = <T>(work: Promise<T>) => Promise<T>;

/** What really packs; some servers say "none" to keep proxies from it. */
const packing = /gzip|compress|deflate|zstd|\bbr\b/i;

/**
 * The chunks of an answer, checked; a whole answer is a stream of one. Whether it is one or the other its content type
 * tells: servers send a whole answer though `asked` for a stream, and the other way round.
 * Throws an APIError for an error in place of a chunk, and a SyntaxError or a ZodError for what is no chunk.
 */
export async function* readResponse({ headers, bytes }: Answered, asked: boolean, hear: Hear): AsyncGenerator<Chunk> {
  const coding = headers['content-encoding'] ?? '';
  // It will be the next time too, and cost as much.
  if (packing.test(coding))
    throw new ModelError('trouble', {
      cause: new Error(`The answer is packed (${coding}), though it was asked not to be.`),
    });
  const type = headers['content-type']?.toLowerCase() ?? '';
  // Left before its end, it would end the connection.
  const source: AsyncIterator<Uint8Array> = bytes[Symbol.asyncIterator]();
  const next = () => hear(source.next());
  if (!type.includes('event-stream') && !(asked && !/json|html/.test(type))) {
    yield readChunk(read(await textOf(next), headers), true);
    return;
  }
  const events = new EventReader();
  for (let step = await next(); !step.done; step = await next()) {
    for (const data of events.read(step.value)) {
      // What follows is not waited for; but a connection whose answer was read to its end can serve again.
      if (data.startsWith('[DONE]')) return void excerpt(bytes, source);
      yield readChunk(read(data, headers), false);
    }
  }
}

async function textOf(next: () => Promise<IteratorResult<Uint8Array>>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for (let step = await next(); !step.done; step = await next()) {
    text += decoder.decode(step.value, { stream: true });
    if (text.length > LONGEST_EVENT)
      throw new ModelError('trouble', { cause: new Error('The answer is too long to be one.') });
  }
  return text;
}

/** An error stands in the place of a chunk, as `error` or, from vLLM before 0.10, FastAPI and some proxies, bare. */
function read(text: string, headers: Answered['headers']): unknown {
  const json: unknown = JSON.parse(text);
  if (typeof json !== 'object' || json === null) return json;
  if ('error' in json && json.error) throw new APIError(undefined, Object(json.error), undefined, new Headers(headers));
  const isBare = 'message' in json ? typeof json.message === 'string' : 'detail' in json;
  if (isBare && !('choices' in json)) throw new APIError(undefined, json, undefined, new Headers(headers));
  return json;
}

/**
 * What an error answer says; some servers say it without `error` around it (Mistral, FastAPI, vLLM before 0.10). A page is
 * cut, and the key, which some servers repeat, is taken out, because this ends in the log.
 */
export async function refusalIn({ status, headers, bytes }: Answered, apiKey: string | undefined): Promise<APIError> {
  const raw = await excerpt(bytes);
  const told = new Headers(headers);
  // No chat API has others than these.
  if (status < 400 || status > 599) return new APIError(502, undefined, `The server answered with ${status}.`, told);
  const body = apiKey === undefined ? raw : raw.replaceAll(apiKey, '[key]');
  try {
    const json: unknown = JSON.parse(body, withoutInput);
    const isWrapped = typeof json === 'object' && json !== null && 'error' in json;
    return APIError.generate(status, isWrapped ? json : { error: json }, undefined, told);
  } catch {
    // Half a JSON may repeat what people wrote.
    return APIError.generate(status, undefined, /^\s*[[{"]/.test(body) ? '' : body.slice(0, 500), told);
  }
}

/** FastAPI repeats what it was sent, which is what people wrote. */
const withoutInput = (field: string, value: unknown): unknown => (field === 'input' ? undefined : value);

const EXCERPT_MS = 1_000;

/** What comes of a body in a moment. One that breaks off, goes on or goes quiet has said enough, and is ended. */
async function excerpt(
  bytes: Readable,
  source: AsyncIterator<Uint8Array> = bytes[Symbol.asyncIterator](),
): Promise<string> {
  const timer = setTimeout(() => bytes.destroy(), EXCERPT_MS);
  const decoder = new TextDecoder();
  let text = '';
  try {
    for (let step = await source.next(); !step.done; step = await source.next()) {
      text += decoder.decode(step.value, { stream: true });
      if (text.length > LONGEST_EVENT) bytes.destroy();
    }
  } catch {
    // The status says enough.
  } finally {
    clearTimeout(timer);
  }
  return text;
}
