import { APIError } from 'openai';
import { ModelError } from '../errors.js';
import { type Chunk, readChunk } from './completion.js';
import { LONGEST_EVENT, readEvents } from './events.js';

/** Waits for something that the server has to do. */
export type Hear = <T>(work: Promise<T>) => Promise<T>;

/**
 * The chunks of an answer, checked; a whole answer is a stream of one. Whether it is one or the other its content type
 * tells: servers send a whole answer though `asked` for a stream, and the other way round.
 * Throws an APIError for an error in place of a chunk, and a SyntaxError or a ZodError for what is no chunk.
 */
export async function* readResponse(response: Response, asked: boolean, hear: Hear): AsyncGenerator<Chunk> {
  const bytes = heardBytes(response, hear);
  const type = response.headers.get('content-type')?.toLowerCase() ?? '';
  if (!type.includes('event-stream') && !(asked && !/json|html/.test(type))) {
    yield readChunk(read(await textOf(bytes), response), true);
    return;
  }
  for await (const data of readEvents(bytes)) {
    if (data.startsWith('[DONE]')) break;
    yield readChunk(read(data, response), false);
  }
  // A connection whose answer was read to its end can serve again.
  await hear(excerpt(response.body));
}

/** Whatever comes is a sign of life, a comment to keep the connection alive too. */
async function* heardBytes({ body }: Response, hear: Hear): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await hear(reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const some of bytes) {
    text += decoder.decode(some, { stream: true });
    if (text.length > LONGEST_EVENT)
      throw new ModelError('trouble', { cause: new Error('The answer is too long to be one.') });
  }
  return text;
}

/** An error stands in the place of a chunk, as `error` or, from vLLM before 0.10, FastAPI and some proxies, bare. */
function read(text: string, { headers }: Response): unknown {
  const json: unknown = JSON.parse(text);
  if (typeof json !== 'object' || json === null) return json;
  if ('error' in json && json.error) throw new APIError(undefined, Object(json.error), undefined, headers);
  const isBare = 'message' in json ? typeof json.message === 'string' : 'detail' in json;
  if (isBare && !('choices' in json)) throw new APIError(undefined, json, undefined, headers);
  return json;
}

/**
 * An error answer that the SDK can read: it drops a body without `error` around it (Mistral, FastAPI, vLLM before 0.10).
 * A page is cut, and the key, which some servers repeat, is taken out, because this ends in the log.
 */
export async function legible(response: Response, apiKey: string | undefined): Promise<Response> {
  const { status, headers } = response;
  const raw = await excerpt(response.body);
  // No chat API has others than these, and of some no Response can be made.
  if (status < 400 || status > 599)
    return new Response(`The server answered with ${status}.`, { status: 502, headers });
  const body = apiKey === undefined ? raw : raw.replaceAll(apiKey, '[key]');
  try {
    const json: unknown = JSON.parse(body);
    const wrapped = typeof json === 'object' && json !== null && 'error' in json ? json : { error: json };
    return new Response(JSON.stringify(wrapped, withoutInput), { status, headers });
  } catch {
    // Half a JSON may repeat what people wrote.
    return new Response(/^\s*[[{"]/.test(body) ? '' : body.slice(0, 500), { status, headers });
  }
}

/** FastAPI repeats what it was sent, which is what people wrote. */
const withoutInput = (field: string, value: unknown): unknown => (field === 'input' ? undefined : value);

const EXCERPT_MS = 1_000;

/** What comes of a body in a moment. One that breaks off, goes on or goes quiet has said enough. */
async function excerpt(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const reader = body?.getReader();
  if (!reader) return '';
  const timer = setTimeout(() => reader.cancel().catch(() => {}), EXCERPT_MS);
  const decoder = new TextDecoder();
  let text = '';
  try {
    while (text.length <= LONGEST_EVENT) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // The status says enough.
  } finally {
    clearTimeout(timer);
  }
  return text;
}
