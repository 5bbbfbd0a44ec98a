import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { tableOf, withTables } from '../bench/figures.js';
import { draw } from '../bench/plot.js';
import { tableOfTraces, timeByPart } from '../bench/trace.js';

const program = fileURLToPath(new URL('../dist/bench/main.js', import.meta.url));

function bench(...words: string[]) {
  const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  const code = new Promise((resolve) => child.once('close', resolve));
  return Promise.all([text(child.stdout), text(child.stderr), code]);
}

test('the benchmark measures each promise beside its floor, and writes what it found as a table, as JSON and as plots', async () => {
  const out = mkdtempSync(join(tmpdir(), 'parley-bench-'));
  // Each scene in its shortest form; those with a crowd and with many turns start more programs than a test is worth.
  const only = ['--only', 'latency,streaming,weight,prompts,writes'];
  const [table, , code] = await bench('--quick', ...only, '--out', out);
  expect(code).toBe(0);
  const rows = table.trim().split('\n').slice(2);
  expect(rows).toHaveLength(9);
  expect(table).not.toMatch(/NaN|undefined|Infinity/);
  const { machine, results, curves } = JSON.parse(readFileSync(join(out, 'figures.json'), 'utf8'));
  expect(machine.node).toBe(process.version);
  expect(results).toHaveLength(rows.length);
  for (const { what, figures } of results) {
    expect(Object.values(figures), what).not.toHaveLength(0);
    // JSON has null for what is no number.
    for (const figure of Object.values(figures)) expect(figure, what).toEqual(expect.any(Number));
  }
  const plots = readdirSync(out).filter((name) => name.endsWith('.svg'));
  expect(plots.sort()).toEqual(curves.map(({ name }: { name: string }) => `${name}.svg`).sort());
  for (const plot of plots)
    expect(readFileSync(join(out, plot), 'utf8')).toMatch(/^<svg [\s\S]*<polyline points="[\d., ]+"/);
});

test('the page holds the figures of the run that it tells of, and each of its plots is there', () => {
  const page = readFileSync(new URL('../docs/performance.md', import.meta.url), 'utf8');
  const folder = new URL('../docs/performance/', import.meta.url);
  const { results, traces, curves } = JSON.parse(readFileSync(new URL('figures.json', folder), 'utf8'));
  expect(page).toBe(withTables(page, { figures: tableOf(results), trace: tableOfTraces(traces) }));
  expect(page).toContain(results[0].found);
  const plots = [...page.matchAll(/\(performance\/(.+?\.svg)\)/g)].map(([, name]) => name);
  expect(plots.sort()).toEqual(curves.map(({ name }: { name: string }) => `${name}.svg`).sort());
  for (const curve of curves) expect(readFileSync(new URL(`${curve.name}.svg`, folder), 'utf8')).toBe(draw(curve));
});

test('what the time goes to is told by the nearest code that is known, without what was waited', () => {
  const frame = (functionName: string, url: string) => ({
    functionName,
    scriptId: '1',
    url,
    lineNumber: 0,
    columnNumber: 0,
  });
  const nodes = [
    { id: 1, callFrame: frame('(root)', ''), children: [2, 5, 6] },
    { id: 2, callFrame: frame('reset', 'file:///dist/src/store.js'), children: [3] },
    { id: 3, callFrame: frame('run', ''), children: [4] },
    { id: 4, callFrame: frame('request', 'file:///node_modules/undici/index.js') },
    { id: 5, callFrame: frame('(idle)', '') },
    { id: 6, callFrame: frame('(garbage collector)', '') },
  ];
  const profile = {
    nodes,
    startTime: 0,
    endTime: 1,
    samples: [3, 4, 5, 6, 1],
    timeDeltas: [1000, 2000, 4000, 8000, 500],
  };
  expect(timeByPart(profile)).toEqual({
    'the store and its queue': 1,
    'HTTP (undici)': 2,
    'collecting garbage': 8,
    'Node itself: promises, timers, sockets': 0.5,
  });
});

test('a scene that there is not is answered with those that there are', async () => {
  const [out, err, code] = await bench('--only', 'speed');
  expect({ out, code }).toEqual({ out: '', code: 2 });
  expect(err).toMatch(/^There is no speed\. There are latency, .*writes\.\n$/);
});

test('a plot tells what it shows, whatever is in its words', () => {
  const points = [1, 10, 1000].map((at) => [at, at * 2] as const);
  const svg = draw({ name: 'x', title: 'A < B & C', x: 'x', y: 'y', series: [{ name: '<ours>', points }] });
  expect(svg).toContain('<title>A &lt; B &amp; C</title>');
  expect(svg).toContain('&lt;ours>');
  expect(svg.match(/<circle /g)).toHaveLength(3);
});
