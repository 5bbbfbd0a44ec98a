import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LONGEST_EVENT, readEvents } from '../../src/model/events.js';

const bytesOf = (text: string) => new TextEncoder().encode(text);

async function* cut(bytes: Uint8Array, at: readonly number[]): AsyncGenerator<Uint8Array> {
  const places = [...at.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((one, other) => one - other);
  let from = 0;
  for (const to of places) {
    yield bytes.subarray(from, to);
    from = to;
  }
}

async function eventsOf(bytes: AsyncIterable<Uint8Array>): Promise<string[]> {
  const events: string[] = [];
  for await (const event of readEvents(bytes)) events.push(event);
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
])('data is read %s, wherever its bytes are split', async (_, text, expected) => {
  const bytes = bytesOf(text);
  expect(await eventsOf(cut(bytes, []))).toEqual(expected);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat()), async (at) => {
      expect(await eventsOf(cut(bytes, at))).toEqual(expected);
    }),
  );
  expect(await eventsOf(cut(bytes, [...bytes.keys()]))).toEqual(expected);
});

test('whatever is sent as data on one line is what is read', async () => {
  const lines = fc.array(fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[\r\n]/.test(text)));
  await fc.assert(
    fc.asyncProperty(lines, fc.array(fc.nat()), async (data, at) => {
      const bytes = bytesOf(data.map((line) => `data: ${line}\n\n`).join(''));
      expect(await eventsOf(cut(bytes, at))).toEqual(data);
    }),
  );
});

async function* endlessly(text: string): AsyncGenerator<Uint8Array> {
  const bytes = bytesOf(text);
  for (;;) yield bytes;
}

test.each([
  ['a line', 'x'.repeat(1000)],
  ['data', `data: ${'x'.repeat(1000)}\n`],
  ['comments', `: ${'x'.repeat(1000)}\n\n`],
])('%s without an end ends', async (_, text) => {
  await expect(eventsOf(endlessly(text))).rejects.toMatchObject({ failure: 'trouble' });
});

test('many events together may be longer than one', async () => {
  const event = `data: ${'x'.repeat(1024 * 1024)}\n\n`;
  const count = LONGEST_EVENT / (1024 * 1024) + 1;
  expect(await eventsOf(cut(bytesOf(event.repeat(count)), []))).toHaveLength(count);
});
