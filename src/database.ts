import { existsSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { ConfigError, StoreError, type StoreFailure } from './errors.js';
import { migrations } from './migrations.js';

/** Tells our files from other programs' ("PRAGMA application_id"): the letters PARL. */
const APPLICATION_ID = 0x5041524c;

/**
 * Node 24.19 and newer abort when they free a database or a statement of better-sqlite3 12 (version 13 mends it, and does
 * not run on Node 20). So none is ever freed: they are few, and made once. `pragma()` makes one at each call.
 */
const unfreed = new Set<object>();

export function kept<Thing extends object>(thing: Thing): Thing {
  unfreed.add(thing);
  return thing;
}

/** For how long a file that another program has locked is waited for, in milliseconds. */
export const LOCKED_MS = 30_000;

/** Files up to this size, in bytes, are read whole before they are used; that takes about a millisecond a megabyte. */
const CHECKED_WHOLE = 32 * 1024 * 1024;

/** All tables but those of the index, whose check takes many times as long, and which can be made anew from the others. */
const ownTables = `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'`;

/** What an error of SQLite means ("Result and Error Codes"). */
export function failureIn(error: unknown): StoreFailure | undefined {
  if (error instanceof StoreError) return error.failure;
  if (!(error instanceof Database.SqliteError)) return undefined;
  const [code = ''] = /^SQLITE_[A-Z]+/.exec(error.code) ?? [];
  return failures[code] ?? 'disk';
}

const failures: Readonly<Record<string, StoreFailure>> = {
  SQLITE_BUSY: 'locked',
  SQLITE_LOCKED: 'locked',
  SQLITE_FULL: 'full',
  SQLITE_READONLY: 'read-only',
  SQLITE_CANTOPEN: 'read-only',
  SQLITE_CORRUPT: 'damaged',
  SQLITE_NOTADB: 'damaged',
};

/**
 * Makes this process the only one that answers from the file at `path`, until it ends, however that comes about. Others
 * may read and write the file all the same.
 *
 * @throws {ConfigError} when another process has done so
 */
export function claim(path: string): void {
  try {
    openLock(path, 'bot').exec('BEGIN EXCLUSIVE');
  } catch (error) {
    throw failureIn(error) === 'locked'
      ? new ConfigError(`DATABASE_PATH: another Parley answers from ${path} already. This one ends.`)
      : notOpened(error, path);
  }
}

/**
 * Makes this process one of those that answer on the console from the file at `path`, until it ends, however that comes
 * about. Where there is no other one, `whileAlone` is run before another can come.
 *
 * @throws {ConfigError} when it can't be noted beside the file
 */
export async function joinConsoles(path: string, whileAlone: () => Promise<unknown>): Promise<void> {
  try {
    const lock = openLock(path, 'console');
    if (beginsAlone(lock)) {
      await whileAlone().finally(() => lock.exec('COMMIT'));
    }
    // Another that looks whether it is alone keeps the lock for as long as that takes.
    lock.exec(`PRAGMA busy_timeout = ${LOCKED_MS}; BEGIN; SELECT count(*) FROM sqlite_schema`);
  } catch (error) {
    throw error instanceof StoreError ? error : notOpened(error, path);
  }
}

function beginsAlone(lock: Database.Database): boolean {
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (failureIn(error) === 'locked') return false;
    throw error;
  }
}

/** A file of its own for a lock of SQLite's, which the operating system takes back from a process that died. */
function openLock(path: string, purpose: 'bot' | 'console'): Database.Database {
  makeFolder(path);
  // By whatever name the file goes, there is one lock.
  const file = existsSync(path) ? realpathSync(path) : path;
  return kept(new Database(`${file}-${purpose}`, { timeout: 0 }));
}

/**
 * Opens a database as {@link openStore} does, and brings its schema up to date.
 *
 * @throws {ConfigError} as it does
 */
export function openDatabase(path: string, lockedMs: number): Database.Database {
  let database: Database.Database | undefined;
  try {
    if (path !== ':memory:') makeFolder(path);
    inspect(path, lockedMs);
    database = kept(new Database(path, { timeout: lockedMs }));
    // Not every file system lets it keep a log beside the file.
    const hasLog = kept(database.prepare('PRAGMA journal_mode = WAL')).pluck().get() === 'wal';
    // For the log, the queue waits for the disk where that matters, and not in the process's way.
    database.exec(`PRAGMA synchronous = ${hasLog ? 'NORMAL' : 'FULL'}`);
    database.exec('PRAGMA secure_delete = ON');
    // What is written anew stands in no other file on the way.
    database.exec('PRAGMA temp_store = MEMORY');
    // In KiB. What is asked for is the end of a channel's history; for the rest, the system has its own cache.
    database.exec('PRAGMA cache_size = -2000');
    migrate(database, path);
    // From here on, whoever has to wait does so without keeping the process from anything else.
    database.exec('PRAGMA busy_timeout = 0');
    return database;
  } catch (error) {
    database?.close();
    throw notOpened(error, path);
  }
}

/**
 * Looks at a file before anything is done to it, so that one that is not ours, or not sound, stays as it is: opening a
 * database for writing may already write to it.
 */
function inspect(path: string, lockedMs: number): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return;
  let database: Database.Database | undefined;
  try {
    database = kept(new Database(path, { readonly: true, timeout: lockedMs }));
    readVersion(database, path);
    if (size > CHECKED_WHOLE) return;
    for (const table of kept(database.prepare(ownTables)).pluck().all()) {
      const verdict = kept(database.prepare(`PRAGMA quick_check('${table}')`))
        .pluck()
        .get();
      if (verdict !== 'ok') throw new StoreError('damaged', { cause: new Error(String(verdict)) });
    }
  } catch (error) {
    // What else keeps it from being looked at keeps it from being opened too, or is mended by that.
    if (error instanceof ConfigError || failureIn(error) === 'damaged') throw error;
  } finally {
    database?.close();
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
  const step = database.transaction(() => {
    const version = readVersion(database, path);
    // Also where it is so already: that a file can't be written to is told now.
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    for (const migration of migrations.slice(version)) database.exec(migration);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
  });
  step.immediate();
}

/**
 * Which version of the schema a database has; 0 where it is empty.
 *
 * @throws {ConfigError} when it is none of ours, or of a version to come
 */
function readVersion(database: Database.Database, path: string): number {
  const read = (sql: string) => Number(kept(database.prepare(sql)).pluck().get());
  const isEmpty = read('SELECT count(*) FROM sqlite_schema') === 0;
  if (!isEmpty && read('PRAGMA application_id') !== APPLICATION_ID) {
    throw new ConfigError(`DATABASE_PATH: ${path} is a database of another program. ${UNCHANGED}`);
  }
  const version = read('PRAGMA user_version');
  if (version > migrations.length) {
    throw new ConfigError(`DATABASE_PATH: ${path} was written by a newer version of Parley. ${UNCHANGED}`);
  }
  return version;
}

const UNCHANGED = 'Nothing was changed in it.';

/** Why a file could not be opened, for the operator. */
function notOpened(error: unknown, path: string): ConfigError {
  if (error instanceof ConfigError) return error;
  const failure = failureIn(error);
  const why = (failure && whyNotOpened[failure]) ?? `can’t be opened (${codeOf(error)}).`;
  return new ConfigError(`DATABASE_PATH: ${path} ${why}`, { cause: error });
}

const codeOf = (error: unknown): string =>
  error instanceof Database.SqliteError ? `${error.code}: ${error.message}` : String(error);

const whyNotOpened: Partial<Record<StoreFailure, string>> = {
  locked: 'is locked by another program.',
  full: 'can’t be written to: the disk is full.',
  'read-only': 'can’t be written to. It and its folder have to be writable.',
  damaged: `is damaged, or not a database. ${UNCHANGED}`,
};
