import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventReader, LONGEST_EVENT } from '../../src/model/events.js';

const bytesOf = (text: string) => new TextEncoder().encode(text);

function* cut(bytes: Uint8Array, at: readonly number[]): Generator<Uint8Array> {
  const places = [...at.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((one, other) => one - other);
  let from = 0;
  for (const to of places) {
    yield bytes.subarray(from, to);
    from = to;
  }
}

function eventsOf(bytes: Iterable<Uint8Array>): string[] {
  const reader = new EventReader();
  const events: string[] = [];
  for (const some of bytes) events.push(...reader.read(some));
  return events;
}

test.each([
  ['with one space or none before it', 'data:a\n\ndata: b\n\ndata:  c\n\n', ['a', 'b', ' c']],
  ['after a byte order mark', '\uFEFFdata: a\n\n', ['a']],
  ['over several lines', 'data: a\ndata: b\n\n', ['a\nb']],
  ['with lines that end in CR LF', 'data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n', ['a\nb', 'c']],
  ['with lines that end in CR', 'data: a\rdata: b\r\rdata: c\r\r', ['a\nb', 'c']],
  ['with all line ends mixed', 'data: a\n\r\ndata: b\r\n\ndata: c\r\n\r', ['a', 'b', 'c']],
  ['beside comments and other fields', ': hi\nevent: x\nid: 1\nretry: 5\ndata: a\nfoo: bar\n\n', ['a']],
  ['beside events without any', 'event: ping\n\n:\n\ndata\n\ndata:\n\ndata: a\n\n', ['a']],
  ['but not of an event that breaks off', 'data: a\n\ndata: b\n', ['a']],
  ['but not of another field that ends like it', 'xdata: a\n\n data: b\n\n', []],
])('data is read %s, wherever its bytes are split', (_, text, expected) => {
  const bytes = bytesOf(text);
  expect(eventsOf(cut(bytes, []))).toEqual(expected);
  fc.assert(
    fc.property(fc.array(fc.nat()), (at) => {
      expect(eventsOf(cut(bytes, at))).toEqual(expected);
    }),
  );
  expect(eventsOf(cut(bytes, [...bytes.keys()]))).toEqual(expected);
});

test('whatever is sent as data on one line is what is read', () => {
  const lines = fc.array(fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[\r\n]/.test(text)));
  fc.assert(
    fc.property(lines, fc.array(fc.nat()), (data, at) => {
      const bytes = bytesOf(data.map((line) => `data: ${line}\n\n`).join(''));
      expect(eventsOf(cut(bytes, at))).toEqual(data);
    }),
  );
});

function* endlessly(text: string): Generator<Uint8Array> {
  const bytes = bytesOf(text);
  for (;;) yield bytes;
}

test.each([
  ['a line', 'x'.repeat(1000)],
  ['data', `data: ${'x'.repeat(1000)}\n`],
  ['comments', `: ${'x'.repeat(1000)}\n\n`],
])('%s without an end ends', (_, text) => {
  expect(() => eventsOf(endlessly(text))).toThrow(expect.objectContaining({ failure: 'trouble' }));
});

test('many events together may be longer than one', () => {
  const event = `data: ${'x'.repeat(1024 * 1024)}\n\n`;
  const count = LONGEST_EVENT / (1024 * 1024) + 1;
  expect(eventsOf(cut(bytesOf(event.repeat(count)), []))).toHaveLength(count);
});
