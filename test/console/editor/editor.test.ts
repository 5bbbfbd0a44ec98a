import { spawn } from 'node:child_process';
import { PassThrough, Readable, Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openEditor } from '../../../src/console/editor/editor.js';
import type { Entry } from '../../../src/console/editor/entry.js';
import { createTerminal, noTerminal, openTerminal, type Program, type Size } from '../terminal.js';
import { cutInto } from './chunks.js';

const echo = fileURLToPath(new URL('echo.mjs', import.meta.url));

const words = { more: '… ', folded: (lines: number) => `[${lines} lines]`, again: 'Once more to leave.' };

const COMMANDS = ['/ask ', '/reset', '/role set ', '/role show'];

interface Settings extends Size {
  readonly past?: readonly string[];
  /** Whether Ctrl-C does not end the work. */
  readonly isStubborn?: boolean;
}

/**
 * Somebody at a terminal, and what echo.mjs does: it tells each entry in JSON; `work` is something that Ctrl-C ends,
 * `quit` leaves.
 */
async function sitDown({ past = [], isStubborn = false, columns = 60, rows = 16 }: Settings = {}) {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const terminal = createTerminal({ columns, rows }, (bytes) => input.write(bytes));
  const output = Object.assign(
    new Writable({
      write(chunk, _, done) {
        terminal.write(String(chunk));
        done();
      },
    }),
    { isTTY: true, columns, rows },
  );
  const say = (text: string) => output.write(`${text}\r\n`);
  const editor = openEditor({
    ...{ input, output, history: past },
    words,
    complete: (before) => COMMANDS.filter((command) => command.startsWith(before)),
  });
  onTestFinished(editor.close);
  const work = () =>
    new Promise<void>((resolve) => {
      const stop = () => {
        say('stopped');
        if (!isStubborn) resolve();
      };
      const leave = () => {
        say('left');
        resolve();
      };
      editor.whileBusy({ stop, leave });
      say('working');
    });
  async function talk(): Promise<Entry> {
    for (;;) {
      const entry = await editor.read('问：');
      say(JSON.stringify(entry));
      if (entry.kind === 'end' || entry.text === 'quit') return entry;
      if (entry.text === 'work') await work();
    }
  }
  const ended = talk();
  await terminal.until(/问：/);
  return {
    ...terminal,
    editor,
    /** The last entry, once there is none more. */
    ended,
    /** Ends what comes from the keyboard. */
    hangUp: () => void input.end(),
    resize(toColumns: number, toRows: number): void {
      terminal.resize(toColumns, toRows);
      Object.assign(output, { columns: toColumns, rows: toRows }).emit('resize');
    },
  };
}

const told = (kind: 'line' | 'block', text: string): RegExp =>
  new RegExp(JSON.stringify({ kind, text }).replaceAll(/[\\{}[\]().?*+|^$]/g, '\\$&'));

/** Written so that nothing wraps where a test reads it. */
const WIDE = { columns: 160 };

describe('at a terminal', () => {
  test('a word that an input method writes in the middle of a line stands there', async () => {
    const terminal = await sitDown();
    terminal.type('ab');
    terminal.press('left');
    terminal.type('你好');
    await terminal.until(/问：a你好b/);
    expect(terminal.cursor()).toEqual({ row: 0, column: 9 });
    terminal.press('enter');
    await terminal.until(told('line', 'a你好b'));
  });

  test('a line longer than a row is drawn once, wherever it is changed', async () => {
    const terminal = await sitDown({ columns: 11 });
    terminal.type('一二三四五六七八九十');
    for (let step = 0; step < 7; step++) terminal.press('left');
    terminal.type('X');
    terminal.press('backspace');
    terminal.type('Y');
    await terminal.until(/Y/);
    expect(terminal.screen()).toBe('问：一二三Y\n四五六七八\n九十');
    expect(terminal.cursor()).toEqual({ row: 1, column: 0 });
  });

  test('when the window changes its size, the line goes on and nothing above it is lost', async () => {
    // Of lengths that often fill a row exactly.
    const parts = fc.constantFrom('xxxx', 'xxxx', '天地玄黄', 'word '.repeat(4), '\x1b[D', '\x7f');
    const columns = fc.constantFrom(12, 16, 20, 24, 32, 48);
    const changes = fc.array(fc.tuple(fc.array(parts, { maxLength: 6 }), columns), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(changes, async (all) => {
        const terminal = await sitDown({ columns: 40 });
        terminal.type('first\r');
        await terminal.until(/"first"}\n问：/);
        const type = async (text: string) => {
          terminal.type(text);
          await setImmediate();
          await terminal.drawn();
        };
        for (const [parts, columns] of all) {
          await type(parts.join(''));
          terminal.resize(columns, 16);
        }
        await type('!\r');
        const shown = terminal.screen().replaceAll(/\s/g, '');
        terminal.editor.close();
        const [, text] = /^问：first\{"kind":"line","text":"first"}问：.*"text":"([^"]*)"}问：$/.exec(shown) ?? [];
        expect(shown).toContain(`问：${text}{"kind"`);
      }),
      { numRuns: 25 },
    );
  });

  test('a line that a terminal puts into one row that it fills, when the window grows, is drawn in that row', async () => {
    const terminal = await sitDown({ columns: 14 });
    terminal.type('x'.repeat(20));
    await terminal.until(/x{10}\nx{10}$/);
    const before = terminal.written().length;
    // xterm leaves the line of the cursor as it is; VTE and tmux do not, and there one row up stands something else.
    terminal.resize(24, 16);
    expect(terminal.written().slice(before)).toBe(`\r\x1b[J问：${'x'.repeat(20)}\r\n`);
  });

  test('of a line that is taller than the screen, what is around the cursor is shown, and all of it in the end', async () => {
    const terminal = await sitDown({ columns: 20, rows: 5 });
    const text = Array.from({ length: 100 }, (_, index) => `<${index}>`).join(' ');
    terminal.type(`before\r${text}`);
    await terminal.until(/"before"}\n问：…>.*<9\n?9\n?>$/s);
    expect(terminal.screen()).not.toContain('<50>');
    terminal.press('home');
    terminal.type('!');
    await terminal.until(/"before"}\n问：!<0> <1>[^…]*…$/);
    expect(terminal.cursor().column).toBe('问：!'.length + 2);
    terminal.press('enter');
    await terminal.until(/<99>"}\n问：$/);
    const shown = terminal.screen().replaceAll(/\s/g, '');
    expect(shown).toContain(`"before"}问：!${text.replaceAll(' ', '')}{"kind"`);
  });

  test('pasted lines are one entry, and wait for Enter', async () => {
    const terminal = await sitDown(WIDE);
    expect(terminal.marksPastes()).toBe(true);
    terminal.type('see: ');
    terminal.paste('one\n\n  two\x1b[31m\x07\nthree\n');
    terminal.type('!');
    await terminal.until(/问：see: one\n… \n… {3}two\n… three!$/);
    terminal.press('enter');
    await terminal.until(told('block', 'see: one\n\n  two\nthree!'));
  });

  test('a pasted block that is tall is one mark in the line, and whole in the entry', async () => {
    const terminal = await sitDown({ ...WIDE, rows: 10 });
    const block = Array.from({ length: 12 }, (_, index) => `row ${index}`).join('\n');
    terminal.type('see ');
    terminal.paste(block);
    terminal.type(', please');
    await terminal.until(/问：see \[12 lines\], please$/);
    terminal.press('enter');
    await terminal.until(told('block', `see ${block}, please`));
  });

  test('""" opens a block and closes it, and Ctrl-C drops it', async () => {
    const terminal = await sitDown(WIDE);
    terminal.type('"""first\r\r  two\rlast"""\r');
    await terminal.until(told('block', 'first\n\n  two\nlast'));
    expect(terminal.screen()).toContain('问："""first\n… \n…   two\n… last"""\n');
    terminal.type('"""one\rtwo');
    await terminal.until(/… two$/);
    terminal.press('ctrl-c');
    await terminal.until(/… two\n问：$/);
    terminal.type('next\r');
    await terminal.until(told('line', 'next'));
  });

  test('what was entered comes back with Up, blocks as blocks, and Down leads back to what was being written', async () => {
    const terminal = await sitDown({ ...WIDE, past: ['old', 'a\nb'] });
    terminal.type('"""c\rd"""\r');
    await terminal.until(told('block', 'c\nd'));
    terminal.type('draft');
    for (const block of [/问：c\n… d$/, /问：a\n… b$/]) {
      terminal.press('up');
      await terminal.until(block);
      terminal.press('up');
    }
    terminal.press('up');
    await terminal.until(/问：old$/);
    for (let step = 0; step < 5; step++) terminal.press('down');
    await terminal.until(/问：draft$/);
    for (let step = 0; step < 3; step++) terminal.press('up');
    terminal.press('enter');
    await terminal.until(/"a\\nb"}\n问：$/);
  });

  test('Tab writes what all that could be meant have in common, and lists them when that is all', async () => {
    const terminal = await sitDown();
    terminal.type('/ro');
    terminal.press('tab');
    await terminal.until(/问：\/role s$/);
    terminal.press('tab');
    await terminal.until(/\n\/role set {3}\/role show\n问：\/role s$/);
    terminal.type('e\tthis\r');
    await terminal.until(told('line', '/role set this'));
  });

  test('Ctrl-C clears a line, then says that another leaves, and another leaves', async () => {
    const terminal = await sitDown();
    terminal.type('half');
    await terminal.until(/half/);
    terminal.press('ctrl-c');
    await terminal.until(/问：$/);
    terminal.press('ctrl-c');
    await terminal.until(/^问：\nOnce more to leave\.\n问：$/);
    terminal.press('ctrl-c');
    expect(await terminal.ended).toEqual({ kind: 'end', by: 'interrupt' });
  });

  test('Ctrl-C only leaves when nothing was written since the last', async () => {
    const terminal = await sitDown();
    terminal.press('ctrl-c');
    terminal.type('x\x7f');
    terminal.press('ctrl-c');
    await terminal.until(/leave\.\n问：\nOnce more to leave\.\n问：$/);
  });

  test('an interrupt that somebody sends is a Ctrl-C', async () => {
    const terminal = await sitDown();
    terminal.type('half');
    await terminal.until(/half/);
    process.emit('SIGINT');
    await terminal.until(/问：$/);
  });

  test('Ctrl-D leaves from an empty line only, in a row of its own', async () => {
    const terminal = await sitDown();
    terminal.type('ab');
    terminal.press('left');
    terminal.press('ctrl-d');
    await terminal.until(/问：a$/);
    terminal.press('ctrl-d');
    terminal.press('backspace');
    terminal.press('ctrl-d');
    expect(await terminal.ended).toEqual({ kind: 'end', by: 'input' });
    await terminal.until(/问：\n\{"kind":"end","by":"input"\}$/);
  });

  test('who closes it while it asks gives the terminal back, and nothing comes any more', async () => {
    const terminal = await sitDown();
    terminal.type('"""one\rtwo');
    await terminal.until(/… two$/);
    terminal.editor.close();
    expect(await terminal.ended).toEqual({ kind: 'end', by: 'input' });
    await terminal.until(/… two\n\{"kind":"end"/);
    expect(terminal.marksPastes()).toBe(false);
    terminal.type('more\r');
    expect(await terminal.editor.read('> ')).toEqual({ kind: 'end', by: 'input' });
  });

  test('while something is done Ctrl-C stops it, and what is written meanwhile is shown in the next line', async () => {
    const terminal = await sitDown();
    terminal.type('work\r');
    await terminal.until(/working/);
    terminal.type('ahead');
    terminal.paste('one\ntwo');
    terminal.press('ctrl-c');
    await terminal.until(/working\nstopped\n问：aheadone\n… two$/);
    terminal.press('enter');
    await terminal.until(/"aheadone\\ntwo"/);
  });

  test('a second Ctrl-C leaves what does not stop', async () => {
    const terminal = await sitDown({ isStubborn: true });
    terminal.type('work\r');
    await terminal.until(/working/);
    terminal.press('ctrl-c');
    await terminal.until(/stopped/);
    terminal.press('ctrl-c');
    await terminal.until(/stopped\nleft/);
  });

  test('a second Ctrl-C leaves too when what it stopped has stopped, unless something is written between', async () => {
    const terminal = await sitDown();
    const stop = async () => {
      terminal.type('work\r');
      await terminal.until(/working$/);
      terminal.type('ahead');
      terminal.press('ctrl-c');
      await terminal.until(/stopped\n问：ahead$/);
    };
    await stop();
    terminal.type('x');
    terminal.press('ctrl-c');
    await terminal.until(/问：$/);
    await stop();
    terminal.press('ctrl-c');
    expect(await terminal.ended).toEqual({ kind: 'end', by: 'interrupt' });
  });

  test('a second Ctrl-C long after the first does not leave', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const terminal = await sitDown();
    terminal.type('work\r');
    await terminal.until(/working$/);
    terminal.press('ctrl-c');
    await terminal.until(/问：$/);
    vi.advanceTimersByTime(60_000);
    terminal.press('ctrl-c');
    await terminal.until(/Once more to leave\.\n问：$/);
  });

  test('Ctrl-C that comes with the question stops what it begins', async () => {
    const terminal = await sitDown();
    terminal.type('work\r\x03');
    await terminal.until(/stopped\n.*working|working\n.*stopped/s);
    await terminal.until(/问：$/);
  });

  test('a keyboard that is gone ends it', async () => {
    const terminal = await sitDown();
    terminal.type('half');
    terminal.hangUp();
    expect(await terminal.ended).toEqual({ kind: 'end', by: 'input' });
  });
});

describe.skipIf(noTerminal !== undefined)(noTerminal ? `a program (${noTerminal})` : 'a program', () => {
  const open = (env: Program['env'] = {}) => openTerminal({ command: process.execPath, args: [echo], env });

  test('a crash gives the terminal back, below the line', async () => {
    const terminal = open();
    await terminal.until(/>$/);
    terminal.type('crash\rhalf');
    expect(await terminal.exit).toEqual({ code: 1, signal: 0 });
    expect(terminal.screen()).toMatch(/> half\n.*SyntaxError/s);
    expect(terminal.marksPastes()).toBe(false);
    expect(terminal.cursor().column).toBe(0);
  });

  test.skipIf(process.platform === 'win32')(
    'Ctrl-Z gives the terminal to the shell, below the line, and fg takes it again',
    async () => {
      const terminal = openTerminal({ command: 'sh', args: ['-i'], env: { PS1: 'shell$ ' } });
      await terminal.until(/shell\$$/);
      terminal.type(`"${process.execPath}" "${echo}"\r`);
      await terminal.until(/\n> $|\n>$/);
      terminal.type('half');
      terminal.press('left');
      await terminal.until(/half$/);
      terminal.press('ctrl-z');
      await terminal.until(/> half\n[^>]*shell\$$/);
      terminal.type('fg\r');
      await terminal.until(/> half$/);
      terminal.type('more\r');
      await terminal.until(told('line', 'halmoref'));
    },
  );
});

test('from a pipe each line is an entry, and nothing is written', async () => {
  const output = new PassThrough();
  const editor = openEditor({ input: Readable.from(['one\r\n\n"""\ntw', 'o\n\nthree\n"""\n  four']), output, words });
  onTestFinished(editor.close);
  const entries: Entry[] = [];
  do entries.push(await editor.read('> '));
  while (entries.at(-1)?.kind !== 'end');
  expect(entries).toEqual([
    { kind: 'line', text: 'one' },
    { kind: 'block', text: 'two\n\nthree' },
    { kind: 'line', text: '  four' },
    { kind: 'end', by: 'input' },
  ]);
  expect(output.read()).toBeNull();
});

test('an interrupt stops what is done, or else ends what reads from a pipe, which need not have ended', async () => {
  const child = spawn(process.execPath, [echo], { env: { PATH: process.env.PATH } });
  const seen: string[] = [];
  child.stdin.write('work\n');
  for await (const text of child.stdout.setEncoding('utf8')) {
    seen.push(text);
    // The first reaches the work, the other the question after it.
    if (/working|stopped/.test(text)) child.kill('SIGINT');
  }
  expect(seen.join('')).toBe('{"kind":"line","text":"work"}\nworking\nstopped\n{"kind":"end","by":"interrupt"}\n');
});

test('however the bytes of what is written are cut, the same entries come of it', async () => {
  const parts = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: fc.constantFrom('a', '\r', '\n', ' ', '问') }).map((text) => `\x1b[200~${text}\x1b[201~`),
    fc.constantFrom('\r', '\r', '"""', '\t', '\x7f', '\x1b[A', '\x1b[B', '\x1b[D', '\x17', '\x19', '\x1b\r'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(parts), fc.array(fc.nat(100)), async (written, cuts) => {
      const bytes = Buffer.from(`${written.join('')}\r`);
      expect(await entriesOf(cutInto(bytes, cuts))).toEqual(await entriesOf([bytes]));
    }),
  );
});

/** What comes of bytes that a terminal sends in these chunks. */
async function entriesOf(chunks: readonly Uint8Array[]): Promise<Entry[]> {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 20, rows: 10 });
  output.resume();
  const editor = openEditor({
    input,
    output,
    words,
    complete: (before) => [`${before}tab`],
    history: ['past', 'a\nb'],
  });
  for (const chunk of chunks) input.write(chunk);
  input.end();
  const entries: Entry[] = [];
  for (let entry = await editor.read('> '); entry.kind !== 'end'; entry = await editor.read('> ')) entries.push(entry);
  editor.close();
  return entries;
}
