import type { Style, Styles } from './rows.js';

/** The marks that stand in pairs, and the bracket before a link's text. */
type Mark = '*' | '_' | '~' | '[';

/** A text, the styles of its own, and those that end before it and begin behind it. */
interface Token {
  text: string;
  readonly isMark: boolean;
  readonly own: Styles;
  readonly ends: Style[];
  readonly starts: Style[];
}

interface Opener {
  readonly place: number;
  readonly token: Token;
  count: number;
}

/** Reads one character, or '' at the line's end. What reads the next one comes back. */
type State = (char: string) => State;

export interface Inline {
  read(char: string): void;
  /** The line is over: a mark that is open stands for itself. */
  end(): void;
}

export interface InlineOptions {
  /** The styles of the whole line. */
  readonly base: Styles;
  /** Without colours, code and what is struck out keep their marks. */
  readonly isColoured: boolean;
  emit(text: string, styles: Styles): void;
}

/** More marks in a row than this are a drawing, and stand for themselves. */
const longestRun = 3;
const escapable = /[*_~`#>|+\-.!<]/;
const unspaced = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]/u;
const target = /^\s*<?([^\s<>]*)>?(?:\s+(?:"[^"]*"|'[^']*'))?\s*$/;

/** A letter or digit of a script in which marks stand beside words, not in them. */
const isLetter = (char: string): boolean => /[\p{L}\p{N}]/u.test(char) && !unspaced.test(char);
const isBlank = (char: string): boolean => char.trim() === '';

/** Two low lines underline, as on Discord ("Markdown Text 101"), where a model's answers are written for. */
function styleOf(mark: string, count: number): Style {
  if (mark === '~') return 'strike';
  if (count === 1) return 'emphasis';
  return mark === '_' ? 'underline' : 'strong';
}

/**
 * Reads what stands in one line, a character at a time, so that nothing depends on how the line was cut. Text outside of
 * all marks is emitted at once, and from an opener on it is held to its closer or the line's end. However many marks
 * there are, a character is read a bounded number of times.
 *
 * Marks are read a little otherwise than by CommonMark: between letters they stand for themselves (`2*3*4`,
 * `snake_case`), and punctuation beside them does not matter, which keeps bold text bold in Chinese (`**“引用”**的`).
 */
export function createInline({ base, isColoured, emit }: InlineOptions): Inline {
  const openers: Record<Mark, Opener[]> = { '*': [], _: [], '~': [], '[': [] };
  let tokens: Token[] = [];
  let before = '';
  let recent = '';

  const push = (text: string, own: Styles = [], isMark = false): Token => {
    const token = { text, isMark, own, ends: [], starts: [] };
    tokens.push(token);
    return token;
  };

  const settle = () => {
    if (Object.values(openers).some((list) => list.length > 0)) return;
    for (const [text, styles] of styled(tokens, base)) emit(text, styles);
    tokens = [];
  };

  const put = (text: string) => {
    before = text.slice(-1);
    recent = (recent + text).slice(-'https://'.length);
    const token = tokens.at(-1);
    if (!token) return emit(text, base); // nothing is held
    if (token.isMark) push(text);
    else token.text += text;
    settle();
  };

  const putWhole = (text: string, style: Style) => {
    push(text, [style], true);
    before = text.slice(-1);
    settle();
  };

  /** Openers behind a place have no closer any more. */
  const forget = (place: number) => {
    for (const list of Object.values(openers)) while ((list.at(-1)?.place ?? -1) > place) list.pop();
  };

  /** Closes what the marks can close. Returns how many of them are left. */
  const close = (mark: Mark, count: number, token: Token): number => {
    let left = count;
    for (let opener = openers[mark].at(-1); opener && left > 0; opener = openers[mark].at(-1)) {
      const taken = Math.min(2, left, opener.count);
      const style = styleOf(mark, taken);
      opener.token.starts.push(style);
      token.ends.push(style);
      opener.count -= taken;
      left -= taken;
      if (style !== 'strike' || isColoured) opener.token.text = mark.repeat(opener.count);
      forget(opener.count > 0 ? opener.place : opener.place - 1);
    }
    return left;
  };

  const mark = (char: Mark, count: number, next: string) => {
    const previous = before;
    if (count > longestRun || (char === '~' && count !== 2)) return put(char.repeat(count));
    const token = push(char.repeat(count), [], true);
    before = char;
    const mayClose = !isBlank(previous) && (char !== '_' || !isLetter(next));
    const left = mayClose ? close(char, count, token) : count;
    if (left === count && !isBlank(next) && !isLetter(previous)) {
      openers[char].push({ place: tokens.length - 1, token, count });
    } else if (char !== '~' || isColoured) token.text = char.repeat(left);
    settle();
  };

  const link = (inside: string) => {
    const opener = openers['['].pop();
    const address = target.exec(inside)?.[1];
    if (!opener || address === undefined) return put(`](${inside})`);
    const label = tokens.slice(opener.place + 1).map(({ text }) => text);
    opener.token.text = '';
    opener.token.starts.push('underline');
    push('', [], true).ends.push('underline');
    forget(opener.place);
    openers['['] = []; // a link stands in no link
    before = ')';
    if (address !== '' && label.join('') !== address) putWhole(` (${inside.trim()})`, 'faint');
    else settle();
  };

  const run =
    (char: Mark, count: number): State =>
    (next) => {
      if (next === char) return run(char, count + 1);
      mark(char, count, next);
      return text(next);
    };

  const ticks =
    (count: number): State =>
    (next) => {
      if (next === '`') return ticks(count + 1);
      if (count <= longestRun) return code(count)(next);
      put('`'.repeat(count));
      return text(next);
    };

  const code = (count: number): State => {
    let content = '';
    let closing = 0;
    const read: State = (char) => {
      if (char === '`') {
        closing++;
        return read;
      }
      if (closing === count) {
        putWhole(isColoured ? unpadded(content) : '`'.repeat(count) + content + '`'.repeat(count), 'code');
        return text(char);
      }
      content += '`'.repeat(closing) + char;
      closing = 0;
      return char === '' ? rereadAsText(count, content) : read;
    };
    return read;
  };

  /** So many backticks are nowhere in the content, so that this happens once for each number of them. */
  const rereadAsText = (count: number, content: string): State => {
    put('`'.repeat(count));
    let state: State = text;
    for (const char of content) state = state(char);
    return state('');
  };

  const afterLabel: State = (char) => {
    if (char === '(') return address();
    openers['['].pop();
    put(']');
    return text(char);
  };

  const address = (): State => {
    let inside = '';
    let depth = 1;
    const read: State = (char) => {
      if (char === '(') depth++;
      if (char === ')') depth--;
      if (depth === 0) {
        link(inside);
        return text;
      }
      inside += char;
      if (char !== '') return read;
      openers['['].pop();
      put(`](${inside}`);
      return text;
    };
    return read;
  };

  /** What Discord writes in angle brackets. */
  const angle = (): State => {
    let inside = '';
    const read: State = (char) => {
      if (/[\w:/.?=&%#~+@!,;$'()-]/.test(char)) {
        inside += char;
        return read;
      }
      put(char === '>' ? readable(inside) : `<${inside}`);
      return char === '>' ? text : text(char);
    };
    return read;
  };

  const backslash: State = (char) => {
    if (escapable.test(char)) {
      put(char);
      return text;
    }
    put(`\\${char}`); // the backslash of a formula or a path
    return text;
  };

  const bang: State = (char) => {
    if (char !== '[') put('!');
    return text(char);
  };

  /** An address's own low lines are no marks. */
  const bareAddress: State = (char) => {
    if (!/[!-~]/.test(char) || /[*<>`\]|"\\]/.test(char)) return text(char);
    put(char);
    return bareAddress;
  };

  const bracket: State = () => {
    openers['['].push({ place: tokens.length, token: push('[', [], true), count: 1 });
    before = '[';
    return text;
  };

  const beginnings: Readonly<Record<string, (char: string) => State>> = {
    '*': () => run('*', 1),
    _: () => run('_', 1),
    '~': () => run('~', 1),
    '`': () => ticks(1),
    '[': bracket,
    ']': () => (openers['['].length > 0 ? afterLabel : plain(']')),
    '<': angle,
    '\\': () => backslash,
    '!': () => bang,
    '': () => text,
  };

  const plain: State = (char) => {
    put(char);
    return char === '/' && /https?:\/\/$/.test(recent) ? bareAddress : text;
  };

  const text: State = (char) => (beginnings[char] ?? plain)(char);

  let state: State = text;
  return {
    read(char) {
      state = state(char);
    },
    end() {
      state = state('');
      forget(-1);
      settle();
    },
  };
}

/** The texts of tokens, each with what is in force there. */
function* styled(tokens: readonly Token[], base: Styles): Generator<[text: string, styles: Styles]> {
  const depths = new Map<Style, number>();
  let styles = base;
  const turn = (changes: Styles, by: number) => {
    for (const style of changes) depths.set(style, (depths.get(style) ?? 0) + by);
    if (changes.length > 0)
      styles = union(
        base,
        [...depths.keys()].filter((style) => depths.get(style) !== 0),
      );
  };
  for (const { text, own, ends, starts } of tokens) {
    turn(ends, -1);
    yield [text, own.length > 0 ? union(styles, own) : styles];
    turn(starts, 1);
  }
}

const union = (some: Styles, more: Styles): Styles => [...new Set([...some, ...more])];

/** Code that begins or ends with a backtick is written with a blank on both sides (CommonMark, 6.1). */
const unpadded = (code: string): string => (/^ .*\S.* $/.test(code) ? code.slice(1, -1) : code);

/** A moment (Discord, "Message Formatting") as a date that reads the same in every language; an emoji by its name. */
function readable(inside: string): string {
  const [, seconds, form] = /^t:(-?\d{1,12})(?::([tTdDfFR]))?$/.exec(inside) ?? [];
  if (seconds !== undefined) return momentOf(Number(seconds), form);
  const [, name] = /^a?(:\w+:)\d+$/.exec(inside) ?? [];
  if (name !== undefined) return name;
  return /^https?:\/\//.test(inside) ? inside : `<${inside}>`;
}

function momentOf(seconds: number, form = 'f'): string {
  const moment = new Date(seconds * 1000);
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
  const time = [moment.getHours(), moment.getMinutes(), ...(form === 'T' ? [moment.getSeconds()] : [])]
    .map(two)
    .join(':');
  if (/[dD]/.test(form)) return day;
  return /[tT]/.test(form) ? time : `${day} ${time}`;
}
