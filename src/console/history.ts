import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { stripVTControlCharacters, styleText } from 'node:util';
import { z } from 'zod';
import { readConsoleStore } from '../config.js';
import {
  type Conversation,
  consoleChannel,
  type History,
  type Hit,
  openHistory,
  type PastExchange,
} from '../history.js';
import { createRenderer, disarm } from './markdown.js';
import { Misuse } from './misuse.js';
import { endWithReader, openPage } from './page.js';

const formats = ['text', 'json', 'markdown'] as const;
type Format = (typeof formats)[number];

/** `parley history`: the conversations that are kept, or one of them. */
export async function runHistory(conversation: string | undefined, flags: { readonly format: string }): Promise<void> {
  const format = z.enum(formats).safeParse(flags.format).data;
  if (!format) throw new Misuse(`--format is one of ${formats.join(', ')}.`);
  await withHistory(async (history, path) => {
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
  await withHistory(async (history) => {
    const hits = await history.search(words.join(' '), {
      limit,
      asShown: readable,
      onIndexing: (left) => process.stderr.isTTY && process.stderr.write(`\rindexing, ${left} to go \u001b[K`),
    });
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    for (const hit of hits) console.log(lineOf(hit));
    // As grep has it.
    if (hits.length === 0) process.exitCode = 1;
  });
}

/** `parley history export`. */
export async function runExport(file: string | undefined): Promise<void> {
  const turns = await withHistory(async (history) => {
    const output = file === undefined ? process.stdout : createWriteStream(file, { flags: 'wx', mode: 0o600 });
    if (output !== process.stdout) await opened(output, file);
    const exported = await history.exportAll(async (line) => {
      if (!output.write(`${line}\n`)) await once(output, 'drain');
    });
    if (output !== process.stdout) await finished(output.end());
    return exported;
  });
  console.error(`Exported: ${turns} ${turns === 1 ? 'turn' : 'turns'}.`);
}

/** `parley history import`. */
export async function runImport(file: string | undefined): Promise<void> {
  const input = file === undefined ? process.stdin : createReadStream(file);
  if (input !== process.stdin) await opened(input, file);
  const lines = linesOf(input, file ?? 'Standard input');
  const { turns, skipped } = await withHistory((history) => history.importAll(lines));
  console.error(`Imported: ${turns} ${turns === 1 ? 'turn' : 'turns'}; ${skipped} were here already.`);
}

async function* linesOf(input: NodeJS.ReadableStream, name: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (error) {
    throw new Misuse(`${name} can’t be read (${codeOf(error)}).`, { cause: error });
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : error);

async function opened(stream: NodeJS.EventEmitter, file: string | undefined): Promise<void> {
  try {
    await once(stream, 'open');
  } catch (error) {
    const code = codeOf(error);
    throw new Misuse(code === 'EEXIST' ? `${file} exists already.` : `${file} can’t be opened (${code}).`, {
      cause: error,
    });
  }
}

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
    const count = `${one.exchanges} ${one.exchanges === 1 ? 'exchange' : 'exchanges'}`;
    const last = readable(one.last?.answer ?? '').slice(0, 200);
    return format === 'markdown'
      ? `- **${nameOf(one)}** (${one.kind}, ${timeOf(one.lastAt)}, ${count}): ${last}`
      : [timeOf(one.lastAt), nameOf(one), one.kind, count, last].join('\t');
  });
  return lines.join('\n');
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

const timeOf = (ms: number): string => new Date(ms).toLocaleString('sv').slice(0, 16);

/** In a terminal, what somebody wrote can do nothing but be read. */
const asPrinted = (text: string): string => (process.stdout.isTTY ? disarm(text) : text);

const say = (text: string): void => (text === '' ? undefined : console.log(asPrinted(text)));
