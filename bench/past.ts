import { join } from 'node:path';
import Database from 'better-sqlite3';
import { openStore } from '../src/store.js';
import { newFolder } from './folder.js';

/** Exchanges that were had in a channel, each a question and its answer. */
export interface Past {
  readonly channelId: string;
  readonly exchanges: number;
}

/** Makes a database in which this was said. Returns its path. */
export async function makeDatabase(pasts: readonly Past[]): Promise<string> {
  const path = join(newFolder(), 'parley.db');
  await openStore(path).close();
  const database = new Database(path);
  // Half a million turns one by one would take an hour; what they leave behind is the same.
  const insert = database.prepare(
    `INSERT INTO turns (id, channel_id, asker_id, private, state, question, answer, tokens, finish, asked_at, ended_at)
     VALUES (:id, :channelId, '1', 0, 'answered', :question, :answer, 40, 'stop', :now, :now)`,
  );
  const fill = database.transaction(() => {
    for (const { channelId, exchanges } of pasts) {
      for (let number = 0; number < exchanges; number++) {
        const id = `${channelId}-${number}`;
        insert.run({ id, channelId, question: questionOf(id, channelId), answer: ANSWER, now: Date.now() });
      }
    }
  });
  fill();
  database.close();
  return path;
}

const ANSWER = 'An answer of a few words, as there are many, with a reason or two and an example beside them.';

const questionOf = (id: string, channelId: string): string =>
  JSON.stringify({
    id,
    place: { channelId },
    speaker: { id: '1', handle: 'ada', name: 'Ada' },
    text: `What did we say about number ${id}?`,
    attachments: [],
    isPrivate: false,
  });
