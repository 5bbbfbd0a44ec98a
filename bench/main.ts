import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Findings, type Result, tableOf, withTables } from './figures.js';
import { draw } from './plot.js';
import { crowd } from './scenes/crowd.js';
import { latency } from './scenes/latency.js';
import { prompts } from './scenes/prompts.js';
import { streaming } from './scenes/streaming.js';
import { channels, growth, weight } from './scenes/weight.js';
import { writes } from './scenes/writes.js';
import { tableOfTraces } from './trace.js';

/** Everything that is measured, in the order of the table. Each scene can be had in a short form that only shows that it runs. */
const scenes: Readonly<Record<string, (isQuick: boolean) => Promise<Findings>>> = {
  ...{ latency, streaming, crowd, weight, channels, growth, prompts, writes },
};

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    out: { type: 'string' },
  },
});
const chosen = values.only?.split(',') ?? Object.keys(scenes);
const unknown = chosen.filter((name) => !(name in scenes));
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')}. There are ${Object.keys(scenes).join(', ')}.`);
  process.exit(2);
}

const results: Result[] = [];
const curves: NonNullable<Findings['curves']>[number][] = [];
let traces: NonNullable<Findings['traces']> = {};
for (const name of chosen) {
  console.error(`${name} …`);
  const findings = await scenes[name]?.(values.quick);
  results.push(...(findings?.results ?? []));
  curves.push(...(findings?.curves ?? []));
  traces = { ...traces, ...findings?.traces };
}

const tables = { figures: tableOf(results), trace: tableOfTraces(traces) };
console.log(tables.figures);
if (Object.keys(traces).length > 0) console.log(`\n${tables.trace}`);

if (values.out) {
  mkdirSync(values.out, { recursive: true });
  const machine = { node: process.version, kernel: release(), cores: cpus().length, processor: cpus()[0]?.model };
  writeFileSync(
    join(values.out, 'figures.json'),
    `${JSON.stringify({ machine, results, curves, traces }, undefined, 2)}\n`,
  );
  for (const curve of curves) writeFileSync(join(values.out, `${curve.name}.svg`), draw(curve));
  const page = `${values.out}.md`;
  if (existsSync(page)) writeFileSync(page, withTables(readFileSync(page, 'utf8'), tables));
}
// The programs have ended; what is left are connections that are kept for a while.
process.exit();
