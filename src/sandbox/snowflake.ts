import type { Clock } from './clock.js';

/** The first second of 2015, from which Discord counts ("Snowflakes", API reference). */
const discordEpoch = 1_420_070_400_000;

const perMillisecond = 4096n;

/**
 * Makes a source of ids: unique, and each greater than the one before (and than `above`), even within a millisecond
 * and when the clock is set back. The upper 42 bits are the time, the lower 12 count; worker and process stay 0.
 */
export function createSnowflakes(clock: Clock, above = '0'): () => string {
  let last = BigInt(above);
  return () => {
    const now = BigInt(clock.now() - discordEpoch) << 22n;
    // 4,096 ids fit into a millisecond; what does not fit borrows from the next one.
    const afterLast = (last & 0xfffn) === perMillisecond - 1n ? ((last >> 22n) + 1n) << 22n : last + 1n;
    last = now > last ? now : afterLast;
    return last.toString();
  };
}

/** When an id was made, in milliseconds since 1970. */
export const timeOf = (snowflake: string): number => Number(BigInt(snowflake) >> 22n) + discordEpoch;

/** Orders ids by age, older first; as texts they would not be, once they differ in length. */
export const byAge = (one: string, other: string): number => {
  const difference = BigInt(one) - BigInt(other);
  if (difference === 0n) return 0;
  return difference < 0n ? -1 : 1;
};
