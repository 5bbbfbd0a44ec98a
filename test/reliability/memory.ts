import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Life } from './program.js';

/** What a process took after so many turns, in bytes. */
export interface Sample {
  readonly turns: number;
  readonly rss: number;
  readonly heapUsed: number;
}

/**
 * Measures the memory of a process from outside, without a forced garbage collection: a program that is started with
 * these options writes it down whenever it is asked by a signal.
 */
export function createMemoryProbe() {
  const folder = mkdtempSync(join(tmpdir(), 'parley-memory-'));
  const file = join(folder, 'memory.json');
  const code = `
    import { renameSync, writeFileSync } from 'node:fs';
    const [file, draft] = ${JSON.stringify([file, `${file}.draft`])};
    process.on('SIGUSR2', () => {
      writeFileSync(draft, JSON.stringify(process.memoryUsage()));
      renameSync(draft, file);
    });`;
  return {
    nodeOptions: ['--import', `data:text/javascript,${encodeURIComponent(code)}`],
    async sample({ pid }: Life, turns: number): Promise<Sample> {
      rmSync(file, { force: true });
      process.kill(pid, 'SIGUSR2');
      for (let tries = 0; tries < 500; tries += 1) {
        await pause(10);
        const usage = readUsage(file);
        if (usage) return { turns, ...usage };
      }
      throw new Error('The program did not write down its memory');
    },
  };
}

function readUsage(file: string): Pick<Sample, 'rss' | 'heapUsed'> | undefined {
  try {
    const { rss, heapUsed }: NodeJS.MemoryUsage = JSON.parse(readFileSync(file, 'utf8'));
    return { rss, heapUsed };
  } catch {
    return undefined; // not written yet
  }
}
