import { setImmediate as nextRound } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { breathe } from '../src/breath.js';

/** Keeps the process from everything else. */
function work(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('a crowd of turns goes on in its order, and lets others in between', async () => {
  const seen: (number | 'other')[] = [];
  const crowd = Array.from({ length: 12 }, async (_, number) => {
    await breathe();
    work(3);
    seen.push(number);
  });
  const other = nextRound().then(() => seen.push('other'));
  await Promise.all([...crowd, other]);
  expect(seen.filter((one) => one !== 'other')).toEqual(Array.from({ length: 12 }, (_, number) => number));
  expect(seen.indexOf('other')).toBeLessThan(4);
});

test('what follows at once from one turn’s going on has happened before the next goes on', async () => {
  const seen: string[] = [];
  const turn = async (name: string) => {
    await breathe();
    for (let step = 0; step < 20; step++) await Promise.resolve();
    seen.push(`${name} as far as it can`);
  };
  const first = turn('one');
  const second = breathe().then(() => seen.push('two goes on'));
  await Promise.all([first, second]);
  expect(seen).toEqual(['one as far as it can', 'two goes on']);
});

test('whoever has less patience goes first, but not for ever', async () => {
  const seen: string[] = [];
  const turn = async (name: string, patienceMs?: number) => {
    await breathe(patienceMs);
    work(10);
    seen.push(name);
  };
  // It takes a round of its own.
  const crowd = [turn('zero')];
  const patient = [turn('patient', 100), turn('patient too', 100)];
  const keepComing = async (count: number): Promise<void> => {
    await turn(String(count));
    if (count < 30) await keepComing(count + 1);
  };
  await Promise.all([...crowd, ...patient, keepComing(1)]);
  const place = seen.indexOf('patient');
  expect(seen.slice(0, 4)).toEqual(['zero', '1', '2', '3']);
  // Those before it took ten milliseconds each, or more.
  expect(place).toBeLessThanOrEqual(11);
  expect(seen[place + 1]).toBe('patient too');
});

test('one that fails keeps no other', async () => {
  const failing = breathe().then(() => {
    throw new Error('no');
  });
  const others = [breathe(), breathe()];
  await expect(failing).rejects.toThrow('no');
  await Promise.all(others);
  await breathe();
});
