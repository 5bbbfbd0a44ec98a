import { expect, test } from 'vitest';
import { createPace, type DiscordPace } from '../../src/discord/pace.js';
import type { Urgency } from '../../src/reply.js';

/** Sends a request that is answered at once. */
async function send(pace: DiscordPace, urgency: Urgency): Promise<void> {
  await pace.allow(urgency);
  pace.hasSent();
  pace.hasAnswered();
}

test('when requests are scarce, texts go first, then previews, then signs of life', async () => {
  const pace = createPace(4);
  await Promise.all(Array.from({ length: 4 }, () => send(pace, 'text')));
  expect(pace.isCrowded).toBe(true);
  const order: string[] = [];
  const asked = (['sign', 'preview', 'text'] as const).map(async (urgency) => {
    await send(pace, urgency);
    order.push(urgency);
  });
  await Promise.all(asked);
  expect(order).toEqual(['text', 'preview', 'sign']);
});

test('some room is kept for texts', async () => {
  const pace = createPace(10);
  const allowed: string[] = [];
  const ask = (urgency: Urgency) => send(pace, urgency).then(() => allowed.push(urgency));
  const asked = [
    ...Array.from({ length: 6 }, () => ask('sign')),
    ...Array.from({ length: 5 }, () => ask('preview')),
    ask('text'),
  ];
  await new Promise((resolve) => setImmediate(resolve));
  expect(allowed.filter((urgency) => urgency === 'sign')).toHaveLength(3);
  expect(allowed.filter((urgency) => urgency === 'preview')).toHaveLength(5);
  expect(allowed).toContain('text');
  await Promise.all(asked);
});

test('in no second are more requests allowed than there may be', async () => {
  const pace = createPace(20);
  const times: number[] = [];
  await Promise.all(Array.from({ length: 50 }, () => send(pace, 'text').then(() => times.push(performance.now()))));
  for (const [index, time] of times.entries()) {
    // A timer may fire up to a millisecond early.
    expect(
      times.filter((other) => other >= time && other < time + 990).length,
      `from the ${index}th on`,
    ).toBeLessThanOrEqual(20);
  }
});

test('who gives up makes room for others', async () => {
  const pace = createPace(2);
  await Promise.all([send(pace, 'text'), send(pace, 'text')]);
  const impatient = new AbortController();
  const gaveUp = pace.allow('preview', impatient.signal);
  impatient.abort(new Error('over'));
  await expect(gaveUp).rejects.toThrow('over');
  await expect(pace.allow('preview', impatient.signal)).rejects.toThrow('over');
  await send(pace, 'text');
});

test('a request without an answer is counted until it has one', async () => {
  const pace = createPace(1);
  await pace.allow('text');
  pace.hasSent();
  let isAllowed = false;
  const next = pace.allow('text').then(() => {
    isAllowed = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 1100));
  expect(isAllowed).toBe(false);
  pace.hasAnswered();
  await next;
});

const headers = (remaining: number, resetAfter: number) => (name: string) =>
  ({ 'x-ratelimit-remaining': String(remaining), 'x-ratelimit-reset-after': String(resetAfter) })[name] ?? null;

test('previews leave a bucket’s last edit to the final text', async () => {
  const pace = createPace(50);
  pace.learn('PATCH', '/channels/1/messages/2', headers(1, 0.1));
  pace.learn('POST', '/channels/3/messages', headers(0, 100));
  pace.learn('PATCH', '/channels/4/messages/2', headers(2, 100));
  pace.learn('PATCH', '/webhooks/5/to-ken/messages/@original', headers(0, 100));
  const order: string[] = [];
  const held = pace.bucket('1').then(() => order.push('held'));
  for (const free of ['3', '4']) await pace.bucket(free).then(() => order.push(free));
  await held;
  expect(order).toEqual(['3', '4', 'held']);
  const impatient = new AbortController();
  const webhook = pace.bucket('to-ken', impatient.signal);
  impatient.abort();
  await expect(webhook).rejects.toThrow();
});

test('a request that is allowed and not sent does not keep others back for long', async () => {
  const pace = createPace(1);
  await pace.allow('text');
  await send(pace, 'text');
});
