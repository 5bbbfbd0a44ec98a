import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Piece, parseMarkdown, plainText } from '../../src/page/markdown.js';

const text = (words: string): Piece => ({ kind: 'text', text: words });

test('emphasis nests', () => {
  expect(parseMarkdown('a **b *c* d** ~~e~~ __f__')).toEqual([
    text('a '),
    { kind: 'strong', pieces: [text('b '), { kind: 'em', pieces: [text('c')] }, text(' d')] },
    text(' '),
    { kind: 'strikethrough', pieces: [text('e')] },
    text(' '),
    { kind: 'underline', pieces: [text('f')] },
  ]);
});

test('HTML is text', () => {
  const script = '<script>alert(1)</script> <img src=x onerror=alert(1)> &lt;';
  expect(parseMarkdown(script)).toEqual([text(script)]);
});

test('a link leads to the web and nowhere else', () => {
  const link = (url: string, words = url): Piece => ({ kind: 'link', url, pieces: [text(words)] });
  expect(parseMarkdown('https://a.example/b')).toEqual([link('https://a.example/b')]);
  expect(parseMarkdown('<https://a.example>')).toEqual([link('https://a.example')]);
  expect(parseMarkdown('[words](https://a.example)')).toEqual([link('https://a.example', 'words')]);
  expect(parseMarkdown('[words](javascript:alert(1))').some(({ kind }) => kind === 'link')).toBe(false);
  expect(parseMarkdown('<javascript:/alert(1)>').some(({ kind }) => kind === 'link')).toBe(false);
});

test('code keeps every sign, and its language', () => {
  expect(parseMarkdown('`**a** <@1>`')).toEqual([{ kind: 'code', text: '**a** <@1>' }]);
  expect(parseMarkdown('```ts\nconst a = "**b**";\n```')).toEqual([
    { kind: 'block', language: 'ts', text: 'const a = "**b**";' },
  ]);
});

test('the line behind a block of code is no empty one', () => {
  expect(parseMarkdown('```\na\n```\nb')).toEqual([{ kind: 'block', language: '', text: 'a' }, text('b')]);
});

test('lists nest, and a number says where one begins', () => {
  expect(parseMarkdown('- a\n  - b\n- c')).toEqual([
    {
      kind: 'list',
      start: undefined,
      items: [[text('a'), { kind: 'break' }, { kind: 'list', start: undefined, items: [[text('b')]] }], [text('c')]],
    },
  ]);
  expect(parseMarkdown('3. a\n4. **b**')).toEqual([
    { kind: 'list', start: 3, items: [[text('a')], [{ kind: 'strong', pieces: [text('b')] }]] },
  ]);
});

test('a list ends with its lines, and another kind of list is another list', () => {
  const kinds = parseMarkdown('before\n* a\n1. b\nafter').map(({ kind }) => kind);
  expect(kinds).toEqual(['text', 'break', 'list', 'list', 'text']);
});

test('what only looks like a list stays text', () => {
  expect(parseMarkdown('2 - 1 is 1')).toEqual([text('2 - 1 is 1')]);
  expect(parseMarkdown('*a* b')).toEqual([{ kind: 'em', pieces: [text('a')] }, text(' b')]);
  expect(parseMarkdown('-')).toEqual([text('-')]);
});

test('headings, small print and quotes are lines', () => {
  expect(parseMarkdown('## a\n-# b\n> c\n> d\ne')).toEqual([
    { kind: 'heading', level: 2, pieces: [text('a')] },
    { kind: 'subtext', pieces: [text('b')] },
    { kind: 'quote', pieces: [text('c'), { kind: 'break' }, text('d')] },
    text('e'),
  ]);
});

test('mentions, custom emoji, times and commands are read', () => {
  expect(parseMarkdown('<@100000000000000001>')).toEqual([{ kind: 'user', id: '100000000000000001' }]);
  expect(parseMarkdown('<@&100000000000000001>')).toEqual([{ kind: 'role', id: '100000000000000001' }]);
  expect(parseMarkdown('<#100000000000000001>')).toEqual([{ kind: 'channel', id: '100000000000000001' }]);
  expect(parseMarkdown('@everyone')).toEqual([{ kind: 'everyone', text: '@everyone' }]);
  expect(parseMarkdown('<t:5:R>')).toEqual([{ kind: 'time', seconds: 5, style: 'R' }]);
  expect(parseMarkdown('<a:hi:100000000000000001>')).toEqual([
    { kind: 'emoji', id: '100000000000000001', name: 'hi', isAnimated: true },
  ]);
  expect(parseMarkdown('</system set:100000000000000001>')).toEqual([{ kind: 'command', name: 'system set' }]);
});

test('the plain words of a text leave spoilers unsaid', () => {
  expect(plainText(parseMarkdown('# Title\n**a** ||b||\n- c'))).toBe('Title a (spoiler) c');
});

test('what is nested too deep to be read stays text', () => {
  expect(parseMarkdown('*'.repeat(6_000))).toEqual([text('*'.repeat(6_000))]);
});

const signs = [
  '*',
  '_',
  '~',
  '`',
  '|',
  '>',
  '#',
  '-',
  '1.',
  '[',
  ']',
  '(',
  ')',
  '<',
  ':',
  '\\',
  '\n',
  ' ',
  'a',
  'https://b.c',
  'javascript:',
];
const markup = fc.array(fc.constantFrom(...signs), { maxLength: 120 }).map((parts) => parts.join(''));

const linksIn = (pieces: readonly Piece[]): string[] =>
  pieces.flatMap((piece) => {
    if (piece.kind === 'list') return piece.items.flatMap(linksIn);
    const inner = 'pieces' in piece ? linksIn(piece.pieces) : [];
    return piece.kind === 'link' ? [piece.url, ...inner] : inner;
  });

test('every text can be read, and each of its links leads to the web', () => {
  fc.assert(
    fc.property(fc.oneof(markup, fc.string({ maxLength: 300 })), (given) => {
      for (const url of linksIn(parseMarkdown(given))) expect(url).toMatch(/^https?:/i);
    }),
  );
});

test('words without a sign stay as they are', () => {
  const word = fc.stringMatching(/^[a-z]{1,8}$/);
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), (words) => {
      expect(parseMarkdown(words.join(' '))).toEqual([text(words.join(' '))]);
    }),
  );
});
