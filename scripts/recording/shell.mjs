import pty from '@lydell/node-pty';
import unicode from '@xterm/addon-unicode11';
import xterm from '@xterm/headless';

/** How long nothing more has to come until what was drawn is taken for whole, in milliseconds. It shows nowhere. */
const QUIET_MS = 150;
const WAIT_MS = 20_000;

const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const spinner = new RegExp(`[${SPINNER}]`);
const lastOf = (lines) => lines.findLast((line) => line.trim() !== '') ?? '';

/**
 * Opens a shell in a terminal, for somebody to be filmed in it. Frames are taken of screens that stand still, and each is
 * shown for as long as is said here, however long it took.
 */
export function openShell({ cwd, columns, rows, env }) {
  const terminal = new xterm.Terminal({ cols: columns, rows, scrollback: 1000, allowProposedApi: true });
  terminal.loadAddon(new unicode.Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  const child = pty.spawn('/bin/sh', [], {
    cols: columns,
    rows,
    name: 'xterm-256color',
    cwd,
    env: { ...env, PS1: '$ ' },
  });
  const frames = [];
  let heard = () => {};
  let heardLast = performance.now();
  let heardSoFar = 0;
  child.onData((data) => {
    heardLast = performance.now();
    heardSoFar += data.length;
    terminal.write(data, () => heard());
  });
  // It answers what a program asks it.
  terminal.onData((data) => child.write(data));

  const screen = () => rowsOf(terminal).map((cells) => cells.map(({ text }) => text).join(''));

  /** Waits until this is true of the screen's text, looking at all that is drawn. */
  function until(isShown, wanted) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Nowhere ${wanted}:\n${screen().join('\n')}`)), WAIT_MS);
      heard = () => {
        if (!isShown(screen())) return;
        clearTimeout(timer);
        heard = () => {};
        resolve();
      };
      heard();
    });
  }

  async function quiet() {
    for (let left = QUIET_MS; left > 0; left = QUIET_MS - (performance.now() - heardLast)) {
      await new Promise((resolve) => setTimeout(resolve, left));
    }
  }

  function take(ms) {
    const { cursorX, cursorY, baseY } = terminal.buffer.active;
    frames.push({ ms, rows: rowsOf(terminal), top: baseY, cursor: { column: cursorX, row: baseY + cursorY } });
  }

  return {
    frames,
    /** Shows the screen as it is for so long. */
    hold: take,
    /** Waits until the cursor stands behind this, and shows that for so long. */
    async expect(text, ms) {
      const behind = () => {
        const { active } = terminal.buffer;
        const line = active.getLine(active.baseY + active.cursorY);
        return line?.translateToString(false, 0, active.cursorX).endsWith(text);
      };
      await until(behind, JSON.stringify(text));
      await quiet();
      take(ms);
    },
    /** Does something, waits until it shows, and shows that for so long. */
    async after(act, ms) {
      const before = heardSoFar;
      act();
      await until((lines) => heardSoFar > before && !spinner.test(lastOf(lines)), 'what was to come');
      await quiet();
      take(ms);
    },
    /** Waits until it turns, and shows some of its frames, each in the very moment in which it is drawn. */
    async spin(frames, ms) {
      for (const frame of [...SPINNER].slice(0, frames)) {
        await until((lines) => {
          const isThere = lastOf(lines).includes(frame);
          if (isThere) take(ms);
          return isThere;
        }, frame);
      }
    },
    /** Writes something as a person does, a few letters at a time. */
    async type(text) {
      const letters = text.match(/\p{sc=Han}{1,2}|.{1,4}/gsu) ?? [];
      for (const some of letters) {
        child.write(some);
        await this.expect(some, 45 * [...some].length);
      }
    },
    press: (key) => child.write(key),
    close: () => child.kill('SIGKILL'),
  };
}

/** The cells of every row so far, also of those that have scrolled away. */
function rowsOf({ buffer: { active }, cols }) {
  return Array.from({ length: active.length }, (_, row) => {
    const line = active.getLine(row);
    const cells = [];
    for (let column = 0; column < cols; column += 1) {
      const cell = line?.getCell(column);
      // The right half of a wide character is a cell without width.
      if (!cell || cell.getWidth() === 0) continue;
      cells.push({ column, text: cell.getChars() || ' ', isWide: cell.getWidth() === 2, style: styleOf(cell) });
    }
    return cells;
  });
}

const styleOf = (cell) =>
  [
    cell.isBold() && 'strong',
    cell.isDim() && 'faint',
    cell.isItalic() && 'emphasis',
    cell.isUnderline() && 'underline',
    cell.isFgPalette() && `colour-${cell.getFgColor()}`,
  ]
    .filter(Boolean)
    .join(' ');
