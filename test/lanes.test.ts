import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openDoor, openLanes } from '../src/lanes.js';
import { gate } from './fakes.js';

test('those who wait come in in the order in which they came', async () => {
  const door = openDoor(1);
  const order: number[] = [];
  const visits = [1, 2, 3].map(async (visitor) => {
    const leave = await door.enter();
    order.push(visitor);
    leave();
  });
  await Promise.all(visits);
  expect(order).toEqual([1, 2, 3]);
  expect(door.empty).toBe(true);
});

test('a lane that is left twice lets nobody pass who came later', async () => {
  const lanes = openLanes();
  const leave = await lanes.enter('c1');
  leave();
  await lanes.enter('c1');
  leave();
  let isInside = false;
  lanes.enter('c1').then(() => {
    isInside = true;
  });
  await Promise.resolve();
  await new Promise(setImmediate);
  expect(isInside).toBe(false);
});

test('there are never more inside than there are places, and everybody comes in', async () => {
  const visits = fc.array(fc.nat(3), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 }), visits, async (places, stays) => {
      const door = openDoor(places);
      let inside = 0;
      let most = 0;
      await Promise.all(
        stays.map(async (stay) => {
          const leave = await door.enter();
          inside += 1;
          most = Math.max(most, inside);
          for (let step = 0; step < stay; step += 1) await Promise.resolve();
          inside -= 1;
          leave();
          leave();
        }),
      );
      expect(most).toBeLessThanOrEqual(places);
      expect(door.empty).toBe(true);
    }),
  );
});

test('who gives up waiting is passed over', async () => {
  const door = openDoor(1);
  const leave = await door.enter();
  const impatient = new AbortController();
  const gaveUp = door.enter(impatient.signal);
  const patient = door.enter();
  impatient.abort(new Error('enough'));
  await expect(gaveUp).rejects.toThrow('enough');
  leave();
  (await patient)();
  expect(door.empty).toBe(true);
});

test('who has come in stays in, whatever their signal says later', async () => {
  const door = openDoor(1);
  const leave = await door.enter();
  const late = new AbortController();
  const next = door.enter(late.signal);
  leave();
  const leaveNext = await next;
  late.abort();
  expect(door.empty).toBe(false);
  leaveNext();
  expect(door.empty).toBe(true);
});

test('a lane holds up its own channel only', async () => {
  const lanes = openLanes();
  const leave = await lanes.enter('c1');
  const { opened, open } = gate();
  const second = lanes.enter('c1').then((leaveSecond) => {
    open();
    leaveSecond();
  });
  (await lanes.enter('c2'))();
  expect(lanes.taken('c1')).toBe(true);
  expect(lanes.taken('c2')).toBe(false);
  leave();
  await opened;
  await second;
  expect(lanes.taken('c1')).toBe(false);
});
