import { expect, test } from 'vitest';
import type { Answer } from '../src/chat.js';
import { ModelError } from '../src/errors.js';
import { paintReply, type Surface, type Urgency } from '../src/reply.js';
import { gate } from './fakes.js';

const pace = { roundMs: 40, gatherMs: 4, crowdedMs: 60, signMs: 30, signAgainMs: 30, againMs: 5 };

/** A surface that keeps what it shows and each request that it took. */
function fakeSurface(told: Partial<Surface> = {}) {
  const messages: string[] = [];
  const files: string[] = [];
  const requests: string[] = [];
  const surface: Surface = {
    head: '',
    maxMessages: Number.POSITIVE_INFINITY,
    isCrowded: false,
    allow: async () => {},
    async giveSign() {
      requests.push('sign');
    },
    async create(index, text, file) {
      requests.push(`create ${index}`);
      messages[index] = text;
      if (file !== undefined) files.push(file);
    },
    async edit(index, text) {
      requests.push(`edit ${index}`);
      messages[index] = text;
    },
    isGone: () => false,
    ...told,
  };
  return { surface, messages, files, requests };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function* pieces(texts: readonly string[], everyMs: number, notes: readonly string[] = []): Answer {
  for (const text of texts) {
    yield text;
    if (everyMs > 0) await pause(everyMs);
  }
  return notes;
}

test('a short answer costs one request', async () => {
  const { surface, messages, requests } = fakeSurface();
  await paintReply(pieces(['Hel', 'lo', '.'], 0), surface, pace);
  expect(messages).toEqual(['Hello.']);
  expect(requests).toEqual(['create 0']);
});

test('a slow answer is shown while it grows, in fewer requests than it has pieces', async () => {
  const { surface, messages, requests } = fakeSurface();
  const words = Array.from({ length: 40 }, (_, index) => `word${index} `);
  await paintReply(pieces(words, 5), surface, pace);
  expect(messages).toEqual([words.join('').trim()]);
  expect(requests[0]).toBe('create 0');
  expect(requests.length).toBeGreaterThan(2);
  expect(requests.length).toBeLessThan(15);
});

test('where requests are scarce, an answer that ends soon costs one', async () => {
  const { surface, requests } = fakeSurface({ isCrowded: true });
  await paintReply(pieces(['a ', 'b ', 'c'], 10), surface, pace);
  expect(requests).toEqual(['create 0']);
});

test('signs of life are given until the first text, and not after it', async () => {
  const { surface, requests } = fakeSurface();
  async function* slow(): Answer {
    await pause(100);
    yield 'At ';
    await pause(100);
    yield 'last.';
    return [];
  }
  await paintReply(slow(), surface, pace);
  const first = requests.indexOf('create 0');
  expect(requests.slice(0, first).length).toBeGreaterThanOrEqual(2);
  expect(new Set(requests.slice(0, first))).toEqual(new Set(['sign']));
  expect(requests.slice(first)).not.toContain('sign');
});

test('a stream that stalls has all its text on view', async () => {
  const stalled = gate();
  const shown = gate();
  const fake = fakeSurface();
  const edit = fake.surface.edit;
  const surface: Surface = {
    ...fake.surface,
    async edit(index, text) {
      await edit(index, text);
      if (text.endsWith('three')) shown.open();
    },
  };
  async function* stalling(): Answer {
    yield 'one ';
    await pause(15);
    yield 'two ';
    await pause(15);
    yield 'three';
    await stalled.opened;
    return [];
  }
  const painted = paintReply(stalling(), surface, pace);
  await shown.opened;
  stalled.open();
  await painted;
});

test('no request is sent while another is in flight', async () => {
  let inFlight = 0;
  const fake = fakeSurface();
  const slowly = async () => {
    inFlight += 1;
    expect(inFlight).toBe(1);
    await pause(25);
    inFlight -= 1;
  };
  const surface: Surface = { ...fake.surface, create: slowly, edit: slowly };
  await paintReply(
    pieces(
      Array.from({ length: 60 }, () => 'word '),
      4,
    ),
    surface,
    { ...pace, roundMs: 5 },
  );
});

test('an edit holds the text of the moment when it may go, and a preview that came too late is not sent', async () => {
  const held = gate();
  const fake = fakeSurface();
  const edits: string[] = [];
  const surface: Surface = {
    ...fake.surface,
    async allow(urgency: Urgency, signal?: AbortSignal) {
      if (urgency !== 'preview') return;
      await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    },
    async edit(_, text) {
      edits.push(text);
    },
  };
  async function* answer(): Answer {
    yield 'one ';
    await pause(80);
    yield 'two ';
    await held.opened;
    yield 'three';
    return [];
  }
  const painted = paintReply(answer(), surface, pace);
  await pause(150);
  expect(edits).toEqual([]);
  held.open();
  await painted;
  expect(edits).toEqual(['one two three']);
});

test('a failure before any text is told in a sentence', async () => {
  const { surface, messages } = fakeSurface();
  async function* failing(): Answer {
    yield* [];
    throw new ModelError('busy');
  }
  await paintReply(failing(), surface, pace);
  expect(messages).toEqual(['The language model is too busy right now. Please try again in a moment.']);
});

test('a failure amid an answer is told below what had come, outside of its code', async () => {
  const { surface, messages } = fakeSurface();
  async function* failing(): Answer {
    yield 'Look:\n```js\nlet a = 1;';
    throw new Error('socket 10.0.0.1 closed');
  }
  await paintReply(failing(), surface, pace);
  expect(messages).toEqual([
    'Look:\n```js\nlet a = 1;\n```\n-# Something broke on my side. Whoever runs me finds it in the log.',
  ]);
});

test('an answer that shows nothing is told as empty', async () => {
  const { surface, messages } = fakeSurface();
  await paintReply(pieces(['```js'], 0), surface, pace);
  expect(messages).toEqual(['The language model gave an empty answer. Please try again, or put it another way.']);
});

test('notes that do not fit the last message get one of their own', async () => {
  const { surface, messages } = fakeSurface();
  await paintReply(pieces(['x'.repeat(1995)], 0, ['Cut off.']), surface, pace);
  expect(messages.map(({ length }) => length)).toEqual([1995, 11]);
  expect(messages[1]).toBe('-# Cut off.');
});

test('a long answer continues in further messages, none of them over the limit', async () => {
  const { surface, messages, requests } = fakeSurface();
  const lines = Array.from({ length: 400 }, (_, index) => `${index}. A line of some length.\n`);
  await paintReply(pieces(lines, 1), surface, pace);
  expect(messages.join('\n')).toBe(lines.join('').trim());
  expect(Math.max(...messages.map(({ length }) => length))).toBeLessThanOrEqual(2000);
  const created = requests.filter((request) => request.startsWith('create'));
  expect(created).toEqual(messages.map((_, index) => `create ${index}`));
});

test('where only so many messages are allowed, the rest comes as a file', async () => {
  const { surface, messages, files } = fakeSurface({ maxMessages: 3 });
  const text = Array.from({ length: 400 }, (_, index) => `${index}. A line of some length.`).join('\n');
  await paintReply(pieces([text], 0), surface, pace);
  expect(messages).toHaveLength(3);
  expect(messages[2]).toBe('The rest is in the file.');
  expect([...messages.slice(0, 2), ...files].join('\n')).toBe(text);
});

test('the head stands above the answer', async () => {
  const { surface, messages } = fakeSurface({ head: '> Why?\n\n' });
  await paintReply(pieces(['Because.'], 0), surface, pace);
  expect(messages).toEqual(['> Why?\n\nBecause.']);
});

test('a preview that fails is made good by the next', async () => {
  let failures = 2;
  const fake = fakeSurface();
  const { create } = fake.surface;
  const surface: Surface = {
    ...fake.surface,
    async create(index, text) {
      if (failures-- > 0) throw new Error('502');
      await create(index, text);
    },
  };
  await paintReply(
    pieces(
      Array.from({ length: 30 }, () => 'word '),
      5,
    ),
    surface,
    pace,
  );
  expect(fake.messages).toEqual(['word '.repeat(30).trim()]);
});

test('a whole text that can’t be shown at once is tried again', async () => {
  let failures = 3;
  const fake = fakeSurface();
  const { create } = fake.surface;
  const surface: Surface = {
    ...fake.surface,
    async create(index, text) {
      if (failures-- > 0) throw new Error('socket closed');
      await create(index, text);
    },
  };
  await paintReply(pieces(['Hello.'], 0), surface, pace);
  expect(fake.messages).toEqual(['Hello.']);
});

test('a create that took effect though its answer was lost is brought up to date', async () => {
  let isLost = true;
  const fake = fakeSurface();
  const surface: Surface = {
    ...fake.surface,
    // As with a nonce that Discord enforces: the first message stays, whatever is sent again.
    async create(index, text) {
      fake.messages[index] ??= text;
      if (!isLost) return;
      isLost = false;
      throw new Error('socket closed');
    },
  };
  await paintReply(pieces(['One ', 'two ', 'three.'], 30), surface, pace);
  expect(fake.messages).toEqual(['One two three.']);
});

test('where only so many messages are allowed, a growing answer keeps the last for the file', async () => {
  const { surface, messages, files } = fakeSurface({ maxMessages: 3 });
  const lines = Array.from({ length: 300 }, (_, index) => `${index}. A line of some length.\n`);
  await paintReply(pieces(lines, 1), surface, { ...pace, roundMs: 5 });
  expect(messages).toHaveLength(3);
  expect([...messages.slice(0, 2), ...files].join('\n').trim()).toBe(lines.join('').trim());
});

test('where nothing more can be shown, painting ends', async () => {
  const gone = new Error('Unknown Channel');
  const fake = fakeSurface();
  const surface: Surface = { ...fake.surface, edit: () => Promise.reject(gone), isGone: (error) => error === gone };
  const endless = async function* (): Answer {
    for (;;) {
      yield 'word ';
      await pause(5);
    }
  };
  await expect(paintReply(endless(), surface, pace)).rejects.toBe(gone);
});
