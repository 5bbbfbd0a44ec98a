import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the program says when it is ready. */
const greeting = 'Add it to a server';

/** A program that is asked to stop gets as long as containers give it, and a second to spare on a busy machine. */
const mostStoppingMs = 11_000;

/** pino's number for what ends a process. */
const fatal = 60;

/** The program as a process of its own, from its start to its end. */
export interface Life {
  readonly number: number;
  readonly pid: number;
  readonly startedAt: number;
  /** When it said that it is ready. */
  readonly readyAt: number | undefined;
  readonly endedAt: number | undefined;
  /** What it wrote to its log, a JSON object a line. */
  readonly log: readonly string[];
  /** What ended it and at what moment, in words. */
  readonly end: string;
  readonly isKilled: boolean;
  readonly ready: Promise<void>;
  readonly exit: Promise<void>;
  /** Sends a signal; `moment` is for the story. */
  signal(signal: 'SIGKILL' | 'SIGTERM', moment: string): void;
  /** What a sound program does not do: say what is no line of its log, fail fatally, end unasked, or stop slowly. */
  complaints(): string[];
}

/** Starts the built program as `node .` does, in a folder of its own, with these settings and nothing else. */
export function startProgram(
  number: number,
  settings: Readonly<Record<string, string>>,
  nodeOptions: readonly string[] = [],
): Life {
  const cwd = mkdtempSync(join(tmpdir(), 'parley-life-'));
  const child = spawn(process.execPath, [...nodeOptions, root], { cwd, env: { PATH: process.env.PATH, ...settings } });
  const signals: { signal: string; moment: string; at: number }[] = [];
  const said: string[] = [];
  const noise: string[] = [];
  const log: string[] = [];
  let readyAt: number | undefined;
  let endedAt: number | undefined;
  let result: string | undefined;

  const out = readLines(child.stdout, (line) => said.push(line));
  const err = readLines(child.stderr, (line) => (levelOf(line) === undefined ? noise : log).push(line));
  const exit = once(child, 'close').then(([code, signal]) => {
    endedAt = Date.now();
    result = signal ?? `exit code ${code}`;
  });
  const greeted = new Promise<void>((resolve) => {
    child.stdout.on('data', () => {
      if (readyAt !== undefined || !`${said.join('\n')}${out.rest}`.includes(greeting)) return;
      readyAt = Date.now();
      resolve();
    });
  });

  const wasKilled = () => signals.some(({ signal }) => signal === 'SIGKILL');

  /** A program that has not come as far as to answer may just go. */
  const isGentle = ({ at }: { readonly at: number }) =>
    result === 'exit code 0' || (result === 'SIGTERM' && (readyAt === undefined || at < readyAt));

  function wrongEnd(): string[] {
    if (result === undefined || wasKilled()) return [];
    const [asked] = signals;
    if (asked === undefined) return [`it ended by itself: ${result}`];
    const stoppingMs = (endedAt ?? 0) - asked.at;
    return [
      ...(isGentle(asked) ? [] : [`it ended with ${result} when it was asked to stop`]),
      ...(stoppingMs <= mostStoppingMs ? [] : [`it took ${stoppingMs} ms to stop`]),
    ];
  }

  return {
    number,
    pid: child.pid ?? 0,
    startedAt: Date.now(),
    get readyAt() {
      return readyAt;
    },
    get endedAt() {
      return endedAt;
    },
    get end() {
      const told = signals.map(({ signal, moment }) => `${signal} ${moment}`);
      return [...told, ...(wasKilled() ? [] : [result ?? 'it lives'])].join(', ');
    },
    get isKilled() {
      return wasKilled();
    },
    log,
    ready: Promise.race([greeted, exit]),
    exit,
    signal(signal, moment) {
      signals.push({ signal, moment, at: Date.now() });
      child.kill(signal);
    },
    complaints() {
      // A process that is killed may be in the middle of a line.
      const rest = wasKilled() || err.rest === '' ? [] : [err.rest];
      const fatalLines = log.filter((line) => (levelOf(line) ?? 0) >= fatal);
      const warnings = said.filter((line) => /Warning:|UnhandledPromiseRejection/.test(line));
      return [
        ...[...noise, ...rest, ...warnings].map((line) => `it wrote: ${line}`),
        ...fatalLines.map((line) => `it failed: ${line}`),
        ...wrongEnd(),
      ];
    },
  };
}

/** Reads a stream line by line; `rest` is what came after the last whole line. */
function readLines(stream: Readable, read: (line: string) => void): { readonly rest: string } {
  const lines = { rest: '' };
  stream.setEncoding('utf8').on('data', (text: string) => {
    const whole = (lines.rest + text).split('\n');
    lines.rest = whole.pop() ?? '';
    for (const line of whole) if (line !== '') read(line);
  });
  return lines;
}

/** The level of a line of the log; nothing else the program writes is one. */
function levelOf(line: string): number | undefined {
  try {
    const { level }: { level?: unknown } = JSON.parse(line);
    return typeof level === 'number' ? level : undefined;
  } catch {
    return undefined;
  }
}
