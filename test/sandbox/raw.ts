import { WebSocket } from 'ws';
import { z } from 'zod';

const Payload = z.object({ op: z.number(), d: z.unknown(), s: z.number().nullish(), t: z.string().nullish() });
export type Payload = z.infer<typeof Payload>;

/** A gateway client without manners: it sends what a test tells it to, and keeps what it gets. */
export async function connect({ url }: { readonly url: string }, query = '?v=10&encoding=json') {
  const socket = new WebSocket(`${url.replace('http', 'ws').replace('/api', '/')}${query}`);
  const received: Payload[] = [];
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const look of waiting) look();
  };
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  socket.on('message', (data) => {
    received.push(Payload.parse(JSON.parse(data.toString())));
    wake();
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));

  /** The first payload of this opcode or event, once it is there. */
  function got(what: number | string): Promise<Payload> {
    return new Promise((resolve) => {
      const look = () => {
        const found = received.find(({ op, t }) => (typeof what === 'number' ? op === what : t === what));
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  }
  return {
    socket,
    received,
    got,
    /** The names of the events so far. */
    events: () => received.flatMap(({ t }) => t ?? []),
    /** The close code, once the other side has closed. */
    closed,
    send: (op: number, d: unknown) => socket.send(JSON.stringify({ op, d })),
    identify: (token: string, intents = 513, more: Readonly<Record<string, unknown>> = {}) =>
      socket.send(JSON.stringify({ op: 2, d: { token, intents, properties: { os: 'test' }, ...more } })),
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // What a test reads of an answer is for the test to know.
  readonly body: ReturnType<typeof JSON.parse>;
}

/** The REST API without a library between. `authorization` goes as it is: `Bot …` for a bot. */
export function api({ url }: { readonly url: string }, authorization?: string) {
  return async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const headers = {
      ...(authorization !== undefined && { authorization }),
      ...(body !== undefined && !(body instanceof FormData) && { 'content-type': 'application/json' }),
    };
    const sent = body === undefined ? {} : { body: body instanceof FormData ? body : JSON.stringify(body) };
    const response = await fetch(`${url}/v10${path}`, { method, headers, ...sent });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  };
}
