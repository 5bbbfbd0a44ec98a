import { rulesExtended, SimpleMarkdown } from 'discord-markdown-parser';

/** What a message's text consists of. There is no HTML in it, and none comes of it. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'break' }
  | {
      readonly kind: 'strong' | 'em' | 'underline' | 'strikethrough' | 'spoiler' | 'quote' | 'subtext';
      readonly pieces: readonly Piece[];
    }
  | { readonly kind: 'heading'; readonly level: number; readonly pieces: readonly Piece[] }
  | { readonly kind: 'list'; readonly start: number | undefined; readonly items: readonly (readonly Piece[])[] }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'block'; readonly language: string; readonly text: string }
  | { readonly kind: 'link'; readonly url: string; readonly pieces: readonly Piece[] }
  | { readonly kind: 'user' | 'role' | 'channel'; readonly id: string }
  | { readonly kind: 'everyone'; readonly text: '@everyone' | '@here' }
  | { readonly kind: 'emoji'; readonly id: string; readonly name: string; readonly isAnimated: boolean }
  | { readonly kind: 'time'; readonly seconds: number; readonly style: string }
  | { readonly kind: 'command'; readonly name: string };

type Node = Readonly<Record<string, unknown>>;
type Capture = RegExpMatchArray & { index: number };

const marker = /^( *)(?:[-*]|(\d{1,9})\.) +(?=\S)/;

/** Lists, which the library leaves out: lines that begin with `-`, `*` or a number, and what is indented below them. */
const list: (typeof rulesExtended)[string] = {
  order: rulesExtended.heading?.order ?? 0,
  match(source, { prevCapture }) {
    const startsLine = !prevCapture || `${prevCapture[0]}`.endsWith('\n');
    if (!startsLine || !marker.test(source)) return null;
    const [first = '', ...more] = source.split('\n');
    const rest = more.findIndex((line) => !belongs(first, line));
    const lines = [first, ...(rest === -1 ? more : more.slice(0, rest))];
    const text = lines.join('\n') + (rest === -1 ? '' : '\n');
    // The library reads the text alone.
    return Object.assign([text], { index: 0 }) as unknown as Capture;
  },
  parse(capture, parse, state) {
    const items: string[] = [];
    const text = `${capture[0]}`.replace(/\n$/, '');
    const [, indent = '', start] = marker.exec(text) ?? [];
    for (const line of text.split('\n')) {
      const own = marker.exec(line);
      if (own?.[1] === indent) items.push(line.slice(own[0].length));
      else items.push(`${items.pop()}\n${line.slice(indent.length).replace(/^ {1,3}/, '')}`);
    }
    const inner = { ...state, prevCapture: null };
    return { start, items: items.map((item) => parse(item, { ...inner })) };
  },
};

/** Whether a line goes on with the list whose first line is given. */
function belongs(first: string, line: string): boolean {
  const [, indent = '', number] = marker.exec(first) ?? [];
  const own = marker.exec(line);
  if (own?.[1] === indent) return (own[2] === undefined) === (number === undefined);
  return line.startsWith(`${indent}  `) && line.trim() !== '';
}

/** Links with words of their own. The library's pattern takes seconds for some texts; this one reads each sign once. */
const maskedLink: (typeof rulesExtended)[string] = {
  order: rulesExtended.link?.order ?? 0,
  match: SimpleMarkdown.inlineRegex(/^\[([^[\]\n]+)\]\(<?(https?:\/\/[^\s<>()]+)>?\)/i),
  parse: (capture, parse, state) => ({ content: parse(`${capture[1]}`, state), target: capture[2] }),
};

const { emoticon: _emoticon, twemoji: _twemoji, ...rules } = rulesExtended;
const parser = SimpleMarkdown.parserFor({ ...rules, list, link: maskedLink });

/** Reads a message's text in Discord's markdown ("Message Formatting"). Every text is one; what is no markdown is text. */
export function parseMarkdown(given: string): readonly Piece[] {
  try {
    return joined(pieces(parser(given, { inline: true })));
  } catch (error) {
    // Nested deeper than the stack is: thousands of asterisks, say.
    if (error instanceof RangeError) return [{ kind: 'text', text: given }];
    throw error;
  }
}

const pieces = (nodes: unknown): Piece[] => (Array.isArray(nodes) ? nodes.flatMap(piece) : []);

const inside = (node: Node): readonly Piece[] => joined(pieces(node.content));
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The library breaks text at every sign that could begin something. The line that ends a block of code is no line of its own. */
function joined(parts: readonly Piece[]): readonly Piece[] {
  const whole: Piece[] = [];
  for (const part of parts) {
    const last = whole.at(-1);
    if (part.kind === 'break' && last?.kind === 'block') continue;
    if (part.kind === 'text' && last?.kind === 'text')
      whole[whole.length - 1] = { kind: 'text', text: last.text + part.text };
    else whole.push(part);
  }
  return whole;
}

const readers: Readonly<Record<string, (node: Node) => Piece>> = {
  br: () => ({ kind: 'break' }),
  newline: () => ({ kind: 'break' }),
  strong: (node) => ({ kind: 'strong', pieces: inside(node) }),
  em: (node) => ({ kind: 'em', pieces: inside(node) }),
  underline: (node) => ({ kind: 'underline', pieces: inside(node) }),
  strikethrough: (node) => ({ kind: 'strikethrough', pieces: inside(node) }),
  spoiler: (node) => ({ kind: 'spoiler', pieces: inside(node) }),
  blockQuote: (node) => ({ kind: 'quote', pieces: withoutLastBreak(inside(node)) }),
  subtext: (node) => ({ kind: 'subtext', pieces: inside(node) }),
  heading: (node) => ({ kind: 'heading', level: Number(node.level), pieces: inside(node) }),
  list: ({ start, items }) => ({
    kind: 'list',
    start: start === undefined ? undefined : Number(start),
    items: (Array.isArray(items) ? items : []).map((item) => joined(pieces(item))),
  }),
  inlineCode: ({ content }) => ({ kind: 'code', text: text(content) }),
  codeBlock: ({ lang, content }) => ({ kind: 'block', language: text(lang), text: text(content) }),
  url: link,
  autolink: link,
  link,
  user: ({ id }) => ({ kind: 'user', id: text(id) }),
  role: ({ id }) => ({ kind: 'role', id: text(id) }),
  channel: ({ id }) => ({ kind: 'channel', id: text(id) }),
  everyone: () => ({ kind: 'everyone', text: '@everyone' }),
  here: () => ({ kind: 'everyone', text: '@here' }),
  emoji: ({ id, name, animated }) => ({ kind: 'emoji', id: text(id), name: text(name), isAnimated: animated === true }),
  timestamp: ({ timestamp, format }) => ({ kind: 'time', seconds: Number(timestamp), style: text(format) || 'f' }),
  slashCommand: ({ fullName }) => ({ kind: 'command', name: text(fullName) }),
};

const piece = (node: Node): Piece => readers[text(node.type)]?.(node) ?? { kind: 'text', text: text(node.content) };

/** A link goes to a place on the web; with a target elsewhere, it is text. */
function link(node: Node): Piece {
  const url = text(node.target);
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return { kind: 'link', url, pieces: inside(node) };
  return { kind: 'text', text: plainText(inside(node)) };
}

const withoutLastBreak = (parts: readonly Piece[]): readonly Piece[] =>
  parts.at(-1)?.kind === 'break' ? parts.slice(0, -1) : parts;

const blocks: readonly Piece['kind'][] = ['heading', 'subtext', 'quote', 'block', 'list'];

/** The words alone in one line, for a preview or for who listens. What else is mentioned is put in words by `name`. */
export const plainText = (parts: readonly Piece[], name?: (piece: Piece) => string): string =>
  words(parts, name).replaceAll(/\s+/g, ' ').trim();

const words = (parts: readonly Piece[], name: (piece: Piece) => string = () => ''): string =>
  parts.map((part) => (blocks.includes(part.kind) ? ` ${wordsOf(part, name)} ` : wordsOf(part, name))).join('');

function wordsOf(part: Piece, name: (piece: Piece) => string): string {
  if (part.kind === 'spoiler') return '(spoiler)';
  if ('pieces' in part) return words(part.pieces, name);
  if ('text' in part) return part.text;
  if (part.kind === 'list') return part.items.map((item) => words(item, name)).join(' ');
  return part.kind === 'break' ? ' ' : name(part);
}
