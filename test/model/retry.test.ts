import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ModelFailure } from '../../src/errors.js';
import { createWaits, inWords, toldWaitMs } from '../../src/model/retry.js';

const failures = fc.constantFrom<ModelFailure>('busy', 'trouble', 'connection');
const told = fc.option(fc.double({ min: 0.001, max: 100_000, noNaN: true }), { nil: undefined });

const tookMs = fc.double({ min: 0, max: 70_000, noNaN: true });

test('whatever fails, is told and takes long, no attempt begins later than a minute after the first', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5_000 }),
      fc.array(fc.tuple(failures, told, tookMs), { minLength: 30 }),
      (firstMs, course) => {
        let nowMs = 1e9;
        const nextWaitMs = createWaits(firstMs, () => nowMs);
        const latest = nowMs + 60_000;
        let taken = 0;
        for (const [failure, toldMs, attemptMs] of course) {
          nowMs += attemptMs;
          const waitMs = nextWaitMs(failure, toldMs);
          if (waitMs === undefined) continue;
          taken += 1;
          nowMs += waitMs;
          expect(nowMs).toBeLessThanOrEqual(latest);
          if (toldMs !== undefined) expect(waitMs).toBe(toldMs);
        }
        expect(taken).toBeLessThanOrEqual(13);
      },
    ),
  );
});

test('attempts that fail at once end, however often they are told to come back at once', () => {
  const nextWaitMs = createWaits(500, () => 0);
  const course = Array.from({ length: 100 }, (_, count) => (count % 2 ? ('busy' as const) : ('trouble' as const)));
  expect(course.filter((failure) => nextWaitMs(failure, 0.001) !== undefined)).toHaveLength(13);
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
  [{ 'retry-after': 'Wed, 21 Oct 2015 07:28:00' }, undefined],
  [{ 'retry-after': '-5' }, undefined],
  [{ 'retry-after': 'wait 49' }, undefined],
  [{ 'retry-after': '1.2.3' }, undefined],
  [{ 'retry-after': '9'.repeat(400) }, undefined],
  [{ 'retry-after': '2678400' }, 31 * 24 * 3_600_000],
  [{ 'retry-after': '2678401' }, undefined],
  [{ 'retry-after-ms': '1e400', 'retry-after': '9' }, 9000],
  [{ 'retry-after-ms': '-1', 'retry-after': '-1' }, undefined],
  [{}, undefined],
])('of %j the wait is %s', (headers, expected) => {
  expect(toldWaitMs(new Headers(headers))).toBe(expected);
});

test('a date is a wait until then', () => {
  const waitMs = toldWaitMs(new Headers({ 'retry-after': new Date(Date.now() + 60_000).toUTCString() }));
  expect(waitMs).toBeGreaterThan(50_000);
  expect(waitMs).toBeLessThanOrEqual(60_000);
});

const moments = fc.date({ min: new Date('1970-01-02'), max: new Date('2100-01-01'), noInvalidDate: true });

test('a date counts from the time that the server has, however wrong its clock or ours is', () => {
  fc.assert(
    fc.property(moments, fc.integer({ min: -100_000, max: 31 * 24 * 3600 }), (date, seconds) => {
      const until = new Date(Math.floor(date.getTime() / 1000) * 1000 + seconds * 1000);
      const headers = new Headers({ date: date.toUTCString(), 'retry-after': until.toUTCString() });
      expect(toldWaitMs(headers)).toBe(seconds > 0 ? seconds * 1000 : undefined);
    }),
  );
});

test('without the server’s time a date counts from ours, and a clock that jumps makes no wait negative or endless', () => {
  fc.assert(
    fc.property(moments, (until) => {
      const waitMs = toldWaitMs(new Headers({ 'retry-after': until.toUTCString() })) ?? 1;
      expect(waitMs).toBeGreaterThan(0);
      expect(waitMs).toBeLessThanOrEqual(31 * 24 * 3_600_000);
    }),
  );
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
