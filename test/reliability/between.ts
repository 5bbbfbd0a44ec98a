import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { WebSocket, WebSocketServer } from 'ws';

/** An event of the gateway, with its name. */
export interface GatewayEvent {
  readonly t: string;
  readonly d: unknown;
}

/** An answer of the REST API on its way to a bot. */
export interface RestAnswer {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly body: Buffer;
  /** Whether the connection breaks amid the body. */
  readonly isCut?: boolean;
}

/** What stands between a bot and Discord. */
export interface Between {
  /** What a bot takes for `https://discord.com/api`. */
  readonly url: string;
  /** Is told of each event that has gone through, from now on. */
  hear(listener: (event: GatewayEvent) => void): void;
  /** Changes answers of the REST API, from now on. */
  change(answer: (answer: RestAnswer) => RestAnswer): void;
  /** Sends a text to each bot, as the gateway would. */
  say(frame: string): void;
  close(): Promise<void>;
}

/** Stands between a bot and a Discord that is on loopback: everything goes through, and a test can add to it. */
export async function standBetween(discordUrl: string): Promise<Between> {
  const origin = new URL(discordUrl).origin;
  const agent = new Agent({ keepAlive: true });
  const bots = new Set<WebSocket>();
  let listener = (_: GatewayEvent) => {};
  let change = (answer: RestAnswer) => answer;
  let ownOrigin = '';

  /** Discord tells a bot where its gateway is: here. */
  const redirected = (text: string) => text.replaceAll(origin.replace('http', 'ws'), ownOrigin.replace('http', 'ws'));

  async function forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/' } = incoming;
    const headers = { ...incoming.headers, host: new URL(origin).host };
    const forwarded = request(new URL(path, origin), { method, headers, agent });
    incoming.pipe(forwarded);
    const [answer]: [IncomingMessage] = (await once(forwarded, 'response')) as [IncomingMessage]; // what Node emits it with
    const { 'content-length': _, 'transfer-encoding': __, ...kept } = answer.headers;
    const body = Buffer.from(redirected((await buffer(answer)).toString()));
    const changed = change({ method, path, status: answer.statusCode ?? 0, body });
    outgoing.writeHead(changed.status, { ...kept, 'content-length': changed.body.length });
    if (changed.isCut) outgoing.write(changed.body.subarray(0, changed.body.length / 2), () => outgoing.destroy());
    else outgoing.end(changed.body);
  }

  function connect(bot: WebSocket, path: string): void {
    const discord = new WebSocket(`${origin.replace('http', 'ws')}${path}`);
    bots.add(bot);
    discord.on('message', (data) => {
      const frame = redirected(String(data));
      const { t, d }: { t?: string | null; d?: unknown } = JSON.parse(frame);
      bot.send(frame);
      if (t) listener({ t, d });
    });
    bot.on('message', (data) => discord.send(String(data)));
    bot.on('close', (code) => {
      bots.delete(bot);
      closeWith(discord, code);
    });
    discord.on('close', (code) => closeWith(bot, code));
    for (const socket of [bot, discord]) socket.on('error', () => socket.terminate());
  }

  const server = createServer((incoming, outgoing) => {
    forward(incoming, outgoing).catch(() => outgoing.destroy());
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.handleUpgrade(incoming, socket, head, (bot) => connect(bot, incoming.url ?? '/'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ownOrigin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on a port

  return {
    url: discordUrl.replace(origin, ownOrigin),
    hear(to) {
      listener = to;
    },
    change(answer) {
      change = answer;
    },
    say(frame) {
      for (const bot of bots) bot.send(frame);
    },
    async close() {
      for (const bot of bots) bot.terminate();
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A code that no side may send stands for a connection that was cut. */
function closeWith(socket: WebSocket, code: number): void {
  if (code === 1000 || code >= 3000) socket.close(code);
  else socket.terminate();
}
