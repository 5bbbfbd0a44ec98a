import Database from 'better-sqlite3';
import { z } from 'zod';
import { kept } from './database.js';
import { UserError } from './errors.js';
import { questionShape } from './store.js';

/** What stands in the first line of an export, and what in its last. */
export const HEADER = { format: 'parley-history', version: 1 } as const;
export const END = { type: 'end' } as const;

/** What was to be imported is no export of ours, or not as it was written. */
export class FaultyArchive extends UserError {
  override name = 'FaultyArchive';
}

/** In milliseconds since 1970, up to the last that a Date can tell. */
const time = z.int().min(0).max(8.64e15);

const turnLine = z
  .object({
    type: z.literal('turn'),
    id: z.string(),
    channelId: z.string(),
    askerId: z.string(),
    isPrivate: z.boolean(),
    state: z.enum(['answered', 'stopped', 'refused', 'failed']),
    failure: z.string().nullable(),
    // As it is on disk, with what a later version may have added to it.
    question: z.unknown().refine((question) => question === null || questionShape.safeParse(question).success),
    answer: z.string().nullable(),
    tokens: z.int().nonnegative().nullable(),
    finish: z.string().nullable(),
    askedAt: time,
    endedAt: time.nullable(),
  })
  .refine(isInItsPlace, { path: ['question'] })
  .refine(
    ({ state, question, answer, tokens }) => {
      if (question === null) return answer === null;
      return state !== 'answered' || (answer !== null && tokens !== null);
    },
    { path: ['answer'] },
  );

/** Nothing of one channel reaches another, whatever became of a file. */
function isInItsPlace(turn: { readonly id: string; readonly channelId: string; readonly question: unknown }): boolean {
  const { data } = questionShape.safeParse(turn.question);
  return !data || (data.id === turn.id && data.place.channelId === turn.channelId);
}

const lineShape = z.discriminatedUnion('type', [
  turnLine,
  z.object({
    type: z.literal('channel'),
    id: z.string(),
    systemRole: z.string().nullable(),
    directAt: time.nullable(),
  }),
  z.object({
    type: z.literal('window'),
    channelId: z.string(),
    privateTo: z.string(),
    /** The last turn of the channel that it leaves out. */
    after: z.string(),
  }),
  z.object({ type: z.literal('end') }),
]);

export type Line = z.output<typeof lineShape>;

const headerShape = z.object({ format: z.literal(HEADER.format), version: z.int().positive() });

/** A turn on disk. */
export interface TurnRow {
  readonly seq: number;
  readonly state: string;
  readonly isPrivate: number;
  readonly question: string | null;
}

/** The line of a turn that has ended; nothing where the turn can't be read. */
export function readTurn({ seq, isPrivate, question, ...row }: TurnRow): z.output<typeof turnLine> | undefined {
  try {
    const whole = { ...row, isPrivate: isPrivate === 1, question: question === null ? null : JSON.parse(question) };
    return turnLine.parse(whole);
  } catch {
    return undefined;
  }
}

/** Each on a line, with its end. */
export async function* jsonLines(all: AsyncIterable<object>): AsyncGenerator<string> {
  for await (const one of all) yield `${jsonLine(one)}\n`;
}

/** Some programs take these for the end of a line, too. */
const jsonLine = (line: object): string =>
  JSON.stringify(line).replaceAll(
    /[\u0085\u2028\u2029]/g,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Faults that are told one by one. */
const FAULTS_TOLD = 10;

/**
 * Reads all lines of an export, and keeps them. They are to be closed.
 *
 * @throws {FaultyArchive} that names each line at fault by its number
 */
export async function readArchive(texts: Iterable<string> | AsyncIterable<string>) {
  const lines = keepLines();
  const faults = collectFaults();
  let number = 0;
  let hasEnded = false;
  try {
    for await (const text of texts) {
      number += 1;
      if (number === 1) checkHeader(text);
      if (number === 1 || text.trim() === '') continue;
      const line: Line | string = hasEnded ? 'The export ended before this.' : readLine(text);
      if (typeof line === 'string') faults.add(`Line ${number}: ${line}`);
      else lines.add(number, text, line);
      hasEnded ||= typeof line !== 'string' && line.type === 'end';
    }
    if (number === 0) checkHeader('');
    faults.check(hasEnded ? undefined : `Line ${number + 1} is missing: the end was cut off.`);
    return lines;
  } catch (error) {
    lines.close();
    throw error;
  }
}

function collectFaults() {
  const told: string[] = [];
  let more = 0;
  return {
    add(fault: string): void {
      if (told.length < FAULTS_TOLD) told.push(fault);
      else more += 1;
    },
    /** @throws {FaultyArchive} that tells the faults, or if there are none, what is told at last */
    check(last: string | undefined): void {
      const all = told.length === 0 && last ? [last] : told;
      if (all.length === 0) return;
      throw new FaultyArchive([...all, ...(more > 0 ? [`And ${more} more.`] : []), 'Nothing was imported.'].join('\n'));
    },
  };
}

/** Lines that may be more than fit into memory, in a file of SQLite's that is gone when it is closed. */
function keepLines() {
  const file = kept(new Database(''));
  file.exec('CREATE TABLE lines (place INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT; BEGIN');
  const insert = kept(file.prepare('INSERT INTO lines VALUES (?, ?)'));
  const select = kept(file.prepare<[], string>('SELECT text FROM lines ORDER BY place').pluck());
  return {
    // Windows begin after turns, which have to be there.
    add: (number: number, text: string, { type }: Line): unknown =>
      insert.run(type === 'window' ? number + BEHIND_ALL : number, text),
    *all(): Generator<Line, void> {
      // Only what was read as a line was added.
      for (const text of select.iterate()) yield JSON.parse(text) as Line;
    },
    close: (): unknown => file.close(),
  };
}

/** No file has so many lines. */
const BEHIND_ALL = 2 ** 40;

/** @throws {FaultyArchive} when a text is not the first line of an export that this version reads */
function checkHeader(text: string): void {
  const header = headerShape.safeParse(parsed(text.replace(/^\ufeff/, ''))).data;
  if (!header) throw new FaultyArchive('Line 1: This is no export of Parley. Nothing was imported.');
  if (header.version > HEADER.version) {
    throw new FaultyArchive('Line 1: This was exported by a newer version of Parley. Nothing was imported.');
  }
}

/** A line of an export after its first, or what is wrong with it. */
function readLine(text: string): Line | string {
  const json = parsed(text);
  if (json === undefined) return 'This is no JSON.';
  const { data, error } = lineShape.safeParse(json);
  return data ?? `“${error.issues[0]?.path.join('.') || 'type'}” is missing or not as it should be.`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
