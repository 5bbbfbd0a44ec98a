import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Part, split } from '../src/split.js';
import { character } from './character.js';

const texts = (answer: string, limit?: number) => split(answer, limit).map((part) => part.text);
const slices = (answer: string, parts: readonly Part[]) => parts.map(({ from, to }) => answer.slice(from, to));
const words = (count: number, one = 'word') => Array.from({ length: count }, () => one).join(' ');
const lines = (count: number, one = 'const x = 1;') => Array.from({ length: count }, () => `${one}\n`).join('');
const occurrences = (text: string, part: string) => text.split(part).length - 1;

/** Whether every code block of a message is closed, read line by line. */
function closesItsFences(text: string): boolean {
  let open = 0;
  for (const row of text.split('\n')) {
    const ticks = /^\s*(`{3,})([^`]*)$/.exec(row);
    if (!ticks?.[1]) continue;
    if (open === 0) open = ticks[1].length;
    else if (ticks[1].length >= open && ticks[2]?.trim() === '') open = 0;
  }
  return open === 0;
}

describe('places to cut', () => {
  test('an answer that fits is one part, to the last character of the limit', () => {
    const answer = words(400).padEnd(2000, '.');
    expect(split(answer)).toEqual([{ text: answer, from: 0, to: 2000 }]);
    expect(split(`${answer}.`)).toHaveLength(2);
  });

  test('a blank answer has no parts', () => {
    for (const blank of ['', ' \n\t\r\n', '\u200b\u2060\ufeff', ' '.repeat(5000)]) expect(split(blank)).toEqual([]);
  });

  test('white space and characters of no width make no part, and belong to a neighbouring slice', () => {
    const answer = `  \n${'a'.repeat(50)}${'\u200b'.repeat(200)}\n${' '.repeat(300)}b\n\n`;
    const parts = split(answer, 60);
    expect(parts.map((part) => part.text.replaceAll('\u200b', ''))).toEqual(['a'.repeat(50), 'b']);
    expect(slices(answer, parts).join('')).toBe(answer);
  });

  test('a paragraph is the best place, then a line, then a sentence, then a word', () => {
    const half = words(12, 'Word'); // 59 characters
    expect(texts(`${half}\n\nOne. Two\nthree ${half}`, 100)[0]).toBe(half);
    expect(texts(`${half} one. Two\nthree ${half}`, 100)[0]).toBe(`${half} one. Two`);
    expect(texts(`${half} one. Two three ${half}`, 100)[0]).toBe(`${half} one.`);
    expect(texts(`${half} one two three ${half}`, 83)[0]).toBe(`${half} one two`);
  });

  test('a better place that leaves the part less than half full is passed over', () => {
    const answer = `Short.\n\n${words(40)}`;
    expect(texts(answer, 100)[0]).toBe(`Short.\n\n${words(16)}`);
  });

  test('lines may end in CRLF', () => {
    const answer = `${words(12)}\r\n\r\n${words(12)}`;
    expect(texts(answer, 80)).toEqual([words(12), words(12)]);
    const code = `\`\`\`js\r\n${lines(9).replaceAll('\n', '\r\n')}\`\`\`\r\n`;
    expect(texts(code, 100).every(closesItsFences)).toBe(true);
    expect(texts(code, 100)).toHaveLength(2);
  });

  test('a Chinese answer is cut after a sentence, and without one between any two characters', () => {
    const sentence = `${'天'.repeat(29)}。`;
    expect(texts(sentence.repeat(5), 80)).toEqual([sentence.repeat(2), sentence.repeat(2), sentence]);
    const endless = '天'.repeat(200);
    expect(texts(endless, 80).join('')).toBe(endless);
  });

  test('a heading and the announcement of a list stay with what follows', () => {
    expect(texts(`${words(12)}\n\n# Heading\n\n${words(12)}`, 100)[1]).toMatch(/^# Heading\n\nword/);
    expect(texts(`${words(12)}\n\nSuch as:\n\n${words(12)}`, 100)[1]).toMatch(/^Such as:\n\nword/);
    expect(texts(`${words(12)}\nSuch as:\n- ${words(12)}`, 100)[1]).toMatch(/^Such as:\n- word/);
  });
});

describe('code blocks', () => {
  test('a code block that is cut is closed and reopened with its language', () => {
    expect(texts(`\`\`\`ts\n${lines(6)}\`\`\``, 60)).toEqual([
      `\`\`\`ts\n${lines(3)}\`\`\``,
      `\`\`\`ts\n${lines(3)}\`\`\``,
    ]);
  });

  test('of a long info string, no more than the language is repeated', () => {
    const [first, second] = texts(`\`\`\`python title="a b"\n${lines(6)}\`\`\``, 70);
    expect(first).toMatch(/^```python title="a b"\n/);
    expect(second).toMatch(/^```python\nconst/);
    expect(texts(`\`\`\`${'x'.repeat(50)}\n${lines(9)}\`\`\``, 100).at(-1)).toMatch(/^```x{20}\n/);
  });

  test('a code block moves to the next part rather than being cut', () => {
    const block = `\`\`\`\n${lines(3)}\`\`\``;
    expect(texts(`${words(12)}\n\n${block}`, 80)).toEqual([words(12), block]);
  });

  test('a block of four backticks is not closed by three, nor by a fence with an info string', () => {
    const answer = `\`\`\`\`md\n${lines(4)}\`\`\`\n\`\`\`\`js\n${lines(4)}\`\`\`\`\nafter`;
    const parts = texts(answer, 80);
    expect(parts.every(closesItsFences)).toBe(true);
    expect(parts.slice(1).every((text) => text.startsWith('````md\n'))).toBe(true);
    expect(parts.at(-1)).toMatch(/````\nafter$/);
  });

  test('a block in a list keeps its indentation, also of the first line after a cut', () => {
    const parts = texts(`- item\n  \`\`\`js\n${lines(6, '    indented()')}  \`\`\`\n- next`, 70);
    expect(parts[1]).toMatch(/^```js\n {4}indented\(\)\n/);
    expect(parts.at(-1)).toMatch(/\n {2}```\n- next$/);
  });

  test('a block that opens in the middle of a line, as Discord allows, is a block', () => {
    const parts = texts(`Here: \`\`\`js\n${lines(6)}\`\`\`\nafter`, 70);
    expect(parts.length).toBeGreaterThan(1);
    expect(parts[0]).toMatch(/;\n```$/);
    expect(parts[1]).toMatch(/^```js\n/);
    expect(texts('Three backticks (```) open a block.')).toEqual(['Three backticks (```) open a block.']);
  });

  test('tildes make no code block', () => {
    const answer = `~~~\n${lines(6)}~~~`;
    expect(texts(answer, 60).join('\n')).toBe(answer);
  });

  test('a line of code that is longer than a part is cut at white space, or hard', () => {
    expect(texts(`\`\`\`\n${words(20)}\n\`\`\``, 60)[0]).toBe(`\`\`\`\n${words(9)}\n\`\`\``);
    const hard = texts(`\`\`\`\n${'x'.repeat(300)}\n\`\`\``, 60);
    expect(hard.map((text) => text.replace(/[`\n]/g, '')).join('')).toBe('x'.repeat(300));
  });

  test('no part begins or ends with an empty block, wherever the cut falls', () => {
    for (let before = 1; before < 30; before++) {
      for (let rows = 1; rows < 8; rows++) {
        const answer = `${words(before)}\n\`\`\`js\n${lines(rows)}\n\n\`\`\`\n\nafter`;
        const parts = split(answer, 70);
        for (const { text } of parts) expect(text).not.toMatch(/```js\s*(```|$)/);
        expect(slices(answer, parts).join('')).toBe(answer);
      }
    }
  });

  test('a reopened block does not begin with blank lines', () => {
    const row = 'x'.repeat(46);
    expect(texts(`\`\`\`\n${row}\n\n\n\nfoo\n\`\`\``, 60)).toEqual([`\`\`\`\n${row}\n\`\`\``, '```\nfoo\n```']);
  });

  test('a block that the answer leaves open is closed, within the limit', () => {
    expect(texts('```js\ncode')).toEqual(['```js\ncode\n```']);
    for (let length = 30; length < 130; length++) {
      const parts = texts(`\`\`\`js\n${'x '.repeat(length)}`, 60);
      expect(parts.every((text) => closesItsFences(text) && text.length <= 60)).toBe(true);
    }
  });

  test('a block that did not fit while it was open does not come back when it is closed', () => {
    const open = `\`\`\`\n${'x'.repeat(33)}`;
    const [first] = split(open, 40);
    expect(split(open, 40)).toHaveLength(2);
    expect(split(`${open}\`\`\``, 40)[0]).toEqual(first);
  });

  test('a half-typed fence is not shown before it is known what it is', () => {
    for (const typed of ['`', '``', '```', '```j', '```js', '```js\n'])
      expect(texts(`Text\n${typed}`)).toEqual(['Text']);
    for (const typed of ['', '\n', '\n`', '\n``', '\n```'])
      expect(texts(`\`\`\`js\ncode${typed}`)).toEqual(['```js\ncode\n```']);
    const cut = `${words(10)}\n\`\`\`${'j'.repeat(50)}`;
    expect(split(cut, 60)).toEqual([{ text: words(10), from: 0, to: cut.length }]);
    expect(texts('Text with `inline')).toEqual(['Text with `inline']);
  });
});

describe('what stays whole', () => {
  const wholes = [
    '[a text (of words)](https://a.bc/d_(e))',
    'https://example.com/a/b?c=d',
    '<https://example.com/a/b>',
    '<@123456789012345678>',
    '<@!123456789012345678>',
    '<@&123456789012345678>',
    '<#123456789012345678>',
    '</name sub:123456789012345678>',
    '<:emoji:123456789012345678>',
    '<a:emoji:123456789012345678>',
    '<t:1700000000:R>',
    '`inline code with words`',
    '``inline ` code``',
    '**bold words**',
    '__underlined words__',
    '~~struck words~~',
    '||hidden words||',
    '|| hidden words ||',
    '👨‍👩‍👧‍👦',
    '🇩🇪',
    '👍🏽',
    'e\u0301\u0323',
  ];

  test.each(wholes)('%s is never cut', (whole) => {
    for (let before = 0; before < 80; before++) {
      for (const filler of ['天', 'ab ']) {
        const answer = `${filler.repeat(before)}${whole} ${'天'.repeat(60)}`;
        expect(texts(answer, 70).filter((text) => text.includes(whole))).toHaveLength(1);
      }
    }
  });

  test('a link that is longer than a part is cut at the words of its text, and its address stays whole', () => {
    const parts = texts(`See [${words(30)}](https://example.com/) now`, 60);
    expect(parts.join(' ')).toBe(`See [${words(30)}](https://example.com/) now`);
    expect(parts[0]).toBe('See');
  });

  test('a cluster that is longer than a part is cut, but no surrogate pair is', () => {
    const parts = texts(`👍${'🏽'.repeat(100)}`, 41);
    expect(parts.every((text) => text.length <= 41 && text.isWellFormed())).toBe(true);
  });

  test('a spoiler that is cut is closed and reopened', () => {
    const parts = texts(`||${words(40, 'secret')}||, and more`, 60);
    expect(parts.length).toBeGreaterThan(2);
    for (const text of parts) expect(text).toMatch(/^\|\|[a-z ]+\|\|(, and more)?$/);
  });

  test('a long spoiler or a long bold text is cut rather than leaving a short part before it', () => {
    for (const mark of ['||', '**']) {
      const parts = texts(`So: ${mark}${words(30)}${mark}`, 80);
      expect(parts[0]?.length).toBeGreaterThan(50);
    }
  });

  test('a spoiler over paragraphs and code stays hidden', () => {
    const parts = texts(`||${words(20)}\n\n\`\`\`js\n${lines(10)}\`\`\`\n${words(20)}||`, 70);
    for (const text of parts) expect(text).toMatch(/^\|\|.*\|\|$/s);
    expect(parts.filter((text) => text.includes('```js'))).not.toHaveLength(0);
    for (const text of parts) expect(occurrences(text, '```') % 2).toBe(0);
  });

  test('a preview does not reveal a spoiler that is still being written', () => {
    for (const typed of ['||sec', '||secret', '||secret|']) expect(texts(typed)[0]).toMatch(/^\|\|sec(ret)?\|\|$/);
  });

  test('bars that are an operator hide nothing', () => {
    const answer = `a || b, and f(x||y) ${words(30)}`;
    expect(texts(answer, 60).join(' ')).toBe(answer);
  });
});

describe('long and odd answers', () => {
  test.each([
    ['one word', 'a'.repeat(100_000)],
    ['spaces', `a${' '.repeat(100_000)}b`],
    ['open brackets', '[ '.repeat(50_000)],
    ['open backticks', '` `` '.repeat(20_000)],
    ['open bars', '||a '.repeat(25_000)],
    ['combining marks', `a${'\u0301'.repeat(100_000)}`],
    ['code', `\`\`\`js\n${lines(8000)}`],
  ])('a hundred thousand characters of %s take few parts', (_, answer) => {
    const parts = split(answer);
    expect(slices(answer, parts).join('')).toBe(answer);
    expect(parts.length).toBeLessThanOrEqual(60);
  });

  test('a limit without room for a reopened code block is refused', () => {
    for (const limit of [39, 0, -1, Number.NaN]) expect(() => split('text', limit)).toThrow(RangeError);
  });
});

const limits = fc.oneof(fc.integer({ min: 40, max: 200 }), fc.constant(2000));

/** Pieces of markdown, of which the atoms are short enough for every limit above. */
const atom = fc.oneof(
  fc.constantFrom('<@12345>', '<@!12345>', '<#12345>', '<:smile:12345>', '<t:170000:R>', '</ask:12345>', '`co de`'),
  fc.constantFrom('[a link](https://a.bc/)', 'https://ab.cd/ef(gh)?i=j', '||hush||', '**bold one**'),
);
const wordOf = fc.oneof(
  { weight: 8, arbitrary: fc.stringMatching(/^[a-gi-z]{1,9}[.,]?$/) },
  { weight: 2, arbitrary: fc.stringMatching(/^[天地人山水。]{1,30}$/) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 150 }).map((length) => 'x'.repeat(length)) },
  { weight: 2, arbitrary: fc.constantFrom('👍🏽', '👨‍👩‍👧‍👦', '🇩🇪🇫🇷', 'e\u0301', '#', '-', '1.', '[0, 1)', '<') },
  { weight: 3, arbitrary: atom },
);
const sentenceOf = fc.array(wordOf, { minLength: 1, maxLength: 25 }).map((all) => all.join(' '));
const codeOf = fc.record({
  ticks: fc.constantFrom('```', '````', '`````'),
  indent: fc.constantFrom('', '  '),
  info: fc.constantFrom('', 'js', 'objective-c', 'c++ title=x'),
  rows: fc.array(fc.constantFrom('', 'a = 1;', '    return `x`;', '``', `y${'y '.repeat(70)}`, 'z'.repeat(90)), {
    minLength: 1,
    maxLength: 12,
  }),
});
const blockOf = fc.oneof(
  sentenceOf,
  sentenceOf.map((text) => `## ${text}`),
  fc.array(sentenceOf, { minLength: 1, maxLength: 4 }).map((items) => items.map((item) => `- ${item}`).join('\n')),
  codeOf.map(({ ticks, indent, info, rows }) =>
    [`${ticks}${info}`, 'first', ...rows, ...(ticks === '```' ? [] : ['```']), ticks]
      .map((row) => indent + row)
      .join('\n'),
  ),
);
const markdown = fc
  .tuple(fc.array(blockOf, { minLength: 1, maxLength: 6 }), fc.constantFrom('\n', '\n\n', '\r\n\r\n'))
  .map(([blocks, gap]) => blocks.join(gap));
const scraps = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '`',
        '``',
        '```',
        '````',
        'js',
        '|',
        '||',
        '[',
        '](',
        ')',
        '<',
        '<@1',
        '>',
        'http://',
        '**',
        '__',
      ),
      fc.constantFrom(
        ' ',
        '\n',
        '\r\n',
        '\n\n',
        '    ',
        '\u200b',
        '\u200d',
        '\ufe0f',
        '\ud83d',
        '\udc4d',
        '。',
        '. ',
        ':',
      ),
      fc.string({ unit: character, maxLength: 30 }),
    ),
    { maxLength: 60 },
  )
  .map((pieces) => pieces.join(''));
const answers = fc.oneof(markdown, scraps, fc.string({ unit: 'grapheme', maxLength: 400 }));

describe('for every answer and limit', () => {
  test('the slices, joined, are the answer', () => {
    fc.assert(
      fc.property(answers, limits, (answer, limit) => {
        const parts = split(answer, limit);
        if (parts.length > 0) expect(slices(answer, parts).join('')).toBe(answer);
      }),
    );
  });

  test('every part fits, is not blank, and is trimmed as Discord would trim it', () => {
    fc.assert(
      fc.property(answers, limits, (answer, limit) => {
        for (const { text } of split(answer, limit)) {
          expect(text.length).toBeLessThanOrEqual(limit);
          expect(text).toMatch(/[^\s\p{Cc}\p{Default_Ignorable_Code_Point}]/u);
          expect(text).toBe(text.trim());
        }
      }),
    );
  });

  test('but the last, every part of an answer’s beginning is a part of the answer', () => {
    fc.assert(
      fc.property(answers, limits, fc.double({ min: 0, max: 1, noNaN: true }), (answer, limit, share) => {
        const parts = split(answer, limit);
        const settled = split(answer.slice(0, Math.round(answer.length * share)), limit).slice(0, -1);
        expect(parts.slice(0, settled.length)).toEqual(settled);
      }),
      { numRuns: 2000 },
    );
  });

  test('a part shows its slice, and adds nothing but fences', () => {
    const dense = (text: string) => text.replace(/\s/g, '');
    fc.assert(
      fc.property(markdown, limits, (answer, limit) => {
        for (const { text, from, to } of split(answer, limit)) {
          const slice = dense(answer.slice(from, to));
          const reopened = /^`{3,5}(js|objective-c|c\+\+)?\n/.exec(text)?.[0] ?? '';
          const added = ['', reopened].flatMap((opening) => {
            const shown = dense(text.slice(opening.length));
            return shown.startsWith(slice) ? [shown.slice(slice.length)] : [];
          });
          expect(added).toContainEqual(expect.stringMatching(/^(`{3,5})?$/));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('every part closes the code blocks that it opens', () => {
    fc.assert(
      fc.property(markdown, limits, (answer, limit) => {
        for (const { text } of split(answer, limit)) expect(closesItsFences(text)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('links, mentions, inline code and spoilers stay whole', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(sentenceOf, atom), { maxLength: 12 }), limits, (sentences, limit) => {
        const answer = sentences.join(' ');
        // A stray bracket before it leaves a link half a part to be whole in.
        const parts = texts(answer, Math.max(60, limit));
        for (const whole of answer.match(/<[@#:/t][^<>]*>|`co de`|\[a link\]\(\S+\)|https:\/\/ab\S+|\|\|hush\|\|/g) ??
          []) {
          const kept = parts.reduce((count, text) => count + occurrences(text, whole), 0);
          expect(kept).toBe(occurrences(answer, whole));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('what a spoiler hides stays hidden, and nothing else is', () => {
    const visible = (text: string) => text.replace(/\|\|.*?\|\|/gs, '').replace(/\s/g, '');
    const plain = fc.string({ unit: fc.constantFrom('a', 'b', ' ', ' ', '\n', '.', '天'), maxLength: 120 });
    const hidden = plain.map((text) => `||s${text}s||`);
    fc.assert(
      fc.property(fc.array(fc.oneof(plain, hidden)), limits, (pieces, limit) => {
        const answer = pieces.join('; ');
        expect(texts(answer, limit).map(visible).join('')).toBe(visible(answer));
      }),
      { numRuns: 500 },
    );
  });

  test('no surrogate pair and no grapheme cluster is cut', () => {
    const segmenter = new Intl.Segmenter();
    fc.assert(
      fc.property(fc.oneof(markdown, fc.string({ unit: 'grapheme', maxLength: 400 })), limits, (answer, limit) => {
        const segments = segmenter.segment(answer);
        for (const { text, to } of split(answer, limit)) {
          expect(text.isWellFormed()).toBe(true);
          expect(segments.containing(to)?.index ?? to).toBe(to);
        }
      }),
      { numRuns: 500 },
    );
  });
});
