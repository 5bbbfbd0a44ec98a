import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ChatApi } from '../chat-api.js';
import { type HttpAnswer, refusals } from './refusals.js';

/** Refusals that can be ordered, by the name of what goes wrong. */
export const orderable = {
  key: refusals.badKey,
  forbidden: refusals.forbidden,
  credit: refusals.noCredit,
  model: refusals.unknownModel,
  'rate-limit': refusals.rateLimited({ seconds: 2 }),
  'too-long': refusals.tooLong,
  'server-error': refusals.serverError,
  overloaded: refusals.overloaded,
  filter: refusals.filtered,
  'html-page': refusals.htmlPage,
} as const satisfies Readonly<Record<string, HttpAnswer>>;

export type RefusalName = keyof typeof orderable;

const path = '/sandbox/model/v1';

/** Where a wait is told, and what a client may want to quote; the rest of an answer's headers is between two servers. */
const passedOn = ['content-type', 'retry-after', 'retry-after-ms', 'x-request-id'];

/**
 * The chat API as the bot sees it: each request goes on to `api`, and its answer comes back as it streams. On the way it
 * is seen by `watch`, and gets the key, which the bot does not have: its own opens this relay alone.
 */
export function createRelay(api: ChatApi, watch: (request: unknown) => void) {
  const apiKey = randomBytes(24).toString('base64url');
  let refused: { readonly answer: HttpAnswer; left: number } | undefined;

  async function pass(request: FastifyRequest, reply: FastifyReply) {
    if (request.headers.authorization !== `Bearer ${apiKey}`) return answer(reply, refusals.badKey);
    if (request.method === 'POST') watch(request.body);
    if (refused !== undefined && refused.left > 0) {
      refused.left -= 1;
      return answer(reply, refused.answer);
    }
    reply.hijack();
    await forward(api, request, reply.raw);
  }

  return {
    apiKey,
    urlOn: (origin: string) => `${origin}${path}`,
    addTo(http: FastifyInstance): void {
      http.get(`${path}/models`, pass);
      http.post(`${path}/chat/completions`, pass);
    },
    /** Refuses the next requests, as many as said. */
    refuse(name: RefusalName, times: number): void {
      refused = { answer: orderable[name], left: times };
    },
    clear(): void {
      refused = undefined;
    },
  };
}

export type Relay = ReturnType<typeof createRelay>;

const answer = (reply: FastifyReply, { status, body, headers = {} }: HttpAnswer) =>
  reply
    .code(status)
    .headers({ 'content-type': 'application/json', ...headers })
    .send(body);

/** Whoever hangs up, the other side's connection ends too, as if nobody stood between them. */
async function forward(api: ChatApi, request: FastifyRequest, client: FastifyReply['raw']): Promise<void> {
  const hungUp = new AbortController();
  client.once('close', () => hungUp.abort());
  try {
    const response = await fetch(api.baseUrl + request.url.slice(path.length), {
      method: request.method,
      headers: {
        'content-type': 'application/json',
        ...(api.apiKey !== undefined && { authorization: `Bearer ${api.apiKey}` }),
      },
      ...(request.method === 'POST' && { body: JSON.stringify(request.body) }),
      // A key goes nowhere but to the address it was given for.
      redirect: 'error',
      signal: hungUp.signal,
    });
    const headers = [...response.headers].filter(([name]) => passedOn.includes(name));
    client.writeHead(response.status, Object.fromEntries(headers));
    for await (const bytes of response.body ?? []) client.write(bytes);
    client.end();
  } catch {
    client.destroy();
  }
}
