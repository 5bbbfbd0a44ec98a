import { ModelError } from '../errors.js';

/** No event of a chat API is longer, and no whole answer, in UTF-16 code units; what is longer is something else. */
export const LONGEST_EVENT = 4 * 1024 * 1024;

/**
 * The data of server-sent events, wherever their bytes are split. Comments, other fields, events without data and one that
 * breaks off are passed over, see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation.
 * Throws a ModelError when too much comes without an event.
 */
export async function* readEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let data: string[] = [];
  let length = 0;
  for await (const line of readLines(bytes)) {
    length += line.length;
    if (length > LONGEST_EVENT) throw new ModelError('trouble', { cause: new Error(NO_EVENT) });
    if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5));
    if (line !== '' || data.length === 0) continue;
    const event = data.join('\n');
    data = [];
    if (event === '') continue;
    length = 0;
    yield event;
  }
}

const NO_EVENT = 'The server sent too much without an event.';

/** Lines that end with CR, LF or both. What stands behind the last end is no line. */
async function* readLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let line = '';
  let isAfterCr = false;
  for await (const some of bytes) {
    const decoded = decoder.decode(some, { stream: true });
    if (decoded === '') continue;
    // A CR ends its line at once; the LF that may follow belongs to it.
    const text = isAfterCr && decoded.startsWith('\n') ? decoded.slice(1) : decoded;
    isAfterCr = decoded.endsWith('\r');
    for (const [index, piece] of text.split(/\r\n|[\r\n]/).entries()) {
      if (index > 0) {
        yield line;
        line = '';
      }
      line += piece;
    }
    if (line.length > LONGEST_EVENT) throw new ModelError('trouble', { cause: new Error(NO_EVENT) });
  }
}
