import { breathe } from './breath.js';
import type { Answer } from './chat.js';
import type { Ending, Model } from './model/model.js';
import type { Question } from './question.js';

/** How long the showing of an answer may give way to questions that are to be asked, in milliseconds: the model takes longer. */
const SHOW_PATIENCE_MS = 100;

/** A question that this process has taken and not yet seen to its end. */
export interface Turn {
  question: Question;
  readonly stop: AbortController;
  /** Whether it has come up to be asked. */
  isRunning: boolean;
  /** What has come of the answer. */
  text: string;
  /** The end of it, which nobody has read yet. */
  unread: string;
  /** Tells whoever reads that there is more, or that there will be no more. */
  wake: () => void;
  /** The writing of the answer, once it has begun; resolves to the remarks about it. */
  written: Promise<readonly string[]> | undefined;
  /** Lets the channel's next question be asked. */
  letNext: () => void;
  /** Whether it is written down, and so has to be ended there. */
  isKept: boolean;
  /** Resolves when it is so for good. */
  lasting: Promise<void>;
  /** Whether its end is written down. */
  isOver: boolean;
  /** Whether its end has been shown, or can't be any more. */
  isShown: boolean;
  /** Resolves when its end has been shown. */
  conversation: Promise<void>;
}

/** A turn at its beginning. */
export const newTurn = (question: Question): Turn => ({
  question,
  stop: new AbortController(),
  isRunning: false,
  text: '',
  unread: '',
  wake() {},
  written: undefined,
  letNext() {},
  isKept: false,
  lasting: Promise.resolve(),
  isOver: false,
  isShown: false,
  conversation: Promise.resolve(),
});

/** Takes down all that the model says. Throws what the model throws, and why the turn was stopped. */
export async function hear(turn: Turn, said: ReturnType<Model>): Promise<Ending> {
  const { signal } = turn.stop;
  try {
    for (;;) {
      const { done, value } = await said.next();
      if (done) return value;
      turn.text += value;
      turn.unread += value;
      turn.wake();
      signal.throwIfAborted();
    }
  } finally {
    await said.return(undefined as never);
  }
}

/**
 * The answer as it is taken down. `write`, which has it written, is called when it is first read. Throws what kept it from
 * being written to its end.
 */
export async function* read(turn: Turn, write: () => Promise<readonly string[]>): Answer {
  const written = write();
  await grown(turn);
  if (turn.unread !== '') await breathe(SHOW_PATIENCE_MS);
  for (;;) {
    const piece = turn.unread;
    turn.unread = '';
    if (piece !== '') yield piece;
    else if (turn.isOver) return await written;
    else await grown(turn);
  }
}

/** Resolves when there is more to read, or there will be no more. */
async function grown(turn: Turn): Promise<void> {
  if (turn.unread !== '' || turn.isOver) return;
  await new Promise<void>((resolve) => {
    turn.wake = resolve;
  });
}
