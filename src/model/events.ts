import { ModelError } from '../errors.js';

/** No event of a chat API is longer, and no whole answer, in UTF-16 code units; what is longer is something else. */
export const LONGEST_EVENT = 4 * 1024 * 1024;

/**
 * Reads server-sent events from bytes, wherever these are split. Comments, other fields, events without data and one that
 * breaks off are passed over, see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation.
 */
export class EventReader {
  readonly #decoder = new TextDecoder();
  #line = '';
  #isAfterCr = false;
  #data: string[] = [];
  /** Of all lines since the last event. */
  #length = 0;

  /** The data of the events that these bytes bring to their end. Throws a ModelError when too much comes without an event. */
  *read(bytes: Uint8Array): Generator<string> {
    const decoded = this.#decoder.decode(bytes, { stream: true });
    if (decoded === '') return;
    // A CR ends its line at once; the LF that may follow belongs to it.
    const text = this.#isAfterCr && decoded.startsWith('\n') ? decoded.slice(1) : decoded;
    this.#isAfterCr = decoded.endsWith('\r');
    const lines = text.split(/\r\n|[\r\n]/);
    // What stands behind the last end is no line yet.
    const begun = lines.pop() ?? '';
    for (const rest of lines) {
      const event = this.#take(this.#line + rest);
      this.#line = '';
      if (event !== '') yield event;
    }
    this.#line += begun;
    if (this.#line.length > LONGEST_EVENT) throw tooLong();
  }

  /** The event that a line ends, if it does. */
  #take(line: string): string {
    this.#length += line.length;
    if (this.#length > LONGEST_EVENT) throw tooLong();
    if (line.startsWith('data:')) this.#data.push(line.slice(line[5] === ' ' ? 6 : 5));
    if (line !== '' || this.#data.length === 0) return '';
    const event = this.#data.join('\n');
    this.#data = [];
    if (event !== '') this.#length = 0;
    return event;
  }
}

const tooLong = () => new ModelError('trouble', { cause: new Error('The server sent too much without an event.') });
