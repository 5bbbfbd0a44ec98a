/// <reference types="vitest/import-meta" />
import fc from 'fast-check';
import type { TaskMeta } from 'vitest';

/** So many cases, but no more than fit into two minutes; how many those were is the test's figure. */
export const cases = <Case>(task: { meta: TaskMeta }, short: number, most: number): fc.Parameters<Case> => ({
  numRuns: import.meta.env.MODE === 'long' ? most : short,
  interruptAfterTimeLimit: 120_000,
  // A case leaves traces in the program, so that a smaller one may well fail for another's sake.
  endOnFailure: true,
  reporter: (details) => {
    task.meta.figures = { cases: details.numRuns };
    if (details.failed) throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance });
  },
});
