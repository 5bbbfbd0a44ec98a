import { expect, test } from 'vitest';
import type { Answer } from '../src/chat.js';
import { ModelError, Stopped } from '../src/errors.js';
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
    turnId: '7',
    isTakenUp: false,
    standing: async () => [],
    async remove(index) {
      requests.push(`remove ${index}`);
      messages.length = index;
    },
    async create(index, { text, file }) {
      requests.push(`create ${index}`);
      messages[index] = text;
      if (file !== undefined) files.push(file);
    },
    async edit(index, { text }) {
      requests.push(`edit ${index}`);
      messages[index] = text;
    },
    judge: () => 'later',
    noteRefusal: () => {},
    ...told,
  };
  return { surface, messages, files, requests };
}

const paint = (answer: Answer, surface: Surface, paceOf = pace, stopped = new AbortController().signal) =>
  paintReply(answer, surface, stopped, paceOf);

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
  await paint(pieces(['Hel', 'lo', '.'], 0), surface);
  expect(messages).toEqual(['Hello.']);
  expect(requests).toEqual(['create 0']);
});

test('a slow answer is shown while it grows, in fewer requests than it has pieces', async () => {
  const { surface, messages, requests } = fakeSurface();
  const words = Array.from({ length: 40 }, (_, index) => `word${index} `);
  await paint(pieces(words, 5), surface);
  expect(messages).toEqual([words.join('').trim()]);
  expect(requests[0]).toBe('create 0');
  expect(requests.length).toBeGreaterThan(2);
  expect(requests.length).toBeLessThan(15);
});

test('where requests are scarce, an answer that ends soon costs one', async () => {
  const { surface, requests } = fakeSurface({ isCrowded: true });
  await paint(pieces(['a ', 'b ', 'c'], 10), surface);
  expect(requests).toEqual(['create 0']);
});

test('signs of life are given until the first text, and not after it', async () => {
  const { surface, requests } = fakeSurface();
  async function* slow(): Answer {
    while (requests.length < 2) await pause(5);
    yield 'At ';
    await pause(100);
    yield 'last.';
    return [];
  }
  await paint(slow(), surface);
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
    async edit(index, { text }) {
      await edit(index, { text });
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
  const painted = paint(stalling(), surface);
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
  await paint(
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
    async edit(_, { text }) {
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
  const painted = paint(answer(), surface);
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
  await paint(failing(), surface);
  expect(messages).toEqual([
    'The language model is too busy right now. Please try again in a moment.\n-# Reference: 7',
  ]);
});

test('a failure amid an answer is told below what had come, outside of its code', async () => {
  const { surface, messages } = fakeSurface();
  async function* failing(): Answer {
    yield 'Look:\n```js\nlet a = 1;';
    throw new Error('socket 10.0.0.1 closed');
  }
  await paint(failing(), surface);
  expect(messages).toEqual([
    'Look:\n```js\nlet a = 1;\n```\n-# Something broke on my side. Whoever runs me finds it in the log. Reference: 7',
  ]);
});

test('an answer that shows nothing is told as empty', async () => {
  const { surface, messages } = fakeSurface();
  await paint(pieces(['```js'], 0), surface);
  expect(messages).toEqual(['The language model gave an empty answer. Please try again, or put it another way.']);
});

test('notes that do not fit the last message get one of their own', async () => {
  const { surface, messages } = fakeSurface();
  await paint(pieces(['x'.repeat(1995)], 0, ['Cut off.']), surface);
  expect(messages.map(({ length }) => length)).toEqual([1995, 11]);
  expect(messages[1]).toBe('-# Cut off.');
});

test('a long answer continues in further messages, none of them over the limit', async () => {
  const { surface, messages, requests } = fakeSurface();
  const lines = Array.from({ length: 400 }, (_, index) => `${index}. A line of some length.\n`);
  await paint(pieces(lines, 1), surface);
  expect(messages.join('\n')).toBe(lines.join('').trim());
  expect(Math.max(...messages.map(({ length }) => length))).toBeLessThanOrEqual(2000);
  const created = requests.filter((request) => request.startsWith('create'));
  expect(created).toEqual(messages.map((_, index) => `create ${index}`));
});

test('where only so many messages are allowed, the rest comes as a file', async () => {
  const { surface, messages, files } = fakeSurface({ maxMessages: 3 });
  const text = Array.from({ length: 400 }, (_, index) => `${index}. A line of some length.`).join('\n');
  await paint(pieces([text], 0), surface);
  expect(messages).toHaveLength(3);
  expect(messages[2]).toBe('The rest is in the file.');
  expect([...messages.slice(0, 2), ...files].join('\n')).toBe(text);
});

test('the head stands above the answer', async () => {
  const { surface, messages } = fakeSurface({ head: '> Why?\n\n' });
  await paint(pieces(['Because.'], 0), surface);
  expect(messages).toEqual(['> Why?\n\nBecause.']);
});

test('a preview that fails is made good by the next', async () => {
  let failures = 2;
  const fake = fakeSurface();
  const { create } = fake.surface;
  const surface: Surface = {
    ...fake.surface,
    async create(index, { text }) {
      if (failures-- > 0) throw new Error('502');
      await create(index, { text });
    },
  };
  await paint(
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
    async create(index, { text }) {
      if (failures-- > 0) throw new Error('socket closed');
      await create(index, { text });
    },
  };
  await paint(pieces(['Hello.'], 0), surface);
  expect(fake.messages).toEqual(['Hello.']);
});

test('a create that took effect though its answer was lost is brought up to date', async () => {
  let isLost = true;
  const fake = fakeSurface();
  const surface: Surface = {
    ...fake.surface,
    // As with a nonce that Discord enforces: the first message stays, whatever is sent again.
    async create(index, { text }) {
      fake.messages[index] ??= text;
      if (!isLost) return;
      isLost = false;
      throw new Error('socket closed');
    },
  };
  await paint(pieces(['One ', 'two ', 'three.'], 30), surface);
  expect(fake.messages).toEqual(['One two three.']);
});

test('where only so many messages are allowed, a growing answer keeps the last for the file', async () => {
  const { surface, messages, files } = fakeSurface({ maxMessages: 3 });
  const lines = Array.from({ length: 300 }, (_, index) => `${index}. A line of some length.\n`);
  await paint(pieces(lines, 1), surface, { ...pace, roundMs: 5 });
  expect(messages).toHaveLength(3);
  expect([...messages.slice(0, 2), ...files].join('\n').trim()).toBe(lines.join('').trim());
});

test('where nothing more can be shown, painting ends', async () => {
  const gone = new Error('Unknown Channel');
  const fake = fakeSurface();
  const surface: Surface = {
    ...fake.surface,
    edit: () => Promise.reject(gone),
    judge: (error) => (error === gone ? 'gone' : 'later'),
  };
  const endless = async function* (): Answer {
    for (;;) {
      yield 'word ';
      await pause(5);
    }
  };
  await expect(paint(endless(), surface)).rejects.toBe(gone);
});

test('a preview that failed is tried again though the stream stalls', async () => {
  const stalled = gate();
  let failures = 2;
  const fake = fakeSurface();
  const surface: Surface = {
    ...fake.surface,
    async edit(index, { text }) {
      if (failures-- > 0) throw new Error('500');
      await fake.surface.edit(index, { text });
      stalled.open();
    },
  };
  async function* stalling(): Answer {
    yield 'One ';
    await pause(60);
    yield 'two.';
    await stalled.opened;
    return [];
  }
  await paint(stalling(), surface);
  expect(fake.messages).toEqual(['One two.']);
});

test('a text that is refused is spoken of, and the others are shown', async () => {
  const fake = fakeSurface();
  const { create } = fake.surface;
  const surface: Surface = {
    ...fake.surface,
    async create(index, { text }) {
      if (text.includes('forbidden')) throw new Error('blocked');
      await create(index, { text });
    },
    judge: () => 'refused',
  };
  const long = 'Some words here. '.repeat(100).trim();
  await paint(pieces([`${long}\n\nA forbidden word. ${long}\n\n${long}`], 0), surface);
  expect(fake.messages[0]).toBe(long);
  expect(fake.messages[1]).toBe('Discord did not let me show this part of the answer.');
  expect(fake.messages.at(-1)).toBe(long);
});

test('an answer that is stopped while its messages are being sent ends with those that are there', async () => {
  const stop = new AbortController();
  const fake = fakeSurface();
  const { create } = fake.surface;
  const surface: Surface = {
    ...fake.surface,
    async create(index, { text }) {
      await create(index, { text });
      if (index === 1) stop.abort(new Stopped('reset'));
    },
  };
  const lines = Array.from({ length: 400 }, (_, index) => `${index}. A line of some length.`);
  await paint(pieces([lines.join('\n')], 0), surface, pace, stop.signal);
  expect(fake.messages.length).toBeLessThanOrEqual(3);
  expect(fake.messages.at(-1)).toMatch(/-# Stopped, because the conversation was reset\.$/);
});

test('an answer that is stopped while its last message but one is being edited says so there', async () => {
  const stop = new AbortController();
  const fake = fakeSurface();
  const { create, edit } = fake.surface;
  const shown = gate();
  const surface: Surface = {
    ...fake.surface,
    // No preview gets through, so that the edit is one of the end.
    allow: async (urgency, signal) => {
      if (urgency !== 'preview') return;
      while (!signal?.aborted) await pause(5);
      signal.throwIfAborted();
    },
    async create(index, message) {
      await create(index, message);
      if (index === 1) shown.open();
    },
    async edit(index, message) {
      await edit(index, message);
      if (index === 1) stop.abort(new Stopped('reset'));
    },
  };
  // Sixteen of these fill a message, and leave room for a note.
  const lines = Array.from({ length: 40 }, (_, index) => `${index}.`.padEnd(120, 'x'));
  async function* answer(): Answer {
    yield lines.slice(0, 20).join('\n');
    await shown.opened;
    await pause(pace.roundMs);
    yield `\n${lines.slice(20).join('\n')}`;
    return [];
  }
  await paint(answer(), surface, pace, stop.signal);
  expect(fake.messages).toHaveLength(2);
  expect(fake.messages[1]).toMatch(/-# Stopped, because the conversation was reset\.$/);
});

test('an answer that is stopped leaves no message behind whose creation got lost on its way back', async () => {
  const stop = new AbortController();
  const fake = fakeSurface();
  const { create } = fake.surface;
  const surface: Surface = {
    ...fake.surface,
    async create(index, message) {
      if (fake.messages[index] === undefined) await create(index, message);
      if (index !== 1 || stop.signal.aborted) return;
      stop.abort(new Stopped('withdrawn'));
      throw new Error('lost on the way back');
    },
  };
  const lines = Array.from({ length: 40 }, (_, index) => `${index}.`.padEnd(120, 'x'));
  await paint(pieces([lines.join('\n')], 0), surface, pace, stop.signal);
  expect(fake.messages).toHaveLength(2);
  expect(fake.messages[0]).not.toMatch(/Stopped/);
  expect(fake.messages[1]).toMatch(/-# Stopped, because the question was deleted\.$/);
});

test('an answer that was stopped before it began says why', async () => {
  const stop = new AbortController();
  stop.abort(new Stopped('reset'));
  const { surface, messages } = fakeSurface();
  async function* stopped(): Answer {
    yield* [];
    throw stop.signal.reason;
  }
  await paint(stopped(), surface, pace, stop.signal);
  expect(messages).toEqual(['Stopped, because the conversation was reset.']);
});

test('a message whose first text went up twice and whose new text got lost is brought up to date at the end', async () => {
  const lost = new Set(['create 0', 'edit 0']);
  const fake = fakeSurface();
  const { create, edit } = fake.surface;
  const allLost = gate();
  const lose = async (request: string) => {
    if (!lost.delete(request)) return;
    if (lost.size === 0) allLost.open();
    throw new Error('lost on the way');
  };
  async function* answer(): Answer {
    yield 'One ';
    await allLost.opened;
    yield 'two.';
    return [];
  }
  const surface: Surface = {
    ...fake.surface,
    async create(index, message) {
      // Created anew, it is the message that stands there already.
      if (fake.messages[index] === undefined) await create(index, message);
      await lose(`create ${index}`);
    },
    async edit(index, message) {
      await lose(`edit ${index}`);
      await edit(index, message);
    },
  };
  await paint(answer(), surface);
  expect(fake.messages).toEqual(['One two.']);
});

test('an answer that is stopped after its end, while its only message is being sent, is shown whole', async () => {
  const stop = new AbortController();
  const fake = fakeSurface();
  const { create } = fake.surface;
  const begun = gate();
  const written = gate();
  const surface: Surface = {
    ...fake.surface,
    async create(index, message) {
      begun.open();
      await written.opened;
      await create(index, message);
      stop.abort(new Stopped('withdrawn'));
    },
  };
  async function* answer(): Answer {
    yield 'One ';
    await begun.opened;
    yield 'two.';
    setImmediate(written.open);
    return [];
  }
  await paint(answer(), surface, pace, stop.signal);
  expect(fake.messages).toEqual(['One two.']);
});

async function* failing(error: Error): Answer {
  yield* [];
  throw error;
}

test.each([
  ['alone', ['The language model gave an empty answer. Please try again, or put it another way.\n-# Reference: 7']],
  ['below what had come', ['A whole part.', 'Half a\n-# The language model stopped sending. Reference: 7']],
  ['for the time being', ['Half a\n-# I am being restarted, and go on with this when I am back.']],
])('an end that a process before this one told %s is not told a second time', async (_, standing) => {
  const { surface, messages } = fakeSurface({ isTakenUp: true, standing: async () => standing });
  messages.push(...standing);
  await paint(failing(new ModelError('empty')), surface);
  expect(messages.join('\n').match(/Reference: 7/g)).toHaveLength(1);
  expect(messages.join('\n')).toMatch(/gave an empty answer.*\n?.*Reference: 7$/);
  expect(messages.join('\n')).not.toMatch(/restarted|stopped sending/);
});
