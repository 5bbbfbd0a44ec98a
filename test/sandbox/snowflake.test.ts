import fc from 'fast-check';
import { expect, test } from 'vitest';
import { byAge, createSnowflakes, timeOf } from '../../src/sandbox/snowflake.js';

const start = Date.UTC(2026, 0, 1);

test('ids are unique and grow, however the clock goes', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5_000, max: 5_000 }), { minLength: 1, maxLength: 200 }), (steps) => {
      let now = start;
      const next = createSnowflakes({ now: () => now });
      const ids = steps.map((step) => {
        now += step;
        return next();
      });
      expect([...ids].sort(byAge)).toEqual(ids);
      expect(new Set(ids).size).toBe(ids.length);
    }),
  );
});

test('an id tells when it was made, as long as a millisecond makes no more than 4,096', () => {
  const next = createSnowflakes({ now: () => start });
  const ids = Array.from({ length: 4_097 }, next);
  expect(ids.slice(0, 4_096).every((id) => timeOf(id) === start)).toBe(true);
  expect(timeOf(ids[4_096] ?? '')).toBe(start + 1);
});

test('the example of Discord’s documentation is read as it says', () => {
  expect(new Date(timeOf('175928847299117063')).toISOString()).toBe('2016-04-30T11:18:25.796Z');
});

test('ids come after the newest of before, though the clock was set back since', () => {
  const newest = createSnowflakes({ now: () => 2_000_000_000_000 })();
  const newId = createSnowflakes({ now: () => 1_700_000_000_000 }, newest);
  expect([newest, newId(), newId()].sort(byAge)[0]).toBe(newest);
});
