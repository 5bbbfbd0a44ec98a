import type { APIGatewaySessionStartLimit } from 'discord-api-types/v10';
import type { Clock } from './clock.js';

/** How often an app may identify ("Session Start Limit"). */
export interface IdentifyLimits {
  /** In 24 hours; 1,000, if not said. */
  readonly aDay?: number;
  /**
   * The least time between two. 5,000 ms at Discord; none here, if not said: a bot that is started again at once would
   * be refused first, and discord.js then waits for five seconds.
   */
  readonly everyMs?: number;
}

const dayMs = 24 * 60 * 60_000;
const maxConcurrency = 1;

/** Counts how often apps identify: resumes do not count. */
export function createSessionStarts(clock: Clock, { aDay = 1_000, everyMs = 0 }: IdentifyLimits = {}) {
  const days = new Map<string, { readonly startedAt: number; used: number }>();
  const latest = new Map<string, number>();

  function dayOf(appId: string) {
    const present = days.get(appId);
    if (present && clock.now() < present.startedAt + dayMs) return present;
    const fresh = { startedAt: clock.now(), used: 0 };
    days.set(appId, fresh);
    return fresh;
  }

  return {
    /** What "Get Gateway Bot" tells of it. */
    limitOf(appId: string): APIGatewaySessionStartLimit {
      const { startedAt, used } = dayOf(appId);
      return {
        total: aDay,
        remaining: Math.max(0, aDay - used),
        reset_after: startedAt + dayMs - clock.now(),
        max_concurrency: maxConcurrency,
      };
    },
    /** Counts one. With a concurrency of one, all shards share its pace; one that comes too soon counts for the day all the same. */
    count(appId: string): 'welcome' | 'too soon' | 'too many' {
      const day = dayOf(appId);
      day.used += 1;
      if (day.used > aDay) return 'too many';
      const now = clock.now();
      if (now < (latest.get(appId) ?? Number.NEGATIVE_INFINITY) + everyMs) return 'too soon';
      latest.set(appId, now);
      return 'welcome';
    },
  };
}
