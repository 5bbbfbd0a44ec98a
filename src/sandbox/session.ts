import { GatewayIntentBits } from 'discord-api-types/v10';
import type { DispatchData, EventReader, GatewayEvent } from './events.js';
import type { Application, User } from './world.js';

/** What a session sent, kept for a resume; older ones are forgotten. */
const maxKept = 5_000;

/** How long a session that lost its connection can be resumed. */
export const resumableForMs = 5 * 60_000;

/** A gateway session: it outlives its connection, so that what was missed can be replayed. */
export interface Session extends EventReader {
  readonly id: string;
  readonly token: string;
  readonly shard: readonly [id: number, count: number];
  sequence: number;
  readonly sent: { readonly sequence: number; readonly frame: string }[];
  /** Writes to the connection; `undefined` while there is none. */
  write: ((frame: string) => void) | undefined;
  lostAt: number | undefined;
}

const allIntents = Object.values(GatewayIntentBits).reduce<number>(
  (set, bit) => (typeof bit === 'number' ? set | bit : set),
  0,
);

/** The close code that Discord refuses these intents with, if it does: 4013 for unknown ones, 4014 for ones not switched on. */
export function refusedIntents(intents: number, application: Application): 4013 | 4014 | undefined {
  if (!Number.isInteger(intents) || intents < 0 || (intents & ~allIntents) !== 0) return 4013;
  const privileged = [
    [GatewayIntentBits.MessageContent, application.messageContent],
    [GatewayIntentBits.GuildMembers, application.members],
    [GatewayIntentBits.GuildPresences, application.presences],
  ] as const;
  return privileged.some(([bit, state]) => (intents & bit) !== 0 && state === 'off') ? 4014 : undefined;
}

/** Whether there can be a shard of this number among so many. */
export const isShard = ([id, count]: readonly [number, number]): boolean =>
  Number.isInteger(id) && Number.isInteger(count) && id >= 0 && id < count;

/** A new session of an account; a person's client has every intent. */
export function createSession(
  id: string,
  user: User,
  intents: number,
  shard: readonly [id: number, count: number],
): Session {
  const isPerson = user.applicationId === undefined;
  return {
    id,
    token: user.token,
    userId: user.id,
    intents: isPerson ? allIntents : intents,
    readsContent: isPerson || (intents & GatewayIntentBits.MessageContent) !== 0,
    shard,
    sequence: 0,
    sent: [],
    write: undefined,
    lostAt: undefined,
  };
}

/** Whether a session is to have an event: its account sees it, and it asked for events of this kind. */
export const wants = (session: Session, event: GatewayEvent): boolean =>
  (event.intents === 0 || (event.intents & session.intents) !== 0) && event.isFor(session.userId);

/** A server lives on shard `(guild_id >> 22) % count`, what has no server on shard 0 ("Sharding"). */
export function isOnShard({ shard: [id, count] }: Session, guildId: string | undefined): boolean {
  return guildId === undefined ? id === 0 : (BigInt(guildId) >> 22n) % BigInt(count) === BigInt(id);
}

/** Sends an event under the next sequence number and keeps it for a resume. `isLost` only keeps it. */
export function dispatch<Name extends keyof DispatchData>(
  session: Session,
  name: Name,
  data: DispatchData[Name],
  isLost = false,
): void {
  session.sequence += 1;
  const frame = JSON.stringify({ op: 0, s: session.sequence, t: name, d: data });
  session.sent.push({ sequence: session.sequence, frame });
  if (session.sent.length > maxKept) session.sent.shift();
  if (!isLost) session.write?.(frame);
}

/** Whether all that came after `sequence` is still there to be replayed. */
export const canReplay = (session: Session, sequence: number): boolean =>
  session.sequence - sequence <= session.sent.length;

/** Replays, in order, what came after `sequence`. */
export function replay(session: Session, sequence: number): void {
  for (const { sequence: at, frame } of session.sent) if (at > sequence) session.write?.(frame);
}
