import Database from 'better-sqlite3';
import { MessageFlags } from 'discord-api-types/v10';
import { z } from 'zod';
import { byAge } from '../../src/sandbox/snowflake.js';
import type { World } from '../../src/sandbox/world.js';

/** All that can be known of the program from outside, as plain data: what was asked, and what became of it. */
export interface Evidence {
  /** The program's own account. */
  readonly appId: string;
  readonly questions: readonly Asked[];
  readonly resets: readonly Reset[];
  /** Of every channel, the oldest first, with those that only one person sees. */
  readonly messages: readonly SeenMessage[];
  /** The rows of the database; undefined while it was not looked at. */
  readonly turns: readonly Turn[] | undefined;
  /** What the model was sent, in order. */
  readonly prompts: readonly Prompt[];
  readonly lives: readonly Span[];
  /** When the program said that it had found a question that it had missed, by the question's id; the last time. */
  readonly found: Readonly<Record<string, number>>;
}

/** A question that Discord took. */
export interface Asked {
  /** Of the message or the interaction. */
  readonly id: string;
  readonly topic: string;
  readonly way: 'mention' | 'ask' | 'private';
  readonly channelId: string;
  readonly askerId: string;
  readonly at: number;
  /** What the model is to be asked. */
  readonly text: string;
  /** What the model says to it. */
  readonly answer: string;
  /** What stands above the answer; may be empty. */
  readonly head: string;
  /** The messages that both are to stand in. */
  readonly parts: readonly string[];
  /** Its asker was told that the application did not respond. */
  readonly isUnheard: boolean;
}

/** A use of /reset. */
export interface Reset {
  readonly id: string;
  readonly channelId: string;
  readonly askerId: string;
  readonly at: number;
  readonly isUnheard: boolean;
}

export interface SeenMessage {
  readonly id: string;
  readonly channelId: string;
  readonly authorId: string;
  readonly content: string;
  readonly isThinking: boolean;
  readonly isDeleted: boolean;
  readonly repliesTo: string | undefined;
  readonly interactionId: string | undefined;
  /** The program's own reactions. */
  readonly marks: readonly string[];
  /** Each text that it has had, and when. */
  readonly edits: readonly { readonly at: number; readonly content: string }[];
}

export interface Prompt {
  readonly at: number;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

/** From when to when the program lived, and what ended it. */
export interface Span {
  readonly number: number;
  readonly startedAt: number;
  readonly readyAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly isKilled: boolean;
}

/** The messages of a sandbox. */
export function seenMessages({ channels, deleted }: World, appId: string): SeenMessage[] {
  const present = [...channels.values()].flatMap(({ messages }) => [...messages.values()]);
  return [...present, ...deleted.values()]
    .map((message) => ({
      id: message.id,
      channelId: message.channelId,
      authorId: message.authorId,
      content: message.content,
      isThinking: (message.flags & MessageFlags.Loading) !== 0,
      isDeleted: deleted.has(message.id),
      repliesTo: message.reference?.messageId,
      interactionId: message.interaction?.metadata.id,
      marks: message.reactions.filter(({ users }) => users.has(appId)).map(({ emoji }) => emoji.name),
      edits: message.edits.map((edit) => ({ ...edit })),
    }))
    .sort((one, other) => byAge(one.id, other.id));
}

const turnShape = z.object({
  seq: z.number(),
  id: z.string(),
  channel_id: z.string(),
  state: z.string(),
  failure: z.string().nullable(),
  question: z.string().nullable(),
  answer: z.string().nullable(),
  address: z.string().nullable(),
});

/** A row of the database's turns. */
export type Turn = z.infer<typeof turnShape>;

/** Some versions of Node abort where one of these is freed; see the store. */
const unfreed: object[] = [];

/** The turns in a database, in its own order. */
export function readTurns(path: string): Turn[] {
  const database = new Database(path, { readonly: true, fileMustExist: true });
  const select = database.prepare('SELECT * FROM turns ORDER BY seq');
  unfreed.push(database, select);
  const rows = select.all();
  database.close();
  // The schema before this one had no address: what was open when the program died stayed unanswered.
  return z.array(turnShape).parse(rows.map((row) => ({ address: null, ...Object(row) })));
}
