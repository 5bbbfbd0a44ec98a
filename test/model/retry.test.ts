import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ModelFailure } from '../../src/errors.js';
import { createWaits, inWords, toldWaitMs } from '../../src/model/retry.js';

const failures = fc.constantFrom<ModelFailure>('busy', 'trouble', 'connection');
const told = fc.option(fc.double({ min: 0.001, max: 100_000, noNaN: true }), { nil: undefined });

test('whatever fails and is told, the waits end, add up to a minute at most, and obey what is told', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5_000 }),
      fc.array(fc.tuple(failures, told), { minLength: 30 }),
      (firstMs, course) => {
        const nextWaitMs = createWaits(firstMs);
        const waits = course.map(([failure, toldMs]) => ({ toldMs, waitMs: nextWaitMs(failure, toldMs) }));
        const taken = waits.filter(({ waitMs }) => waitMs !== undefined);
        expect(taken.length).toBeLessThanOrEqual(13);
        expect(taken.reduce((sum, { waitMs = 0 }) => sum + waitMs, 0)).toBeLessThanOrEqual(60_000);
        for (const { toldMs, waitMs } of taken) if (toldMs !== undefined) expect(waitMs).toBe(toldMs);
      },
    ),
  );
});

test('without a word from the server the waits double, less a quarter at most', () => {
  const nextWaitMs = createWaits(500);
  for (const fullMs of [500, 1000, 2000]) {
    const waitMs = nextWaitMs('trouble', undefined);
    expect(waitMs).toBeGreaterThanOrEqual(fullMs * 0.75);
    expect(waitMs).toBeLessThanOrEqual(fullMs);
  }
  expect(nextWaitMs('connection', undefined)).toBeUndefined();
});

test.each([
  [{ 'retry-after-ms': '1500', 'retry-after': '9' }, 1500],
  [{ 'retry-after': '9' }, 9000],
  [{ 'retry-after': '0.5' }, 500],
  [{ 'retry-after-ms': 'soon', 'retry-after': '2' }, 2000],
  [{ 'retry-after': '0' }, undefined],
  [{ 'retry-after': 'soon' }, undefined],
  [{ 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, undefined],
  [{}, undefined],
])('of %j the wait is %s', (headers, expected) => {
  expect(toldWaitMs(new Headers(headers))).toBe(expected);
});

test('a date is a wait until then', () => {
  const waitMs = toldWaitMs(new Headers({ 'retry-after': new Date(Date.now() + 60_000).toUTCString() }));
  expect(waitMs).toBeGreaterThan(50_000);
  expect(waitMs).toBeLessThanOrEqual(60_000);
});

test.each([
  [200, '1 second'],
  [61_000, '61 seconds'],
  [221_000, '4 minutes'],
  [90 * 60_000, '2 hours'],
  [40 * 3_600_000, '40 hours'],
])('%i ms are %s', (ms, words) => {
  expect(inWords(ms)).toBe(words);
});
