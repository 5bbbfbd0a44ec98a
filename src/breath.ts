import { setImmediate as nextRound } from 'node:timers/promises';

/** For how long turns may hold up the event loop before everything else has its turn, in milliseconds. */
const PORTION_MS = 4;

interface Waiting {
  /** Whoever has waited until then goes before all that has come since. */
  readonly due: number;
  readonly goOn: () => void;
}

/** The one that is due soonest first. */
const waiting: Waiting[] = [];
let isGoing = false;
/** When the first of this round of the event loop went on. */
let began: number | undefined;

/**
 * Lets a turn go on when those before it have gone as far as they can, and in a later round of the event loop where they
 * have held it up for long: a crowd of turns that all can go on is to keep neither heartbeats nor other answers waiting.
 *
 * @param patienceMs for how long those that come later, and have less patience, may go before it
 */
export function breathe(patienceMs = 0): Promise<void> {
  return new Promise((resolve) => {
    const due = performance.now() + patienceMs;
    const place = waiting.findLastIndex((other) => other.due <= due) + 1;
    waiting.splice(place, 0, { due, goOn: resolve });
    if (!isGoing) goOn();
  });
}

async function goOn(): Promise<void> {
  isGoing = true;
  while (waiting.length > 0) {
    if (began === undefined) beginRound();
    else if (performance.now() - began > PORTION_MS) {
      await nextRound();
      began = undefined;
    } else {
      waiting.shift()?.goOn();
      await settled();
    }
  }
  isGoing = false;
}

function beginRound(): void {
  began = performance.now();
  setImmediate(() => {
    began = undefined;
  });
}

/** Resolves when all that follows from what has happened so far has been done. */
export const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
