import type { StoreFailure } from '../../../src/errors.js';
import type { Question } from '../../../src/question.js';
import { FORBIDDEN, type Posted } from './channel.js';

/** How the model takes a question. */
export type Mood = 'well' | 'length' | 'filtered' | 'breaks' | 'busy' | 'stalls' | 'too-long' | 'bug';

/** A question as somebody asks it. */
export interface Asking {
  readonly question: Question;
  /** At the first time that the model is asked, the second, and so on; after those, well. */
  readonly moods: readonly Mood[];
  /** How long its answer is. */
  readonly lines: number;
  /** Whether a part of its answer is not let through. */
  readonly isUnfit: boolean;
  /** Whether a message asks it, and not a command or a button. */
  readonly isByMessage: boolean;
  /** The message whose button asks it, if one does. */
  readonly pressed?: Posted;
}

/** A question that was asked, and what has come to pass with it. */
export interface Asked extends Asking {
  readonly at: number;
  /** How often the model was asked it. */
  attempts: number;
  /** How the model ended its answer. */
  finish: 'stop' | 'length';
  /** How it may end, in the store's words; `answered` where the model has answered. */
  readonly mayEnd: Set<string>;
  /** Which process heard it, and as which of all questions; the last time that it was not yet on disk. */
  heard: { readonly by: object; readonly as: number } | undefined;
  /** Whether so much was waiting that it must not be taken. */
  mustBeRefused: boolean;
  /** Why it need not be on disk. */
  excuse: string | undefined;
  /** Whether somebody was told that it could not be written down. */
  isTurnedAway: boolean;
  /** Whether an end of it was told that could not be written down. */
  isToldElse: boolean;
  /** Whether a reset has reached it, so that no prompt holds it from then on. */
  isForgotten: boolean;
  /** Whether it was deleted. */
  isWithdrawn: boolean;
  /** Whether a process found it deleted, and left alone what stood of its answer. */
  isAbandoned: boolean;
  /** Whether somebody has deleted a part of its answer. */
  isSpoilt: boolean;
  /** Whether a mark on it says that it is left out. */
  isMarked: boolean;
}

/** A reset that has been asked for, and may have happened or not. */
export interface Reset {
  readonly channelId: string;
  readonly askerId: string;
}

/** What a channel has been told to be, or to be no more. */
export interface Role {
  readonly words: string | undefined;
}

/** What has come to pass, and what was wrong with it. */
export interface Ledger {
  readonly asked: Map<string, Asked>;
  /** By channel; more than one where it is being changed. */
  readonly roles: Map<string, readonly Role[]>;
  readonly resets: Set<Reset>;
  /** What the disk has failed with. */
  readonly troubles: Set<StoreFailure>;
  /** How many processes there were, and how many of them were killed. */
  lives: number;
  kills: number;
  prompts: number;
  readonly faults: string[];
  readonly story: string[];
}

export const newLedger = (): Ledger => ({
  ...{ asked: new Map(), roles: new Map(), resets: new Set(), troubles: new Set() },
  ...{ lives: 0, kills: 0, prompts: 0, faults: [], story: [] },
});

export const newAsked = (asking: Asking, at: number): Asked => ({
  ...asking,
  ...{ at, attempts: 0, finish: 'stop', mayEnd: new Set(), heard: undefined, excuse: 'nobody has heard it' },
  ...{ mustBeRefused: false, isTurnedAway: false, isToldElse: false, isForgotten: false },
  ...{ isWithdrawn: false, isAbandoned: false, isSpoilt: false, isMarked: false },
});

/** What the model says to a question. */
export const answerTo = ({ question, lines, isUnfit }: Asking): string =>
  Array.from({ length: lines }, (_, line) => {
    const word = isUnfit && line === lines >> 1 ? FORBIDDEN : 'said';
    return `Line ${line} of what is ${word} to ${question.id}, and it is as long as such lines are.`;
  }).join('\n');

/** What stands above an answer: what somebody gave a command. */
export const headOf = ({ question, isByMessage }: Asking): string => (isByMessage ? '' : `> ${question.text}\n\n`);

/** Whether a reset reaches a question. */
export const reaches = ({ channelId, askerId }: Reset, { question }: Asking): boolean =>
  question.place.channelId === channelId && (!question.isPrivate || question.speaker.id === askerId);

/** Whether a question's exchange belongs into the prompts of another. */
export const isSeenBy = ({ question }: Asking, { question: other }: Asking): boolean =>
  question.place.channelId === other.place.channelId &&
  (!question.isPrivate || (other.isPrivate && question.speaker.id === other.speaker.id));

/** Which question a message of a prompt asks: its text is its id. */
export const idIn = (content: string): string => /^\| (\S+)$/m.exec(content)?.[1] ?? content;
