import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { excerpt, indexed, matching, readQuery } from '../src/search.js';

/** Some versions of Node abort where one of these is freed; see the store. */
const unfreed: object[] = [];
const database = new Database(':memory:');
database.exec(`CREATE VIRTUAL TABLE said USING fts5 (text, tokenize = 'ascii')`);
const insert = database.prepare('INSERT INTO said (rowid, text) VALUES (1, ?)');
const clear = database.prepare('DELETE FROM said');
const select = database.prepare<[string]>('SELECT 1 FROM said WHERE said MATCH ?');
unfreed.push(database, insert, clear, select);

/** Whether a query finds a text: by the index, and with the same verdict by the excerpt. */
function finds(text: string, query: string): boolean {
  const phrases = readQuery(query);
  if (phrases.length === 0) return false;
  clear.run();
  insert.run(indexed(text));
  const isFound = select.get(matching(phrases)) !== undefined;
  expect(excerpt(text, phrases).found === phrases.length).toBe(isFound);
  return isFound;
}

/** An excerpt with brackets around its hits. */
function marked(text: string, query: string, maxChars?: number): string {
  const { text: line, hits } = excerpt(text, readQuery(query), maxChars);
  return [...hits]
    .reverse()
    .reduce((all, [from, to]) => `${all.slice(0, from)}[${all.slice(from, to)}]${all.slice(to)}`, line);
}

test.each([
  ['文件系统的量子纠缠', '量子'],
  ['文件系统的量子纠缠', '系统的量'],
  ['文件系统的量子纠缠', '缠'],
  ['文件系统的量子纠缠', '纠缠 文件'],
  ['ファイルを開くプログラム', 'イル'],
  ['ファイルを開くプログラム', 'ﾌｧｲﾙ'],
  ['東京に行く', '京に'],
  ['時々', '々'],
  ['葛\u{e0100}城さん', '葛城'],
  ['한국어를 배우다', '국어'],
  ['第3章节', '第3章'],
  ['用TypeScript写', 'typescript写'],
  ['Der Weg nach Köln', 'koln'],
  ['Der Weg nach Köln', 'KÖLN'],
  ['databases', 'data'],
  ['ＦＵＬＬ width', 'full'],
  ['don’t call foo-bar(1)', 'foo-bar'],
  ['an “AND” b', 'and'],
  ['ΟΔΟΣ', 'οδος'],
  ['हिन्दी में', 'हिन्दी'],
  ['plan b', 'b'],
])('in “%s”, “%s” is found', (text, query) => {
  expect(finds(text, query)).toBe(true);
});

test.each([
  ['文件系统', '文系'],
  ['文件。系统', '件系'],
  ['databases', 'base'],
  ['plan bee', 'b'],
  ['foo and bar', 'foo-bar'],
  ['one two', 'one three'],
  ['anything', '。'],
  ['anything', ' '],
  ['anything', ''],
])('in “%s”, “%s” is not found', (text, query) => {
  expect(finds(text, query)).toBe(false);
});

/** Texts as people write them, and as nobody does. */
const piece = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom(...'文件系统量子ファイルガｶﾞ々〆ー한국ab1 -\n。“"*é\u0301\u3099\u200d\ufe0f'),
    maxLength: 20,
  }),
);
const text = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });
const isUnspaced = /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]/u;

test('any two characters in a row of Chinese, Japanese or Korean find their text', () => {
  const character = fc
    .oneof(
      fc.constantFrom(...'文件系统量子の々ファイル한국어𠮷𰻞㐀⺀㋐ｶ'),
      fc.integer({ min: 0x2e80, max: 0x323af }).map((code) => String.fromCodePoint(code)),
    )
    .filter((one) => isUnspaced.test(one));
  fc.assert(
    fc.property(
      text,
      fc.string({ unit: character, minLength: 2, maxLength: 9 }),
      text,
      fc.nat(),
      (before, all, behind, at) => {
        const whole = before + all + behind;
        const characters = [...graphemes.segment(whole)].filter(({ segment }) => isUnspaced.test(segment));
        const pairs = characters.flatMap(({ segment, index }, place) => {
          const next = characters[place + 1];
          return next?.index === index + segment.length ? [segment + next.segment] : [];
        });
        fc.pre(pairs.length > 0);
        const pair = pairs[at % pairs.length] ?? '';
        expect(finds(whole, pair), JSON.stringify(pair)).toBe(true);
      },
    ),
    { numRuns: 1000 },
  );
});

test('whatever the query and the text, the index and the excerpt agree, and hits stand within the excerpt', () => {
  fc.assert(
    fc.property(text, text, fc.integer({ min: 1, max: 40 }), (said, query, maxChars) => {
      finds(said, query);
      const { text: line, hits } = excerpt(said, readQuery(query), maxChars);
      expect(line).not.toMatch(/[\n\r]/);
      let end = 0;
      for (const [from, to] of hits) {
        expect(from).toBeGreaterThanOrEqual(end);
        expect(to).toBeGreaterThan(from);
        end = to;
      }
      expect(end).toBeLessThanOrEqual(line.length);
    }),
    { numRuns: 2000 },
  );
});

test('any part of a text that stands between blanks finds it', () => {
  fc.assert(
    fc.property(text, fc.nat(), (said, at) => {
      const parts = said.split(/\s+/u).filter((part) => readQuery(part).length > 0);
      fc.pre(parts.length > 0);
      expect(finds(said, parts[at % parts.length] ?? '')).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test('no query is syntax', () => {
  for (const query of ['"', '""', 'a" OR "b', 'NEAR(a b)', 'text:a', '-a', 'a*', '^a', '(', 'a + b', 'AND', 'a\0b']) {
    expect(() => finds('a b', query)).not.toThrow();
  }
  expect(readQuery('"-*" (^)')).toEqual([]);
  expect(finds('a b', 'text:a')).toBe(false);
});

test('a query of very many words is one like any other', () => {
  const words = Array.from({ length: 1000 }, (_, index) => `w${index}`).join(' ');
  expect(finds(words, words)).toBe(true);
  expect(finds(words.slice(1), words)).toBe(false);
});

describe('an excerpt', () => {
  test('marks each hit as it is written in the text', () => {
    expect(marked('Köln: ﬁle, Files, ﾌｧｲﾙ', 'koln file ファ')).toBe('[Köln]: [ﬁle], [File]s, [ﾌｧ]ｲﾙ');
  });

  test('is one line around the first hit, with marks where it is cut', () => {
    const long = `${'before '.repeat(50)}\nhere it is\t${'after '.repeat(50)}`;
    expect(marked(long, 'here', 30)).toBe('…e before  [here] it is after aft…');
  });

  test('marks hits that overlap as ones that follow each other', () => {
    expect(marked('文件系统', '文件系 件系统')).toBe('[文件系][统]');
  });

  test('cuts no character in two', () => {
    fc.assert(
      fc.property(fc.nat({ max: 30 }), fc.integer({ min: 1, max: 30 }), (before, maxChars) => {
        const line = excerpt(
          `${'👍🏽'.repeat(before)} here ${'か\u3099'.repeat(30)}`,
          readQuery('here'),
          maxChars,
        ).text;
        expect(line.isWellFormed()).toBe(true);
        expect(line).not.toMatch(/…\u3099|か(?!\u3099)/);
      }),
    );
  });

  test('is the beginning where nothing is found', () => {
    expect(excerpt('one two', readQuery('three'))).toEqual({ text: 'one two', hits: [], found: 0 });
  });
});
