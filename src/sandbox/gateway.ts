import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { GatewayDispatchEvents, GatewayOpcodes } from 'discord-api-types/v10';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Backend } from './backend.js';
import { createDisturbances } from './disturbances.js';
import { type GatewayEvent, guildAvailable } from './events.js';
import type { GatewayFaults } from './faults.js';
import {
  type Closing,
  close,
  compressed,
  endsSession,
  guildOfEvent,
  Heartbeat,
  Identify,
  intentReasons,
  RequestMembers,
  Resume,
  readFrame,
  unwelcomeQuery,
  type WatchFrame,
} from './frames.js';
import { membersChunk } from './members-chunk.js';
import { applicationFlags, privateChannels, userPayload } from './payloads.js';
import {
  canReplay,
  createSession,
  isOnShard,
  isShard,
  refusedIntents,
  replay,
  resumableForMs,
  type Session,
  wants,
} from './session.js';
import { createSessionStarts, type IdentifyLimits } from './session-starts.js';
import type { User } from './world.js';

/** "Rate Limiting": what an app may send on one connection. */
const maxSendsPerMinute = 120;

/** Of the sessions of an account that wait for a resume, the latest so many do: a bot that is killed leaves one each time. */
const maxLost = 4;

/** One connection, and the session it carries once it has identified or resumed. */
interface Connection {
  readonly socket: WebSocket;
  readonly write: (frame: string) => void;
  session: Session | undefined;
  /** When the client sent what it sent within the last minute. */
  sends: number[];
  timeout: NodeJS.Timeout | undefined;
}

/**
 * Discord's gateway, v10, JSON encoded: identify, resume with replay, heartbeats, and events for those who are to have
 * them ("Gateway", "Opcodes and Status Codes").
 */
export function createGateway(
  backend: Backend,
  options: {
    readonly heartbeatMs: number;
    readonly url: () => string;
    readonly changed: () => void;
    readonly identifies?: IdentifyLimits | undefined;
    /** Sees every payload as it passes. */
    readonly watch?: WatchFrame | undefined;
  },
) {
  const { world, clock } = backend;
  const sessions = new Map<string, Session>();
  const connections = new Set<Connection>();
  const disturbances = createDisturbances();
  const starts = createSessionStarts(clock, options.identifies);
  let refused = { times: 0, resumable: false };
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 1 << 20 });

  const send = (connection: Connection, op: GatewayOpcodes, d: unknown) =>
    connection.write(JSON.stringify({ op, d, s: null, t: null }));

  function open(socket: WebSocket, request: IncomingMessage): void {
    const query = new URLSearchParams(request.url?.split('?')[1]);
    const put = query.get('compress') === 'zlib-stream' ? compressed(socket) : (frame: string) => socket.send(frame);
    const write = (frame: string) => {
      options.watch?.('out', connection.session?.userId, frame);
      put(frame);
    };
    const connection: Connection = { socket, write, session: undefined, sends: [], timeout: undefined };
    connections.add(connection);
    socket.on('error', () => socket.terminate());
    socket.on('close', (code) => closed(connection, code));
    const unwelcome = unwelcomeQuery(query);
    if (unwelcome) {
      socket.close(...unwelcome);
      return;
    }
    socket.on('message', (data, isBinary) => {
      // What comes behind a payload that the connection is closed for is not looked at.
      if (socket.readyState !== socket.OPEN) return;
      const closing = received(connection, data, isBinary);
      if (closing) closeWith(connection, ...closing);
    });
    send(connection, GatewayOpcodes.Hello, { heartbeat_interval: options.heartbeatMs });
    expectHeartbeat(connection);
  }

  function expectHeartbeat(connection: Connection): void {
    clearTimeout(connection.timeout);
    connection.timeout = setTimeout(() => {
      closeWith(connection, ...close.timeout);
    }, options.heartbeatMs * 1.5);
    connection.timeout.unref();
  }

  function closed(connection: Connection, code: number): void {
    clearTimeout(connection.timeout);
    connections.delete(connection);
    const session = release(connection);
    // A client that closes with 1000 or 1001 ends its session ("Initiating a Disconnect").
    if (session && (code === 1000 || code === 1001)) sessions.delete(session.id);
    options.changed();
  }

  /** Takes the session off a connection, to wait for a resume. One that was resumed elsewhere is not this connection's any more. */
  function release({ session, write }: Connection): Session | undefined {
    if (session?.write !== write) return undefined;
    session.write = undefined;
    session.lostAt = clock.now();
    const lost = [...sessions.values()].filter((one) => one.userId === session.userId && one.write === undefined);
    const tooMany = lost.sort((one, other) => (one.lostAt ?? 0) - (other.lostAt ?? 0)).slice(0, -maxLost);
    for (const { id } of tooMany) sessions.delete(id);
    return session;
  }

  /** Closes a connection from this side, and ends its session where the code means that. */
  function closeWith(connection: Connection, code: number, reason?: string): void {
    const session = release(connection);
    if (session && endsSession(code)) sessions.delete(session.id);
    connection.socket.close(code, reason);
  }

  /** Takes a payload, and says with what the connection is to be closed, if it is. So do the functions it calls. */
  function received(connection: Connection, data: RawData, isBinary: boolean): Closing | undefined {
    const now = clock.now();
    connection.sends = [...connection.sends.filter((at) => at > now - 60_000), now];
    if (connection.sends.length > maxSendsPerMinute) return close.rate;
    const frame = readFrame(data, isBinary);
    if (frame === undefined) return close.decode;
    options.watch?.('in', connection.session?.userId, frame);
    return handle(connection, frame.op, frame.d);
  }

  function handle(connection: Connection, op: number, d: unknown): Closing | undefined {
    switch (op) {
      case GatewayOpcodes.Heartbeat:
        return heartbeat(connection, d);
      case GatewayOpcodes.Identify:
        return identify(connection, d);
      case GatewayOpcodes.Resume:
        return resume(connection, d);
      case GatewayOpcodes.PresenceUpdate:
      case GatewayOpcodes.VoiceStateUpdate:
      case GatewayOpcodes.RequestSoundboardSounds:
        return connection.session ? undefined : close.unauthenticated;
      case GatewayOpcodes.RequestGuildMembers:
        return requestMembers(connection, d);
      default:
        return close.opcode;
    }
  }

  function heartbeat(connection: Connection, d: unknown): Closing | undefined {
    if (!Heartbeat.safeParse(d).success) return close.decode;
    expectHeartbeat(connection);
    if (faults.acknowledgesHeartbeats) send(connection, GatewayOpcodes.HeartbeatAck, null);
    return undefined;
  }

  function identify(connection: Connection, d: unknown): Closing | undefined {
    if (connection.session) return close.again;
    const asked = Identify.safeParse(d);
    if (!asked.success) return close.decode;
    const user = [...world.users.values()].find(({ token }) => token === asked.data.token);
    if (user === undefined) return close.token;
    const { intents = -1, shard = [0, 1] } = asked.data;
    const application = world.applications.get(user.applicationId ?? '');
    const disallowed = application && refusedIntents(intents, application);
    if (disallowed) return [disallowed, intentReasons[disallowed]];
    if (!isShard(shard)) return close.shard;
    return startSession(connection, createSession(backend.newId(), user, intents, shard), user);
  }

  function startSession(connection: Connection, session: Session, user: User): Closing | undefined {
    // People's clients may identify as often as they like.
    const start = user.applicationId === undefined ? 'welcome' : starts.count(user.applicationId);
    if (start === 'too many') return endSessions(user);
    if (start === 'too soon') {
      send(connection, GatewayOpcodes.InvalidSession, false);
      return undefined;
    }
    sessions.set(session.id, session);
    attach(connection, session);
    sayReady(session, user);
    return undefined;
  }

  /** What an identify too many comes to; Discord gives the app a new token besides, and here it keeps the one it has. */
  function endSessions({ id }: User): Closing {
    for (const connection of connectionsOf({ id })) closeWith(connection, ...close.token);
    for (const session of sessions.values()) if (session.userId === id) sessions.delete(session.id);
    return close.token;
  }

  function attach(connection: Connection, session: Session): void {
    connection.session = session;
    session.write = connection.write;
    session.lostAt = undefined;
    options.changed();
  }

  function sayReady(session: Session, user: User): void {
    const application = world.applications.get(user.applicationId ?? '');
    const flags = application ? applicationFlags(application) : 0;
    const guilds = [...world.guilds.values()].filter(
      (guild) => guild.members.has(user.id) && isOnShard(session, guild.id),
    );
    disturbances.deliver(session, GatewayDispatchEvents.Ready, {
      v: 10,
      user: userPayload(user),
      guilds: guilds.map(({ id }) => ({ id, unavailable: true })),
      ...(application === undefined && { private_channels: privateChannels(world, user.id) }),
      session_id: session.id,
      resume_gateway_url: options.url(),
      shard: [...session.shard],
      application: { id: user.applicationId ?? '', flags, flags_new: `${flags}` },
    });
    for (const guild of guilds) {
      const event = guildAvailable(world, guild, user.id);
      if (wants(session, event)) disturbances.deliver(session, event.name, event.data(session));
    }
  }

  function resume(connection: Connection, d: unknown): Closing | undefined {
    if (connection.session) return close.again;
    const asked = Resume.safeParse(d);
    if (!asked.success) return close.decode;
    const { session_id, token, seq } = asked.data;
    if (refused.times > 0) {
      refused.times -= 1;
      if (!refused.resumable) sessions.delete(session_id);
      send(connection, GatewayOpcodes.InvalidSession, refused.resumable);
      return undefined;
    }
    const session = sessions.get(session_id);
    if (session?.token !== token || hasExpired(session) || !canReplay(session, seq)) {
      send(connection, GatewayOpcodes.InvalidSession, false);
      return undefined;
    }
    if (seq > session.sequence) {
      sessions.delete(session.id);
      return close.sequence;
    }
    attach(connection, session);
    replay(session, seq);
    // Undocumented, as all of its fields are; but it is an object, and libraries write into it.
    disturbances.deliver(session, GatewayDispatchEvents.Resumed, { _trace: [] } as never);
    return undefined;
  }

  const hasExpired = ({ lostAt }: Session) => lostAt !== undefined && clock.now() - lostAt > resumableForMs;

  function requestMembers({ session }: Connection, d: unknown): Closing | undefined {
    if (session === undefined) return close.unauthenticated;
    const asked = RequestMembers.safeParse(d);
    if (!asked.success) return close.decode;
    const chunk = membersChunk(world, session, asked.data);
    if (chunk) disturbances.deliver(session, GatewayDispatchEvents.GuildMembersChunk, chunk);
    return undefined;
  }

  function publish(event: GatewayEvent): void {
    for (const session of sessions.values()) {
      if (hasExpired(session)) sessions.delete(session.id);
      else if (wants(session, event)) deliver(session, event);
    }
  }

  function deliver(session: Session, event: GatewayEvent): void {
    const data = event.data(session);
    if (isOnShard(session, guildOfEvent(event.name, data))) disturbances.deliver(session, event.name, data);
  }

  const connectionsOf = (of: { readonly id: string } | undefined) =>
    [...connections].filter(({ session }) => of === undefined || session?.userId === of.id);

  const faults: GatewayFaults = {
    acknowledgesHeartbeats: true,
    acceptsConnections: true,
    drop({ code, of } = {}) {
      for (const connection of connectionsOf(of)) {
        if (code !== undefined) closeWith(connection, code);
        else {
          release(connection);
          connection.socket.terminate();
        }
      }
    },
    askToReconnect(of) {
      for (const connection of connectionsOf(of)) send(connection, GatewayOpcodes.Reconnect, null);
    },
    invalidate(resumable, of) {
      for (const connection of connectionsOf(of)) {
        const session = release(connection);
        if (session && !resumable) sessions.delete(session.id);
        // The client goes on with a resume or an identify, on this connection or another ("Invalid Session").
        connection.session = undefined;
        send(connection, GatewayOpcodes.InvalidSession, resumable);
      }
    },
    askForHeartbeat() {
      for (const connection of connections) send(connection, GatewayOpcodes.Heartbeat, null);
    },
    refuseResumes(times, resumable = false) {
      refused = { times, resumable };
    },
    disturb: disturbances.order,
    clear() {
      disturbances.clear();
      refused = { times: 0, resumable: false };
      faults.acknowledgesHeartbeats = true;
      faults.acceptsConnections = true;
    },
  };

  return {
    publish,
    faults,
    /** How often an app may still identify. */
    sessionStartLimit: starts.limitOf,
    /** Whether an account has a connection that has identified. */
    isConnected: (userId: string) =>
      [...sessions.values()].some((session) => session.userId === userId && session.write !== undefined),
    /** Takes over the WebSocket upgrades of a server; `isWelcome` refuses those from elsewhere. */
    listen(server: Server, isWelcome: (request: IncomingMessage) => boolean): void {
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        if (!isWelcome(request)) turnAway(socket, '403 Forbidden');
        else if (!faults.acceptsConnections) turnAway(socket, '503 Service Unavailable');
        else sockets.handleUpgrade(request, socket, head, (opened) => open(opened, request));
      });
    },
    close(): void {
      for (const { socket, timeout } of connections) {
        clearTimeout(timeout);
        socket.terminate();
      }
      sockets.close();
    },
  };
}

/** Nobody else listens to this socket any more: neither its errors, nor that it stays open after the answer. */
function turnAway(socket: Duplex, status: string): void {
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
}

export type Gateway = ReturnType<typeof createGateway>;
