/** How the next events of a name are disturbed on their way to the sessions. */
export interface EventFault {
  /** `MESSAGE_CREATE`, say. */
  readonly event: string;
  readonly of?: { readonly id: string };
  /** How often; once, if not said. */
  readonly times?: number;
  /** How many arrive: 2 delivers twice; 0 loses it until a resume replays it. */
  readonly copies?: number;
  /** How late it comes, behind whatever happens meanwhile. */
  readonly delayMs?: number;
  /** Holds it back until the next event of this name has gone out: with its own name, two change places. */
  readonly behind?: string;
}

/** What a test can do to the gateway. Each is for all connections, or for those of one account. */
export interface GatewayFaults {
  /**
   * Cuts connections: with this close code, or without a word. The sessions can be resumed, unless the code says that
   * they are over.
   */
  drop(cut?: { readonly code?: number; readonly of?: { readonly id: string } }): void;
  /** Asks clients to reconnect and resume (opcode 7). */
  askToReconnect(of?: { readonly id: string }): void;
  /** Declares sessions invalid (opcode 9); `resumable` as Discord says it. A session that is not resumable is gone. */
  invalidate(resumable: boolean, of?: { readonly id: string }): void;
  /** Asks every client for a heartbeat at once (opcode 1). */
  askForHeartbeat(): void;
  /** Answers the next resumes, as many as given, with opcode 9; what is `resumable` can be tried again. */
  refuseResumes(times: number, resumable?: boolean): void;
  /** Whether heartbeats are acknowledged. */
  acknowledgesHeartbeats: boolean;
  /** Whether connections are accepted at all. */
  acceptsConnections: boolean;
  /** Doubles, delays, loses or holds back the next events of a name, READY and RESUMED among them. */
  disturb(fault: EventFault): void;
  /** Nothing goes wrong any more. */
  clear(): void;
}

/** An answer in place of the route's: a status with body and headers, none at all, or a connection cut. */
export type RestAnswer =
  | 'silence'
  | 'reset'
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> };

/** How the next calls of a REST route are answered instead. */
export interface RestFault {
  readonly method?: string;
  /** As in {@link RestCall.route}: `/channels/:channel_id/messages`. Any route, if not said. */
  readonly route?: string;
  readonly of?: { readonly id: string };
  readonly times?: number;
  readonly delayMs?: number;
  /** Whether the call takes effect before it is answered like this. */
  readonly takesEffect?: boolean;
  /** Without one, the call is only delayed. */
  readonly answer?: RestAnswer;
}

/** Faults that were ordered, each used up call by call, in the order in which they were ordered. */
export function createRestFaults() {
  const ordered: { readonly fault: RestFault; left: number }[] = [];
  return {
    order(fault: RestFault): void {
      ordered.push({ fault, left: fault.times ?? 1 });
    },
    /** The fault that this call meets, if any. */
    meet(method: string, route: string, callerId: string | undefined): RestFault | undefined {
      const met = ordered.find(
        ({ fault, left }) =>
          left > 0 &&
          (fault.method ?? method) === method &&
          (fault.route ?? route) === route &&
          (fault.of === undefined || fault.of.id === callerId),
      );
      if (met) met.left -= 1;
      return met?.fault;
    },
    clear(): void {
      ordered.length = 0;
    },
  };
}

/** What Discord answers a bot that makes too many requests over all its routes. */
export const globalRateLimit = (retryAfterSeconds: number): RestAnswer => ({
  status: 429,
  body: { message: 'You are being rate limited.', retry_after: retryAfterSeconds, global: true },
  headers: {
    'retry-after': `${Math.ceil(retryAfterSeconds)}`,
    'x-ratelimit-global': 'true',
    'x-ratelimit-scope': 'global',
  },
});
