import { type Input, openDevice } from './device.js';
import { createEntries, type Entry, inputEnd } from './entry.js';
import type { Key, KeyName } from './keys.js';
import {
  type Cell,
  cellsOf,
  edit,
  emptyLine,
  fold,
  insertCells,
  insertText,
  isEdit,
  lineOf,
  moveRow,
  replaceBefore,
  textOf,
} from './line.js';
import { createScreen, type Output, sizeOf } from './screen.js';
import { createStops } from './stops.js';

/** What the editor says by itself. */
export interface EditorWords {
  /** Stands before the further rows of a block. */
  readonly more: string;
  /** The mark for a block that would take too much room, as `[12 lines]`. */
  readonly folded: (lines: number) => string;
  /** After the first Ctrl-C at an empty prompt: that another one leaves. */
  readonly again: string;
}

export interface TerminalOptions {
  readonly input: Input;
  readonly output: Output;
  readonly words: EditorWords;
  /** For Tab: the texts that could stand in place of all that stands before the cursor. */
  readonly complete?: (before: string) => readonly string[];
  /** What was entered in earlier times, the newest last. */
  readonly history?: readonly string[];
}

/** A pasted block of more lines than these is shown as one mark. */
const MOST_LINES_SHOWN = 5;

/** Entries from somebody at a terminal, who can edit them. */
export function openTerminal({ input, output, words, complete, history = [] }: TerminalOptions) {
  const screen = createScreen(output, words.more);
  const entries = createEntries();
  const stops = createStops();
  const past = [...history];
  /** What was written while nobody asked. */
  const waiting: Key[] = [];
  let asked: { readonly prompt: string; readonly answer: (entry: Entry) => void } | undefined;
  let line = emptyLine;
  /** Which of the past entries is shown; as many as there are while it is none. */
  let shown = past.length;
  /** What had been written when a past entry was brought back instead. */
  let draft = emptyLine;
  /** Until this moment one more Ctrl-C leaves. */
  let leavesUntil = 0;
  let hasEnded = false;
  let isClosed = false;

  const prompt = (): string => (entries.isOpen ? words.more : (asked?.prompt ?? ''));

  function draw(): void {
    if (asked) screen.draw(prompt(), line);
  }

  function empty(): void {
    line = { ...emptyLine, cut: line.cut };
    shown = past.length;
  }

  function finish(): void {
    screen.finish(prompt(), line);
    empty();
  }

  function give(entry: Entry): void {
    const { answer } = asked ?? {};
    asked = undefined;
    if (entry.kind !== 'end' && past.at(-1) !== entry.text) past.push(entry.text);
    shown = past.length;
    answer?.(entry);
  }

  function enter(): void {
    const text = textOf(line.cells);
    finish();
    const entry = entries.take(text);
    if (entry) give(entry);
  }

  function interrupt(): void {
    const isBlock = entries.isOpen;
    const isAgain = performance.now() < leavesUntil;
    if (line.cells.length > 0 && !isBlock && !isAgain) {
      empty();
      return;
    }
    finish();
    entries.drop();
    if (isAgain) give({ kind: 'end', by: 'interrupt' });
    else if (!isBlock) {
      output.write(`${words.again}\r\n`);
      leavesUntil = Number.POSITIVE_INFINITY;
    }
  }

  /** The key that ends the input in the first column, and deletes a character elsewhere. */
  function endInput(): void {
    if (line.cells.length > 0) {
      line = edit(line, 'delete');
      return;
    }
    finish();
    give(entries.close() ?? inputEnd);
  }

  /** Through the rows of a block, and beyond its first and last through what was entered before. */
  function travel(way: 'up' | 'down'): void {
    const within = moveRow(line, way);
    const next = shown + (way === 'up' ? -1 : 1);
    if (within) line = within;
    if (within || next < 0 || next > past.length) return;
    if (shown === past.length) draft = line;
    shown = next;
    const text = past[next];
    line = text === undefined ? draft : lineOf(line, block(text));
  }

  /** The cells for a text: one in all for what would fill the screen. */
  function block(text: string): readonly Cell[] {
    const { columns, rows } = sizeOf(output);
    const lines = text.split('\n').length;
    const isTall = lines > MOST_LINES_SHOWN || text.length * 2 > columns * rows;
    return isTall ? [fold(text, words.folded(lines))] : cellsOf(text);
  }

  function completeLine(): void {
    const before = textOf(line.cells.slice(0, line.cursor));
    const candidates = complete?.(before) ?? [];
    const start = commonStart(candidates);
    if (start.length > before.length) line = replaceBefore(line, start);
    else if (candidates.length > 1) screen.list(prompt(), line, candidates);
  }

  const commands: Partial<Record<KeyName, () => void>> = {
    enter,
    interrupt,
    'end-of-input': endInput,
    up: () => travel('up'),
    down: () => travel('down'),
    tab: completeLine,
    'clear-screen': screen.clear,
  };

  function use(key: Key): void {
    if (key.kind !== 'press' || key.name !== 'interrupt') leavesUntil = 0;
    if (key.kind === 'text') line = insertText(line, key.text);
    else if (key.kind === 'paste') line = insertCells(line, block(key.text));
    else if (isEdit(key.name)) line = edit(line, key.name);
    else commands[key.name]?.();
  }

  /** Uses what was written, as far as somebody asks for it. */
  function proceed(): void {
    for (let key = asked && waiting.shift(); key; key = asked && waiting.shift()) use(key);
    if (hasEnded && asked) {
      finish();
      give(inputEnd);
    }
    draw();
  }

  function end(): void {
    hasEnded = true;
    proceed();
  }

  /** Leaves the row of the cursor to somebody else. */
  function stepAside(): void {
    if (asked) screen.finish(prompt(), line);
  }

  function take(key: Key): void {
    const name = key.kind === 'press' && key.name;
    if (name === 'suspend') {
      stepAside();
      device.suspend();
    } else if (name === 'interrupt' && !asked) stops.press();
    else waiting.push(key);
    proceed();
  }

  const device = openDevice(input, output, {
    key: take,
    resumed() {
      screen.forget();
      draw();
    },
    resized: draw,
    crashed: stepAside,
    ended: end,
  });

  return {
    read(question: string): Promise<Entry> {
      if (isClosed) return Promise.resolve(inputEnd);
      const until = stops.reset();
      return new Promise((answer) => {
        asked = { prompt: question, answer };
        proceed();
        // What was written before the interrupt does not take it back.
        leavesUntil = until;
      });
    },
    whileBusy: stops.begin,
    close(): void {
      isClosed = true;
      waiting.length = 0;
      end();
      device.close();
    },
  };
}

/** What all of them begin with. */
function commonStart([first = '', ...others]: readonly string[]): string {
  const differs = [...first].findIndex((_, index, all) => {
    const start = all.slice(0, index + 1).join('');
    return others.some((other) => !other.startsWith(start));
  });
  return differs < 0 ? first : [...first].slice(0, differs).join('');
}
