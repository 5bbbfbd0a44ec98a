import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ModelError, Stopped, UserError } from './errors.js';
import { openDoor, openLanes } from './lanes.js';
import type { Ending, Model } from './model/model.js';
import { buildPrompt, type Exchange, newerHalf, tokensOfExchange } from './prompt.js';
import type { Place, Question } from './question.js';
import type { CountTokens } from './tokens.js';

/** How a turn ended that did not end well. */
export type Spoilt = 'stopped' | 'failed';

/** What the core needs to remember. Each step is one transaction: it happened whole, or not at all. */
export interface Store {
  /** Puts a question on disk. False if it was taken before. */
  begin(question: Question): Promise<boolean>;
  /** Question and answer enter the context together. False if the turn was ended in the meantime. */
  finish(id: string, answer: string, tokens: number): Promise<boolean>;
  /** Ends a turn whose question stays out of the context; `answer` is what had come of it. */
  end(id: string, how: Spoilt, failure: string, answer: string): Promise<void>;
  /** The channel's exchanges that a prompt may hold, oldest first: the public ones, and one person's private ones. */
  exchanges(channelId: string, privateTo?: string): Promise<readonly Exchange[]>;
  /** Prompts of this channel, or one person's private ones, begin with the exchange `from` from now on. */
  moveWindow(channelId: string, from: number, privateTo?: string): Promise<void>;
  /** A question that was asked in this channel for everybody to see. */
  question(channelId: string, id: string): Promise<Question | undefined>;
  /** Forgets what was said in the channel, but others' private exchanges, and stops a turn. Counts the exchanges. */
  reset(channelId: string, askerId: string, stop: string | undefined): Promise<number>;
  systemRole(channelId: string): Promise<string | undefined>;
  setSystemRole(channelId: string, role: string | undefined): Promise<void>;
  close(): Promise<void>;
}

/** An answer's text as it comes; at its end, lines about the answer that are no part of it. Throws what went wrong. */
export type Answer = AsyncGenerator<string, readonly string[]>;

/** Whoever is to see an answer. */
export interface Audience {
  /** The question stands behind others; told at most once. */
  waits(): void;
  /**
   * Shows an answer to its end, or why there is none. The channel's next answer begins when this has ended. An answer
   * that is still being shown when `stopped` aborts had better end there.
   */
  reply(answer: Answer, stopped: AbortSignal): Promise<void>;
}

export interface ChatSettings {
  readonly store: Store;
  readonly model: Model;
  readonly count: CountTokens;
  readonly log: Logger;
  /** The system role of channels that have none of their own. */
  readonly systemPrompt: string;
  /** What a prompt may hold, in tokens. */
  readonly contextTokens: number;
  /** Requests to the model at a time. */
  readonly maxConcurrent: number;
}

/** A question that this process has taken and not yet seen to its end. */
interface Turn {
  question: Question;
  readonly stop: AbortController;
  /** Whether it is its turn in the channel. */
  isRunning: boolean;
  /** What has come of the answer. */
  text: string;
  /** Whether its end is on disk. */
  isOver: boolean;
}

export type Chat = ReturnType<typeof createChat>;

/** The conversation of every channel, whatever front it is held on. */
export function createChat({ store, model, count, log, systemPrompt, contextTokens, maxConcurrent }: ChatSettings) {
  const lanes = openLanes();
  const places = openDoor(maxConcurrent);
  const turns = new Map<Turn, Promise<void>>();
  let closing = false;

  /** What the model is to be in this place: a thread has its parent's role unless it has its own. */
  async function systemRole({ channelId, parentId }: Place): Promise<string> {
    const own = await store.systemRole(channelId);
    return own ?? (parentId && (await store.systemRole(parentId))) ?? systemPrompt;
  }

  /** Takes a question to its answer's end: each line of it is what happens next. */
  async function converse(turn: Turn, audience: Audience): Promise<void> {
    const { channelId } = turn.question.place;
    const isBehind = lanes.taken(channelId);
    // Before anything is awaited, so that answers come in the order in which the questions came.
    const lane = lanes.enter(channelId);
    try {
      if (!(await begin(turn))) return;
      if (isBehind) audience.waits();
      await earlier(lane, aborted(turn.stop.signal));
      turn.isRunning = true;
      await show(turn, audience);
    } finally {
      lane.then((leave) => leave());
    }
  }

  /** Puts the turn on disk before anything is sent anywhere. False if the question was taken before. */
  async function begin(turn: Turn): Promise<boolean> {
    try {
      turn.question = await withQuote(turn.question);
      if (isEmpty(turn.question)) throw new UserError(NOTHING_ASKED);
      return await store.begin(turn.question);
    } catch (error) {
      turn.stop.abort(error);
      return true;
    }
  }

  /** Discord may withhold the text that a question replies to; it is known if it was a question itself. */
  async function withQuote(question: Question): Promise<Question> {
    const { quote, place } = question;
    if (!quote || quote.text !== undefined) return question;
    const quoted = await store.question(place.channelId, quote.messageId);
    return quoted ? { ...question, quote: { ...quote, speaker: quoted.speaker, text: quoted.text } } : question;
  }

  async function show(turn: Turn, audience: Audience): Promise<void> {
    const answer = write(turn);
    try {
      await audience.reply(answer, turn.stop.signal);
    } finally {
      // An audience that went away leaves neither a request to the model nor an open turn behind.
      turn.stop.abort(new Stopped('undelivered', 'The answer could not be shown.'));
      await answer.return([]);
      if (!turn.isOver) await spoil(turn, turn.stop.signal.reason);
    }
  }

  async function* write(turn: Turn): Answer {
    const { signal } = turn.stop;
    const began = Date.now();
    let leave = () => {};
    try {
      leave = await places.enter(signal);
      const ending = yield* overhear(ask(turn.question, signal), (piece) => {
        turn.text += piece;
      });
      leave();
      await finish(turn, ending, Date.now() - began);
      return remarks(turn.question, ending);
    } catch (error) {
      await spoil(turn, error);
      throw error;
    } finally {
      leave();
    }
  }

  async function finish(turn: Turn, ending: Ending, ms: number): Promise<void> {
    const { question, text } = turn;
    if (ending.finish === 'content_filter') return spoil(turn, new ModelError('filtered'));
    const isKept = await store.finish(question.id, text, tokensOfExchange(question, text, count));
    if (!isKept) throw turn.stop.signal.reason ?? wasReset();
    turn.isOver = true;
    log.info({ turn: question.id, channel: question.place.channelId, ms, ...ending }, 'turn answered');
  }

  async function spoil(turn: Turn, error: unknown): Promise<void> {
    const { question, text } = turn;
    const turnLog = log.child({ turn: question.id, channel: question.place.channelId });
    const isStopped = error instanceof Stopped && error.why !== 'undelivered';
    turn.isOver = true;
    if (isStopped) turnLog.info({ why: error.why }, 'turn stopped');
    else turnLog.warn({ err: error }, 'turn failed');
    // People should hear of the failure at hand, not of the one to write it down.
    await store
      .end(question.id, isStopped ? 'stopped' : 'failed', nameOf(error), text)
      .catch((err) => turnLog.error({ err }, 'turn not ended on disk'));
  }

  async function* ask(question: Question, signal: AbortSignal): AsyncGenerator<string, Ending> {
    const role = await systemRole(question.place);
    const { channelId } = question.place;
    const history = await store.exchanges(channelId, privateTo(question));
    const prompt = buildPrompt(role, history, question, contextTokens, count);
    await keepWindow(question, history, prompt.exchanges);
    let isShown = false;
    try {
      return yield* overhear(model(prompt.messages, signal), () => {
        isShown = true;
      });
    } catch (error) {
      const isTooLong = error instanceof ModelError && error.failure === 'too-long';
      if (!isTooLong || isShown || prompt.exchanges.length === 0) throw error;
      const shorter = newerHalf(prompt.exchanges);
      await keepWindow(question, prompt.exchanges, shorter);
      return yield* model(buildPrompt(role, shorter, question, contextTokens, count).messages, signal);
    }
  }

  /** The next prompt begins where this one began. */
  async function keepWindow(question: Question, all: readonly Exchange[], kept: readonly Exchange[]): Promise<void> {
    if (kept.length === all.length) return;
    const from = kept[0]?.seq ?? (all.at(-1)?.seq ?? 0) + 1;
    await store.moveWindow(question.place.channelId, from, privateTo(question));
  }

  return {
    systemRole,

    /** Sets the system role of a channel; without one, the channel goes back to its parent's or the default. */
    setSystemRole: ({ channelId }: Place, role?: string): Promise<void> => store.setSystemRole(channelId, role),

    /**
     * Answers a question, after those that were asked before it in its channel. Ends when the audience has seen the
     * answer, or at once if the question was taken before. Throws only what the audience throws.
     */
    async answer(question: Question, audience: Audience): Promise<void> {
      const turn: Turn = { question, stop: new AbortController(), isRunning: false, text: '', isOver: false };
      if (closing) turn.stop.abort(restarting());
      const conversation = converse(turn, audience);
      turns.set(turn, conversation);
      try {
        await conversation;
      } finally {
        turns.delete(turn);
      }
    },

    /**
     * Forgets the channel's conversation, and what this person asked there in private. Stops an answer that is being
     * written, and keeps it out of the history. Returns the number of exchanges that went.
     */
    async reset({ channelId }: Place, askerId: string): Promise<number> {
      const turn = [...turns.keys()].find(
        ({ question, isRunning }) =>
          isRunning &&
          question.place.channelId === channelId &&
          (!question.isPrivate || question.speaker.id === askerId),
      );
      const forgotten = await store.reset(channelId, askerId, turn?.question.id);
      turn?.stop.abort(wasReset());
      return forgotten;
    },

    /**
     * Lets running answers end, for `graceMs` at most, and their last texts be shown, for `lastTextsMs` more. Questions
     * that wait are told at once to ask again.
     */
    async close(graceMs: number, lastTextsMs = 1500): Promise<void> {
      closing = true;
      for (const { isRunning, stop } of turns.keys()) if (!isRunning) stop.abort(restarting());
      const allShown = Promise.allSettled(turns.values()).then(() => {});
      await earlier(allShown, delay(graceMs, undefined, { ref: false }));
      for (const { stop } of turns.keys()) stop.abort(restarting());
      await earlier(allShown, delay(lastTextsMs, undefined, { ref: false }));
    },
  };
}

const WITHHELD = 'I can’t read the message you replied to: Discord withholds its text from me.';
const NOTHING_ASKED = `${WITHHELD} Write what you want to know beside the mention.`;

/** Whether all that it had to say stands in a message that can't be read. */
const isEmpty = ({ text, quote, attachments }: Question): boolean =>
  text === '' && attachments.length === 0 && quote?.text === undefined;

const privateTo = ({ isPrivate, speaker }: Question): string | undefined => (isPrivate ? speaker.id : undefined);

const wasReset = () => new Stopped('reset', 'Stopped, because the conversation was reset.');

const restarting = () => new Stopped('restart', 'I am being restarted. Please ask again in a moment.');

function nameOf(error: unknown): string {
  if (error instanceof ModelError) return error.failure;
  if (error instanceof Stopped) return error.why;
  return error instanceof Error ? error.name : 'unknown';
}

function remarks({ quote }: Question, { finish }: Ending): string[] {
  const lines: string[] = [];
  if (finish === 'length') lines.push('The answer was cut off here: it reached the longest answer I am set to give.');
  if (finish === 'content_filter') lines.push('The language model’s content filter cut the answer off here.');
  if (quote && quote.text === undefined) lines.push(WITHHELD);
  return lines;
}

const earlier = async (one: Promise<unknown>, other: Promise<unknown>): Promise<void> => {
  await Promise.race([one, other]);
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Passes everything on, and tells each piece before it does. */
async function* overhear<R>(
  source: AsyncGenerator<string, R>,
  tell: (piece: string) => void,
): AsyncGenerator<string, R> {
  try {
    for (;;) {
      const { done, value } = await source.next();
      if (done) return value;
      tell(value);
      yield value;
    }
  } finally {
    await source.return(undefined as R);
  }
}
