import { randomUUID } from 'node:crypto';
import { setImmediate as nextRound } from 'node:timers/promises';
import { z } from 'zod';
import { UserError } from './errors.js';
import type { Exchange } from './prompt.js';
import type { Question } from './question.js';
import { type Excerpt, excerpt, indexed, matching, type Phrases, readQuery } from './search.js';
import { exchangeShape, kept, LOCKED_MS, openDatabase, openQueue, questionShape, readQuestion } from './store.js';

/** The channels of conversations on the console have ids that begin with this; a name follows. */
const CONSOLE = 'console:';

/** The id of the channel in which the conversation of this name is held on the console. */
export const consoleChannel = (name: string): string => `${CONSOLE}${name}`;

/** An exchange, and when it was asked, in milliseconds since 1970. */
export interface PastExchange extends Exchange {
  readonly askedAt: number;
}

/** A channel in which something was answered that has not been forgotten. Times are in milliseconds since 1970. */
export interface Conversation {
  readonly channelId: string;
  /** Where it is held: on the console, in a channel or a thread of a server, with one person alone. */
  readonly kind: 'console' | 'channel' | 'thread' | 'direct';
  /** What it is called, where it has a name: on the console. */
  readonly name?: string;
  readonly exchanges: number;
  readonly firstAt: number;
  readonly lastAt: number;
  /** What was said last; missing where it can't be read. */
  readonly last?: PastExchange;
}

/** A turn in which something was found. */
export interface Hit {
  readonly channelId: string;
  /** Who asked, what, and whether in private. */
  readonly question: Question;
  /** In milliseconds since 1970. */
  readonly askedAt: number;
  /** In which part of the turn the excerpt stands. */
  readonly part: 'question' | 'quote' | 'answer';
  readonly excerpt: Excerpt;
}

/** How many turns were brought in, and how many were left out because a turn of their id is there already. */
export interface Imported {
  readonly turns: number;
  readonly skipped: number;
}

export type History = ReturnType<typeof openHistory>;

/** Turns that are put into the index in one transaction: others who write wait no longer than that takes. */
const INDEXED_AT_ONCE = 200;

/** Turns that are read at a time for an export. */
const READ_AT_ONCE = 500;

const FORMAT = 'parley-history';
const VERSION = 1;

/**
 * Opens what was ever said in the file of a store, for looking back at it. The store may write to it at the same time, in
 * this process or another. Every step throws a StoreError when the file can't be read or written.
 *
 * @param onUnreadable is told of each row that can't be read and is left out
 * @param lockedMs for how long another program may keep the file locked, in milliseconds, until steps fail for it
 * @throws {ConfigError} as `openStore` does
 */
export function openHistory(path: string, onUnreadable: (seq: number) => void = () => {}, lockedMs = LOCKED_MS) {
  const database = openDatabase(path, lockedMs);
  const prepare = <Bound extends unknown[], Row>(sql: string) => kept(database.prepare<Bound, Row>(sql));
  const { patiently, write, writeLast } = openQueue(lockedMs);
  const unreadable = new Set<number>();

  // Beside max(), SQLite takes the other columns from the row that has it (“Bare columns in an aggregate query”).
  const selectConversations = prepare<[], ConversationRow>(
    `SELECT channel_id AS channelId, count(*) AS exchanges, max(asked_at) AS askedAt, seq, question, answer, tokens,
            (SELECT min(asked_at) FROM turns AS early
             WHERE early.channel_id = turns.channel_id AND state = 'answered' AND question IS NOT NULL) AS firstAt
     FROM turns WHERE state = 'answered' AND question IS NOT NULL
     GROUP BY channel_id ORDER BY askedAt DESC, seq DESC`,
  );
  const selectLastOnConsole = prepare<[], { channelId: string }>(
    `SELECT channel_id AS channelId FROM turns WHERE channel_id GLOB '${CONSOLE}*' ORDER BY asked_at DESC, seq DESC LIMIT 1`,
  );
  const selectAsked = prepare<[object], { seq: number; question: string }>(
    `SELECT seq, question FROM turns
     WHERE channel_id GLOB '${CONSOLE}*' AND asker_id = :askerId AND question IS NOT NULL
     ORDER BY asked_at DESC, seq DESC LIMIT :limit`,
  );
  const selectExchanges = prepare<[string], PastRow>(
    `SELECT seq, question, answer, tokens, asked_at AS askedAt FROM turns
     WHERE channel_id = ? AND state = 'answered' AND question IS NOT NULL ORDER BY asked_at, seq`,
  );
  const selectHits = prepare<[object], HitRow>(
    `WITH hits AS (
       SELECT seq FROM said CROSS JOIN turns ON seq = said.rowid
       WHERE said MATCH :match AND turns.question IS NOT NULL AND (:channelId IS NULL OR channel_id = :channelId)
       ORDER BY asked_at DESC, seq DESC LIMIT :limit
     )
     SELECT seq, channel_id AS channelId, question, answer, asked_at AS askedAt
     FROM hits JOIN turns USING (seq) ORDER BY asked_at DESC, seq DESC`,
  );
  const countUnindexed = prepare<[], { left: number }>('SELECT count(*) AS left FROM unindexed');
  const selectUnindexed = prepare<[], UnindexedRow>(
    `SELECT seq, question, answer FROM unindexed JOIN turns USING (seq) ORDER BY seq DESC LIMIT ${INDEXED_AT_ONCE}`,
  );
  const insertSaid = prepare('INSERT INTO said (rowid, question, answer) VALUES (:seq, :question, :answer)');
  const deleteUnindexed = prepare('DELETE FROM unindexed WHERE seq = ?');

  const selectSource = prepare<[object], SourceRow>(
    `SELECT seq, question, answer, tokens, asker_id AS askerId, finish, asked_at AS askedAt, ended_at AS endedAt
     FROM turns
     WHERE channel_id = :channelId AND state = 'answered' AND question IS NOT NULL AND private = 0
       AND seq >= coalesce((SELECT begins FROM windows WHERE channel_id = :channelId AND private_to = ''), 0)
     ORDER BY seq`,
  );
  const selectAny = prepare<[string], object>(
    `SELECT 1 FROM turns WHERE channel_id = ? AND question IS NOT NULL LIMIT 1`,
  );
  const selectRole = prepare<[string], { role: string | null }>(
    'SELECT system_role AS role FROM channels WHERE id = ?',
  );
  const selectChannels = prepare<[], object>(
    `SELECT 'channel' AS type, id, system_role AS systemRole, direct_at AS directAt FROM channels
     WHERE system_role IS NOT NULL OR direct_at IS NOT NULL ORDER BY id`,
  );
  const selectWindows = prepare<[], object>(
    `SELECT 'window' AS type, channelId, privateTo, after
     FROM (SELECT channel_id AS channelId, private_to AS privateTo, id AS after, max(seq)
           FROM turns CROSS JOIN windows USING (channel_id) WHERE seq < begins AND state <> 'open'
           GROUP BY channel_id, private_to)
     ORDER BY channelId, privateTo`,
  );
  const selectEnded = prepare<[number], EndedRow>(
    `SELECT seq, 'turn' AS type, id, channel_id AS channelId, asker_id AS askerId, private AS isPrivate, state, failure,
            question, answer, tokens, finish, asked_at AS askedAt, ended_at AS endedAt
     FROM turns WHERE seq > ? AND state <> 'open' ORDER BY seq LIMIT ${READ_AT_ONCE}`,
  );
  const insertTurn = prepare(
    `INSERT INTO turns (id, channel_id, asker_id, private, state, failure, question, answer, tokens, finish, asked_at, ended_at)
     VALUES (:id, :channelId, :askerId, :isPrivate, :state, :failure, :question, :answer, :tokens, :finish, :askedAt, :endedAt)
     ON CONFLICT (id) DO NOTHING`,
  );
  const insertChannel = prepare(
    `INSERT INTO channels (id, system_role, direct_at) VALUES (:id, :systemRole, :directAt)
     ON CONFLICT (id) DO UPDATE SET system_role = coalesce(system_role, :systemRole), direct_at = coalesce(direct_at, :directAt)`,
  );
  const insertWindow = prepare(
    `INSERT INTO windows (channel_id, private_to, begins)
     SELECT channel_id, :privateTo, seq + 1 FROM turns WHERE id = :after AND channel_id = :channelId
     ON CONFLICT (channel_id, private_to) DO UPDATE SET begins = max(begins, excluded.begins)`,
  );

  const index = database.transaction((): number => {
    const rows = selectUnindexed.all();
    for (const row of rows) {
      const question = readOrNote(row);
      if (question) insertSaid.run({ seq: row.seq, question: asIndexed(question), answer: indexed(row.answer ?? '') });
      deleteUnindexed.run(row.seq);
    }
    return rows.length;
  });

  const copyAll = database.transaction((from: string, to: string): number => {
    if (selectAny.get(to)) throw new UserError('There is a conversation in that place already.');
    let parentId: string | undefined;
    let copied = 0;
    for (const row of selectSource.all({ channelId: from })) {
      const [past] = readPast(row);
      if (!past) continue;
      const id = `copy-${randomUUID()}`;
      const question: Question = { ...past.question, id, place: { channelId: to } };
      parentId = past.question.place.parentId;
      insertTurn.run({
        ...{ id, channelId: to, askerId: row.askerId, isPrivate: 0, state: 'answered', failure: null },
        ...{ question: JSON.stringify(question), answer: row.answer, tokens: row.tokens, finish: row.finish },
        ...{ askedAt: row.askedAt, endedAt: row.endedAt },
      });
      copied += 1;
    }
    const systemRole = selectRole.get(from)?.role ?? (parentId && selectRole.get(parentId)?.role);
    if (systemRole) insertChannel.run({ id: to, systemRole, directAt: null });
    return copied;
  });

  const bringIn = database.transaction((lines: readonly Line[]): Imported => {
    let turns = 0;
    const all = lines.filter((line) => line.type === 'turn');
    for (const { type, isPrivate, question, ...row } of all) {
      const json = question === null ? null : JSON.stringify(question);
      turns += insertTurn.run({ ...row, isPrivate: isPrivate ? 1 : 0, question: json }).changes;
    }
    for (const { type, ...row } of lines.filter((line) => line.type === 'channel')) insertChannel.run(row);
    // They begin after turns, which have to be there.
    for (const { type, ...row } of lines.filter((line) => line.type === 'window')) insertWindow.run(row);
    return { turns, skipped: all.length - turns };
  });

  function readOrNote({ seq, question: json }: { readonly seq: number; readonly question: string }) {
    const question = readQuestion(json);
    if (!question) noteUnreadable(seq);
    return question;
  }

  function noteUnreadable(seq: number): void {
    if (unreadable.has(seq)) return;
    unreadable.add(seq);
    onUnreadable(seq);
  }

  function readPast(row: PastRow): PastExchange[] {
    const { data } = pastShape.safeParse(row);
    const question = data && readQuestion(data.question);
    if (question) return [{ ...data, question }];
    noteUnreadable(row.seq);
    return [];
  }

  function readConversation({ channelId, exchanges, firstAt, ...row }: ConversationRow): Conversation {
    const [last] = readPast(row);
    const name = channelId.startsWith(CONSOLE) ? channelId.slice(CONSOLE.length) : undefined;
    return {
      ...{ channelId, exchanges, firstAt, lastAt: row.askedAt, kind: kindOf(channelId, last?.question) },
      ...(name !== undefined && { name }),
      ...(last && { last }),
    };
  }

  function readHit(row: HitRow, phrases: Phrases): Hit[] {
    const question = readOrNote(row);
    if (!question) return [];
    const { channelId, askedAt, answer } = row;
    const [best] = partsOf(question, answer)
      .map(([part, text]) => ({ part, excerpt: excerpt(text, phrases) }))
      .sort((one, other) => other.excerpt.found - one.excerpt.found);
    return best ? [{ channelId, question, askedAt, ...best }] : [];
  }

  async function* exported(): AsyncGenerator<object> {
    yield { format: FORMAT, version: VERSION };
    yield* await patiently(() => selectChannels.all());
    yield* endedTurns();
    yield* await patiently(() => selectWindows.all());
    yield { type: 'end' };
  }

  async function* endedTurns() {
    for (let seq = 0; ; ) {
      const from = seq;
      const rows = await patiently(() => selectEnded.all(from));
      if (rows.length === 0) return;
      for (const row of rows) {
        seq = row.seq;
        const turn = readEnded(row);
        if (turn) yield turn;
        else noteUnreadable(seq);
      }
    }
  }

  async function indexAll(onIndexing: (left: number) => void): Promise<void> {
    let left = (await patiently(() => countUnindexed.get()))?.left ?? 0;
    while (left > 0) {
      onIndexing(left);
      const done = await write(() => index.immediate());
      left = done < INDEXED_AT_ONCE ? 0 : Math.max(left - done, 1);
      await nextRound();
    }
  }

  return {
    /** All conversations, those spoken in last first. */
    async conversations(): Promise<readonly Conversation[]> {
      return (await patiently(() => selectConversations.all())).map(readConversation);
    },

    /** The channel of the conversation on the console in which somebody asked something last, whatever came of it. */
    async lastOnConsole(): Promise<string | undefined> {
      return (await patiently(() => selectLastOnConsole.get()))?.channelId;
    },

    /** What somebody asked on the console of late, at most `limit` questions, oldest first. */
    async asked(askerId: string, limit: number): Promise<readonly string[]> {
      const rows = await patiently(() => selectAsked.all({ askerId, limit }));
      return rows.flatMap((row) => readOrNote(row)?.text ?? []).reverse();
    },

    /** The exchanges of a channel, everybody's private ones too, oldest first. */
    async read(channelId: string): Promise<readonly PastExchange[]> {
      return (await patiently(() => selectExchanges.all(channelId))).flatMap(readPast);
    },

    /**
     * The turns in which all of the words were said, newest first, whatever came of them; private ones too. Any two
     * characters in a row of Chinese, Japanese or Korean are found, other words by their beginnings. What was said since
     * the last search is put into the index before; `onIndexing` hears how many turns that still takes.
     */
    async search(words: string, { limit = 20, channelId, onIndexing = () => {} }: SearchOptions = {}) {
      await indexAll(onIndexing);
      const phrases = readQuery(words);
      if (phrases.length === 0) return [];
      const match = matching(phrases);
      const rows = await patiently(() => selectHits.all({ match, limit, channelId: channelId ?? null }));
      return rows.flatMap((row) => readHit(row, phrases));
    },

    /**
     * Copies what the prompts of a channel hold now into another, in which nothing was said so far: its public exchanges
     * and its system role, be it its parent's. Returns the number of exchanges.
     *
     * @throws {UserError} when something was said in the other one
     */
    copy: (from: string, to: string): Promise<number> => write(() => copyAll.immediate(from, to)),

    /**
     * Writes all turns that have ended, with their windows and system roles, as lines of JSON, which {@link importAll}
     * reads. Where answers are shown is left out: it may hold the token of an interaction. Returns the number of turns.
     */
    async exportAll(write: (line: string) => unknown): Promise<number> {
      let turns = 0;
      for await (const line of exported()) {
        await write(jsonLine(line));
        if ('type' in line && line.type === 'turn') turns += 1;
      }
      return turns;
    },

    /**
     * Brings in what {@link exportAll} wrote, all of it or nothing. Turns, system roles and windows that are there
     * already stay as they are; turns of a channel that are new are its newest.
     *
     * @throws {UserError} that names each line at fault by its number
     */
    async importAll(lines: Iterable<string> | AsyncIterable<string>): Promise<Imported> {
      const read = await readLines(lines);
      return write(() => bringIn.immediate(read));
    },

    async close(): Promise<void> {
      await writeLast(() => database.close());
    },
  };
}

export interface SearchOptions {
  /** Hits at most; 20 unless told. */
  readonly limit?: number;
  /** Where alone to search. */
  readonly channelId?: string;
  readonly onIndexing?: (left: number) => void;
}

interface PastRow {
  readonly seq: number;
  readonly question: string;
  readonly answer: string;
  readonly tokens: number;
  readonly askedAt: number;
}

interface SourceRow extends PastRow {
  readonly askerId: string;
  readonly finish: string | null;
  readonly endedAt: number | null;
}

interface ConversationRow extends PastRow {
  readonly channelId: string;
  readonly exchanges: number;
  readonly firstAt: number;
}

interface UnindexedRow {
  readonly seq: number;
  readonly question: string;
  readonly answer: string | null;
}

interface HitRow extends UnindexedRow {
  readonly channelId: string;
  readonly askedAt: number;
}

interface EndedRow {
  readonly seq: number;
  readonly isPrivate: number;
  readonly question: string | null;
}

const pastShape = exchangeShape.extend({ askedAt: z.number() });

function kindOf(channelId: string, last: Question | undefined): Conversation['kind'] {
  if (channelId.startsWith(CONSOLE)) return 'console';
  if (last?.place.isDirect) return 'direct';
  return last?.place.parentId === undefined ? 'channel' : 'thread';
}

/** Stands in the index between two texts. No query holds it, so nothing is found across the two. */
const BETWEEN = '¶';

const asIndexed = ({ text, quote }: Question): string => [text, quote?.text ?? ''].map(indexed).join(` ${BETWEEN} `);

const partsOf = ({ text, quote }: Question, answer: string | null) =>
  [
    ['question', text],
    ['answer', answer ?? ''],
    ['quote', quote?.text ?? ''],
  ] as const;

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
    askedAt: z.int(),
    endedAt: z.int().nullable(),
  })
  .refine(isInItsPlace, { path: ['question'] })
  .refine(
    ({ state, question, answer, tokens }) => {
      const isExchange = state === 'answered' && question !== null;
      return !isExchange || (answer !== null && tokens !== null);
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
    directAt: z.int().nullable(),
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

type Line = z.output<typeof lineShape>;

const headerShape = z.object({ format: z.literal(FORMAT), version: z.int().positive() });

function readEnded({ seq, isPrivate, question, ...row }: EndedRow): z.output<typeof turnLine> | undefined {
  try {
    const whole = { ...row, isPrivate: isPrivate === 1, question: question === null ? null : JSON.parse(question) };
    return turnLine.parse(whole);
  } catch {
    return undefined;
  }
}

/** Some programs take these for the end of a line, too. */
const jsonLine = (line: object): string =>
  JSON.stringify(line).replaceAll(
    /[\u0085\u2028\u2029]/g,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Faults that are told one by one. */
const FAULTS_TOLD = 10;

async function readLines(texts: Iterable<string> | AsyncIterable<string>): Promise<readonly Line[]> {
  const lines: Line[] = [];
  const faults: string[] = [];
  let number = 0;
  for await (const text of texts) {
    number += 1;
    if (number === 1) checkHeader(text);
    else if (text.trim() !== '') {
      const line = readLine(text);
      if (typeof line === 'string') faults.push(`Line ${number}: ${line}`);
      else lines.push(line);
    }
  }
  if (number === 0) checkHeader('');
  if (faults.length === 0 && lines.at(-1)?.type !== 'end')
    faults.push(`Line ${number + 1} is missing: the end was cut off.`);
  if (faults.length === 0) return lines;
  const more = faults.length - FAULTS_TOLD;
  const told = more > 0 ? [...faults.slice(0, FAULTS_TOLD), `And ${more} more.`] : faults;
  throw new UserError([...told, 'Nothing was imported.'].join('\n'));
}

/** @throws {UserError} when a text is not the first line of an export that this version reads */
function checkHeader(text: string): void {
  const header = headerShape.safeParse(parsed(text.replace(/^\ufeff/, ''))).data;
  if (!header) throw new UserError('Line 1: This is no export of Parley. Nothing was imported.');
  if (header.version > VERSION) {
    throw new UserError('Line 1: This was exported by a newer version of Parley. Nothing was imported.');
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
