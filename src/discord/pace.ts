import { setTimeout as wait } from 'node:timers/promises';
import type { Urgency } from '../reply.js';

/** For how long a request that may go is counted before it is sent: longer ones wait in the library for their bucket. */
const SOON_MS = 1000;

/** For how long a request is counted that gets no answer. */
const LONGEST_REQUEST_MS = 30_000;

/** The share of the requests that may be used up when one more of a kind is sent: the rest is kept for what matters more. */
const share: Readonly<Record<Urgency, number>> = { text: 1, preview: 0.8, sign: 0.3 };

/** Where so much of them is used up, requests are scarce. */
const CROWDED = 0.5;

/** Signs in a second, however many requests are allowed: they cost the machine as much as what they are signs of. */
const MOST_SIGNS = 15;

export type DiscordPace = ReturnType<typeof createPace>;

/**
 * Says when a request to Discord may be sent: in all, and previews in each bucket. Discord allows 50 requests a second in
 * all ("Rate Limits", global rate limit). The library would keep to that too, but by queueing in the order of asking,
 * which would make a new answer wait for other answers' previews.
 */
export function createPace(requestsPerSecond: number) {
  /** When requests were allowed that have not been sent yet. */
  const allowed: number[] = [];
  /** When requests were sent that have no answer yet: Discord may count them at any moment until then. */
  const sent: number[] = [];
  /** When requests of the last second were answered. */
  const answered: number[] = [];
  const queues: Readonly<Record<Urgency, Set<() => void>>> = { text: new Set(), preview: new Set(), sign: new Set() };
  const heldUntil = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;

  const used = (): number => allowed.length + sent.length + answered.length;

  const most: Readonly<Record<Urgency, number>> = {
    text: requestsPerSecond,
    preview: Math.ceil(requestsPerSecond * share.preview),
    sign: Math.min(Math.ceil(requestsPerSecond * share.sign), MOST_SIGNS),
  };

  /** Lets go whoever may, the most urgent first, and comes back when the next may. */
  function advance(): void {
    const now = performance.now();
    dropUntil(answered, now - 1000);
    dropUntil(allowed, now - SOON_MS);
    dropUntil(sent, now - LONGEST_REQUEST_MS);
    for (const urgency of ['text', 'preview', 'sign'] as const) {
      for (const go of queues[urgency]) {
        if (used() >= most[urgency]) break;
        queues[urgency].delete(go);
        allowed.push(now);
        go();
      }
    }
    clearTimeout(timer);
    const isWaitedFor = Object.values(queues).some(({ size }) => size > 0);
    // While all wait for answers, each answer comes back here.
    if (isWaitedFor)
      timer = setTimeout(advance, answered[0] === undefined ? 1000 : Math.max(1, answered[0] + 1000 - now));
  }

  return {
    /** Whether so many requests are being sent that an answer had better be shown in few. */
    get isCrowded(): boolean {
      advance();
      return used() >= requestsPerSecond * CROWDED;
    },

    /** Waits until one more request may be sent. Rejects with the signal's reason when it aborts before. */
    async allow(urgency: Urgency, signal?: AbortSignal): Promise<void> {
      signal?.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        const giveUp = () => {
          queues[urgency].delete(go);
          reject(signal?.reason);
        };
        const go = () => {
          signal?.removeEventListener('abort', giveUp);
          resolve();
        };
        queues[urgency].add(go);
        signal?.addEventListener('abort', giveUp, { once: true });
        advance();
      });
    },

    /** Waits while previews are held back in a bucket. Rejects with the signal's reason when it aborts before. */
    async bucket(key: string, signal?: AbortSignal): Promise<void> {
      const waitMs = (heldUntil.get(key) ?? 0) - performance.now();
      if (waitMs > 0) await wait(waitMs, undefined, { ref: false, ...(signal && { signal }) });
    },

    /** Told of each request when it is sent, but for those that an interaction's token makes. */
    hasSent(): void {
      allowed.shift();
      sent.push(performance.now());
    },

    /** Told of each of these requests when it has ended, well or not. */
    hasAnswered(): void {
      sent.shift();
      answered.push(performance.now());
      advance();
    },

    /** Learns from an answer's headers: the last edit that a bucket allows is kept for the final text. */
    learn(method: string, path: string, header: (name: string) => string | null): void {
      const key = method === 'PATCH' && bucketOf(path);
      const remaining = header('x-ratelimit-remaining');
      const resetAfter = Number(header('x-ratelimit-reset-after'));
      if (!key || remaining === null || Number(remaining) > 1 || !(resetAfter > 0)) return;
      forgetPast(heldUntil);
      heldUntil.set(key, performance.now() + resetAfter * 1000);
    },
  };
}

/** The channel, or the token of an interaction, whose messages a path edits. */
const bucketOf = (path: string): string | undefined =>
  /^\/channels\/(\d+)\/messages\/\d+$/.exec(path)?.[1] ?? /^\/webhooks\/\d+\/([^/]+)\/messages\//.exec(path)?.[1];

function dropUntil(times: number[], last: number): void {
  while (times[0] !== undefined && times[0] <= last) times.shift();
}

function forgetPast(heldUntil: Map<string, number>): void {
  const now = performance.now();
  for (const [key, until] of heldUntil) if (until <= now) heldUntil.delete(key);
}
