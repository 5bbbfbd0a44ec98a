import fs from 'node:fs';
import { Session } from 'node:inspector/promises';
import { syncBuiltinESMExports } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { timeByPart } from './trace.js';

// Loaded into a program before it begins, so that it can be asked what it takes.
const delay = monitorEventLoopDelay({ resolution: 1 });
let session: Session | undefined;

/** When the disk was waited for, by the clock that all processes share, in milliseconds. */
const syncs: number[] = [];
const { fdatasync } = fs;
fs.fdatasync = Object.assign((descriptor: number, done: fs.NoParamCallback) => {
  fdatasync(descriptor, (error) => {
    syncs.push(Number(process.hrtime.bigint()) / 1e6);
    done(error);
  });
}, fdatasync);
syncBuiltinESMExports();

const orders: Readonly<Record<string, () => unknown>> = {
  watch() {
    delay.reset();
    delay.enable();
  },
  tell: () => ({
    rss: process.memoryUsage().rss,
    delayMs: delay.percentile(99) / 1e6,
    longestMs: delay.max / 1e6,
    syncs: syncs.splice(0),
  }),
  async trace() {
    session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: 200 });
    await session.post('Profiler.start');
  },
  async traced() {
    const trace = await session?.post('Profiler.stop');
    session?.disconnect();
    return trace && timeByPart(trace.profile);
  },
};

process.on('message', async (order) => {
  const answer = await orders[String(order)]?.();
  if (answer !== undefined) process.send?.(answer);
});
// Nobody is left to end it.
process.on('disconnect', () => process.exit());
// Whoever asks is no reason to stay.
process.channel?.unref();
