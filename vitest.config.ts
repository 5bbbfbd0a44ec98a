import { defineConfig } from 'vitest/config';
import { figures } from './test/reliability/figures.js';

export default defineConfig(({ mode }) => ({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/build.ts',
    setupFiles: 'test/setup.ts',
    // Loading discord.js and openai anew for each file would take longer than the tests do.
    isolate: false,
    // Most tests wait for sockets and timers, not for a core. The long forms measure, so each has the machine alone.
    maxWorkers: mode === 'long' ? 1 : 4,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    ...(mode === 'long' && { reporters: ['verbose', figures] }),
  },
}));
