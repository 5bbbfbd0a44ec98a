import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { END, HEADER, jsonLines, type Line, readArchive, readTurn, type TurnRow } from './archive.js';
import { joinConsoles, kept, LOCKED_MS, openDatabase } from './database.js';
import { UserError } from './errors.js';
import type { Exchange } from './prompt.js';
import type { Question } from './question.js';
import { openQueue } from './queue.js';
import { type Excerpt, excerpt, indexed, matching, type Phrases, readQuery } from './search.js';
import { exchangeShape, readQuestion } from './store.js';

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

/** How many turns were written to an export, and how many were left out because they are open or can't be read. */
export interface Exported {
  readonly turns: number;
  readonly open: number;
  readonly unreadable: number;
}

/** How many turns were brought in, and how many were left out because a turn of their id is there already. */
export interface Imported {
  readonly turns: number;
  readonly skipped: number;
}

export type History = ReturnType<typeof openHistory>;

/** Turns that are put into the index at a time; each takes about 60 µs. */
const INDEXED_AT_ONCE = 50;

/** Turns that are read at a time for an export. */
const READ_AT_ONCE = 500;

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
  const { patiently, write, writeInPortions, writeLast } = openQueue(database, lockedMs);
  const unreadable = new Set<number>();

  // Beside max(), SQLite takes the other columns from the row that has it (“Bare columns in an aggregate query”).
  const selectConversations = prepare<[], ConversationRow>(
    `WITH past AS (
       SELECT channel_id, count(*) AS exchanges, max(asked_at) AS lastAt FROM turns
       WHERE state = 'answered' AND question IS NOT NULL GROUP BY channel_id
     ), last AS (
       -- Of those that were asked in the same millisecond, the one that came last.
       SELECT exchanges, max(seq) AS seq FROM past JOIN turns USING (channel_id)
       WHERE asked_at = lastAt AND state = 'answered' AND question IS NOT NULL GROUP BY channel_id
     )
     SELECT seq, turns.channel_id AS channelId, exchanges, question, answer, tokens, asked_at AS askedAt
     FROM last CROSS JOIN turns USING (seq) ORDER BY asked_at DESC, seq DESC`,
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
       WHERE said MATCH :match AND turns.question IS NOT NULL
       ORDER BY asked_at DESC, seq DESC LIMIT :limit
     )
     SELECT seq, channel_id AS channelId, question, answer, asked_at AS askedAt
     FROM hits JOIN turns USING (seq) ORDER BY asked_at DESC, seq DESC`,
  );
  const countUnindexed = prepare<[], { left: number }>('SELECT count(*) AS left FROM unindexed');
  const selectUnindexed = prepare<[], UnindexedRow>(
    `SELECT seq, question, answer FROM unindexed JOIN turns USING (seq) ORDER BY seq DESC LIMIT ${INDEXED_AT_ONCE}`,
  );
  const replaceSaid = prepare('REPLACE INTO said (rowid, question, answer) VALUES (:seq, :question, :answer)');
  const deleteUnindexed = prepare('DELETE FROM unindexed WHERE seq = ?');

  const endLeft = prepare(
    `UPDATE turns SET state = 'failed', failure = 'interrupted', ended_at = ?
     WHERE state = 'open' AND channel_id GLOB '${CONSOLE}*' AND address IS NULL`,
  );
  const selectSource = prepare<[object], SourceRow>(
    `SELECT seq, question, answer, tokens, asker_id AS askerId, finish, asked_at AS askedAt, ended_at AS endedAt
     FROM turns
     WHERE channel_id = :channelId AND state = 'answered' AND question IS NOT NULL AND private = 0
       AND seq >= coalesce((SELECT begins FROM windows WHERE channel_id = :channelId AND private_to = ''), 0)
     ORDER BY seq`,
  );
  const selectAny = prepare<[object], object>(
    `SELECT 1 FROM turns WHERE channel_id = :channelId AND state = 'answered' AND question IS NOT NULL
     UNION ALL SELECT 1 FROM turns WHERE channel_id = :channelId AND state IN ('stopped', 'failed') AND question IS NOT NULL
     UNION ALL SELECT 1 FROM turns WHERE channel_id = :channelId AND state = 'open' AND question IS NOT NULL LIMIT 1`,
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
  const selectTurns = prepare<[number], TurnRow>(
    `SELECT seq, 'turn' AS type, id, channel_id AS channelId, asker_id AS askerId, private AS isPrivate, state, failure,
            question, answer, tokens, finish, asked_at AS askedAt, ended_at AS endedAt
     FROM turns WHERE seq > ? ORDER BY seq LIMIT ${READ_AT_ONCE}`,
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

  function index(): number {
    const rows = selectUnindexed.all();
    for (const row of rows) {
      const question = readOrNote(row);
      if (question) replaceSaid.run({ seq: row.seq, question: asIndexed(question), answer: indexed(row.answer ?? '') });
      deleteUnindexed.run(row.seq);
    }
    return rows.length;
  }

  const copyAll = database.transaction((from: string, to: string): number => {
    if (selectAny.get({ channelId: to })) throw new UserError('There is a conversation in that place already.');
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

  /** Whether a turn was brought in. */
  function bringIn(line: Line): boolean {
    if (line.type === 'channel') insertChannel.run(line);
    if (line.type === 'window') insertWindow.run(line);
    if (line.type !== 'turn') return false;
    const { type, isPrivate, question, ...row } = line;
    const json = question === null ? null : JSON.stringify(question);
    return insertTurn.run({ ...row, isPrivate: isPrivate ? 1 : 0, question: json }).changes === 1;
  }

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

  function readConversation({ channelId, exchanges, ...row }: ConversationRow): Conversation {
    const [last] = readPast(row);
    const name = channelId.startsWith(CONSOLE) ? channelId.slice(CONSOLE.length) : undefined;
    return {
      ...{ channelId, exchanges, lastAt: row.askedAt, kind: kindOf(channelId, last?.question) },
      ...(name !== undefined && { name }),
      ...(last && { last }),
    };
  }

  function readHit(row: HitRow, phrases: Phrases, asShown: (text: string) => string): Hit[] {
    const question = readOrNote(row);
    if (!question) return [];
    const { channelId, askedAt, answer } = row;
    const [best] = partsOf(question, answer)
      .map(([part, text]) => ({ part, text, found: excerpt(text, phrases).found }))
      .sort((one, other) => other.found - one.found);
    if (!best) return [];
    return [{ channelId, question, askedAt, part: best.part, excerpt: excerpt(asShown(best.text), phrases) }];
  }

  async function* exported(count: Count): AsyncGenerator<object> {
    yield HEADER;
    yield* await patiently(() => selectChannels.all());
    yield* endedTurns(count);
    yield* await patiently(() => selectWindows.all());
    yield END;
  }

  async function* endedTurns(count: Count): AsyncGenerator<object, void> {
    for (let seq = 0; ; ) {
      const from = seq;
      const rows = await patiently(() => selectTurns.all(from));
      yield* rows.flatMap((row) => readCounted(row, count));
      const last = rows.at(-1);
      if (!last) return;
      seq = last.seq;
    }
  }

  /** The turn of a row, unless it is left out. */
  function readCounted(row: TurnRow, count: Count): object[] {
    if (row.state === 'open') {
      count.open += 1;
      return [];
    }
    const turn = readTurn(row);
    count[turn ? 'turns' : 'unreadable'] += 1;
    if (turn) return [turn];
    noteUnreadable(row.seq);
    return [];
  }

  async function indexAll(onIndexing: (left: number) => void): Promise<void> {
    let left = (await patiently(() => countUnindexed.get()))?.left ?? 0;
    if (left === 0) return;
    const step = () => {
      const done = index();
      left = Math.max(left - done, 0);
      return done === INDEXED_AT_ONCE;
    };
    await writeInPortions(step, () => onIndexing(left));
  }

  return {
    /** All conversations, those spoken in last first. */
    async conversations(): Promise<readonly Conversation[]> {
      return (await patiently(() => selectConversations.all())).map(readConversation);
    },

    /** Whether anything that was said in a channel is kept, whatever came of it. */
    async has(channelId: string): Promise<boolean> {
      return (await patiently(() => selectAny.get({ channelId }))) !== undefined;
    },

    /**
     * Makes this process one that answers on the console, until it ends. What those before it left open is ended as
     * failed, unless another console is there, which may be answering it.
     */
    joinConsoles: (): Promise<void> => joinConsoles(path, () => write(() => endLeft.run(Date.now()))),

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
    async search(words: string, options: SearchOptions = {}): Promise<readonly Hit[]> {
      const { limit = 20, onIndexing = () => {}, asShown = String } = options;
      await indexAll(onIndexing);
      const phrases = readQuery(words);
      if (phrases.length === 0) return [];
      const match = matching(phrases);
      const rows = await patiently(() => selectHits.all({ match, limit }));
      return rows.flatMap((row) => readHit(row, phrases, asShown));
    },

    /**
     * Copies what the prompts of a channel hold now into another, in which nothing was said so far: its public exchanges
     * and its system role, be it its parent's. Returns the number of exchanges.
     *
     * @throws {UserError} when something was said in the other one
     */
    copy: (from: string, to: string): Promise<number> => write(() => copyAll(from, to)),

    /**
     * Gives all turns that have ended, with their windows and system roles, as lines of JSON, each with its end, which
     * {@link importAll} reads. Where answers are shown is left out: it may hold the token of an interaction.
     */
    async exportAll(take: (lines: AsyncIterable<string>) => Promise<unknown>): Promise<Exported> {
      const count: Count = { turns: 0, open: 0, unreadable: 0 };
      await take(jsonLines(exported(count)));
      return count;
    },

    /**
     * Brings in what {@link exportAll} wrote, or nothing where a line is at fault. Turns, system roles and windows that
     * are there already stay as they are; turns of a channel that are new are its newest. It goes in by and by, so that
     * others can write meanwhile; where it is cut off, importing it again brings in the rest.
     *
     * @throws {FaultyArchive} that names each line at fault by its number
     */
    async importAll(texts: Iterable<string> | AsyncIterable<string>): Promise<Imported> {
      const read = await readArchive(texts);
      const lines = read.all();
      try {
        const imported = { turns: 0, skipped: 0 };
        const step = () => {
          const { done, value } = lines.next();
          if (done) return false;
          const isNew = bringIn(value);
          if (value.type === 'turn') imported[isNew ? 'turns' : 'skipped'] += 1;
          return true;
        };
        await writeInPortions(step);
        return imported;
      } finally {
        lines.return();
        read.close();
      }
    },

    async close(): Promise<void> {
      await writeLast(() => database.close());
    },
  };
}

export interface SearchOptions {
  /** Hits at most; 20 unless told. */
  readonly limit?: number;
  readonly onIndexing?: (left: number) => void;
  /** How a text is shown, of which the excerpt is a part; as it is unless told. */
  readonly asShown?: (text: string) => string;
}

type Count = Record<keyof Exported, number>;

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
