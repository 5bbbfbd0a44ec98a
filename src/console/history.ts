import { existsSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { stripVTControlCharacters, styleText } from 'node:util';
import { z } from 'zod';
import { FaultyArchive } from '../archive.js';
import { readConsoleStore } from '../config.js';
import { UserError } from '../errors.js';
import {
  type Conversation,
  consoleChannel,
  type History,
  type Hit,
  openHistory,
  type PastExchange,
} from '../history.js';
import { readQuery } from '../search.js';
import { createRenderer, disarm } from './markdown.js';
import { Misuse } from './misuse.js';
import { endWithReader, openPage } from './page.js';

const formats = ['text', 'json', 'markdown'] as const;
type Format = (typeof formats)[number];

/** `parley history`: the conversations that are kept, or one of them. */
export async function runHistory(conversation: string | undefined, flags: { readonly format: string }): Promise<void> {
  const format = z.enum(formats).safeParse(flags.format).data;
  if (!format) throw new Misuse(`--format is one of ${formats.join(', ')}.`);
  await withKept(async (history, path) => {
    if (conversation === undefined) {
      const conversations = await history.conversations();
      say(listOf(conversations, format));
      if (conversations.length === 0) console.error(`No conversation is kept in ${path} yet.`);
      return;
    }
    const channelId = await channelOf(history, conversation);
    const exchanges = await history.read(channelId);
    const page = openPage(process.stdout, format !== 'text');
    page.write(talkOf(channelId, exchanges, format));
    page.end();
    if (exchanges.length === 0) console.error(`Nothing was answered in “${conversation}”.`);
  });
}

/** `parley history search`: where words were said, the newest first. */
export async function runSearch(words: readonly string[], flags: { readonly limit: string }): Promise<void> {
  const limit = z.coerce.number().int().min(1).max(10_000).safeParse(flags.limit).data;
  if (limit === undefined) throw new Misuse('--limit is a whole number from 1 to 10000.');
  const query = words.join(' ');
  if (readQuery(query).length === 0) throw new Misuse('A search needs a letter or a digit.');
  await withKept(async (history) => {
    const hits = await history.search(query, {
      limit,
      asShown: readable,
      onIndexing: (left) => process.stderr.isTTY && process.stderr.write(`\rindexing, ${left} to go \u001b[K`),
    });
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    for (const hit of hits) console.log(lineOf(hit));
    if (hits.length > 0) return;
    console.error('Nothing found.');
    // As grep has it.
    process.exitCode = 1;
  });
}

/** `parley history export`. */
export async function runExport(file: string | undefined): Promise<void> {
  const exported = await withKept((history) =>
    history.exportAll((lines) =>
      file === undefined ? pipeline(lines, process.stdout, { end: false }) : writeNew(file, lines),
    ),
  );
  console.error(`Exported: ${numbered(exported.turns, 'turn')}.`);
  const wereLeftOut = exported.open === 1 ? 'is still open and was left out' : 'are still open and were left out';
  if (exported.open > 0) console.error(`${numbered(exported.open, 'turn')} ${wereLeftOut}.`);
  if (exported.unreadable > 0) process.exitCode = 1;
}

/** Writes a file that was not there, or where it can't be written whole, none. */
async function writeNew(file: string, lines: AsyncIterable<string>): Promise<void> {
  const handle = await opened(file, 'wx');
  try {
    await pipeline(lines, handle.createWriteStream());
  } catch (error) {
    await rm(file, { force: true }).catch(() => {});
    // What the system refuses here is done to this file.
    const isOfFile = error instanceof Error && 'syscall' in error;
    throw isOfFile ? new UserError(`${file} can’t be written (${codeOf(error)}).`, { cause: error }) : error;
  }
}

/** `parley history import`. */
export async function runImport(file: string | undefined): Promise<void> {
  const input = file === undefined ? process.stdin : (await opened(file, 'r')).createReadStream();
  const lines = linesOf(input, file ?? 'Standard input');
  const { turns, skipped } = await withHistory((history) => history.importAll(lines)).catch((error) => {
    throw error instanceof FaultyArchive ? new Misuse(error.message, { cause: error }) : error;
  });
  console.error(`Imported: ${numbered(turns, 'turn')}; ${skipped} were here already.`);
}

async function* linesOf(input: NodeJS.ReadableStream, name: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (error) {
    throw new Misuse(`${name} can’t be read (${codeOf(error)}).`, { cause: error });
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : error);

async function opened(file: string, flags: 'r' | 'wx'): Promise<FileHandle> {
  try {
    // What is made is for nobody else to read.
    return await open(file, flags, 0o600);
  } catch (error) {
    const code = codeOf(error);
    throw new Misuse(code === 'EEXIST' ? `${file} exists already.` : `${file} can’t be opened (${code}).`, {
      cause: error,
    });
  }
}

/** Looks back at what is kept, and makes no file where there is none. */
const withKept: typeof withHistory = (use) => {
  const path = readConsoleStore(process.env);
  if (!existsSync(path)) throw new Misuse(`There is no database at ${path}.`);
  return withHistory(use);
};

async function withHistory<Result>(use: (history: History, path: string) => Promise<Result>): Promise<Result> {
  endWithReader();
  const path = readConsoleStore(process.env);
  const history = openHistory(path, (seq) => console.error(`Turn ${seq} can’t be read.`));
  try {
    return await use(history, path);
  } finally {
    await history.close();
  }
}

/** The channel of this id, or else that of the conversation of this name on the console. */
async function channelOf(history: History, meant: string): Promise<string> {
  for (const channelId of [meant, consoleChannel(meant)]) if (await history.has(channelId)) return channelId;
  throw new Misuse(`There is no conversation “${meant}”. “parley history” lists them.`);
}

const nameOf = ({ name, channelId }: Conversation): string => name ?? channelId;

/** A list of conversations, a line each, or as JSON. */
export function listOf(conversations: readonly Conversation[], format: Format): string {
  if (format === 'json') return JSON.stringify(conversations, undefined, 2);
  const lines = conversations.map((one) => {
    const count = numbered(one.exchanges, 'exchange');
    const last = beginning(readable(one.last?.answer ?? ''));
    return format === 'markdown'
      ? `- **${nameOf(one)}** (${one.kind}, ${timeOf(one.lastAt)}, ${count}): ${last}`
      : [timeOf(one.lastAt), nameOf(one), one.kind, count, last].join('\t');
  });
  return lines.join('\n');
}

const LIST_LENGTH = 200;

/** As much of a text as stands in a list, cut between two characters. */
function beginning(text: string): string {
  const end = new Intl.Segmenter().segment(text).containing(LIST_LENGTH)?.index;
  return text.slice(0, end);
}

/** What was said in a channel, as Markdown or as JSON. */
export function talkOf(channelId: string, exchanges: readonly PastExchange[], format: Format): string {
  if (format === 'json') return `${JSON.stringify({ channelId, exchanges }, undefined, 2)}\n`;
  return exchanges
    .map(({ question, answer, askedAt }) => {
      const name = question.isPrivate ? `${question.speaker.name} (private)` : question.speaker.name;
      const quoted = question.quote?.text === undefined ? '' : `${question.quote.text.replaceAll(/^/gm, '> ')}\n\n`;
      return `**${name}**, ${timeOf(askedAt)}\n\n${quoted}${question.text}\n\n**Parley**\n\n${answer}\n`;
    })
    .join('\n');
}

/** A place in which something was found: when, in which conversation, by whom, and what. */
export function lineOf({ channelId, question, askedAt, part, excerpt }: Hit): string {
  const who = part === 'answer' ? 'Parley' : part === 'quote' ? 'quoted' : question.speaker.name;
  const place = channelId.startsWith(consoleChannel('')) ? channelId.slice(consoleChannel('').length) : channelId;
  return [...[timeOf(askedAt), place, who].map(asPrinted), marked(excerpt)].join('\t');
}

/** An excerpt with its hits in bold where the terminal shows that. */
function marked({ text, hits }: Hit['excerpt']): string {
  let [line, end] = ['', 0];
  for (const [from, to] of process.stdout.isTTY ? hits : []) {
    line += `${asPrinted(text.slice(end, from))}${styleText('bold', asPrinted(text.slice(from, to)))}`;
    end = to;
  }
  return line + asPrinted(text.slice(end));
}

/** What a text says, without its Markdown, on one line. */
export function readable(text: string): string {
  const renderer = createRenderer({ columns: () => Number.MAX_SAFE_INTEGER, isColoured: false });
  const plain = stripVTControlCharacters(renderer.write(text) + renderer.end());
  const withoutFences = plain.replaceAll(/^\s*(?:```|~~~).*$/gm, '');
  return withoutFences.replaceAll(/\s+/g, ' ').trim();
}

const numbered = (count: number, what: string): string => `${count} ${count === 1 ? what : `${what}s`}`;

const timeOf = (ms: number): string => new Date(ms).toLocaleString('sv').slice(0, 16);

/** In a terminal, what somebody wrote can do nothing but be read. */
const asPrinted = (text: string): string => (process.stdout.isTTY ? disarm(text) : text);

const say = (text: string): void => (text === '' ? undefined : console.log(asPrinted(text)));
