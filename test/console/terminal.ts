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

export interface Program {
  readonly command: string;
  readonly args?: readonly string[];
  /** All of its environment but PATH and TERM. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly columns?: number;
  readonly rows?: number;
}

export type Terminal = ReturnType<typeof openTerminal>;

/** Runs a program in a terminal, as somebody would who sits at it. The program is killed with the test. */
export function openTerminal({ command, args = [], env = {}, cwd, columns = 60, rows = 16 }: Program) {
  const pty = loadPty();
  if (!pty) throw new Error(noTerminal);
  const terminal = new xterm.Terminal({ cols: columns, rows, scrollback: 1000, allowProposedApi: true });
  terminal.loadAddon(new unicode.Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  const child = pty.spawn(command, [...args], {
    cols: columns,
    rows,
    name: 'xterm-256color',
    env: { PATH: process.env.PATH, ...env },
    ...(cwd !== undefined && { cwd }),
  });
  /** All bytes that it wrote. */
  let written = '';
  let drawn = Promise.resolve();
  const heard = new Set<() => void>();
  const look = () => {
    for (const listener of heard) listener();
  };
  child.onData((data) => {
    written += data;
    drawn = new Promise((resolve) => {
      terminal.write(data, () => {
        resolve();
        look();
      });
    });
  });
  // It answers what a program asks it.
  terminal.onData((data) => child.write(data));
  const exit = new Promise<{ readonly code: number; readonly signal: number }>((resolve) => {
    child.onExit(async ({ exitCode, signal = 0 }) => {
      await drawn;
      resolve({ code: exitCode, signal });
    });
  });
  let hasExited = false;
  void exit.then(() => {
    hasExited = true;
    look();
  });
  const kill = (signal: NodeJS.Signals = 'SIGKILL') => {
    if (!hasExited) child.kill(signal);
  };
  onTestFinished(() => kill());

  function screen(): string {
    const buffer = terminal.buffer.active;
    const lines = Array.from({ length: buffer.length }, (_, row) => buffer.getLine(row)?.translateToString(true) ?? '');
    return lines.join('\n').trimEnd();
  }

  return {
    pid: child.pid,
    /** Writes text, in one chunk, as an input method does with a word. */
    type: (text: string): void => child.write(text),
    press: (key: keyof typeof keys): void => child.write(keys[key]),
    /** Pastes text, marked if the program asked for that, with the line ends that terminals send. */
    paste(text: string): void {
      const sent = text.replaceAll('\n', '\r');
      child.write(terminal.modes.bracketedPasteMode ? `\x1b[200~${sent}\x1b[201~` : sent);
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
            else if (hasExited) reject(new Error(`It ended without ${wanted}:\n${screen()}`));
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

    /** What the program switched on. */
    get modes() {
      return terminal.modes;
    },
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
