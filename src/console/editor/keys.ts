import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';

/** What a key does to the line. */
export type KeyName =
  | 'enter'
  | 'newline' // Alt-Enter: a further row in the same line
  | 'tab'
  | 'backspace'
  | 'delete'
  | 'left'
  | 'right'
  | 'word-left'
  | 'word-right'
  | 'home'
  | 'end'
  | 'up'
  | 'down'
  | 'cut-word'
  | 'cut-word-right'
  | 'cut-to-start'
  | 'cut-to-end'
  | 'put-back'
  | 'clear-screen'
  | 'interrupt' // Ctrl-C
  | 'end-of-input' // Ctrl-D
  | 'suspend'; // Ctrl-Z

/** One thing that somebody did at the keyboard: wrote text, pasted some, or pressed a key that has a name. */
export type Key =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'paste'; readonly text: string }
  | { readonly kind: 'press'; readonly name: KeyName };

const ESC = '\x1b';

/**
 * Asks the terminal to put marks around what is pasted, or no longer to (mode 2004, "Bracketed Paste Mode" in xterm's
 * control sequences).
 */
export const MARK_PASTES = `${ESC}[?2004h`;
export const MARK_NO_PASTES = `${ESC}[?2004l`;
const PASTE_START = `${ESC}[200~`;
const PASTE_END = `${ESC}[201~`;

/** For how long an escape may be the beginning of a key that has not arrived whole. */
const ESCAPE_MS = 100;

/** "PC-Style Function Keys" in xterm's control sequences, and the control characters that GNU Readline gave a meaning. */
const sequences: Readonly<Record<KeyName, readonly string[]>> = {
  enter: ['\r', '\n'],
  newline: [`${ESC}\r`],
  tab: ['\t'],
  backspace: ['\x7f', '\b'],
  delete: [`${ESC}[3~`],
  left: [`${ESC}[D`, `${ESC}OD`, '\x02'],
  right: [`${ESC}[C`, `${ESC}OC`, '\x06'],
  'word-left': [`${ESC}[1;5D`, `${ESC}[1;3D`, `${ESC}b`],
  'word-right': [`${ESC}[1;5C`, `${ESC}[1;3C`, `${ESC}f`],
  home: [`${ESC}[H`, `${ESC}OH`, `${ESC}[1~`, `${ESC}[7~`, '\x01'],
  end: [`${ESC}[F`, `${ESC}OF`, `${ESC}[4~`, `${ESC}[8~`, '\x05'],
  up: [`${ESC}[A`, `${ESC}OA`, '\x10'],
  down: [`${ESC}[B`, `${ESC}OB`, '\x0e'],
  'cut-word': ['\x17', `${ESC}\x7f`],
  'cut-word-right': [`${ESC}d`, `${ESC}[3;5~`],
  'cut-to-start': ['\x15'],
  'cut-to-end': ['\x0b'],
  'put-back': ['\x19'],
  'clear-screen': ['\x0c'],
  interrupt: ['\x03'],
  'end-of-input': ['\x04'],
  suspend: ['\x1a'],
};

const names: ReadonlyMap<string, KeyName> = new Map(
  // The keys of a record literal are what its type says.
  (Object.keys(sequences) as KeyName[]).flatMap((name) => sequences[name].map((sequence) => [sequence, name] as const)),
);

/** A control sequence (ECMA-48, 5.4; with the second bracket of Linux' own function keys), one of SS3, or a key with Alt. */
const key = new RegExp(`${ESC}(?:\\[\\[?[0-?]*[ -/]*[@-~]|O[ -~]|[^\\p{Cc}[O]|[\\r\\x7f])|\\P{Cc}+|\\p{Cc}`, 'gu');
const unfinished = new RegExp(`${ESC}(?:\\[\\[?[0-?]*[ -/]*|O)?$`);

export type KeyReader = ReturnType<typeof createKeyReader>;

/**
 * Makes keys of a terminal's bytes, and tells them in order. However the bytes are cut into chunks, it tells the same
 * text and the same keys, though one text may come in several; only an escape by itself is waited for, and dropped.
 */
export function createKeyReader(onKey: (key: Key) => void) {
  const decoder = new StringDecoder('utf8');
  let isPasting = false;
  let isAfterReturn = false;
  let rest = '';
  let timer: NodeJS.Timeout | undefined;

  function tell(token: string): void {
    const name = names.get(token);
    // Some programs that play a keyboard end a line with both.
    const isSecondHalf = token === '\n' && isAfterReturn;
    isAfterReturn = token === '\r';
    if (isSecondHalf) return;
    if (name) onKey({ kind: 'press', name });
    else if (!/^\p{Cc}/u.test(token)) onKey({ kind: 'text', text: token });
  }

  /** Says whether there may be more to take. */
  function takePaste(): boolean {
    const end = rest.indexOf(PASTE_END);
    if (end < 0) return false;
    onKey({ kind: 'paste', text: cleaned(rest.slice(0, end)) });
    rest = rest.slice(end + PASTE_END.length);
    isPasting = false;
    return true;
  }

  function takeKeys(): boolean {
    const start = rest.indexOf(PASTE_START);
    const end = start < 0 ? rest.search(unfinished) : start;
    const keys = end < 0 ? rest : rest.slice(0, end);
    isPasting = start >= 0;
    rest = end < 0 ? '' : rest.slice(isPasting ? start + PASTE_START.length : end);
    for (const [token] of keys.matchAll(key)) tell(token);
    return isPasting;
  }

  return {
    write(bytes: Uint8Array): void {
      clearTimeout(timer);
      rest += decoder.write(bytes);
      while (isPasting ? takePaste() : takeKeys());
      if (!isPasting && rest === ESC) timer = setTimeout(() => (rest = ''), ESCAPE_MS).unref();
    },
  };
}

/** What is pasted, in lines, without what would steer the terminal, and without the line end that a copied line brings along. */
const cleaned = (text: string): string =>
  stripVTControlCharacters(text)
    .replace(/\r\n?/g, '\n')
    .replace(/(?![\n\t])\p{Cc}/gu, '')
    .replace(/\n+$/, '');
