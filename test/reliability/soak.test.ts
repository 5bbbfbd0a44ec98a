import { expect, test } from 'vitest';
import { chosenSeed } from './random.js';
import { type SoakOutcome, soak } from './soak.js';

const isLong = import.meta.env.MODE === 'long';
const plan = isLong
  ? { turns: 100_000, channels: 1_000, open: { ask: 32, mention: 16 }, samples: 100, restMs: 15_000 }
  : { turns: 300, channels: 20, open: { ask: 12, mention: 6 }, samples: 2, restMs: 0 };

/** What memory may grow by after the first tenth of the turns, in megabytes: the caches of SQLite and V8 fill up to here. */
const mostGrowth = 20;

const megabytes = (bytes: number): number => bytes / 1024 / 1024;

test(
  `turns at full speed are all answered once, and none is left open${isLong ? '; the memory stays as it was' : ''}`,
  async ({ task }) => {
    const seed = chosenSeed();
    console.log(`SEED=${seed}`);
    const outcome = await soak({ ...plan, seed });
    expect(outcome.faults.slice(0, 10)).toEqual([]);
    const { early, late, resting } = memoryOf(outcome);
    task.meta.figures = {
      turns: plan.turns,
      channels: plan.channels,
      'turns a second': outcome.turnsPerSecond,
      'of them mentions': outcome.mentions,
      'requests to Discord': outcome.requests,
      'MB in all (RSS), most of the first tenth': early.rss,
      'MB in all (RSS), at rest at the end': resting.rss,
      'MB of heap, least of the first tenth': early.heap,
      'MB of heap, least of the last tenth': late.heap,
    };
    // A short run ends before the memory has found its size.
    if (!isLong) return;
    expect(resting.rss).toBeLessThan(early.rss + mostGrowth);
    expect(late.heap).toBeLessThan(early.heap + mostGrowth);
  },
  isLong ? 3 * 60 * 60_000 : 60_000,
);

/** Memory in megabytes. Between two garbage collections the heap only grows: its least is what is really in use. */
function memoryOf({ busy, resting }: SoakOutcome) {
  const tenth = Math.ceil(busy.length / 10);
  const of = (samples: SoakOutcome['busy']) => ({
    rss: megabytes(Math.max(...samples.map(({ rss }) => rss))),
    heap: megabytes(Math.min(...samples.map(({ heapUsed }) => heapUsed))),
  });
  return { early: of(busy.slice(0, tenth)), late: of(busy.slice(-tenth)), resting: of(resting ? [resting] : []) };
}
