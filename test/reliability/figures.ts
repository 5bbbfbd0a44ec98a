import type { Reporter, TestModule } from 'vitest/node';

declare module 'vitest' {
  interface TaskMeta {
    /** What a test measured, by what it is; printed at the end of a long run. */
    figures?: Readonly<Record<string, string | number>>;
  }
}

/** Prints what the tests measured as one table in Markdown, ready to be quoted. */
export const figures: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const rows = tests.flatMap((test) =>
      Object.entries(test.meta().figures ?? {}).map(
        ([what, figure], index) => `| ${index === 0 ? test.name : ''} | ${what} | ${written(figure)} |`,
      ),
    );
    if (rows.length > 0) console.log(['', '| test | what | figure |', '|---|---|---|', ...rows, ''].join('\n'));
  },
};

const written = (figure: string | number): string =>
  typeof figure === 'number' ? figure.toLocaleString('en', { maximumFractionDigits: 1 }) : figure;
