import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const base = mkdtempSync(join(tmpdir(), 'parley-bench-'));
process.on('exit', () => rmSync(base, { recursive: true, force: true }));

/** A folder that is there until the benchmark ends. */
export const newFolder = (): string => mkdtempSync(join(base, '-'));
