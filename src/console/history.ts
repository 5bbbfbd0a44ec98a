import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
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
import { disarm } from './markdown.js';
import { Misuse } from './misuse.js';
import { endWithReader, openPage } from './page.js';

const formats = ['text', 'json', 'markdown'] as const;
type Format = (typeof formats)[number];

/** `parley history`: the conversations that are kept, or one of them. */
export async function runHistory(conversation: string | undefined, flags: { readonly format: string }): Promise<void> {
  const format = z.enum(formats).safeParse(flags.format).data;
  if (!format) throw new Misuse(`--format is one of ${formats.join(', ')}.`);
  await withHistory(async (history) => {
    if (conversation === undefined) {
      list(await history.conversations(), format);
      return;
    }
    const channelId = await channelOf(history, conversation);
    print(channelId, await history.read(channelId), format);
  });
}

/** `parley history search`: where words were said, the newest first. */
export async function runSearch(words: readonly string[], flags: { readonly limit: string }): Promise<void> {
  const limit = z.coerce.number().int().min(1).max(10_000).safeParse(flags.limit).data;
  if (limit === undefined) throw new Misuse('--limit is a whole number from 1 to 10000.');
  await withHistory(async (history) => {
    const hits = await history.search(words.join(' '), {
      limit,
      onIndexing: (left) => process.stderr.isTTY && process.stderr.write(`\rindexing, ${left} to go \u001b[K`),
    });
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    for (const hit of hits) say(lineOf(hit));
    // As grep has it.
    if (hits.length === 0) process.exitCode = 1;
  });
}

/** `parley history export`. */
export async function runExport(file: string | undefined): Promise<void> {
  const output = file === undefined ? process.stdout : createWriteStream(file, { flags: 'wx', mode: 0o600 });
  if (output !== process.stdout) await opened(output, file);
  const turns = await withHistory((history) =>
    history.exportAll(async (line) => {
      if (!output.write(`${line}\n`)) await once(output, 'drain');
    }),
  );
  if (output !== process.stdout) {
    output.end();
    await finished(output);
  }
  console.error(`Exported: ${turns} ${turns === 1 ? 'turn' : 'turns'}.`);
}

/** `parley history import`. */
export async function runImport(file: string | undefined): Promise<void> {
  const input = file === undefined ? process.stdin : createReadStream(file);
  if (input !== process.stdin) await opened(input, file);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const { turns, skipped } = await withHistory((history) => history.importAll(lines));
  console.error(`Imported: ${turns} ${turns === 1 ? 'turn' : 'turns'}; ${skipped} were here already.`);
}

async function opened(stream: NodeJS.EventEmitter, file: string | undefined): Promise<void> {
  try {
    await once(stream, 'open');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error;
    throw new Misuse(code === 'EEXIST' ? `${file} exists already.` : `${file} can’t be opened (${code}).`, {
      cause: error,
    });
  }
}

async function withHistory<Result>(use: (history: History) => Promise<Result>): Promise<Result> {
  endWithReader();
  const history = openHistory(readConsoleStore(process.env), (seq) => console.error(`Turn ${seq} can’t be read.`));
  try {
    return await use(history);
  } finally {
    await history.close();
  }
}

/** The channel that somebody means by the name of a conversation on the console, or by a channel's id. */
async function channelOf(history: History, meant: string): Promise<string> {
  const known = new Set((await history.conversations()).map(({ channelId }) => channelId));
  const channelId = [consoleChannel(meant), meant].find((one) => known.has(one));
  if (channelId === undefined) throw new Misuse(`There is no conversation “${meant}”. “parley history” lists them.`);
  return channelId;
}

const nameOf = ({ name, channelId }: Conversation): string => name ?? channelId;

function list(conversations: readonly Conversation[], format: Format): void {
  if (format === 'json') say(JSON.stringify(conversations, undefined, 2));
  for (const one of format === 'json' ? [] : conversations) {
    const count = `${one.exchanges} ${one.exchanges === 1 ? 'exchange' : 'exchanges'}`;
    const last = oneLine(one.last?.answer ?? '');
    if (format === 'markdown') say(`- **${nameOf(one)}** (${one.kind}, ${timeOf(one.lastAt)}, ${count}): ${last}`);
    else say([timeOf(one.lastAt), nameOf(one), one.kind, count, last].join('\t'));
  }
}

function print(channelId: string, exchanges: readonly PastExchange[], format: Format): void {
  if (format === 'json') {
    say(JSON.stringify({ channelId, exchanges }, undefined, 2));
    return;
  }
  const page = openPage(process.stdout, format === 'markdown');
  for (const { question, answer, askedAt } of exchanges) {
    const name = question.isPrivate ? `${question.speaker.name} (private)` : question.speaker.name;
    const quoted = question.quote?.text === undefined ? '' : `${question.quote.text.replaceAll(/^/gm, '> ')}\n\n`;
    page.write(`**${name}**, ${timeOf(askedAt)}\n\n${quoted}${question.text}\n\n**Parley**\n\n${answer}\n\n`);
  }
  page.end();
}

function lineOf({ channelId, question, askedAt, part, excerpt }: Hit): string {
  const who = part === 'answer' ? 'Parley' : part === 'quote' ? 'quoted' : question.speaker.name;
  const place = channelId.startsWith(consoleChannel('')) ? channelId.slice(consoleChannel('').length) : channelId;
  return [timeOf(askedAt), place, who, oneLine(excerpt.text)].join('\t');
}

const timeOf = (ms: number): string => new Date(ms).toLocaleString('sv').slice(0, 16);

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').slice(0, 200);

/** In a terminal, what somebody wrote can do nothing but be read. */
const say = (line: string): void => console.log(process.stdout.isTTY ? disarm(line) : line);
