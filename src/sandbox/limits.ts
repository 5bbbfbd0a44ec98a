import type { Clock } from './clock.js';
import { Refusal } from './refusal.js';

interface Limit {
  /** Named in `X-RateLimit-Bucket`. Routes of one name count apart all the same (discord-api-docs, issue 8073). */
  readonly bucket: string;
  readonly requests: number;
  readonly perMs: number;
}

const fiveInFive = { requests: 5, perMs: 5_000 };
const messageRoute = '/channels/:channel_id/messages/:message_id';
const webhookRoute = '/webhooks/:application_id/:interaction_token';

/**
 * The limits known of Discord's routes, which it publishes only in its headers: writing 5 in 5 s, deleting 5 in 1 s,
 * reactions 1 in 0.25 s. Routes that are not listed are held by the global limit alone.
 */
const limits: Readonly<Record<string, Limit>> = {
  'POST /channels/:channel_id/messages': { bucket: 'message-write', ...fiveInFive },
  [`PATCH ${messageRoute}`]: { bucket: 'message-write', ...fiveInFive },
  [`DELETE ${messageRoute}`]: { bucket: 'message-delete', requests: 5, perMs: 1_000 },
  'POST /channels/:channel_id/messages/bulk-delete': { bucket: 'message-bulk-delete', requests: 1, perMs: 1_000 },
  'GET /channels/:channel_id/messages': { bucket: 'message-list', ...fiveInFive },
  'POST /channels/:channel_id/typing': { bucket: 'typing', ...fiveInFive },
  [`PUT ${messageRoute}/reactions/:emoji/@me`]: { bucket: 'reaction', requests: 1, perMs: 250 },
  [`DELETE ${messageRoute}/reactions/:emoji/@me`]: { bucket: 'reaction', requests: 1, perMs: 250 },
  [`DELETE ${messageRoute}/reactions/:emoji/:user_id`]: { bucket: 'reaction', requests: 1, perMs: 250 },
  [`POST ${webhookRoute}`]: { bucket: 'webhook', ...fiveInFive },
  [`GET ${webhookRoute}/messages/:message_id`]: { bucket: 'webhook-message', ...fiveInFive },
  [`PATCH ${webhookRoute}/messages/:message_id`]: { bucket: 'webhook-message', ...fiveInFive },
  [`DELETE ${webhookRoute}/messages/:message_id`]: { bucket: 'webhook-message', ...fiveInFive },
};

/** Reactions count together, whichever way they go; other routes of one bucket name do not. */
const sharesOneCount = new Set(['reaction']);

const globalPerSecond = 50;
const invalidPerTenMinutes = 10_000;

/** How often windows that are over are cleared away. */
const sweepEveryMs = 10_000;

interface Window {
  readonly startedAt: number;
  readonly endsAt: number;
  used: number;
}

/** A request as the limits see it: `resource` is its top-level one, the id after /channels/, /guilds/ or /webhooks/. */
export interface LimitedRequest {
  readonly method: string;
  readonly route: string;
  readonly resource: string;
  readonly callerId: string;
}

/** Counts requests as "Rate Limits" describes, and tells clients of it by headers. */
export function createLimits(clock: Clock) {
  const windows = new Map<string, Window>();
  const invalids: number[] = [];
  let sweepAt = 0;

  function windowOf(key: string, perMs: number): Window {
    const now = clock.now();
    const present = windows.get(key);
    if (present && now < present.endsAt) return present;
    sweep(now);
    const fresh = { startedAt: now, endsAt: now + perMs, used: 0 };
    windows.set(key, fresh);
    return fresh;
  }

  function sweep(now: number): void {
    if (now < sweepAt) return;
    sweepAt = now + sweepEveryMs;
    for (const [key, { endsAt }] of windows) if (endsAt <= now) windows.delete(key);
  }

  function countGlobally(callerId: string): void {
    const window = windowOf(`global ${callerId}`, 1_000);
    window.used += 1;
    if (window.used <= globalPerSecond) return;
    throw tooMany(window.endsAt - clock.now(), true, {
      'x-ratelimit-global': 'true',
      'x-ratelimit-scope': 'global',
    });
  }

  return {
    /**
     * Counts a request and returns the headers of its answer. Throws 429 when there are too many: of this route on
     * this resource, or of one bot over all routes, those of interactions excepted ("Global Rate Limit").
     */
    count({ method, route, resource, callerId }: LimitedRequest): Record<string, string> {
      if (!route.startsWith('/interactions') && !route.startsWith('/webhooks')) countGlobally(callerId);
      const limit = limits[`${method} ${route}`];
      if (limit === undefined) return {};
      const counted = sharesOneCount.has(limit.bucket) ? limit.bucket : `${method} ${route}`;
      const window = windowOf(`${counted} ${resource} ${callerId}`, limit.perMs);
      window.used += 1;
      const resetMs = window.endsAt - clock.now();
      const headers = {
        'x-ratelimit-limit': `${limit.requests}`,
        'x-ratelimit-remaining': `${Math.max(0, limit.requests - window.used)}`,
        'x-ratelimit-reset': `${((clock.now() + resetMs) / 1000).toFixed(3)}`,
        'x-ratelimit-reset-after': (resetMs / 1000).toFixed(3),
        'x-ratelimit-bucket': limit.bucket,
      };
      if (window.used > limit.requests) throw tooMany(resetMs, false, { ...headers, 'x-ratelimit-scope': 'user' });
      return headers;
    },
    /** Counts answers of 401, 403 and 429; past 10,000 in ten minutes an address is shut out ("Invalid Request Limit"). */
    answered(status: number): void {
      if (status !== 401 && status !== 403 && status !== 429) return;
      invalids.push(clock.now());
      if (invalids.length > invalidPerTenMinutes) invalids.shift();
    },
    isShutOut(): boolean {
      const since = clock.now() - 10 * 60_000;
      while (invalids[0] !== undefined && invalids[0] < since) invalids.shift();
      return invalids.length >= invalidPerTenMinutes;
    },
    /** How many windows are being counted in, those that are over and not yet cleared away among them. */
    windows: (): number => windows.size,
  };
}

function tooMany(waitMs: number, global: boolean, headers: Readonly<Record<string, string>>): Refusal {
  const seconds = Math.max(0.001, waitMs / 1000);
  const all = { ...headers, 'retry-after': `${Math.ceil(seconds)}` };
  return new Refusal(429, 0, 'You are being rate limited.', undefined, all, { retry_after: seconds, global });
}
