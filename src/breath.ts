import { setImmediate as nextRound } from 'node:timers/promises';

/** For how long turns may hold up the event loop before everything else has its turn, in milliseconds. */
const PORTION_MS = 4;

const waiting: (() => void)[] = [];
let isGoing = false;
/** When the first of this round of the event loop went on. */
let began: number | undefined;

/**
 * Lets a turn go on when those before it have gone as far as they can, and in a later round of the event loop where they
 * have held it up for long: a crowd of turns that all can go on is to keep neither heartbeats nor other answers waiting.
 */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
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
      waiting.shift()?.();
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
