/** Where the sandbox reads the time from: milliseconds since 1970. */
export interface Clock {
  now(): number;
}

export const wallClock: Clock = { now: () => Date.now() };

/** A clock that runs like the wall's and can be put forward, so that a test needs no fifteen minutes to see a token die. */
export function adjustableClock(): Clock & { advance(ms: number): void } {
  let ahead = 0;
  return {
    now: () => Date.now() + ahead,
    advance: (ms) => {
      ahead += ms;
    },
  };
}
