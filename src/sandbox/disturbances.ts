import type { DispatchData } from './events.js';
import type { EventFault } from './faults.js';
import { dispatch, type Session } from './session.js';

/** An event that waits for another one of the same session to go first. */
interface Held {
  readonly session: Session;
  readonly behind: string;
  readonly name: string;
  readonly go: () => void;
}

/** The way of every event to its session, with what a test ordered to disturb on it. */
export function createDisturbances() {
  const ordered: (EventFault & { left: number })[] = [];
  let held: readonly Held[] = [];

  /** What the next event of this name meets. One that others wait for comes through, so that two of a name change places. */
  function meet({ userId, id }: Session, event: string): EventFault | undefined {
    if (held.some(({ session, behind }) => session.id === id && behind === event)) return undefined;
    const met = ordered.find(
      ({ event: name, of, left }) => left > 0 && name === event && (of === undefined || of.id === userId),
    );
    if (met) met.left -= 1;
    return met;
  }

  /** Lets go what has waited for an event of this name, and what has waited for that. */
  function release(isReleased: (one: Held) => boolean): void {
    const released = held.filter(isReleased);
    held = held.filter((one) => !released.includes(one));
    for (const { session, name, go } of released) {
      go();
      release((one) => one.session === session && one.behind === name);
    }
  }

  return {
    order(fault: EventFault): void {
      ordered.push({ ...fault, left: fault.times ?? 1 });
    },
    /** Sends an event to a session, or does with it what was ordered. */
    deliver<Name extends keyof DispatchData>(session: Session, name: Name, data: DispatchData[Name]): void {
      const { copies = 1, delayMs, behind } = meet(session, name) ?? {};
      const go = () => {
        dispatch(session, name, data, copies === 0);
        for (let copy = 1; copy < copies; copy += 1) dispatch(session, name, data);
      };
      if (behind !== undefined) {
        held = [...held, { session, behind, name, go }];
        return;
      }
      const goFirst = () => {
        go();
        release((one) => one.session === session && one.behind === name);
      };
      if (delayMs === undefined) goFirst();
      else setTimeout(goFirst, delayMs).unref();
    },
    /** Nothing is disturbed any more; what was held back comes now. */
    clear(): void {
      ordered.length = 0;
      release(() => true);
    },
  };
}
