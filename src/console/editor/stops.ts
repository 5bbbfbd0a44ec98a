/** What is being done between two entries, as far as Ctrl-C concerns it. */
export interface Work {
  /** The first Ctrl-C: ends the work. */
  stop(): void;
  /** Each further one: ends the program. */
  leave(): void;
}

/** So soon after a Ctrl-C has stopped something another one means to leave. */
const AGAIN_MS = 3000;

/** Brings Ctrl-C to the work that is being done, also one that came just before the work began. */
export function createStops() {
  let work: Work | undefined;
  let presses = 0;
  const tell = (press: number) => (press === 1 ? work?.stop() : work?.leave());
  return {
    begin(next: Work): void {
      work = next;
      for (let press = 1; press <= presses; press++) tell(press);
    },
    press(): void {
      presses += 1;
      tell(presses);
    },
    /** The work is over. Returns the moment until which one more press means to leave. */
    reset(): number {
      const until = presses > 0 ? performance.now() + AGAIN_MS : 0;
      work = undefined;
      presses = 0;
      return until;
    },
  };
}
