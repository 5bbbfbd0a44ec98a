import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** How long a bot that died stays away: doubled each time it dies again soon, up to the longest. */
const firstPauseMs = 2_000;
const longestPauseMs = 60_000;

/** A bot that lived this long has not died of what it started with. */
const soundAfterMs = 60_000;

/** How long a bot may take to end its answers; it takes less. */
const stopWithinMs = 10_000;

/** The bot as a process of its own, started again when it dies. */
export interface Bot {
  /** Ends it and starts it anew, at once also where it waits to be started again. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a bot: a Node program with an environment and nothing else. It ends by itself when this process does, in
 * whatever way: its channel to this one closes, and it takes that for a request to stop. `tell` hears what it prints,
 * line by line, and what becomes of it.
 */
export function startBot(
  program: string,
  environment: NodeJS.ProcessEnv,
  tell: (line: string, from: 'out' | 'err' | 'sandbox') => void,
): Bot {
  let child: ChildProcess | undefined;
  let again: NodeJS.Timeout | undefined;
  let pauseMs = firstPauseMs;

  function start(): void {
    const startedAt = Date.now();
    const started = spawn(process.execPath, [program], { env: environment, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    child = started;
    listen(started.stdout, (line) => tell(line, 'out'));
    listen(started.stderr, (line) => tell(line, 'err'));
    started.once('error', (error) => tell(`The bot could not be started: ${error.message}`, 'sandbox'));
    started.once('close', (code, signal) => {
      // One that was asked to stop is not the bot any more.
      if (child !== started) return;
      child = undefined;
      if (Date.now() - startedAt > soundAfterMs) pauseMs = firstPauseMs;
      tell(
        `The bot has ended (${signal ?? `exit code ${code}`}). It is started again in ${pauseMs / 1000} s.`,
        'sandbox',
      );
      again = setTimeout(start, pauseMs);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    });
  }

  async function stop(): Promise<void> {
    clearTimeout(again);
    const stopped = child;
    child = undefined;
    if (stopped === undefined || stopped.exitCode !== null || stopped.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      const kill = setTimeout(() => stopped.kill('SIGKILL'), stopWithinMs);
      // Not `close`: Node does not emit it once the channel was closed from here.
      stopped.once('exit', () => {
        clearTimeout(kill);
        resolve();
      });
      if (stopped.connected) stopped.disconnect();
    });
  }

  let turn = Promise.resolve();
  start();
  return {
    stop() {
      turn = turn.then(stop);
      return turn;
    },
    restart() {
      turn = turn.then(stop).then(() => {
        pauseMs = firstPauseMs;
        start();
      });
      return turn;
    },
  };
}

function listen(stream: Readable | null, hear: (line: string) => void): void {
  if (stream) createInterface({ input: stream }).on('line', hear);
}
