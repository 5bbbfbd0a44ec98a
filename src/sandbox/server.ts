import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { createFileAddresses } from './attachments.js';
import type { Backend } from './backend.js';
import { type Clock, wallClock } from './clock.js';
import { createRestFaults, globalRateLimit, type RestFault } from './faults.js';
import { createGateway } from './gateway.js';
import { createHttp, type RestCall } from './http.js';
import { createLimits } from './limits.js';
import { applicationRoutes } from './routes/applications.js';
import { channelRoutes } from './routes/channels.js';
import { guildRoutes } from './routes/guilds.js';
import { interactionRoutes } from './routes/interactions.js';
import { messageRoutes } from './routes/messages.js';
import { createSnowflakes } from './snowflake.js';
import { emptyWorld, type World } from './world.js';

export interface DiscordOptions {
  /** The port on loopback; a free one, if not said. */
  readonly port?: number;
  /** Whether rate limits are in force; they are, if not said. */
  readonly limits?: boolean;
  readonly clock?: Clock;
  readonly heartbeatMs?: number;
  /** What was there before; empty, if not said. */
  readonly world?: World;
}

/** A local Discord without anybody in it: gateway and REST API, on loopback only. */
export async function serveDiscord(options: DiscordOptions = {}) {
  const { clock = wallClock, world = emptyWorld(), heartbeatMs = 41_250 } = options;
  const calls: RestCall[] = [];
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of listeners) listener();
  };
  let origin = '';
  const addresses = createFileAddresses(world, clock, () => origin);
  const gatewayUrl = () => origin.replace('http', 'ws');
  const backend: Backend = {
    world,
    clock,
    newId: createSnowflakes(clock),
    publish: (event) => {
      gateway.publish(event);
      changed();
    },
    touch: changed,
    fileUrl: addresses.urlOf,
  };
  const gateway = createGateway(backend, { heartbeatMs, url: gatewayUrl, changed });
  const restFaults = createRestFaults();
  const isWelcome = ({ host, origin: from }: IncomingHttpHeaders) => isOwn(`http://${host}`) && isOwn(from ?? origin);
  const isOwn = (address: string) => [origin, origin.replace('127.0.0.1', 'localhost')].includes(address);
  const http = await createHttp({
    backend,
    routes: [
      ...messageRoutes(backend),
      ...channelRoutes(backend),
      ...guildRoutes(backend),
      ...applicationRoutes(backend, gatewayUrl),
      ...interactionRoutes(backend),
    ],
    faults: restFaults,
    limits: options.limits === false ? undefined : createLimits(clock),
    record: (call) => {
      calls.push(call);
      changed();
    },
    isWelcome,
  });
  serveFiles(http, addresses);
  gateway.listen(http.server, ({ headers }) => isWelcome(headers));
  origin = await http.listen({ host: '127.0.0.1', port: options.port ?? 0 });
  return {
    /** What a client takes for `https://discord.com/api`. */
    url: `${origin}/api`,
    backend,
    calls,
    gateway,
    listeners,
    /** What a test can order to go wrong. */
    faults: {
      gateway: gateway.faults,
      rest: (fault: RestFault) => restFaults.order(fault),
      globalRateLimit: (retryAfterSeconds: number, times = 1) =>
        restFaults.order({ answer: globalRateLimit(retryAfterSeconds), times }),
      clear: () => {
        restFaults.clear();
        gateway.faults.clear();
      },
    },
    async close(): Promise<void> {
      gateway.close();
      await http.close();
    },
  };
}

export type DiscordServer = Awaited<ReturnType<typeof serveDiscord>>;

function serveFiles(http: FastifyInstance, addresses: ReturnType<typeof createFileAddresses>): void {
  http.get<{ Params: { id: string }; Querystring: Record<string, string> }>(
    '/attachments/:channel_id/:id/:filename',
    async ({ params, query }, reply) => {
      const file = addresses.find(params.id, query);
      if (file === undefined) return reply.code(404).send('This content is no longer available.');
      // What people upload is data: no browser is to run it, or to guess that it may.
      return reply
        .type(file.contentType)
        .headers({ 'content-disposition': 'attachment', 'x-content-type-options': 'nosniff' })
        .send(Buffer.from(file.bytes));
    },
  );
}
