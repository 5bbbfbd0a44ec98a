import { setTimeout as delay, setImmediate as nextRound } from 'node:timers/promises';
import { z } from 'zod';
import type { LeftTurn, Store } from './chat.js';
import { kept, LOCKED_MS, openDatabase } from './database.js';
import type { Exchange } from './prompt.js';
import type { Question } from './question.js';
import { LOOK_AGAIN_MS, openQueue, PAUSE_MS } from './queue.js';

/** Turns that leave the index in one transaction: a few milliseconds each, or up to 50 for a page of Chinese. */
const LEAVING_AT_ONCE = 2;

/**
 * An index of up to so many blocks, of at most 4 kB each, is written anew when something is forgotten, in about 25 ms for
 * each hundred. That alone leaves no trace of a word: what left it turn by turn may still stand between two pages, as a
 * place in the alphabet.
 */
const SMALL_INDEX = 300;

/**
 * Files up to this size, in bytes, are written anew when something is forgotten; that takes about 6 ms a megabyte. When
 * SQLite moves rows between its pages, it leaves copies of them where they were, which `secure_delete` never erases.
 */
const SMALL_FILE = 10 * 1024 * 1024;

/** For how long a reset waits until all traces are gone, in milliseconds. Where they are very many, that goes on behind it. */
const ERASING_MS = 2000;

/** How often the log is tried to be written back while others read from it. */
const MOST_LOOKS = 50;

/** Of so many direct conversations, those spoken in last, missed messages are looked for. */
const MOST_DIRECT = 100;

/**
 * Opens the SQLite file at `path`, makes its folder and brings its schema up to date. Every step of the store throws a
 * StoreError when the file can't be read or written.
 *
 * @param onUnreadable is told once of each row that can't be read and is left out
 * @param lockedMs for how long another program may keep the file locked, in milliseconds, until steps fail for it
 * @throws {ConfigError} when the file is no database, is damaged, can't be opened, or was written by a newer version
 */
export function openStore(path: string, onUnreadable: (seq: number) => void = () => {}, lockedMs = LOCKED_MS): Store {
  const database = openDatabase(path, lockedMs);
  const prepare = <Bound extends unknown[], Row>(sql: string) => kept(database.prepare<Bound, Row>(sql));
  const { patiently, write, note, synced, insist, alone, writeLast } = openQueue(database, lockedMs);
  const unreadable = new Set<number>();

  const insertTurn = prepare(
    `INSERT INTO turns (id, channel_id, asker_id, private, state, failure, question, address, asked_at, ended_at)
     VALUES (:id, :channelId, :askerId, :private, :state, :failure, :question, :address, :now, :endedAt)
     ON CONFLICT (id) DO NOTHING`,
  );
  const upsertDirect = prepare(
    `INSERT INTO channels (id, direct_at) VALUES (:channelId, :now) ON CONFLICT (id) DO UPDATE SET direct_at = :now`,
  );
  const selectDirect = prepare<[number], { id: string }>(
    'SELECT id FROM channels WHERE direct_at IS NOT NULL ORDER BY direct_at DESC LIMIT ?',
  );
  const updateAddress = prepare('UPDATE turns SET address = :address WHERE id = :id AND address IS NOT NULL');
  const finishTurn = prepare(
    `UPDATE turns SET state = 'answered', answer = :answer, tokens = :tokens, finish = :finish, ended_at = :now
     WHERE id = :id AND state = 'open'`,
  );
  const endTurn = prepare(
    `UPDATE turns SET state = :state, failure = :failure, answer = :answer, ended_at = :now
     WHERE id = :id AND state = 'open'`,
  );
  const settleTurn = prepare('UPDATE turns SET address = NULL WHERE id = ?');
  const selectUnsettled = prepare<[], { seq: number }>(
    `SELECT seq, id, channel_id AS channelId, address, state, failure, question, answer, finish
     FROM turns WHERE address IS NOT NULL ORDER BY seq`,
  );
  const selectExchanges = prepare<[object], { seq: number }>(
    `SELECT seq, question, answer, tokens FROM turns
     WHERE channel_id = :channelId AND state = 'answered' AND question IS NOT NULL
       AND seq >= coalesce((SELECT max(begins) FROM windows
                            WHERE channel_id = :channelId AND private_to IN ('', :privateTo)), 0)
       AND (private = 0 OR asker_id = :privateTo)
     ORDER BY seq`,
  );
  const upsertWindow = prepare(
    `INSERT INTO windows (channel_id, private_to, begins) VALUES (:channelId, :privateTo, :from)
     ON CONFLICT (channel_id, private_to) DO UPDATE SET begins = max(begins, :from)`,
  );
  const selectQuestion = prepare<[string], { question: string }>(
    'SELECT question FROM turns WHERE id = ? AND question IS NOT NULL',
  );
  const selectTurn = prepare<[string], object>('SELECT 1 FROM turns WHERE id = ?');
  const forgetExchanges = prepare(
    `UPDATE turns SET question = NULL, answer = NULL, tokens = NULL
     WHERE channel_id = :channelId AND state = 'answered' AND question IS NOT NULL
       AND (private = 0 OR asker_id = :askerId)`,
  );
  const forgetRemains = prepare(
    `UPDATE turns SET question = NULL, answer = NULL, tokens = NULL
     WHERE channel_id = :channelId AND state IN ('stopped', 'failed') AND question IS NOT NULL
       AND (private = 0 OR asker_id = :askerId)`,
  );
  const endAnswersElsewhere = prepare(
    `UPDATE turns SET state = 'stopped', failure = 'reset', ended_at = :now
     WHERE channel_id = :channelId AND state = 'open' AND address IS NULL AND (private = 0 OR asker_id = :askerId)`,
  );
  const selectLeaving = prepare<[], number>(`SELECT seq FROM leaving LIMIT ${LEAVING_AT_ONCE}`).pluck();
  const leave = prepare('DELETE FROM said WHERE rowid = ?');
  const deleteLeaving = prepare('DELETE FROM leaving WHERE seq = ?');
  const selectSmallIndex = prepare<[], object>(
    `SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM said_data LIMIT 1 OFFSET ${SMALL_INDEX})`,
  );
  const leaveTraces = prepare(`INSERT INTO said (said, rank) VALUES ('secure-delete', 0)`);
  const leaveNoTraces = prepare(`INSERT INTO said (said, rank) VALUES ('secure-delete', 1)`);
  const leaveAll = prepare('DELETE FROM said WHERE rowid IN (SELECT seq FROM leaving)');
  const deleteAllLeaving = prepare('DELETE FROM leaving');
  const writeIndexAnew = prepare(`INSERT INTO said (said) VALUES ('rebuild')`);
  const selectSmallFile = prepare<[], object>(
    `SELECT 1 FROM pragma_page_count, pragma_page_size WHERE page_count * page_size <= ${SMALL_FILE}`,
  );
  const writeFileAnew = prepare('VACUUM');
  const selectRole = prepare<[string], { role: string | null }>(
    'SELECT system_role AS role FROM channels WHERE id = ?',
  );
  const upsertRole = prepare(
    `INSERT INTO channels (id, system_role) VALUES (:channelId, :role)
     ON CONFLICT (id) DO UPDATE SET system_role = :role`,
  );
  const writeBack = prepare<[], { busy: number }>('PRAGMA wal_checkpoint(TRUNCATE)');
  function begin(question: Question, address: string | undefined, refused: string | undefined): boolean {
    const now = Date.now();
    const { channelId, isDirect } = question.place;
    const { changes } = insertTurn.run({
      id: question.id,
      channelId,
      askerId: question.speaker.id,
      private: question.isPrivate ? 1 : 0,
      state: refused ? 'refused' : 'open',
      failure: refused ?? null,
      question: refused ? null : JSON.stringify(question),
      address: address ?? null,
      now,
      endedAt: refused ? now : null,
    });
    if (changes === 1 && isDirect) upsertDirect.run({ channelId, now });
    return changes === 1;
  }

  function reset(channelId: string, askerId: string, running: string | undefined): number {
    const now = Date.now();
    if (running) endTurn.run({ id: running, state: 'stopped', failure: 'reset', answer: null, now });
    const { changes: ended } = endAnswersElsewhere.run({ channelId, askerId, now });
    forgetRemains.run({ channelId, askerId });
    return ended + forgetExchanges.run({ channelId, askerId }).changes;
  }

  const leaveSmallIndex = database.transaction((): void => {
    if (!selectSmallIndex.get()) return;
    leaveTraces.run();
    leaveAll.run();
    deleteAllLeaving.run();
    writeIndexAnew.run();
    leaveNoTraces.run();
  });

  const leaveIndex = database.transaction((): boolean => {
    const leaving = selectLeaving.all();
    for (const seq of leaving) {
      leave.run(seq);
      deleteLeaving.run(seq);
    }
    return leaving.length === LEAVING_AT_ONCE;
  });

  /** Erases what was forgotten, as far as nobody has to wait long for it. What can't be done now is done another time. */
  async function erase(): Promise<void> {
    try {
      if ((await patiently(() => selectLeaving.all())).length > 0) {
        await alone(() => leaveSmallIndex.immediate());
        while (await alone(() => leaveIndex.immediate())) await delay(PAUSE_MS);
      }
      await nextRound();
      if (selectSmallFile.get()) await alone(() => unlessHindered(() => writeFileAnew.run()));
      // Until it is written back, the log beside the file still holds the words; at the latest, closing does it.
      for (let look = 0; look < MOST_LOOKS && (await alone(() => writeBack.get()))?.busy; look += 1) {
        await delay(LOOK_AGAIN_MS);
      }
    } catch {
      // They can't be found any more.
    }
  }

  // A process that was cut off, or one of an older version, may have left that undone.
  patiently(() => selectLeaving.get()).then(
    (seq) => (seq === undefined ? undefined : erase()),
    () => {},
  );

  function noteUnreadable({ seq }: { readonly seq: number }): void {
    if (unreadable.has(seq)) return;
    unreadable.add(seq);
    onUnreadable(seq);
  }

  function readExchange(row: { readonly seq: number }): Exchange[] {
    const { data } = exchangeShape.safeParse(row);
    const question = data && readQuestion(data.question);
    if (question) return [{ ...data, question }];
    noteUnreadable(row);
    return [];
  }

  function readUnsettled(row: { readonly seq: number }): LeftTurn[] {
    const { data } = leftTurnShape.safeParse(row);
    const left = data && readLeftTurn(data);
    if (!left || (data.question !== null && !left.question)) noteUnreadable(row);
    return left ? [left] : [];
  }

  return {
    async begin(question, address, refused) {
      if (!(await note(() => begin(question, address, refused)))) return undefined;
      const lasting = synced();
      // Whoever does not wait for it is not concerned.
      lasting.catch(() => {});
      return { lasting };
    },
    has: async (id) => (await patiently(() => selectTurn.get(id))) !== undefined,
    async readdress(id, address) {
      await note(() => updateAddress.run({ id, address }));
    },
    finish: (id, answer, tokens, finish) =>
      note(() => finishTurn.run({ id, answer, tokens, finish, now: Date.now() }).changes === 1),
    async end(id, state, failure, answer) {
      await insist(() => endTurn.run({ id, state, failure, answer: answer || null, now: Date.now() }));
    },
    async settle(id) {
      await insist(() => settleTurn.run(id));
    },
    unsettled: async () => (await patiently(() => selectUnsettled.all())).flatMap(readUnsettled),
    directChannels: async () => (await patiently(() => selectDirect.all(MOST_DIRECT))).map(({ id }) => id),
    async exchanges(channelId, privateTo) {
      const rows = await patiently(() => selectExchanges.all({ channelId, privateTo: privateTo ?? '' }));
      return rows.flatMap(readExchange);
    },
    async moveWindow(channelId, from, privateTo) {
      await note(() => upsertWindow.run({ channelId, from, privateTo: privateTo ?? '' }));
    },
    async question(id) {
      const row = await patiently(() => selectQuestion.get(id));
      return row && readQuestion(row.question);
    },
    async reset(channelId, askerId, running) {
      const forgotten = await write(() => reset(channelId, askerId, running));
      await Promise.race([erase(), delay(ERASING_MS, undefined, { ref: false })]);
      return forgotten;
    },
    systemRole: async (channelId) => (await patiently(() => selectRole.get(channelId)))?.role ?? undefined,
    async setSystemRole(channelId, role) {
      await write(() => upsertRole.run({ channelId, role: role ?? null }));
    },
    async close() {
      await writeLast(() => database.close());
    },
  };
}

/** Does what others can keep from being done, and nobody is to wait for. */
function unlessHindered(work: () => unknown): void {
  try {
    work();
  } catch {
    // There will be another time.
  }
}

const speakerShape = z.object({
  id: z.string(),
  handle: z.string(),
  name: z.string(),
  isApp: z.enum(['me', 'other']).exactOptional(),
});

export const questionShape: z.ZodType<Question> = z.object({
  id: z.string(),
  place: z.object({
    channelId: z.string(),
    parentId: z.string().exactOptional(),
    isDirect: z.literal(true).exactOptional(),
  }),
  speaker: speakerShape,
  text: z.string(),
  quote: z
    .object({ messageId: z.string(), speaker: speakerShape.exactOptional(), text: z.string().exactOptional() })
    .exactOptional(),
  attachments: z.array(z.object({ name: z.string(), type: z.string(), bytes: z.number() })),
  isPrivate: z.boolean(),
});

export const exchangeShape = z.object({
  seq: z.number(),
  question: z.string(),
  answer: z.string(),
  tokens: z.int().nonnegative(),
});

const leftTurnShape = z.object({
  id: z.string(),
  channelId: z.string(),
  address: z.string(),
  state: z.enum(['open', 'answered', 'stopped', 'refused', 'failed']),
  failure: z.string().nullable(),
  question: z.string().nullable(),
  answer: z.string().nullable(),
  finish: z.string().nullable(),
});

function readLeftTurn(row: z.output<typeof leftTurnShape>): LeftTurn {
  const { id, channelId, address, state, failure, question: json, answer, finish } = row;
  const said = json === null ? undefined : readQuestion(json);
  // Nothing of one channel reaches another, and no turn ends another, whatever became of the file.
  const question = said?.id === id && said.place.channelId === channelId ? said : undefined;
  const turn = { id, channelId, address, ...(question && { question }) };
  if (state === 'open') return turn;
  const text = answer ?? '';
  // An answer that was forgotten while it was being shown is not shown any further.
  if (state === 'answered' && json === null) return { ...turn, end: { text, failure: 'reset' } };
  return { ...turn, end: { text, ...(finish && { finish }), ...(state !== 'answered' && { failure: failure ?? '' }) } };
}

export function readQuestion(json: string): Question | undefined {
  try {
    return questionShape.parse(JSON.parse(json));
  } catch {
    return undefined;
  }
}
