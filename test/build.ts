import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

/** A file system that is in memory, on Linux. */
const MEMORY = '/dev/shm';
const ROOM = 1024 ** 3;

/**
 * Tests that start the program start what was built from the sources as they are. Faults in them are `npm run check`'s to tell.
 * What tests write goes to a folder of its own, and with the end of all.
 */
export function setup({ vite }: TestProject): () => void {
  spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'ignore' });
  // A disk makes sure, hundreds of times, that what was written outlives a failure of power: no test shows that.
  const isInMemory = vite.config.mode !== 'long' && roomIn(MEMORY) > ROOM;
  const folder = mkdtempSync(join(isInMemory ? MEMORY : tmpdir(), 'parley-tests-'));
  // Some programs are started as somebody else.
  chmodSync(folder, 0o755);
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}

function roomIn(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return 0;
  }
}
