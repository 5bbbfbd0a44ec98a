/** What is being done between two entries, as far as Ctrl-C concerns it. */
export interface Work {
  /** The first Ctrl-C: ends the work. */
  stop(): void;
  /** Each further one: ends the program. */
  leave(): void;
}

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
    /** The work is over. */
    reset(): void {
      work = undefined;
      presses = 0;
    },
  };
}
