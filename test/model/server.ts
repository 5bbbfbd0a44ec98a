import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createRawServer, type Server, type Socket } from 'node:net';
import type { ChatMessage, Ending, Model } from '../../src/model/model.js';

export interface Outcome {
  readonly pieces: readonly string[];
  readonly ending?: Ending;
  readonly error?: unknown;
}

/** Everything that a model gives, to the end or to the failure. */
export async function outcomeOf(
  model: Model,
  prompt: readonly ChatMessage[],
  signal = new AbortController().signal,
): Promise<Outcome> {
  const pieces: string[] = [];
  const answer = model(prompt, signal);
  try {
    for (;;) {
      const step = await answer.next();
      if (step.done) return { pieces, ending: step.value };
      pieces.push(step.value);
    }
  } catch (error) {
    return { pieces, error };
  }
}

export interface BadServer {
  readonly baseUrl: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A server that does what no API should. */
export const serverThat = (listener: RequestListener): Promise<BadServer> => listen(createServer(listener));

/** One that does not even speak HTTP, unless it is told every byte. */
export const rawServerThat = (listener: (socket: Socket) => void): Promise<BadServer> =>
  listen(createRawServer(listener));

async function listen(server: Server): Promise<BadServer> {
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('error', () => {}).once('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has an address of this shape.
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
