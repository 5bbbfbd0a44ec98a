/** One message-sized piece of an answer. */
export interface Part {
  /** What is shown: the slice without the white space around it; what a cut left open is closed, and opened again. */
  readonly text: string;
  /** The slice of the answer that this part shows. The slices of all parts, joined, are the answer. */
  readonly from: number;
  readonly to: number;
}

/** What is open at a place of the answer: a cut there closes it, and the next part opens it again. */
interface Frame {
  readonly spoiler: boolean;
  readonly fence: { readonly ticks: string; readonly language: string } | undefined;
}

interface Place {
  readonly at: number;
  readonly frame: Frame;
}

/** A place to cut at, the better the higher its rank. */
interface Stop extends Place {
  readonly rank: number;
}

interface Token {
  readonly end: number;
  /** What is open after it. */
  readonly frame: Frame;
  /** How good it is to cut after it; undefined: not at all. */
  readonly rank: number | undefined;
  /** 'fence' opens a code block, 'plain' may be cut anywhere if need be, 'whole' may not. */
  readonly kind: 'fence' | 'blank' | 'plain' | 'whole';
}

const [character, word, sentence, line, paragraph] = [0, 1, 2, 3, 4];
const outside: Frame = { spoiler: false, fence: undefined };
const opening = ({ spoiler, fence }: Frame) =>
  `${spoiler ? '||' : ''}${fence ? `${fence.ticks}${fence.language}\n` : ''}`;
const closing = ({ spoiler, fence }: Frame) => `${fence ? `\n${fence.ticks}` : ''}${spoiler ? '||' : ''}`;
/** No closing is longer: a line break, six backticks (more make no fence) and the end of a spoiler. */
const closingLength = 9;
/** Room for the longest opening (two bars, six backticks, a language of twenty, a line break), a closing, a character. */
const smallestLimit = 40;

/** Discord refuses white space alone (error 50006); characters of no width would make an empty bubble, or be refused too. */
const invisible = /[\s\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}]*/uy;
const graphemes = new Intl.Segmenter();

/** Whether a text shows nothing. */
export const isBlank = (text: string): boolean => matchAt(invisible, text, 0).end === text.length;

/**
 * The tokens of prose. What must not be cut is one token; so is what may yet turn out to be such a thing, which is why
 * many of them may also end with the text ($). Bars before a space may be an operator, so they only hide what another
 * pair ends; others hide from the start, lest a preview tell what the rest of the answer hides.
 */
const prose = new RegExp(
  [
    /(?<lines>\s*\n)|(?<space>\s+)/,
    // A fence. At the start of a line any info string may follow; Discord opens a block in the middle of a line too,
    // where we take it for one if nothing but a language follows.
    /(?<ticks>`{3,6})(?!`)(?<info>[\w+.#-]*[^\S\n]*|(?<=(?:^|\n)[^\S\n]*(?:[-*+>]|\d+[.)])?[^\S\n]*`{3,6})[^`\n]*)(?=\n|$)/,
    // Inline code.
    /(?<code>`+)(?!`)[^\n]*?[^`\n]\k<code>(?!`)|`{1,2}(?!`)[^\n]*$/,
    // [text](address), with a pair of brackets in each.
    /!?\[(?:[^[\]\n]|\[[^[\]\n]*(?:\]|$))*(?:$|\](?:$|\((?:[^()\n]|\([^()\n]*(?:\)|$))*(?:\)|$)))/,
    // Mentions, emoji, times, commands and addresses in angle brackets; then bare addresses.
    /<(?:\w{0,5}$|(?:[@#:/]|[at]:|https?:)[^<>\n]{0,150}(?:>|$))/,
    /https?:\/\/[^\s<>|]*|h(?:t(?:t(?:ps?(?::\/?)?)?)?)?$/,
    // Bold, underlined, struck.
    /(?<mark>\*\*|__|~~)(?=\S)[^\n*_~|`[\]<]+(?:\k<mark>|[*_~]?$)|[*_~]{1,2}$/,
    // Spoilers, and bars that are or may become one.
    /(?<hidden>(?<![\w)\]|])\|\|(?=[^\s|])(?:(?!\|\||```).)+(?:\|\||$)|\|\|(?:(?!\|\||```|\n\s*\n).)+\|\|)/,
    /\|\|(?=\s)[^\n|]*\|?$|\|$|(?<opens>(?<![\w)\]|])\|\|(?=[^\s|]))|\|\|/,
    /(?<stop>[。！？]+[」』”’）]*)|(?<plain>[A-Za-z0-9]+|`+|[^\sA-Za-z0-9`[<|*_~!。！？]+|.)/,
  ]
    .map((token) => token.source)
    .join('|'),
  'suy',
);

/** The tokens of code. A fence ends a line, and bars may follow it where a spoiler ends with the block. */
const code =
  /(?<lines>\s*\n)|(?<space>\s+)|(?<ticks>`+)(?=\|{0,2}[^\S\n]*(?:\n|$))|https?:\/\/[^\s`]*|(?<plain>[^\s`]+|`+)/uy;

/** Where a match that begins right at a place ends (there, if there is none), and its named groups. */
function matchAt(pattern: RegExp, text: string, at: number) {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  return { end: at + (match?.[0].length ?? 0), groups: match?.groups ?? {} };
}

function readCode(text: string, at: number, frame: Frame, ticks: string): Token {
  const { end, groups } = matchAt(code, text, at);
  if (groups.ticks && groups.ticks.length >= ticks.length)
    return { end, frame: { ...frame, fence: undefined }, rank: undefined, kind: 'plain' };
  if (groups.lines) return { end, frame, rank: line, kind: 'blank' };
  if (groups.space) return { end, frame, rank: word, kind: 'blank' };
  // Backticks at the end may be the start of the closing fence.
  if (groups.ticks && end === text.length) return { end, frame, rank: undefined, kind: 'blank' };
  return { end, frame, rank: character, kind: groups.plain ? 'plain' : 'whole' };
}

/** `unprotected`: what begins with one of these in the first half of the text, and has no end in it, is read as plain text. */
function readProse(text: string, at: number, frame: Frame, unprotected: string): Token {
  const { end, groups } = matchAt(prose, text, at);
  if (groups.lines || groups.space) return { end, frame, rank: rankOfSpace(text, at, end), kind: 'blank' };
  if (groups.ticks) {
    const language = (groups.info ?? '').replace(/[^\w+.#-].*/, '').slice(0, 20);
    return { end, frame: { ...frame, fence: { ticks: groups.ticks, language } }, rank: undefined, kind: 'fence' };
  }
  if (groups.stop) return { end, frame, rank: sentence, kind: 'whole' };
  if (groups.plain) return { end, frame, rank: character, kind: 'plain' };
  const bars = (spoiler: boolean): Token => ({
    end: at + 2,
    frame: { ...frame, spoiler },
    rank: character,
    kind: 'whole',
  });
  if (frame.spoiler && text.startsWith('||', at)) return bars(false);
  const begun = end === text.length;
  const exposed = begun && at < text.length / 2 && unprotected.includes(text.charAt(at));
  if (groups.opens || (groups.hidden && exposed)) return bars(true);
  if (exposed) return { end: at + 1, frame, rank: character, kind: 'plain' };
  const spoiler = frame.spoiler || (begun && groups.hidden !== undefined && !/[^|]\|\|$/.test(groups.hidden));
  return { end, frame: { ...frame, spoiler }, rank: character, kind: 'whole' };
}

/** How good it is to cut after white space. A heading and "such as:" would rather stay with what follows. */
function rankOfSpace(text: string, at: number, end: number): number {
  const before = text.slice(Math.max(0, at - 8), at);
  const breaks = text.slice(at, end).split('\n').length - 1;
  if (breaks > 0) {
    const leads = /[:：]$/.test(before) || /^#{1,6} /.test(text.slice(text.lastIndexOf('\n', at - 1) + 1, at));
    return leads ? word : breaks > 1 ? paragraph : line;
  }
  return /[^\s\d][.!?…]["'”’)*_]*$/.test(before) ? sentence : word;
}

/** Reads a text that begins in a frame: where it may be cut, how much of it is worth showing, and what is open then. */
function scan(text: string, start: Frame, unprotected = ''): Place & { readonly stops: readonly Stop[] } {
  const stops: Stop[] = [];
  let frame = start;
  let opener: Place | undefined; // a fence that no code has followed yet
  for (let at = 0; at < text.length; ) {
    const token = frame.fence ? readCode(text, at, frame, frame.fence.ticks) : readProse(text, at, frame, unprotected);
    if (token.kind === 'fence') opener = { at, frame };
    else if (token.kind !== 'blank') opener = undefined;
    const end = opener ? at : certainEnd(token, text, at);
    if (token.rank !== undefined && end > at) stops.push({ at: end, frame: token.frame, rank: token.rank });
    frame = token.frame;
    at = token.end;
  }
  return { stops, ...(opener ?? { at: shownLength(text, frame), frame }) };
}

/** How much of a text that fits into a part is worth showing, and what is open then. */
function endOf(text: string, frame: Frame): Place {
  // Nothing but these opens or closes anything.
  const isPlain = !frame.fence && !frame.spoiler && !/[`|]/.test(text);
  return isPlain ? { at: text.length, frame } : scan(text, frame);
}

/** A token that touches the end of the text may go on behind it; of plain text, only the last character may. */
function certainEnd({ end, kind }: Token, text: string, at: number): number {
  if (end < text.length) return end;
  if (kind !== 'plain') return at;
  // To segment a text takes longer than all else that is done with a short one.
  if (isAscii(text, end - 1) && isAscii(text, end - 2)) return end - 1;
  return graphemes.segment(text).containing(end - 1)?.index ?? at;
}

/** Two of these that are seen are two characters. */
const isAscii = (text: string, at: number): boolean => {
  const code = text.charCodeAt(at);
  return code >= 0x20 && code < 0x7f;
};

/** A closing fence, an end of a spoiler or a fence that is only half typed is not shown: what comes next shows what it is. */
function shownLength(text: string, { fence, spoiler }: Frame): number {
  const ticks = /(?<=(?:^|\n)[^\S\n]*)`+$/.exec(text);
  if (ticks && ticks[0].length < (fence?.ticks.length ?? 3)) return ticks.index;
  return spoiler && /[^|]\|$/.test(text) ? text.length - 1 : text.length;
}

/** The text of a part that shows a body, which begins in a frame, up to a place of it; blank when nothing is to be seen. */
function show(body: string, frame: Frame, end: Place): string {
  const shown = body.slice(0, end.at).replace(/[\s\p{Cs}]+$/u, '');
  return shown === '' ? '' : opening(frame) + shown + closing(end.frame);
}

/**
 * Whether a rest fits into one part. What closes it may take more room before its end than at its end; so that a rest
 * which once did not fit never will, every beginning of it must fit.
 */
function fits(rest: string, frame: Frame, room: number, limit: number): boolean {
  if (opening(frame).length + rest.length > limit) return false;
  for (let length = room + 1; length <= rest.length; length++) {
    const beginning = rest.slice(0, length);
    if (show(beginning, frame, scan(beginning, frame)).length > limit) return false;
  }
  return true;
}

/**
 * The best place to cut a text that is as long as a part may be: the last one of the highest rank that leaves the part
 * at least half full, so that an answer takes at most about twice the messages that it must. Failing that, emphasis and
 * spoilers are cut. The rest of what is to stay whole goes to the next part, even if this one gets short, unless it alone
 * is longer than a part: then it is cut like plain text.
 */
function cut(text: string, frame: Frame): Place {
  const segments = graphemes.segment(text);
  const sound = ({ at }: Stop) => segments.containing(at)?.index === at;
  const wellFilled = (stops: readonly Stop[]) => {
    const late = stops.filter(({ at }) => at >= text.length / 2);
    const ranks = [paragraph, line, sentence, word, character];
    return ranks.map((rank) => late.findLast((stop) => stop.rank === rank && sound(stop))).find((stop) => stop);
  };
  const whole = scan(text, frame).stops;
  const kept = wellFilled(whole) ?? wellFilled(scan(text, frame, '*_~|').stops) ?? whole.findLast(sound);
  if (kept) return kept;
  const plain = scan(text, frame, text.charAt(0));
  return wellFilled(plain.stops) ?? plain.stops.findLast(sound) ?? { at: text.length, frame: plain.frame };
}

/** Passes over what no part has to show after a cut: white space, and the end of what the cut closed. */
function pass(answer: string, { at, frame: { fence, spoiler } }: Place): Place {
  if (fence) {
    const ticks = fence.ticks.length;
    const end = new RegExp(
      `(?:\\s*\\n)?[^\\S\\n]*(?:\`{${ticks},}(?=\\|{0,2}[^\\S\\n]*(?:\\n|$))|\`{0,${ticks - 1}}$)`,
      'y',
    );
    const closed = matchAt(end, answer, at);
    if (closed.end === at) return { at: matchAt(/(?:\s*\n)?/y, answer, at).end, frame: { fence, spoiler } };
    return pass(answer, { at: closed.end, frame: { fence: undefined, spoiler } });
  }
  const seen = matchAt(invisible, answer, at).end;
  const closed = spoiler ? matchAt(/\|\||\|$/y, answer, seen).end : seen;
  return closed === seen ? { at: seen, frame: { fence, spoiler } } : pass(answer, { at: closed, frame: outside });
}

/**
 * Cuts an answer into parts of at most `limit` UTF-16 units. (Discord counts code points, which are never more:
 * discord/discord-api-docs#1315.) A blank answer has no parts.
 *
 * Where a part ends is decided by the text that fits into it alone. So for every answer and every beginning of it, all
 * parts of the beginning but the last are parts of the answer: a preview never moves what stands in a settled part.
 *
 * @throws RangeError for a limit below 40, which a reopened code block alone could fill.
 */
export function split(answer: string, limit = 2000): Part[] {
  if (!(limit >= smallestLimit)) throw new RangeError(`A part needs room for ${smallestLimit} characters or more.`);
  const end = answer.trimEnd().length;
  const parts: Part[] = [];
  let place = pass(answer, { at: 0, frame: outside });
  while (place.at < end) {
    const { at, frame } = place;
    const room = limit - opening(frame).length - closingLength;
    const rest = answer.slice(at, Math.min(end, at + limit + 1));
    const ends = fits(rest, frame, room, limit);
    const body = ends ? rest : rest.slice(0, room).replace(/\p{Cs}$/u, '');
    const stop = ends ? endOf(body, frame) : cut(body, frame);
    const text = show(body, frame, stop);
    place = ends ? { at: answer.length, frame } : pass(answer, { at: at + stop.at, frame: stop.frame });
    if (text !== '') parts.push({ text, from: parts.at(-1)?.to ?? 0, to: place.at });
  }
  const last = parts.pop();
  return last ? [...parts, { ...last, to: answer.length }] : [];
}
