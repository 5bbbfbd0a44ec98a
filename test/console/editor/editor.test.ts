import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openEditor } from '../../../src/console/editor/editor.js';
import type { Entry } from '../../../src/console/editor/entry.js';
import { noTerminal, openTerminal, type Program } from '../terminal.js';
import { cutInto } from './chunks.js';

const echo = fileURLToPath(new URL('echo.mjs', import.meta.url));

/** The program in echo.mjs, once it asks. */
async function sitDown(env: Program['env'] = {}, size: Pick<Program, 'columns' | 'rows'> = {}) {
  const terminal = openTerminal({ command: process.execPath, args: [echo], env: { PROMPT: '问：', ...env }, ...size });
  await terminal.until(/问：/);
  return terminal;
}

const told = (kind: 'line' | 'block', text: string): RegExp =>
  new RegExp(JSON.stringify({ kind, text }).replaceAll(/[\\{}[\]().?*+|^$]/g, '\\$&'));

/** Written so that nothing wraps where a test reads it. */
const WIDE = { columns: 160 };

describe.skipIf(noTerminal !== undefined)(noTerminal ? `at a terminal (${noTerminal})` : 'at a terminal', () => {
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
    const terminal = await sitDown({}, { columns: 11 });
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
    const terminal = await sitDown({}, { columns: 40 });
    terminal.type('first\r');
    await terminal.until(/"first"}\n问：/);
    terminal.type('x'.repeat(60));
    await terminal.until(/x{24}$/);
    terminal.resize(24, 16);
    terminal.type('y');
    await terminal.until(/y$/);
    terminal.resize(50, 16);
    terminal.type('z');
    await terminal.until(/x{46}\nx{14}yz$/);
    expect(terminal.screen()).toMatch(/^问：first\n\{"kind":"line","te(\n)?xt":"first"\}/);
  });

  test('pasted lines are one entry, and wait for Enter', async () => {
    const terminal = await sitDown({}, WIDE);
    expect(terminal.modes.bracketedPasteMode).toBe(true);
    terminal.type('see: ');
    terminal.paste('one\n\n  two\x1b[31m\x07\nthree\n');
    terminal.type('!');
    await terminal.until(/问：see: one\n… \n… {3}two\n… three!$/);
    terminal.press('enter');
    await terminal.until(told('block', 'see: one\n\n  two\nthree!'));
  });

  test('a pasted block that is tall is one mark in the line, and whole in the entry', async () => {
    const terminal = await sitDown({}, { ...WIDE, rows: 10 });
    const block = Array.from({ length: 12 }, (_, index) => `row ${index}`).join('\n');
    terminal.type('see ');
    terminal.paste(block);
    terminal.type(', please');
    await terminal.until(/问：see \[12 lines\], please$/);
    terminal.press('enter');
    await terminal.until(told('block', `see ${block}, please`));
  });

  test('""" opens a block and closes it, and Ctrl-C drops it', async () => {
    const terminal = await sitDown({}, WIDE);
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
    const terminal = await sitDown({ PAST: JSON.stringify(['old', 'a\nb']) }, WIDE);
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
    await terminal.until(/"end","by":"interrupt"/);
    expect(await terminal.exit).toEqual({ code: 0, signal: 0 });
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
    process.kill(terminal.pid, 'SIGINT');
    await terminal.until(/问：$/);
  });

  test('Ctrl-D leaves from an empty line only, and gives the terminal back', async () => {
    const terminal = await sitDown();
    terminal.type('ab');
    terminal.press('left');
    terminal.press('ctrl-d');
    await terminal.until(/问：a$/);
    terminal.press('ctrl-d');
    terminal.press('backspace');
    terminal.press('ctrl-d');
    await terminal.until(/问：\n\{"kind":"end","by":"input"\}/);
    expect(await terminal.exit).toEqual({ code: 0, signal: 0 });
    expect(terminal.modes.bracketedPasteMode).toBe(false);
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
    const terminal = await sitDown({ STUBBORN: '' });
    terminal.type('work\r');
    await terminal.until(/working/);
    terminal.press('ctrl-c');
    await terminal.until(/stopped/);
    terminal.press('ctrl-c');
    expect(await terminal.exit).toEqual({ code: 130, signal: 0 });
    expect(terminal.modes.bracketedPasteMode).toBe(false);
  });

  test('Ctrl-C that comes with the question stops what it begins', async () => {
    const terminal = await sitDown();
    terminal.type('work\r\x03');
    await terminal.until(/stopped\n.*working|working\n.*stopped/s);
    await terminal.until(/问：$/);
  });

  test.each([
    ['a crash', 'crash\rhalf', undefined, { code: 1, signal: 0 }],
    ['SIGTERM', 'half', 'SIGTERM', { code: 0, signal: 15 }],
    ['SIGHUP', 'half', 'SIGHUP', { code: 0, signal: 1 }],
  ] as const)('%s gives the terminal back, below the line', async (_, text, signal, end) => {
    const terminal = await sitDown();
    terminal.type(text);
    if (signal) {
      await terminal.until(/half$/);
      terminal.kill(signal);
    }
    expect(await terminal.exit).toEqual(end);
    expect(terminal.modes.bracketedPasteMode).toBe(false);
    expect(terminal.cursor().column).toBe(0);
  });

  test.skipIf(process.platform === 'win32')(
    'Ctrl-Z gives the terminal to the shell, and fg takes it again',
    async () => {
      const terminal = openTerminal({ command: 'sh', args: ['-i'], env: { PS1: 'shell$ ' } });
      await terminal.until(/shell\$$/);
      terminal.type(`"${process.execPath}" "${echo}"\r`);
      await terminal.until(/\n> $|\n>$/);
      terminal.type('half');
      await terminal.until(/half$/);
      terminal.press('ctrl-z');
      await terminal.until(/half.*shell\$$/s);
      terminal.type('fg\r');
      await terminal.until(/> half$/);
      terminal.type(' more\r');
      await terminal.until(told('line', 'half more'));
    },
  );

  test('a terminal without escape sequences is written none', async () => {
    const terminal = openTerminal({ command: 'env', args: ['TERM=dumb', process.execPath, echo] });
    await terminal.until(/>/);
    terminal.type('"""one\rtwo"""\rquit\r');
    await terminal.exit;
    expect(terminal.screen()).toMatch(told('block', 'one\ntwo'));
    expect(terminal.written()).not.toContain('\x1b');
  });
});

/** The program with its input from a pipe: what it wrote, and how it ended. */
async function pipe(input: string, env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [echo], { env: { PATH: process.env.PATH, ...env } });
  const [out, err] = [textOf(child.stdout), textOf(child.stderr)];
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { out: await out, err: await err, code };
}

test('from a pipe each line is an entry, and nothing but the program writes', async () => {
  const { out, err, code } = await pipe('one\r\n\n"""\ntwo\n\nthree\n"""\n  four');
  expect(out.split('\n')).toEqual([
    '{"kind":"line","text":"one"}',
    '{"kind":"block","text":"two\\n\\nthree"}',
    '{"kind":"line","text":"  four"}',
    '{"kind":"end","by":"input"}',
    '',
  ]);
  expect({ err, code }).toEqual({ err: '', code: 0 });
});

test('a program that reads from a pipe can leave before its end', async () => {
  const child = spawn(process.execPath, [echo], { env: { PATH: process.env.PATH } });
  child.stdin.write('quit\nmore\n');
  const [code] = await once(child, 'close');
  expect(code).toBe(0);
});

test('an interrupt ends what reads from a pipe, and stops what is done before', async () => {
  const child = spawn(process.execPath, [echo], { env: { PATH: process.env.PATH } });
  const seen: string[] = [];
  child.stdin.write('work\n');
  for await (const text of child.stdout.setEncoding('utf8')) {
    seen.push(text);
    // The first reaches the work, the other the question after it.
    if (/working|stopped/.test(text)) setTimeout(() => child.kill('SIGINT'), 50);
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
  const words = { more: '… ', folded: (lines: number) => `[${lines}]`, again: '' };
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
