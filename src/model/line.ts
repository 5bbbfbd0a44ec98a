import { Agent, type Dispatcher, interceptors } from 'undici';

/** What a server answers, as it comes. */
export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The next bytes; nothing at their end. Throws what broke the connection, or what the request was ended with. */
  read(): Promise<Uint8Array | undefined>;
}

/** A request that is on its way, or being answered. */
export interface Sent {
  /** Rejects with what kept it from being answered, or what it was ended with. */
  readonly answered: Promise<Answered>;
  /** Ends it wherever it is, and its connection; whoever reads it gets the reason. */
  end(why: Error): void;
  /** Lets what is still to come pass unread, for a moment: so the connection can serve again. */
  leave(): void;
}

/** What is read of an answer's headers; the rest is between two servers. */
const headersRead = new Set([
  'content-type',
  'content-encoding',
  'retry-after',
  'retry-after-ms',
  'date',
  'x-request-id',
]);

/** So many other addresses a server may send to, one after the other. */
const MOST_REDIRECTIONS = 5;

/** How much may have come that was not read yet, in bytes: more than any answer. */
const MOST_UNREAD = 64 * 1024 * 1024;

/** For how long an answer that is not read any more may go on, in milliseconds. */
const LEAVE_MS = 1_000;

/**
 * The line to a chat API: undici's own door, since what stands before it in `fetch` and `request` (streams, signals) costs
 * more than all else that is done with an answer; and `fetch` gives up after five minutes of silence, which is not for it
 * to say. An answer that sends elsewhere is followed, as a POST but for a 303, and where that is another server the key
 * stays behind.
 *
 * @param headers go with each request, and no others
 */
export function openLine(headers: Readonly<Record<string, string>>) {
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 }).compose(
    interceptors.redirect({ maxRedirections: MOST_REDIRECTIONS }),
  );
  return ({ origin, pathname, search }: URL, body: string): Sent => {
    const call = new Call();
    dispatcher.dispatch({ origin, path: pathname + search, method: 'POST', headers: { ...headers }, body }, call);
    return call;
  };
}

interface Waiting<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (why: Error) => void;
}

/** Hears what undici tells of a request ("Dispatcher.dispatch", Parameter: DispatchHandlers), and keeps it until it is read. */
class Call implements Sent, Dispatcher.DispatchHandlers {
  readonly answered: Promise<Answered>;
  readonly #unread: Uint8Array[] = [];
  /** Whoever waits for the answer, and then for its next bytes. */
  #asker: Waiting<Answered> | undefined;
  #reader: Waiting<Uint8Array | undefined> | undefined;
  #abort: ((why?: Error) => void) | undefined;
  #unreadBytes = 0;
  #failure: Error | undefined;
  #isOver = false;
  #leaving: NodeJS.Timeout | undefined;

  constructor() {
    this.answered = new Promise((resolve, reject) => {
      this.#asker = { resolve, reject };
    });
  }

  end(why: Error): void {
    if (this.#isOver) return;
    this.#unread.length = 0;
    this.#fail(why);
    this.#abort?.(why);
  }

  leave(): void {
    if (this.#isOver) return;
    this.#unread.length = 0;
    this.#leaving = setTimeout(() => this.end(LEFT), LEAVE_MS);
  }

  onConnect(abort: (why?: Error) => void): void {
    this.#abort = abort;
    if (this.#failure) abort(this.#failure);
  }

  onHeaders(status: number, headers: Buffer[]): boolean {
    // What is only told on the way is no answer.
    if (status < 200) return true;
    this.#asker?.resolve({ status, headers: pick(headers), read: () => this.#read() });
    return true;
  }

  onData(bytes: Buffer): boolean {
    if (this.#leaving) return true;
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader) reader.resolve(bytes);
    else this.#keep(bytes);
    return true;
  }

  /** The connection is never told to wait: where one that waits breaks, undici 6 fails an assertion in nobody's care. */
  #keep(bytes: Uint8Array): void {
    this.#unread.push(bytes);
    this.#unreadBytes += bytes.length;
    if (this.#unreadBytes > MOST_UNREAD) this.end(new Error('The server sends more than is read.'));
  }

  onComplete(): void {
    clearTimeout(this.#leaving);
    this.#isOver = true;
    this.#reader?.resolve(undefined);
  }

  onError(error: Error): void {
    if (!this.#isOver) this.#fail(error);
  }

  #fail(why: Error): void {
    clearTimeout(this.#leaving);
    this.#isOver = true;
    this.#failure = why;
    this.#asker?.reject(why);
    this.#reader?.reject(why);
  }

  async #read(): Promise<Uint8Array | undefined> {
    const bytes = this.#unread.shift();
    this.#unreadBytes -= bytes?.length ?? 0;
    if (bytes) return bytes;
    if (this.#failure) throw this.#failure;
    if (this.#isOver) return undefined;
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }
}

/** Made once: each of its own would cost more than all else that ends with it. */
export const LEFT = new Error('The answer is not read any further.');

/** Those that are read, and can be; of another no Headers can be made. */
function pick(told: readonly Buffer[]): Readonly<Record<string, string>> {
  const picked: Record<string, string> = {};
  for (let index = 0; index + 1 < told.length; index += 2) {
    const name = String(told[index]).toLowerCase();
    if (!headersRead.has(name)) continue;
    const value = String(told[index + 1]);
    if (/^[\t\x20-\x7e]*$/.test(value)) picked[name] = name in picked ? `${picked[name]},${value}` : value;
  }
  return picked;
}
