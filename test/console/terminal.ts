import { createRequire } from 'node:module';
import type * as Pty from '@lydell/node-pty';
import unicode from '@xterm/addon-unicode11';
import xterm from '@xterm/headless';
import { onTestFinished } from 'vitest';

/** Why there is no terminal to be had here, if there is none: the package holds no binary for each platform (musl). */
export const noTerminal: string | undefined = loadPty()
  ? undefined
  : `no node-pty for ${process.platform} ${process.arch}`;

function loadPty(): typeof Pty | undefined {
  try {
    return createRequire(import.meta.url)('@lydell/node-pty');
  } catch {
    return undefined;
  }
}

/** What a terminal sends for the keys that have no character. */
const keys = {
  enter: '\r',
  tab: '\t',
  escape: '\x1b',
  backspace: '\x7f',
  up: '\x1b[A',
  down: '\x1b[B',
  right: '\x1b[C',
  left: '\x1b[D',
  home: '\x1b[H',
  end: '\x1b[F',
  'ctrl-c': '\x03',
  'ctrl-d': '\x04',
  'ctrl-w': '\x17',
  'ctrl-y': '\x19',
  'ctrl-z': '\x1a',
} as const;

export interface Size {
  readonly columns?: number;
  readonly rows?: number;
}

/** The screen and the keyboard of a terminal. `send` takes what the keyboard sends, and what the screen answers. */
export function createTerminal({ columns = 60, rows = 16 }: Size, send: (bytes: string) => void) {
  const terminal = new xterm.Terminal({ cols: columns, rows, scrollback: 5000, allowProposedApi: true });
  terminal.loadAddon(new unicode.Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  terminal.onData(send);
  /** All bytes that were written. */
  let written = '';
  let drawn = Promise.resolve();
  let hasEnded = false;
  const heard = new Set<() => void>();
  const look = () => {
    for (const listener of heard) listener();
  };

  function screen(): string {
    const buffer = terminal.buffer.active;
    const lines = Array.from({ length: buffer.length }, (_, row) => buffer.getLine(row)?.translateToString(true) ?? '');
    return lines.join('\n').trimEnd();
  }

  return {
    write(data: string): void {
      written += data;
      drawn = new Promise((resolve) => {
        terminal.write(data, () => {
          resolve();
          look();
        });
      });
    },
    /** Resolves when all that was written so far is on the screen. */
    drawn: () => drawn,
    /** Nothing more is written; resolves when all is on the screen. */
    async end(): Promise<void> {
      await drawn;
      hasEnded = true;
      look();
    },
    /** Writes text, in one chunk, as an input method does with a word. */
    type: (text: string): void => send(text),
    press: (key: keyof typeof keys): void => send(keys[key]),
    /** Pastes text, marked if the program asked for that, with the line ends that terminals send. */
    paste(text: string): void {
      const sent = text.replaceAll('\n', '\r');
      send(terminal.modes.bracketedPasteMode ? `\x1b[200~${sent}\x1b[201~` : sent);
    },
    /** What it shows, all that has scrolled away before it, without blanks at the ends of rows and empty rows below. */
    screen,
    /** Column and row of the cursor, from 0. */
    cursor: () => ({
      column: terminal.buffer.active.cursorX,
      row: terminal.buffer.active.baseY + terminal.buffer.active.cursorY,
    }),
    /** All that the program wrote, escape sequences and all. */
    written: () => written,

    /** Waits until the screen shows this. Rejects with the screen when the program ends before. */
    async until(wanted: RegExp): Promise<void> {
      let listener = () => {};
      try {
        await new Promise<void>((resolve, reject) => {
          listener = () => {
            if (wanted.test(screen())) resolve();
            else if (hasEnded) reject(new Error(`It ended without ${wanted}:\n${screen()}`));
          };
          heard.add(listener);
          listener();
          // The test's own time ends this too, but can't say what was to be seen.
          setTimeout(() => reject(new Error(`Nowhere ${wanted}:\n${screen()}`)), WAIT_MS).unref();
        });
      } finally {
        heard.delete(listener);
      }
    },

    /** Whether the program asked for marks around what is pasted. */
    marksPastes: () => terminal.modes.bracketedPasteMode,
    resize: (toColumns: number, toRows: number): void => terminal.resize(toColumns, toRows),
  };
}

export interface Program extends Size {
  readonly command: string;
  readonly args?: readonly string[];
  /** All of its environment but PATH and TERM. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export type Terminal = ReturnType<typeof openTerminal>;

/** Runs a program in a terminal, as somebody would who sits at it. The program is killed with the test. */
export function openTerminal({ command, args = [], env = {}, cwd, columns = 60, rows = 16 }: Program) {
  const pty = loadPty();
  if (!pty) throw new Error(noTerminal);
  const child = pty.spawn(command, [...args], {
    cols: columns,
    rows,
    name: 'xterm-256color',
    env: { PATH: process.env.PATH, ...env },
    ...(cwd !== undefined && { cwd }),
  });
  const terminal = createTerminal({ columns, rows }, (bytes) => child.write(bytes));
  child.onData(terminal.write);
  let hasExited = false;
  const exit = new Promise<{ readonly code: number; readonly signal: number }>((resolve) => {
    child.onExit(async ({ exitCode, signal = 0 }) => {
      hasExited = true;
      await terminal.end();
      resolve({ code: exitCode, signal });
    });
  });
  const kill = (signal: NodeJS.Signals = 'SIGKILL') => {
    if (!hasExited) child.kill(signal);
  };
  onTestFinished(() => kill());
  return {
    ...terminal,
    pid: child.pid,
    resize(toColumns: number, toRows: number): void {
      terminal.resize(toColumns, toRows);
      child.resize(toColumns, toRows);
    },
    /** How it ended, when all that it wrote is on the screen. */
    exit,
    kill,
  };
}

const WAIT_MS = 20_000;
