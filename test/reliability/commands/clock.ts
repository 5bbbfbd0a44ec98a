import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import { vi } from 'vitest';

const { setTimeout: trueDelay } = timers;
const turn = setImmediate;

/** Sets the time at which it is; whatever was to happen later won't. From here on, time passes in {@link nextEvent} only. */
export function stopTime(now: number): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'], now });
  // Vitest knows of these timers too, but does not reach what has been imported from their module.
  Object.assign(timers, {
    setTimeout: (ms: number, value: unknown) => new Promise((resolve) => setTimeout(resolve, ms, value)),
  });
  syncBuiltinESMExports();
}

export function letTimePass(): void {
  vi.useRealTimers();
  Object.assign(timers, { setTimeout: trueDelay });
  syncBuiltinESMExports();
}

/** Longer than any row of things that each follow from the one before in the next round of events. */
const QUIET_ROUNDS = 30;

/** Lets everything happen that needs no time, the wait for the disk too. */
export async function settle(): Promise<void> {
  for (let quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
    await new Promise<void>((resolve) => turn(resolve));
    if (process.getActiveResourcesInfo().includes('FSReqCallback')) quiet = 0;
  }
}

/** Lets time pass to the next moment at which something happens. False if nothing ever will. */
export async function nextEvent(): Promise<boolean> {
  await settle();
  if (vi.getTimerCount() === 0) return false;
  vi.advanceTimersToNextTimer();
  await settle();
  return true;
}
