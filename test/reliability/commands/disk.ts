import Database from 'better-sqlite3';
import type { Question } from '../../../src/question.js';

/** A turn as it is on disk. */
export interface Row {
  readonly seq: number;
  readonly id: string;
  readonly state: 'open' | 'answered' | 'stopped' | 'refused' | 'failed';
  readonly failure: string | null;
  readonly question: string | null;
  readonly address: string | null;
}

export type Disk = ReturnType<typeof openFromOutside>;

/** Handles that are never freed; src/store.ts tells why. */
const unfreed: unknown[] = [];

/** The database as another program reads it, and locks it. */
export function openFromOutside(path: string) {
  const database = new Database(path);
  const prepare = <Bound extends unknown[], Found>(sql: string) => {
    const statement = database.prepare<Bound, Found>(sql);
    unfreed.push(database, statement);
    return statement;
  };
  const turn = prepare<[string], Row>('SELECT * FROM turns WHERE id = ?');
  const turns = prepare<[], Row>('SELECT * FROM turns ORDER BY seq');
  const history = prepare<[string, string, string], { id: string }>(
    `SELECT id FROM turns WHERE state = 'answered' AND channel_id = ? AND seq >= coalesce(
       (SELECT max(begins) FROM windows WHERE channel_id = ? AND private_to IN ('', ?)), 0) ORDER BY seq`,
  );
  const role = prepare<[string], { role: string | null }>('SELECT system_role AS role FROM channels WHERE id = ?');
  return {
    turn: (id: string): Row | undefined => turn.get(id),
    turns: (): readonly Row[] => turns.all(),
    /** The answered questions in a channel's window, whether forgotten or not. */
    answered: ({ place: { channelId }, isPrivate, speaker }: Question): readonly string[] =>
      history.all(channelId, channelId, isPrivate ? speaker.id : '').map(({ id }) => id),
    role: (channelId: string): string | undefined => role.get(channelId)?.role ?? undefined,
    lock(): void {
      if (!database.inTransaction) database.exec('BEGIN IMMEDIATE');
    },
    unlock(): void {
      if (database.inTransaction) database.exec('ROLLBACK');
    },
    close(): void {
      database.close();
    },
  };
}
