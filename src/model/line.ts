import type { Readable } from 'node:stream';
import { Agent, interceptors, request } from 'undici';

/** What a server answered, whose body is still to come. */
export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Readable;
}

/** What is read of an answer's headers; the rest is between two servers. */
const headersRead = ['content-type', 'content-encoding', 'retry-after', 'retry-after-ms', 'date', 'x-request-id'];

/** So many other addresses a server may send to, one after the other. */
const MOST_REDIRECTIONS = 5;

/**
 * The line to a chat API. Node's own `fetch` takes about five times as long for a request, most of it for streams of the
 * web, and gives up after five minutes of silence, which is not for it to say. An answer that sends elsewhere is followed,
 * as a POST but for a 303, and where that is another server the key stays behind.
 *
 * @param headers go with each request, and no others
 */
export function openLine(headers: Readonly<Record<string, string>>) {
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 }).compose(
    interceptors.redirect({ maxRedirections: MOST_REDIRECTIONS }),
  );
  return async (url: URL, body: string, signal: AbortSignal): Promise<Answered> => {
    const answer = await request(url, { dispatcher, method: 'POST', headers, body, signal });
    // Whoever reads it learns of it too; where nobody does any more, it is no news.
    answer.body.on('error', () => {});
    return { status: answer.statusCode, headers: pick(answer.headers), bytes: answer.body };
  };
}

/** Those that are read, and can be; of another no Headers can be made. */
function pick(told: Readonly<Record<string, string | string[] | undefined>>): Readonly<Record<string, string>> {
  const picked: Record<string, string> = {};
  for (const name of headersRead) {
    const value = told[name];
    if (value !== undefined && /^[\t\x20-\x7e]*$/.test(`${value}`)) picked[name] = `${value}`;
  }
  return picked;
}
