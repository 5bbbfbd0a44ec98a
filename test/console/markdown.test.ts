import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { createRenderer, disarm, type RendererOptions } from '../../src/console/markdown.js';
import { createTerminal } from './terminal.js';

type Settings = Partial<Omit<RendererOptions, 'columns'>> & { readonly width?: number };

const rendererOf = ({ width = 80, isColoured = true, ...more }: Settings = {}) =>
  createRenderer({ columns: () => width, isColoured, ...more });

function rendered(answer: string, settings?: Settings): string {
  const renderer = rendererOf(settings);
  return renderer.write(answer) + renderer.end();
}

const ESC = '\x1b';
const styles = new RegExp(`${ESC}\\[[\\d;]*m`, 'g');
const withoutStyles = (text: string) => text.replaceAll(styles, '');
const rowsOf = (answer: string, settings?: Settings) =>
  withoutStyles(rendered(answer, settings)).replace(/\n$/, '').split('\n');

/** What stands in a terminal after a text was printed. */
async function screenOf(printed: string, columns: number): Promise<string[]> {
  const terminal = createTerminal({ columns }, () => {});
  terminal.write(printed.replaceAll('\n', '\r\n'));
  await terminal.drawn();
  return terminal.screen().split('\n');
}

/** Answers made of all that Markdown has, well formed or not, at any place. */
const fragment = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('word', 'another', '天地', '玄黄，宇宙。', '（洪荒）', 'naïve', '7', 'a_b', '👩‍🚀'),
  },
  { weight: 4, arbitrary: fc.constantFrom(' ', ' ', '  ', '\n', '\n', '\n\n', '\t', '\r\n') },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...['*', '**', '***', '_', '__', '~~', '`', '``', '```', '```ts\n', '\n```\n', '~~~', '[', ']', '](', ')', '!['],
      ...['# ', '\n## ', '- ', '\n- ', '\n  - ', '1. ', '\n> ', '>', '> - ', '-# ', '---', '\n---\n', '* * *'],
      ...[
        '|',
        '||',
        '\n| a | b |\n|---|:-:|\n| c | d |\n',
        '\n|',
        '\\',
        '\\*',
        '\\|',
        '<',
        '>',
        '<br>',
        '(',
        'http://',
      ],
      ...['[a](https://b.c)', '<https://d.e>', 'https://f.g/_h_', '<t:1700000000:R>', '<:wave:1>', '!', '“', '”'],
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
);
const answers = fc.array(fragment, { maxLength: 40 }).map((fragments) => fragments.join(''));

/** A text in pieces, cut anywhere: between the halves of a surrogate pair too. */
function inPieces(text: string, lengths: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let at = 0, turn = 0; at < text.length; turn++) {
    const end = at + (lengths[turn % lengths.length] ?? 1);
    pieces.push(text.slice(at, end));
    at = end;
  }
  return pieces;
}

describe('for every answer', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 });
  const settings = fc.record({ width: fc.integer({ min: 1, max: 60 }), isColoured: fc.boolean() });

  test('what is printed does not depend on how it was cut into pieces', () => {
    fc.assert(
      fc.property(answers, cuts, settings, (answer, lengths, settings) => {
        const renderer = rendererOf(settings);
        const pieces = inPieces(answer, lengths).map((piece) => renderer.write(piece));
        expect(pieces.join('') + renderer.end()).toBe(rendered(answer, settings));
      }),
      { numRuns: 500 },
    );
  });

  test('nothing that steers a terminal is printed but styles, and these are off at each end', () => {
    fc.assert(
      fc.property(answers, settings, fc.string({ unit: 'binary' }), (answer, settings, binary) => {
        const printed = rendered(answer + binary, settings);
        const styled = new RegExp(`${ESC}\\[[1-9][\\d;]*m([^${ESC}\\n]*)${ESC}\\[0m`, 'g');
        const shown = printed.replaceAll(styled, '$1');
        expect(shown).not.toMatch(/(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u);
      }),
      { numRuns: 500 },
    );
  });

  test('every word is there, in order', () => {
    const lettersOf = (text: string) => (text.normalize('NFC').match(/[\p{L}\p{N}]/gu) ?? []).join('');
    // What is said otherwise than it is written: a moment, an emoji's number, and a line break in a table.
    const asWritten = answers.map((answer) => answer.replaceAll(/<(?:t:|:|br)|\p{Cc}(?<!\n)/gu, ' '));
    fc.assert(
      fc.property(asWritten, fc.boolean(), (answer, isColoured) => {
        fc.pre(!/\[(.*)\]\(\1\)/.test(answer)); // an address that is its own text is printed once
        expect(lettersOf(withoutStyles(rendered(answer, { width: 10_000, isColoured })))).toBe(lettersOf(answer));
      }),
      { numRuns: 500 },
    );
  });

  test('prose without words that are wider fits the rows, and none begins with what closes', async () => {
    const words = fc.constantFrom(
      '天',
      '地',
      '，',
      '。',
      '」',
      '「',
      '（',
      '）',
      '、',
      'word',
      'if',
      ' ',
      '**',
      '🎉',
      '한국',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(words, { maxLength: 60 }), fc.integer({ min: 16, max: 30 }), async (parts, width) => {
        const prose = `- 天${parts.join('').replaceAll(/[ *]*([，。」「（）、])[ *，。」「（）、]*/gu, '$1')}`;
        const rows = rowsOf(prose, { width });
        fc.pre(rows.every((row) => stringWidth(row) <= width)); // a word that is wider goes on by itself
        expect(rows.filter((row) => /^\s*[，。」）、]/u.test(row))).toEqual([]);
        expect(await screenOf(rendered(prose, { width }), width)).toEqual(rows.map((row) => row.trimEnd()));
      }),
      { numRuns: 150 },
    );
  });
});

describe('streaming', () => {
  test('a paragraph is printed by the word', () => {
    const { write, end } = rendererOf();
    expect(['Hel', 'lo wo', 'rld, it', ' is', ' me'].map(write)).toEqual(['', 'Hello', ' world,', ' it', ' is']);
    expect(end()).toBe(' me\n');
  });

  test('Chinese is printed by the character, one behind', () => {
    const { write } = rendererOf();
    expect(['你', '好', '，', '世', '界'].map(write)).toEqual(['', '你', '', '好，', '世']);
  });

  test('only what stands between a mark and its closer is held', () => {
    const { write, end } = rendererOf({ isColoured: false });
    const pieces = ['now **bold', ' text', '** then', ' [1]', ' 2 * 3 ', 'and **open', ' to ', 'the end'];
    const bold = ' \x1b[1mbold\x1b[0m\x1b[1m \x1b[0m\x1b[1mtext\x1b[0m';
    expect(pieces.map(write)).toEqual(['now', '', bold, ' then', ' [1] 2 * 3', ' and', '', '']);
    expect(end()).toBe(' **open to the end\n');
  });

  test('code is printed by the line', () => {
    const { write } = rendererOf({ isColoured: false });
    expect(['```ts\n', 'const ', 'x = 1;', '\nlet'].map(write).map(withoutStyles)).toEqual([
      '```ts',
      '',
      '',
      '\nconst x = 1;',
    ]);
  });

  test('a table is held to its end', () => {
    const { write } = rendererOf();
    expect(['|a|b|\n', '|-|-|\n', '|c|d|\n'].map(write)).toEqual(['', '', '']);
    expect(withoutStyles(write('\nnext '))).toBe('a │ b\n──┼──\nc │ d\n\nnext');
  });

  test('a line end is printed with what follows, and one ends the answer', () => {
    const { write, end } = rendererOf();
    expect([write('\n\nOne\n\n\n\n'), write('two \n\n'), end(), end()]).toEqual(['One', '\n\ntwo', '\n', '']);
    expect(rendered(' \n\n')).toBe('');
  });
});

describe('marks in a line', () => {
  const plain = (answer: string) => rowsOf(answer).join('\n');

  test('emphasis, code and what is struck out have styles instead of marks', () => {
    expect(rendered('**b** *i* _i_ __u__ ~~s~~ `c`')).toBe(
      '\x1b[1mb\x1b[0m \x1b[3mi\x1b[0m \x1b[3mi\x1b[0m \x1b[4mu\x1b[0m \x1b[9ms\x1b[0m \x1b[36mc\x1b[0m\n',
    );
    expect(rendered('***both*** and **bold *in it***')).toMatch(/\[1;3mboth.*\[1mbold.*\[1;3min/);
  });

  test('without colours code and what is struck out keep their marks', () => {
    const printed = rendered('**b** ~~s~~ ``a ` b``', { isColoured: false });
    expect(printed).not.toContain('36');
    expect(withoutStyles(printed)).toBe('b ~~s~~ ``a ` b``\n');
  });

  test('marks between letters, beside blanks, unclosed or behind a backslash stand for themselves', () => {
    for (const answer of [
      '2*3*4',
      'snake_case_name',
      '5 * 3 * 2',
      '**open',
      'a ` b',
      '[1] and [x] (y)',
      'a ****',
      '~a~',
    ])
      expect(plain(answer)).toBe(answer);
    expect(plain('\\*a\\* \\`b\\`')).toBe('*a* `b`');
    expect(plain('\\(x_1\\) C:\\Users')).toBe('\\(x_1\\) C:\\Users');
  });

  test('bold text beside Chinese punctuation is bold', () => {
    expect(rendered('这是**“引用”**的')).toBe('这是\x1b[1m“引\x1b[0m\x1b[1m用”\x1b[0m的\n');
  });

  test('what looks like code and is not closed does not hide the marks behind it', () => {
    expect(plain('the ` key is **bold** and `` too')).toBe('the ` key is bold and `` too');
  });

  test('a link is its text and its address, or the address alone where they are one', () => {
    expect(plain('[text](https://a.b/c) [https://a.b](https://a.b) ![cat](x.png) [t](u "v") [e]()')).toBe(
      'text (https://a.b/c) https://a.b cat (x.png) t (u "v") e',
    );
    expect(plain('https://a.b/_c_/__d__ <https://e.f>')).toBe('https://a.b/_c_/__d__ https://e.f');
  });

  test('of Discord’s marks, moments and emoji are put into words, spoilers and mentions stay', () => {
    const moment = new Date(2024, 0, 2, 3, 4, 5).getTime() / 1000;
    expect(plain(`<t:${moment}> ${['D', 'T', 'R'].map((form) => `<t:${moment}:${form}>`).join(' ')}`)).toBe(
      '2024-01-02 03:04 2024-01-02 03:04:05 2024-01-02 03:04',
    );
    expect(plain('<:wave:12> <a:dance:34> <@56> ||no|| 1 < 2')).toBe(':wave: :dance: <@56> ||no|| 1 < 2');
  });
});

describe('lines', () => {
  test('headings are bold, small print is faint', () => {
    expect(rendered('# A\n### B\n-# c\n#tag')).toBe('\x1b[1;4mA\x1b[0m\n\x1b[1mB\x1b[0m\n\x1b[2mc\x1b[0m\n#tag\n');
  });

  test('items hang below their marks, nested ones too, and go on indented', () => {
    expect(rowsOf('- one two three\n  - four five six\n10. ten eleven\n    and more text', { width: 13 })).toEqual([
      '• one two',
      '  three',
      '  • four five',
      '    six',
      '10. ten',
      '    eleven',
      '    and more',
      '    text',
    ]);
  });

  test('each row of a quote has its bars', () => {
    expect(rowsOf('> one two three\n> > - four five\n>\n>:(', { width: 12 })).toEqual([
      '│ one two',
      '│ three',
      '│ │ • four',
      '│ │   five',
      '│ ',
      '>:(',
    ]);
  });

  test('a line of strokes is a rule, and no item', () => {
    expect(rowsOf('---\n* * *\n- -', { width: 5 })).toEqual(['─────', '─────', '• • ']);
  });

  test('code is neither wrapped nor read, and keeps its fences', () => {
    const code = '```ts\n  const **a** = `<t:1>`;   // longer than a row\n\n\n# no heading\n``\n```';
    expect(rowsOf(`${code}\n**b**`, { width: 10 })).toEqual([...code.split('\n'), 'b']);
  });

  test('code stands in items and quotes, and ends with its quote', () => {
    expect(rowsOf('1. ```\n   a\n   ```\n> ```\n> b\nc')).toEqual(['1. ```', '   a', '   ```', '│ ```', '│ b', 'c']);
  });

  test('a fence is closed by one that is as long', () => {
    expect(rowsOf('````\n```\n````\n*a*')).toEqual(['````', '```', '````', 'a']);
  });

  test('three backticks around code in a line open no block', () => {
    expect(rowsOf('```a``` b\nc')).toEqual(['a b', 'c']);
  });
});

describe('tables', () => {
  test('columns are as wide as their widest cell, Chinese too, and aligned as they say', () => {
    expect(rowsOf('| 名称 | Size | c |\n|:---|---:|:-:|\n| 苹果汁 | 10 | **mid** |\n| b | 2000 | `x|y` \\| |')).toEqual(
      ['名称   │ Size │    c', '───────┼──────┼────────', '苹果汁 │   10 │   mid', 'b      │ 2000 │  x|y |'],
    );
  });

  test('cells are wrapped where the terminal is too narrow, in words that are too long too', () => {
    const rows = rowsOf('|a|b|\n|-|-|\n|one two three|abcdefghijklmnop|\n|x<br>y|z|', { width: 19 });
    expect(rows).toEqual([
      'a        │ b',
      '─────────┼─────────',
      'one two  │ abcdefgh',
      'three    │ ijklmnop',
      'x        │ z',
      'y        │ ',
    ]);
  });

  test('where even that is too narrow, each row is a list', () => {
    expect(rowsOf('|name|size|made of|\n|-|-|-|\n|an apple|ten grams|sugar, water|\n|b|c|d|', { width: 20 })).toEqual([
      'name: an apple',
      'size: ten grams',
      'made of: sugar,',
      'water',
      '',
      'name: b',
      'size: c',
      'made of: d',
    ]);
  });

  test('rows with bars and no line of strokes below the first are text', () => {
    expect(rowsOf('| a | b |\n| c |\n\nend')).toEqual(['| a | b |', '| c |', '', 'end']);
    expect(rowsOf('||spoiler|| at the start')).toEqual(['||spoiler|| at the start']);
  });
});

describe('rows', () => {
  test('Chinese is wrapped between characters, and what closes stays with what it closes', () => {
    expect(rowsOf('天地玄黄，宇宙洪荒。「日月」盈昃', { width: 8 })).toEqual([
      '天地玄',
      '黄，宇宙',
      '洪荒。',
      '「日月」',
      '盈昃',
    ]);
  });

  test('a word wider than a row begins one, and the terminal goes on with it', async () => {
    const address = `https://example.com/${'a'.repeat(20)}`;
    expect(rowsOf(`see ${address} now`, { width: 20 })).toEqual(['see', `${address} now`.replace(' now', ''), 'now']);
    expect(await screenOf(rendered(`see ${address} now`, { width: 30 }), 30)).toEqual([
      'see',
      address.slice(0, 30),
      `${address.slice(30)} now`,
    ]);
  });

  test('the first row begins behind a label, but for what needs a row of its own', () => {
    expect(rendered('one two', { width: 8, column: 4 })).toBe('one\ntwo\n');
    expect(rendered('- one', { column: 4 })).toBe('\n• one\n');
    expect(rendered('```\n', { column: 4, isColoured: false })).toMatch(/^\n/);
  });

  test('the width is looked up while text is set', () => {
    let width = 80;
    const { write, end } = createRenderer({ columns: () => width, isColoured: true });
    const before = write('one two three ');
    width = 14;
    expect(before + write('four five six ') + end()).toBe('one two three\nfour five six\n');
  });
});

describe('text that is hostile', () => {
  test('what steers a terminal is replaced, line ends and tabs are not', () => {
    expect(disarm('\x1b]52;c;aGk=\x07\x9b31m\b\x7f\u202e\u2066\r\n\t\u200f.')).toBe('�]52;c;aGk=��31m���� \n\t.');
    expect(rowsOf('a\x1b[31mb\n```\n\x1b]0;c\x07\n```\n|\x1b[1m|\n|-|\n|\x9bd|')).toEqual([
      ...['a�[31mb', '```', '�]0;c�', '```', '�[1m', '────', '�d'],
    ]);
  });

  test('no answer takes more than its length’s share of time', () => {
    const units = [
      '*',
      '[',
      'a',
      '天',
      '。',
      '` ``',
      '*a _b ~~c ',
      '[a](',
      '<a',
      '- ',
      '> ',
      '|a',
      '|a\n',
      '**a *b [c `d ',
    ];
    /** The work of this process alone, whatever else the machine does, in microseconds. */
    const workFor = (answer: string) => {
      const works = [1, 2].map(() => {
        const start = process.cpuUsage();
        rendered(answer);
        const { user, system } = process.cpuUsage(start);
        return user + system;
      });
      return Math.min(...works);
    };
    /** How many times the work grows with a text ten times as long, which is long enough to be measured. */
    const growthOf = (make: (count: number) => string) => {
      let count = 100;
      while (workFor(make(count)) < 2_000) count *= 2;
      return workFor(make(10 * count)) / workFor(make(count));
    };
    // It grows ten times, and would a hundred times if it grew with the square. The machine's own doings pass, and a square stays.
    const isInProportion = (make: (count: number) => string) =>
      [1, 2, 3].some(() => growthOf(make) < Math.sqrt(10 * 100));
    for (const unit of units)
      expect(
        isInProportion((count) => unit.repeat(count)),
        unit,
      ).toBe(true);
    const table = (count: number) => `${'|a'.repeat(count)}\n${'|-'.repeat(count)}\n${'|c\n'.repeat(count)}`;
    const links = (count: number) => `${'[a'.repeat(count)}${'](b)'.repeat(count)}`;
    for (const make of [table, links]) expect(isInProportion(make)).toBe(true);
  });
});
