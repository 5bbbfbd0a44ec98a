import type { Curve } from './figures.js';

const WIDTH = 640;
const HEIGHT = 320;
const MARGIN = { left: 64, right: 16, top: 52, bottom: 52 };
const COLOURS = ['#5865f2', '#8a8f98'];

type Point = readonly [x: number, y: number];

/** Draws a curve as SVG, readable on white and on black; x by powers of ten where it spans many. */
export function draw({ title, x, y, series }: Curve): string {
  const points = series.flatMap((one) => one.points);
  const isWide =
    Math.max(...points.map(([at]) => at)) > 100 * Math.max(1, Math.min(...points.map(([at]) => at).filter(Boolean)));
  const across = isWide ? (at: number) => Math.log10(1 + at) : (at: number) => at;
  const ticksX = [...new Set(points.map(([at]) => at))];
  const [from, to] = [Math.min(...ticksX.map(across)), Math.max(...ticksX.map(across))];
  const top = niceAbove(Math.max(...points.map(([, value]) => value)));
  const left = (at: number) =>
    MARGIN.left + ((across(at) - from) / (to - from || 1)) * (WIDTH - MARGIN.left - MARGIN.right);
  const up = (value: number) => HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const place = ([at, value]: Point) => `${left(at).toFixed(1)},${up(value).toFixed(1)}`;

  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const height = up(share * top);
    return `<path d="M${MARGIN.left} ${height}H${WIDTH - MARGIN.right}" class="grid"/><text x="${MARGIN.left - 8}" y="${height + 4}" text-anchor="end">${short(share * top)}</text>`;
  });
  const feet = apart(ticksX, left).map(
    (at) => `<text x="${left(at)}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle">${short(at)}</text>`,
  );
  const lines = series.map(({ points: own }, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const dots = own.map((point) => `<circle cx="${place(point).replace(',', '" cy="')}" r="3" fill="${colour}"/>`);
    return `<polyline points="${own.map(place).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}`;
  });
  const names = series.map(
    ({ name }, index) =>
      `<tspan fill="${COLOURS[index % COLOURS.length]}"${index > 0 ? ' dx="16"' : ''}>${escaped(name)}</tspan>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img">
<title>${escaped(title)}</title>
<style>text { fill: #57606a } .grid { stroke: #8a8f98; stroke-opacity: .3 } @media (prefers-color-scheme: dark) { text { fill: #adbac7 } }</style>
<text x="${MARGIN.left}" y="20" font-size="14" font-weight="600">${escaped(title)}</text>
<text x="${WIDTH - MARGIN.right}" y="36" text-anchor="end">${names.join('')}</text>
${grid.join('\n')}
${feet.join('\n')}
<text x="${WIDTH / 2}" y="${HEIGHT - 12}" text-anchor="middle">${escaped(isWide ? `${x} (by powers of ten)` : x)}</text>
<text transform="rotate(-90 14 ${HEIGHT / 2})" x="14" y="${HEIGHT / 2}" text-anchor="middle">${escaped(y)}</text>
${lines.join('\n')}
</svg>
`;
}

/** The next of 1, 2 and 5 times a power of ten. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return power * ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10);
}

/** Those of the marks that have room beside one another. */
function apart(marks: readonly number[], left: (at: number) => number): readonly number[] {
  const kept: number[] = [];
  for (const at of marks.toSorted((one, other) => one - other)) {
    const last = kept.at(-1);
    if (last === undefined || left(at) - left(last) >= 36) kept.push(at);
  }
  return kept;
}

const short = (value: number): string =>
  Intl.NumberFormat('en', { notation: value >= 10_000 ? 'compact' : 'standard', maximumSignificantDigits: 3 }).format(
    value,
  );

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
