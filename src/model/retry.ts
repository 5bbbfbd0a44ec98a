import type { ModelFailure } from '../errors.js';

/** Trouble of the server or the line: tried again this often. A rate limit is only bounded by the time spent waiting. */
const TROUBLE_RETRIES = 3;
const MOST_RETRIES = 10;
const MOST_WAITING_MS = 60_000;

/**
 * The waits of one question. Each call tells how many milliseconds to wait before the next attempt, or nothing when there
 * shall be none. A wait that the server told is obeyed; otherwise they double from `firstMs` on, shortened at random by up to
 * a quarter, so that answers that failed together don't come back together. In all it is never more than a minute.
 */
export function createWaits(
  firstMs: number,
): (failure: ModelFailure, toldMs: number | undefined) => number | undefined {
  const retries = { busy: 0, trouble: 0 };
  let spentMs = 0;
  return (failure, toldMs) => {
    const kind = failure === 'busy' ? 'busy' : 'trouble';
    if (retries[kind] === (kind === 'busy' ? MOST_RETRIES : TROUBLE_RETRIES)) return undefined;
    const waitMs = toldMs ?? firstMs * 2 ** retries[kind] * (1 - Math.random() / 4);
    if (spentMs + waitMs > MOST_WAITING_MS) return undefined;
    retries[kind] += 1;
    spentMs += waitMs;
    return waitMs;
  };
}

/**
 * The wait that a server tells, in milliseconds: `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110, 10.2.3).
 * Nothing when it tells none, or one that is not to be understood or already over.
 */
export function toldWaitMs(headers: Headers | undefined): number | undefined {
  const after = headers?.get('retry-after') ?? '';
  const waits = [
    Number.parseFloat(headers?.get('retry-after-ms') ?? ''),
    /^[\d.]+$/.test(after.trim()) ? Number(after) * 1000 : Date.parse(after) - Date.now(),
  ];
  return waits.find((waitMs) => waitMs > 0);
}

/** A time to wait as people say it: "40 seconds", "4 minutes", "2 hours". Rounded up, for "please try again in about …". */
export function inWords(waitMs: number): string {
  const [unit, ms] =
    waitMs < 90_000
      ? (['second', 1000] as const)
      : waitMs < 90 * 60_000
        ? (['minute', 60_000] as const)
        : (['hour', 3_600_000] as const);
  return new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'long' }).format(Math.ceil(waitMs / ms));
}
