import { createDeflate, constants as zlib } from 'node:zlib';
import type { RawData, WebSocket } from 'ws';
import { z } from 'zod';

/** "Gateway Close Event Codes". */
export const close = {
  opcode: [4001, 'Unknown opcode.'],
  decode: [4002, 'Error while decoding payload.'],
  unauthenticated: [4003, 'Not authenticated.'],
  token: [4004, 'Authentication failed.'],
  again: [4005, 'Already authenticated.'],
  sequence: [4007, 'Invalid seq.'],
  rate: [4008, 'Rate limited.'],
  timeout: [4009, 'Session timed out.'],
  shard: [4010, 'Invalid shard.'],
  version: [4012, 'Invalid API version.'],
} as const;

/**
 * Close codes after which there is nothing to resume: the client is to start a new session, or not to come back at all
 * ("Gateway Close Event Codes"). After any other, also 1000 and 1001 from this side, it can resume.
 */
const endings: ReadonlySet<number> = new Set([4003, 4004, 4007, 4009, 4010, 4011, 4012, 4013, 4014]);

export const endsSession = (code: number): boolean => endings.has(code);

export const intentReasons = { 4013: 'Invalid intent(s).', 4014: 'Disallowed intent(s).' } as const;

const maxPayloadBytes = 4096;

const Frame = z.object({ op: z.number(), d: z.unknown() });
export const Identify = z.object({
  token: z.string(),
  properties: z.record(z.string(), z.unknown()),
  intents: z.number().optional(),
  shard: z.tuple([z.number(), z.number()]).optional(),
});
export const Resume = z.object({ token: z.string(), session_id: z.string(), seq: z.number() });
export const Heartbeat = z.number().nullable();
export const RequestMembers = z.object({
  guild_id: z.string(),
  query: z.string().optional(),
  limit: z.number().optional(),
  user_ids: z.union([z.string(), z.array(z.string())]).optional(),
  nonce: z.string().optional(),
});

/** Told of each payload as it passes: the way it goes, seen from here, and the account, once there is one. */
export type WatchFrame = (
  direction: 'in' | 'out',
  userId: string | undefined,
  frame: string | z.infer<typeof Frame>,
) => void;

/** With what a connection is closed. */
export type Closing = readonly [code: number, reason: string];

/** What is wrong with how a client connects ("Gateway URL Query String Params"). */
export function unwelcomeQuery(query: URLSearchParams): Closing | undefined {
  if (query.get('v') !== '10') return close.version;
  return (query.get('encoding') ?? 'json') === 'json' ? undefined : close.decode;
}

/** The server that an event belongs to: named in it, or the very thing it is about. */
export function guildOfEvent(name: string, data: unknown): string | undefined {
  if (data === null || typeof data !== 'object') return undefined;
  if ('guild_id' in data && typeof data.guild_id === 'string') return data.guild_id;
  const isGuild = ['GUILD_CREATE', 'GUILD_UPDATE', 'GUILD_DELETE'].includes(name);
  return isGuild && 'id' in data && typeof data.id === 'string' ? data.id : undefined;
}

/** A payload as a client sends it; `undefined` for what is too long, no JSON, or no payload. */
export function readFrame(data: RawData, isBinary: boolean): z.infer<typeof Frame> | undefined {
  const text = data.toString();
  if (isBinary || Buffer.byteLength(text) > maxPayloadBytes) return undefined;
  try {
    return Frame.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** "Transport Compression": one zlib stream for the whole connection, flushed after each payload. */
export function compressed(socket: WebSocket): (frame: string) => void {
  const deflate = createDeflate();
  const chunks: Buffer[] = [];
  socket.once('close', () => deflate.close());
  deflate.on('data', (chunk: Buffer) => chunks.push(chunk));
  return (frame) => {
    deflate.write(frame);
    deflate.flush(zlib.Z_SYNC_FLUSH, () => {
      if (socket.readyState === socket.OPEN) socket.send(Buffer.concat(chunks.splice(0)));
    });
  };
}
