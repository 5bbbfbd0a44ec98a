import { APIError } from 'openai/error';
import { ModelError } from '../errors.js';
import { type Chunk, readChunk } from './completion.js';
import { EventReader, LONGEST_EVENT } from './events.js';
import { type Answered, LEFT, type Sent } from './line.js';

/** What really packs; some servers say "none" to keep proxies from it. */
const packing = /gzip|compress|deflate|zstd|\bbr\b/i;

/** Tells the next chunk of an answer; nothing after the last. */
export type NextChunk = () => Promise<Chunk | undefined>;

/**
 * The chunks of an answer, checked; a whole answer is a stream of one. Whether it is one or the other its content type
 * tells: servers send a whole answer though `asked` for a stream, and the other way round.
 * Throws an APIError for an error in place of a chunk, and a SyntaxError or a ZodError for what is no chunk.
 */
export function readResponse({ headers, read }: Omit<Answered, 'status'>, asked: boolean): NextChunk {
  const coding = headers['content-encoding'] ?? '';
  // It will be the next time too, and cost as much.
  if (packing.test(coding))
    throw new ModelError('trouble', {
      cause: new Error(`The answer is packed (${coding}), though it was asked not to be.`),
    });
  const type = headers['content-type']?.toLowerCase() ?? '';
  const isStream = type.includes('event-stream') || (asked && !/json|html/.test(type));
  return isStream ? chunksOf(headers, read) : wholeOf(headers, read);
}

function wholeOf(headers: Answered['headers'], read: Answered['read']): NextChunk {
  let isRead = false;
  return async () => {
    if (isRead) return undefined;
    isRead = true;
    return readChunk(check(await textOf(read), headers), true);
  };
}

function chunksOf(headers: Answered['headers'], read: Answered['read']): NextChunk {
  const events = new EventReader();
  let told: Iterator<string, void> = events.read(new Uint8Array());
  return async () => {
    for (;;) {
      const { value: data } = told.next();
      if (data?.startsWith('[DONE]')) return undefined;
      if (data !== undefined) return readChunk(check(data, headers), false);
      const bytes = await read();
      if (!bytes) return undefined;
      told = events.read(bytes);
    }
  };
}

async function textOf(read: Answered['read']): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for (let bytes = await read(); bytes; bytes = await read()) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > LONGEST_EVENT)
      throw new ModelError('trouble', { cause: new Error('The answer is too long to be one.') });
  }
  return text;
}

/** An error stands in the place of a chunk, as `error` or, from vLLM before 0.10, FastAPI and some proxies, bare. */
function check(text: string, headers: Answered['headers']): unknown {
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
export async function refusalIn(sent: Sent, { status, headers, read }: Answered, apiKey?: string): Promise<APIError> {
  const raw = await excerpt(sent, read);
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
async function excerpt(sent: Sent, read: Answered['read']): Promise<string> {
  const timer = setTimeout(() => sent.end(LEFT), EXCERPT_MS);
  const decoder = new TextDecoder();
  let text = '';
  try {
    for (let bytes = await read(); bytes && text.length <= LONGEST_EVENT; bytes = await read()) {
      text += decoder.decode(bytes, { stream: true });
    }
  } catch {
    // The status says enough.
  } finally {
    clearTimeout(timer);
  }
  return text;
}
