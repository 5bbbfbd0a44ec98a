// The measures of a cell at a size of 14: most fixed fonts are six tenths of that wide.
const WIDTH = 8.4;
const HEIGHT = 18;
const EDGE = 14;
const BAR = 30;

/**
 * Draws the frames of a terminal as one picture that moves, and begins anew at its end. Each piece of a row is drawn once
 * and shown from the frame in which it came to the one in which something else stood there. Whoever wants no motion sees
 * the last frame, and so does what knows no animation.
 */
export function drawSvg(frames, { columns, rows, title }) {
  const begins = frames.map((_, index) => frames.slice(0, index).reduce((sum, { ms }) => sum + ms, 0));
  const whole = begins.at(-1) + frames.at(-1).ms;
  const when = (index) => `${+((begins[index] / whole) * 100).toFixed(2)}%`;
  const shown = shownTogether(piecesOf(frames));
  const place = { x: EDGE, y: BAR, width: columns * WIDTH, height: rows * HEIGHT + 6 };
  const size = { width: place.width + 2 * EDGE, height: place.y + place.height + EDGE - 6 };
  const { top, cursor } = frames.at(-1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    '<style>',
    styles(whole),
    ...shown.map((group) => visibility(group, when)),
    steps('top', frames, when, (frame) => `translateY(${-frame.top * HEIGHT}px)`),
    steps('cursor', frames, when, ({ cursor }) => `translate(${at(cursor.column)}px,${cursor.row * HEIGHT}px)`),
    '</style>',
    `<rect class="paper" x=".5" y=".5" width="${size.width - 1}" height="${size.height - 1}" rx="9"/>`,
    ...[0, 1, 2].map((dot) => `<circle class="dot" cx="${EDGE + 6 + dot * 18}" cy="16" r="5"/>`),
    `<clipPath id="screen"><rect width="${place.width}" height="${place.height}"/></clipPath>`,
    `<g clip-path="url(#screen)" transform="translate(${place.x} ${place.y})">`,
    `<g id="top" transform="translate(0 ${-top * HEIGHT})">`,
    `<rect id="cursor" width="${WIDTH}" height="${HEIGHT}" transform="translate(${at(cursor.column)} ${cursor.row * HEIGHT})"/>`,
    ...shown.map(
      ({ name, to, pieces }) => `<g id="${name}"${to ? ' class="gone"' : ''}>${pieces.map(draw).join('')}</g>`,
    ),
    '</g></g></svg>\n',
  ].join('\n');
}

/** What is to be drawn in each row, with the numbers of the frames from which and up to which it stands there. */
function piecesOf(frames) {
  const pieces = [];
  const drawn = new Map();
  for (const [index, frame] of frames.entries()) {
    for (const [row, cells] of frame.rows.entries()) {
      const now = withoutBlanks(cells);
      const { kept, gone, added } = changeOf(drawn.get(row) ?? { cells: [], pieces: [] }, now);
      for (const piece of gone) piece.to = index;
      const fresh = added.map((run) => ({ ...run, row, from: index }));
      pieces.push(...fresh);
      drawn.set(row, { cells: now, pieces: [...kept, ...fresh] });
    }
  }
  return pieces;
}

/** A row that only grew keeps what stood there; any other is drawn anew. */
function changeOf({ cells, pieces }, now) {
  const hasGrown = cells.every((cell, index) => isSame(cell, now[index]));
  if (hasGrown) return { kept: pieces, gone: [], added: runsOf(now.slice(cells.length)) };
  return { kept: [], gone: pieces, added: runsOf(now) };
}

/** Pieces that come and go at the same time are shown as one. */
function shownTogether(pieces) {
  const groups = new Map();
  for (const piece of pieces) {
    const { from, to } = piece;
    const name = `f${from}-${to ?? ''}`;
    const group = groups.get(name) ?? { name, from, to, pieces: [] };
    group.pieces.push(piece);
    groups.set(name, group);
  }
  return [...groups.values()];
}

const withoutBlanks = (cells) => cells.slice(0, cells.findLastIndex(({ text }) => text !== ' ') + 1);
const isSame = (one, other) => one.text === other?.text && one.style === other.style;

/** Neighbours that look the same, without blanks at either end or two in a row, which pictures don't always keep. */
function runsOf(cells) {
  const runs = [];
  for (const { column, text, isWide, style } of cells) {
    const last = runs.at(-1);
    const isGap = text === ' ' && last?.texts.at(-1) === ' ';
    if (!isGap && last?.style === style && last.isWide === isWide) last.texts.push(text);
    else runs.push({ column, isWide, style, texts: [text] });
  }
  return runs.map(trimmed).filter(({ texts }) => texts.length > 0);
}

function trimmed({ column, texts, ...run }) {
  const first = texts.findIndex((text) => text !== ' ');
  const last = texts.findLastIndex((text) => text !== ' ');
  return first < 0
    ? { ...run, column, texts: [] }
    : { ...run, column: column + first, texts: texts.slice(first, last + 1) };
}

const at = (column) => +(column * WIDTH).toFixed(1);

/** Wide characters get a place each, so that they stand in their cells whatever font the reader has. */
function draw({ column, row, texts, isWide, style }) {
  const x = isWide ? texts.map((_, index) => at(column + 2 * index + 1)).join(' ') : at(column);
  const length = isWide || texts.length === 1 ? '' : ` textLength="${at(texts.length)}"`;
  const name = [style, isWide && 'wide'].filter(Boolean).join(' ');
  return `<text x="${x}" y="${row * HEIGHT + 14}"${length}${name && ` class="${name}"`}>${escaped(texts.join(''))}</text>`;
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function visibility({ name, from, to }, when) {
  const hidden = from > 0 ? '0%{visibility:hidden}' : '';
  const gone = to === undefined ? '' : `${when(to)}{visibility:hidden}`;
  return `#${name}{animation-name:${name}}@keyframes ${name}{${hidden}${when(from)}{visibility:visible}${gone}}`;
}

/** Something that jumps from frame to frame, where it does not stay. */
function steps(name, frames, when, transformOf) {
  const stops = frames.map((frame, index) => ({ index, transform: transformOf(frame) }));
  const moves = stops.filter(({ transform }, index) => transform !== stops[index - 1]?.transform);
  const keyframes = moves.map(({ index, transform }) => `${when(index)}{transform:${transform}}`);
  return `#${name}{animation-name:${name}}@keyframes ${name}{${keyframes.join('')}}`;
}

const styles = (ms) =>
  [
    'svg{color:#1f2328;--paper:#fff;--edge:#d1d9e0;--code:#0a5a7d}',
    '@media(prefers-color-scheme:dark){svg{color:#e6edf3;--paper:#0d1117;--edge:#3d444d;--code:#79c0ff}}',
    '.paper{fill:var(--paper);stroke:var(--edge)}.dot{fill:var(--edge)}',
    'text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:currentColor}',
    '.wide{font-family:"Noto Sans Mono CJK SC","PingFang SC","Microsoft YaHei",sans-serif;text-anchor:middle}',
    '.strong{font-weight:bold}.faint{opacity:.62}.emphasis{font-style:italic}.underline{text-decoration:underline}',
    '.colour-6{fill:var(--code)}#cursor{fill:currentColor;opacity:.4}.gone{visibility:hidden}',
    `@media(prefers-reduced-motion:no-preference){g,#cursor{animation:${ms}ms step-end infinite}}`,
  ].join('\n');
