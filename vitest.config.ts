import { defineConfig } from 'vitest/config';
import { figures } from './test/reliability/figures.js';

export default defineConfig(({ mode }) => ({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/build.ts',
    setupFiles: 'test/setup.ts',
    // Most tests wait for sockets and timers, not for a core. The long forms measure, so each has the machine alone.
    maxWorkers: mode === 'long' ? 1 : 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    ...(mode === 'long' && { reporters: ['verbose', figures] }),
  },
}));
