import type { Readable, Writable } from 'node:stream';
import { createKeyReader, type Key, MARK_NO_PASTES, MARK_PASTES } from './keys.js';

/** Where people write: `process.stdin`, or what stands in for it. */
export interface Input extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
}

/** What happens at a terminal. */
export interface Listener {
  key(key: Key): void;
  /** The program goes on after it was suspended. */
  resumed(): void;
  resized(): void;
  /** The program has crashed, and is about to say so. */
  crashed(): void;
  /** No key comes any more. */
  ended(): void;
}

/** Within this time a group of processes has stopped that can. */
const SUSPENSION_MS = 100;

/**
 * Has a terminal send each key as it is pressed, and mark what is pasted. It is given back as it was when this is closed
 * and when the program exits or crashes; it is taken again when a suspended program goes on.
 */
export function openDevice(input: Input, output: Writable, listener: Listener) {
  const keys = createKeyReader(listener.key);
  let isHeld = false;

  function hold(): void {
    // Off before on: a shell that suspended us has set the terminal back, and Node takes it for raw still.
    input.setRawMode?.(false);
    input.setRawMode?.(true);
    output.write(MARK_PASTES);
    isHeld = true;
  }

  function release(): void {
    if (!isHeld) return;
    isHeld = false;
    input.setRawMode?.(false);
    output.write(MARK_NO_PASTES);
  }

  function resume(): void {
    hold();
    listener.resumed();
  }

  function giveUp(): void {
    listener.crashed();
    release();
  }

  const write = (bytes: Uint8Array) => keys.write(bytes);
  const interrupt = () => listener.key({ kind: 'press', name: 'interrupt' });

  input.on('data', write).on('end', listener.ended).on('error', listener.ended);
  output.on('resize', listener.resized);
  process.on('SIGINT', interrupt).on('exit', release).on('uncaughtExceptionMonitor', giveUp);
  if (process.platform !== 'win32') process.on('SIGCONT', resume);
  hold();

  return {
    /** Stops the program until somebody makes it go on, as Ctrl-Z does. */
    suspend(): void {
      if (process.platform === 'win32') return;
      release();
      // All of the group, as the terminal would: npm, which may have started this, has to stop as well.
      process.kill(0, 'SIGTSTP');
      // A group without a shell is not stopped, and nobody makes it go on.
      setTimeout(() => isHeld || resume(), SUSPENSION_MS);
    },

    /** Gives the terminal back, and lets the process end. */
    close(): void {
      release();
      input.off('data', write).off('end', listener.ended).off('error', listener.ended).pause();
      output.off('resize', listener.resized);
      process.off('SIGINT', interrupt).off('exit', release).off('uncaughtExceptionMonitor', giveUp);
      process.off('SIGCONT', resume);
    },
  };
}
