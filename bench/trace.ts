import type { Profiler } from 'node:inspector';

/** The parts of a program that time is told of, by what stands in the address of their code; the first that fits counts. */
const parts: readonly (readonly [part: string, address: RegExp])[] = [
  ['discord.js', /node_modules\/(discord\.js|@discordjs|discord-api-types|ws|@sapphire)\//],
  ['HTTP (undici)', /node_modules\/undici|deps\/undici/],
  ['the store and its queue', /better-sqlite3|\/src\/(store|queue|database)\./],
  ['what a chat API says, and asking it', /\/src\/model\/|node_modules\/openai/],
  ['showing the answer', /\/src\/(reply|split|discord\/(surface|pace|address))\./],
  ['turns: lanes, prompt, tokens', /\/dist\/(src|bench)\//],
];

const GARBAGE = 'collecting garbage';
const REST = 'Node itself: promises, timers, sockets';

/**
 * What the time went to between the start and the end of a profile, in milliseconds of the main thread. Each moment
 * counts for the nearest code on the stack that belongs to a part; what was waited is left out.
 */
export function timeByPart({
  nodes,
  samples = [],
  timeDeltas = [],
}: Profiler.Profile): Readonly<Record<string, number>> {
  const partOf = new Map<number, string | undefined>();
  const known = new Map(nodes.map((node) => [node.id, node]));
  /** From the root, so that whoever was called without a part of its own belongs to its caller's. */
  const spread = (id: number, inherited: string | undefined): void => {
    const node = known.get(id);
    if (!node) return;
    const own = ownPart(node) ?? inherited;
    partOf.set(id, own);
    for (const child of node.children ?? []) spread(child, own);
  };
  const [root] = nodes;
  if (root) spread(root.id, undefined);
  const spent: Record<string, number> = {};
  for (const [index, id] of samples.entries()) {
    const name = known.get(id)?.callFrame.functionName;
    if (name === '(idle)') continue;
    const part = name === '(garbage collector)' ? GARBAGE : (partOf.get(id) ?? REST);
    spent[part] = (spent[part] ?? 0) + (timeDeltas[index] ?? 0) / 1000;
  }
  return spent;
}

const ownPart = ({ callFrame: { url } }: Profiler.ProfileNode): string | undefined =>
  parts.find(([, address]) => address.test(url))?.[0];

/** Several programs side by side, as a table in Markdown; in milliseconds for each question. */
export function tableOfTraces(traces: Readonly<Record<string, Readonly<Record<string, number>>>>): string {
  const names = Object.keys(traces);
  const rows = [...parts.map(([part]) => part), GARBAGE, REST];
  const cells = (part: string) => names.map((name) => (traces[name]?.[part] ?? 0).toFixed(3));
  const sums = names.map((name) => rows.reduce((sum, part) => sum + (traces[name]?.[part] ?? 0), 0).toFixed(3));
  return [
    `| ms of the main thread for each question | ${names.join(' | ')} |`,
    `|---|${names.map(() => '---').join('|')}|`,
    ...rows.map((part) => `| ${part} | ${cells(part).join(' | ')} |`),
    `| together | ${sums.join(' | ')} |`,
  ].join('\n');
}
