/** How the connection stands: `refused` is for good. */
export type Link = 'connecting' | 'open' | 'lost' | 'refused';

interface Frame {
  readonly op: number;
  readonly d: unknown;
  readonly s: number | null;
  readonly t: string | null;
}

interface Listener {
  readonly onEvent: (name: string, data: unknown) => void;
  readonly onLink: (link: Link) => void;
}

// "Gateway Opcodes"
const op = {
  dispatch: 0,
  heartbeat: 1,
  identify: 2,
  resume: 6,
  reconnect: 7,
  invalidSession: 9,
  hello: 10,
  acknowledged: 11,
} as const;

/** "Gateway Close Event Codes" after which there is no use in trying again. */
const finalCodes: readonly number[] = [4004, 4010, 4011, 4012, 4013, 4014];
const longestPauseMs = 5_000;

/** Connects to the gateway as a person's client, and stays connected: it resumes what was cut, and begins anew what can't be resumed. */
export function connect(token: string, { onEvent, onLink }: Listener): { close(): void } {
  let socket: WebSocket | undefined;
  let session: { readonly id: string; sequence: number } | undefined;
  let heartbeat: ReturnType<typeof setInterval> | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let isAcknowledged = true;
  let attempts = 0;

  const send = (code: number, d: unknown) => socket?.send(JSON.stringify({ op: code, d }));

  function open(): void {
    const opened = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/?v=10&encoding=json`);
    socket = opened;
    opened.addEventListener('message', ({ data }) => {
      // The gateway sends nothing but its frames, as text.
      if (opened === socket) receive(JSON.parse(data) as Frame);
    });
    opened.addEventListener('close', ({ code }) => {
      if (opened === socket) lost(code);
    });
  }

  function lost(code: number): void {
    clearInterval(heartbeat);
    socket = undefined;
    if (finalCodes.includes(code)) {
      onLink('refused');
      return;
    }
    onLink('lost');
    const pause = Math.min(250 * 2 ** attempts, longestPauseMs);
    attempts += 1;
    retry = setTimeout(open, pause);
  }

  /** Leaves the connection in a way that keeps the session, and comes back. */
  function reconnect(): void {
    const left = socket;
    lost(4000);
    left?.close(4000);
  }

  function receive({ op: code, d, s, t }: Frame): void {
    switch (code) {
      case op.dispatch:
        if (session && s !== null) session.sequence = s;
        dispatched(t ?? '', d, s ?? 0);
        break;
      case op.hello:
        greet(Number(Reflect.get(Object(d), 'heartbeat_interval')));
        break;
      case op.heartbeat:
        send(op.heartbeat, session?.sequence ?? null);
        break;
      case op.acknowledged:
        isAcknowledged = true;
        break;
      case op.reconnect:
        reconnect();
        break;
      case op.invalidSession:
        if (d !== true) session = undefined;
        retry = setTimeout(reconnect, 1_000);
        break;
    }
  }

  function greet(intervalMs: number): void {
    isAcknowledged = true;
    clearInterval(heartbeat);
    heartbeat = setInterval(beat, intervalMs);
    if (session) send(op.resume, { token, session_id: session.id, seq: session.sequence });
    else send(op.identify, { token, properties: { os: 'browser', browser: 'parley-page', device: 'parley-page' } });
  }

  function beat(): void {
    // A connection that does not answer is dead, whatever the socket says ("Heartbeat").
    if (!isAcknowledged) {
      reconnect();
      return;
    }
    isAcknowledged = false;
    send(op.heartbeat, session?.sequence ?? null);
  }

  function dispatched(name: string, data: unknown, sequence: number): void {
    if (name === 'READY') session = { id: String(Reflect.get(Object(data), 'session_id')), sequence };
    if (name === 'READY' || name === 'RESUMED') {
      attempts = 0;
      onLink('open');
    }
    onEvent(name, data);
  }

  onLink('connecting');
  open();
  return {
    close() {
      clearInterval(heartbeat);
      clearTimeout(retry);
      const left = socket;
      socket = undefined;
      left?.close(1000);
    },
  };
}
