import type { ModelFailure } from '../errors.js';

/** Trouble of the server or the line: tried again this often. A rate limit is only bounded by the time. */
const TROUBLE_RETRIES = 3;
const MOST_RETRIES = 10;
/** Whoever has asked has waited long enough then, and is told. */
const MOST_TRYING_MS = 60_000;

/**
 * The waits of one question, which is asked now. Each call tells how many milliseconds to wait before the next attempt, or
 * nothing when there shall be none. A wait that the server told is obeyed; otherwise they double from `firstMs` on, shortened
 * at random by up to a quarter, so that answers that failed together don't come back together. No attempt begins later than a
 * minute after the first, however long the attempts themselves take.
 *
 * @param now a clock in milliseconds that nobody sets
 */
export function createWaits(
  firstMs: number,
  now: () => number = () => performance.now(),
): (failure: ModelFailure, toldMs: number | undefined) => number | undefined {
  const retries = { busy: 0, trouble: 0 };
  const began = now();
  return (failure, toldMs) => {
    const kind = failure === 'busy' ? 'busy' : 'trouble';
    if (retries[kind] === (kind === 'busy' ? MOST_RETRIES : TROUBLE_RETRIES)) return undefined;
    const waitMs = toldMs ?? firstMs * 2 ** retries[kind] * (1 - Math.random() / 4);
    if (now() - began + waitMs > MOST_TRYING_MS) return undefined;
    retries[kind] += 1;
    return waitMs;
  };
}

/** No server means a longer wait; what tells one has its clock wrong, or its units. */
const LONGEST_WAIT_MS = 31 * 24 * 3_600_000;

/**
 * The wait that a server tells, in milliseconds: `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110, 10.2.3).
 * Nothing when it tells none, or one that is not to be understood or already over. A date is the server's, and so is the time
 * that it counts from where it tells that too (6.6.1): neither clock has to be right.
 */
export function toldWaitMs(headers: Headers | undefined): number | undefined {
  const after = headers?.get('retry-after')?.trim() ?? '';
  const date = /\d:\d\d/.test(after) ? Date.parse(after) : Number.NaN;
  const waits = [
    Number.parseFloat(headers?.get('retry-after-ms') ?? ''),
    /^[\d.]+$/.test(after) ? Number(after) * 1000 : date - (Date.parse(headers?.get('date') ?? '') || Date.now()),
  ];
  return waits.find((waitMs) => waitMs > 0 && waitMs <= LONGEST_WAIT_MS);
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
