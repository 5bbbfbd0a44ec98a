import { defineConfig, type TestProjectConfiguration } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { figures } from './test/reliability/figures.js';

const TESTS = 'test/**/*.test.ts';
/** Stops the time of its process, in which nothing that another file has left behind may go on. */
const APART = 'test/reliability/commands.test.ts';

/** What takes longest, the longest first: begun last, it would be waited for alone. */
const LONG = [
  'page/browser',
  'sandbox/main',
  'reliability/crash',
  'discord/mention',
  'reliability/disk',
  'reliability/discord',
  'reliability/process',
  'discord/backlog',
  'main',
  'model/response',
];

const rank = ({ moduleId }: TestSpecification): number => {
  const place = LONG.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
  return place === -1 ? LONG.length : place;
};

/** Vitest knows how long a file takes only where it has run before. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

/** Loading discord.js and openai anew for each file would take longer than the tests do, so most share what they load. */
const project = (
  mode: string,
  test: { name: string; include: string[]; exclude?: string[]; isolate: boolean },
): TestProjectConfiguration => ({
  mode,
  test: { ...test, setupFiles: 'test/setup.ts', testTimeout: 60_000, hookTimeout: 60_000 },
});

export default defineConfig(({ mode }) => ({
  test: {
    globalSetup: 'test/build.ts',
    // Most tests wait for sockets and timers, not for a core. The long forms measure, so each has the machine alone.
    maxWorkers: mode === 'long' ? 1 : 5,
    sequence: { sequencer: LongestFirst },
    projects: [
      project(mode, { name: 'together', include: [TESTS], exclude: [APART], isolate: false }),
      project(mode, { name: 'apart', include: [APART], isolate: true }),
    ],
    ...(mode === 'long' && { reporters: ['verbose', figures] }),
  },
}));
