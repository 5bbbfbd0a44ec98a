import type { IncomingHttpHeaders, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { createFileAddresses } from './attachments.js';
import type { Backend } from './backend.js';
import { type Clock, wallClock } from './clock.js';
import { createRestFaults, globalRateLimit, type RestFault } from './faults.js';
import type { WatchFrame } from './frames.js';
import { createGateway, type Gateway } from './gateway.js';
import { createHttp, type RestCall } from './http.js';
import { createLimits } from './limits.js';
import { applicationRoutes } from './routes/applications.js';
import { channelRoutes } from './routes/channels.js';
import { guildRoutes } from './routes/guilds.js';
import { interactionRoutes } from './routes/interactions.js';
import { messageRoutes } from './routes/messages.js';
import type { IdentifyLimits } from './session-starts.js';
import { byAge, createSnowflakes } from './snowflake.js';
import { emptyWorld, type World } from './world.js';

export interface DiscordOptions {
  /** The port on loopback; a free one, if not said. */
  readonly port?: number;
  /** Whether rate limits are in force; they are, if not said. */
  readonly limits?: boolean;
  readonly identifies?: IdentifyLimits;
  /** How many REST calls are kept at least, and never twice as many; 20,000, if not said. */
  readonly keepsCalls?: number;
  /** How many messages of each channel are kept, the older ones being forgotten without a word; all, if not said. */
  readonly keepsMessages?: number;
  readonly clock?: Clock;
  readonly heartbeatMs?: number;
  /** What was there before; empty, if not said. */
  readonly world?: World;
  /** How many ports to try, from `port` on, where one is taken; one, if not said. */
  readonly ports?: number;
  /** Sees every payload of the gateway as it passes. */
  readonly watchFrame?: WatchFrame;
  /** Sees every REST call with its answer. */
  readonly watchCall?: (call: RestCall) => void;
  /** Adds routes of one's own, which are as closed to foreign pages as Discord's. */
  readonly extend?: (http: FastifyInstance) => void;
}

/** A local Discord without anybody in it: gateway and REST API, on loopback only. */
export async function serveDiscord(options: DiscordOptions = {}) {
  const { clock = wallClock, world = emptyWorld(), heartbeatMs = 41_250, keepsCalls = 20_000 } = options;
  const { keepsMessages = Number.POSITIVE_INFINITY } = options;
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
    newId: createSnowflakes(clock, newestId(world)),
    keepsMessages,
    publish: (event) => {
      gateway.publish(event);
      changed();
    },
    touch: changed,
    fileUrl: addresses.urlOf,
  };
  const gateway = createGateway(backend, {
    heartbeatMs,
    url: gatewayUrl,
    changed,
    identifies: options.identifies,
    watch: options.watchFrame,
  });
  const restFaults = createRestFaults();
  const isWelcome = ({ host, origin: from }: IncomingHttpHeaders) => isOwn(`http://${host}`) && isOwn(from ?? origin);
  const isOwn = (address: string) => [origin, origin.replace('127.0.0.1', 'localhost')].includes(address);
  const http = await createHttp({
    backend,
    routes: [
      ...messageRoutes(backend),
      ...channelRoutes(backend),
      ...guildRoutes(backend),
      ...applicationRoutes(backend, gatewayUrl, gateway.sessionStartLimit),
      ...interactionRoutes(backend),
    ],
    faults: restFaults,
    limits: options.limits === false ? undefined : createLimits(clock),
    record: (call) => {
      calls.push(call);
      if (calls.length >= 2 * keepsCalls) calls.splice(0, calls.length - keepsCalls);
      options.watchCall?.(call);
      changed();
    },
    isWelcome,
  });
  serveFiles(http, addresses);
  options.extend?.(http);
  gateway.listen(http.server, ({ headers }) => isWelcome(headers));
  const outage = createOutage(http.server, gateway);
  origin = await listen(http, options.port ?? 0, options.ports ?? 1);
  return {
    /** Where all of it is. */
    origin,
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
      /** Whether all of Discord is out: every connection is cut, and every new one, for people too. Sessions outlive it. */
      outage,
      clear: () => {
        outage(false);
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

/** Listens on the first of these ports that nobody has, and returns the address. */
async function listen(http: FastifyInstance, port: number, ports: number): Promise<string> {
  try {
    return await http.listen({ host: '127.0.0.1', port });
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    if (!isTaken || ports <= 1) throw error;
    return listen(http, port + 1, ports - 1);
  }
}

/** A switch that cuts the connections of a server, and those that come, as long as it is on. */
function createOutage(server: Server, gateway: Gateway): (isOut: boolean) => void {
  const sockets = new Set<Socket>();
  let isOut = false;
  server.on('connection', (socket: Socket) => {
    if (isOut) {
      socket.resetAndDestroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return (now) => {
    isOut = now;
    if (!isOut) return;
    // First, so that its sessions count as lost at once, not when their sockets have closed.
    gateway.faults.drop();
    for (const socket of sockets) socket.resetAndDestroy();
  };
}

/** The newest id of a world: new ones are to come after it, even where the clock was set back. */
function newestId({ users, guilds, channels, interactions, files }: World): string {
  const messages = [...channels.values()].flatMap((channel) => [...channel.messages.keys()]);
  const maps = [users, guilds, channels, interactions, files];
  return [...messages, ...maps.flatMap((map) => [...map.keys()])].sort(byAge).at(-1) ?? '0';
}

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
