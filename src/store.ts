import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { z } from 'zod';
import type { Store } from './chat.js';
import { ConfigError } from './errors.js';
import { migrations } from './migrations.js';
import type { Exchange } from './prompt.js';
import type { Question } from './question.js';

/** Tells our files from other programs' ("PRAGMA application_id"): the letters PARL. */
const APPLICATION_ID = 0x5041524c;

/**
 * Node 24.19 and newer abort when they free a database or a statement of better-sqlite3 12 (version 13 mends it, and does
 * not run on Node 20). So none is ever freed: they are few, and made once. `pragma()` makes one at each call.
 */
const unfreed = new Set<object>();

function kept<Thing extends object>(thing: Thing): Thing {
  unfreed.add(thing);
  return thing;
}

/**
 * Opens the SQLite file at `path`, makes its folder and brings its schema up to date.
 *
 * @throws {ConfigError} when the file is no database, can't be opened, or was written by a newer version
 */
export function openStore(path: string): Store {
  const database = openDatabase(path);
  const prepare = <Bound extends unknown[], Row>(sql: string) => kept(database.prepare<Bound, Row>(sql));

  const insertTurn = prepare(
    `INSERT INTO turns (id, channel_id, asker_id, private, state, question, asked_at)
     VALUES (:id, :channelId, :askerId, :private, 'open', :question, :askedAt) ON CONFLICT (id) DO NOTHING`,
  );
  const finishTurn = prepare(
    `UPDATE turns SET state = 'answered', answer = :answer, tokens = :tokens, ended_at = :endedAt
     WHERE id = :id AND state = 'open'`,
  );
  const endTurn = prepare(
    `UPDATE turns SET state = :state, failure = :failure, answer = :answer, ended_at = :endedAt
     WHERE id = :id AND state = 'open'`,
  );
  const selectExchanges = prepare(
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
  const selectQuestion = prepare<[string, string], { question: string }>(
    'SELECT question FROM turns WHERE id = ? AND channel_id = ? AND private = 0 AND question IS NOT NULL',
  );
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
  const selectRole = prepare<[string], { role: string | null }>(
    'SELECT system_role AS role FROM channels WHERE id = ?',
  );
  const upsertRole = prepare(
    `INSERT INTO channels (id, system_role) VALUES (:channelId, :role)
     ON CONFLICT (id) DO UPDATE SET system_role = :role`,
  );
  const writeBack = prepare('PRAGMA wal_checkpoint(TRUNCATE)');
  const reset = database.transaction((channelId: string, askerId: string, running: string | undefined): number => {
    if (running) endTurn.run({ id: running, state: 'stopped', failure: 'reset', answer: null, endedAt: Date.now() });
    forgetRemains.run({ channelId, askerId });
    return forgetExchanges.run({ channelId, askerId }).changes;
  });

  return {
    async begin(question) {
      const { changes } = insertTurn.run({
        id: question.id,
        channelId: question.place.channelId,
        askerId: question.speaker.id,
        private: question.isPrivate ? 1 : 0,
        question: JSON.stringify(question),
        askedAt: Date.now(),
      });
      return changes === 1;
    },
    async finish(id, answer, tokens) {
      return finishTurn.run({ id, answer, tokens, endedAt: Date.now() }).changes === 1;
    },
    async end(id, state, failure, answer) {
      endTurn.run({ id, state, failure, answer: answer || null, endedAt: Date.now() });
    },
    async exchanges(channelId, privateTo) {
      return selectExchanges.all({ channelId, privateTo: privateTo ?? '' }).map(readExchange);
    },
    async moveWindow(channelId, from, privateTo) {
      upsertWindow.run({ channelId, from, privateTo: privateTo ?? '' });
    },
    async question(channelId, id) {
      const row = selectQuestion.get(id, channelId);
      return row && readQuestion(row.question);
    },
    async reset(channelId, askerId, running) {
      const forgotten = reset.immediate(channelId, askerId, running);
      // Until it is written back, the log beside the file still holds the words.
      writeBack.all();
      return forgotten;
    },
    async systemRole(channelId) {
      return selectRole.get(channelId)?.role ?? undefined;
    },
    async setSystemRole(channelId, role) {
      upsertRole.run({ channelId, role: role ?? null });
    },
    async close() {
      database.close();
    },
  };
}

function openDatabase(path: string): Database.Database {
  if (path !== ':memory:') makeFolder(path);
  let database: Database.Database | undefined;
  try {
    database = kept(new Database(path));
    database.exec('PRAGMA journal_mode = WAL');
    // A turn is on disk, not merely on its way there, before its question goes anywhere.
    database.exec('PRAGMA synchronous = FULL');
    database.exec('PRAGMA secure_delete = ON');
    migrate(database, path);
    return database;
  } catch (error) {
    database?.close();
    throw error instanceof ConfigError
      ? error
      : new ConfigError(`DATABASE_PATH: ${whyNotOpened(error, path)}`, { cause: error });
  }
}

function makeFolder(path: string): void {
  try {
    // Conversations are nobody's business but the operator's.
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new ConfigError(`DATABASE_PATH: the folder of ${path} can’t be made.`, { cause: error });
  }
}

function migrate(database: Database.Database, path: string): void {
  const readVersion = kept(database.prepare('PRAGMA user_version'));
  const readOwner = kept(database.prepare('PRAGMA application_id'));
  const readTables = kept(database.prepare('SELECT count(*) FROM sqlite_schema'));
  const step = database.transaction(() => {
    const version = Number(readVersion.pluck().get());
    const isEmpty = readTables.pluck().get() === 0;
    if (!isEmpty && readOwner.pluck().get() !== APPLICATION_ID) throw notOurs(path);
    if (version > migrations.length) {
      throw new ConfigError(
        `DATABASE_PATH: ${path} was written by a newer version of Parley. Nothing was changed in it.`,
      );
    }
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    for (const migration of migrations.slice(version)) database.exec(migration);
    // Whoever was writing these is gone.
    database.exec("UPDATE turns SET state = 'failed', failure = 'interrupted' WHERE state = 'open'");
    database.exec(`PRAGMA user_version = ${migrations.length}`);
  });
  step.immediate();
}

const notOurs = (path: string) =>
  new ConfigError(`DATABASE_PATH: ${path} is a database of another program. Nothing was changed in it.`);

function whyNotOpened(error: unknown, path: string): string {
  const code = error instanceof Database.SqliteError ? error.code : '';
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')) {
    return `${path} is damaged, or not a database. Nothing was changed in it.`;
  }
  if (code === 'SQLITE_READONLY' || code.startsWith('SQLITE_READONLY')) return `${path} can’t be written to.`;
  return `${path} can’t be opened${code && ` (${code})`}.`;
}

const speakerShape = z.object({
  id: z.string(),
  handle: z.string(),
  name: z.string(),
  isApp: z.enum(['me', 'other']).exactOptional(),
});

const questionShape: z.ZodType<Question> = z.object({
  id: z.string(),
  place: z.object({ channelId: z.string(), parentId: z.string().exactOptional() }),
  speaker: speakerShape,
  text: z.string(),
  quote: z
    .object({ messageId: z.string(), speaker: speakerShape.exactOptional(), text: z.string().exactOptional() })
    .exactOptional(),
  attachments: z.array(z.object({ name: z.string(), type: z.string(), bytes: z.number() })),
  isPrivate: z.boolean(),
});

const exchangeShape = z.object({ seq: z.number(), question: z.string(), answer: z.string(), tokens: z.number() });

const readQuestion = (json: string): Question => questionShape.parse(JSON.parse(json));

function readExchange(row: unknown): Exchange {
  const { question, ...exchange } = exchangeShape.parse(row);
  return { ...exchange, question: readQuestion(question) };
}
