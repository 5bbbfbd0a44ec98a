import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { breathe } from './breath.js';
import { failureNamed, failureOf, ModelError, NothingAsked, Refused, Stopped, StoreError, WITHHELD } from './errors.js';
import { type Leave, openDoor, openLanes } from './lanes.js';
import type { Ending, Model } from './model/model.js';
import { buildPrompt, type Exchange, newerHalf, tokensOfExchange } from './prompt.js';
import type { Place, Question } from './question.js';
import type { CountTokens } from './tokens.js';
import { hear, newTurn, read, type Turn } from './turn.js';

/** How a turn ended that did not end well. */
export type Spoilt = 'stopped' | 'failed';

/** A turn that a process left behind: still open, or ended with nobody having been shown how. */
export interface LeftTurn {
  readonly id: string;
  readonly channelId: string;
  readonly address: string;
  /** Missing where it was forgotten meanwhile, or can't be read. */
  readonly question?: Question;
  readonly end?: End;
}

/** What came of a turn: its text, and how the model ended it, or the word for what spoilt it. */
export interface End {
  readonly text: string;
  readonly finish?: string;
  readonly failure?: string;
}

/** A question that was written down: it outlives the process. */
export interface Taken {
  /** Resolves when it outlives the machine's failing too. */
  readonly lasting: Promise<void>;
}

/**
 * What the core needs to remember. Each step happens whole or not at all; one that throws has not happened, but for a reset
 * and a system role where the disk failed in the end: those may be done, though not for good.
 */
export interface Store {
  /**
   * Writes a question down, with the address at which its answer is to be shown, where it has one; `refused` is why it won't
   * be answered. Nothing if it was taken before.
   */
  begin(question: Question, address: string | undefined, refused?: string): Promise<Taken | undefined>;
  /** Whether a question was taken, whatever came of it. */
  has(id: string): Promise<boolean>;
  /** Notes how far the showing of an answer has come. */
  readdress(id: string, address: string): Promise<void>;
  /** Question and answer enter the context together. False if the turn was ended in the meantime. */
  finish(id: string, answer: string, tokens: number, finish: string): Promise<boolean>;
  /**
   * Ends a turn whose question stays out of the context; `answer` is what had come of it. What can't be written now is
   * written before whatever is written next.
   */
  end(id: string, how: Spoilt, failure: string, answer: string): Promise<void>;
  /** The turn's end has been shown, or can't be any more. Written later, as above, where it can't be now. */
  settle(id: string): Promise<void>;
  /** The turns that have not been settled, in the order in which they were asked. */
  unsettled(): Promise<readonly LeftTurn[]>;
  /** Channels with one person alone in which something was asked, those of late first. */
  directChannels(): Promise<readonly string[]>;
  /** The channel's exchanges that a prompt may hold, oldest first: the public ones, and one person's private ones. */
  exchanges(channelId: string, privateTo?: string): Promise<readonly Exchange[]>;
  /** Prompts of this channel, or one person's private ones, begin with the exchange `from` from now on. */
  moveWindow(channelId: string, from: number, privateTo?: string): Promise<void>;
  /** A question that was asked and has not been forgotten. */
  question(id: string): Promise<Question | undefined>;
  /**
   * Forgets what was said in the channel, but others' private exchanges, and stops a turn. Counts the exchanges, and what
   * another process was answering there.
   */
  reset(channelId: string, askerId: string, stop: string | undefined): Promise<number>;
  systemRole(channelId: string): Promise<string | undefined>;
  setSystemRole(channelId: string, role: string | undefined): Promise<void>;
  close(): Promise<void>;
}

/** An answer's text as it comes; at its end, lines about the answer that are no part of it. Throws what went wrong. */
export type Answer = AsyncGenerator<string, readonly string[]>;

/** Whoever is to see an answer. */
export interface Audience {
  /** Where the answer is to be shown, so that another process can go on showing it, if one can. The front alone can read it. */
  readonly address?: string;
  /** The question is written down, if that was possible: from now on no end of the process loses it. Told once, before anything else. */
  taken?(): void;
  /** The question stands behind others; told at most once. */
  waits(): void;
  /**
   * Shows an answer to its end, or why there is none. The channel's next answer is shown when this has ended, but may be
   * asked for before. An answer that is still being shown when `stopped` aborts had better end there.
   */
  reply(answer: Answer, showing: Showing): Promise<void>;
  /** Tells why the question is not taken. */
  refuse(why: Refused): Promise<void>;
}

/** What goes with the showing of an answer. */
export interface Showing {
  readonly stopped: AbortSignal;
  /** Notes where the answer stands by now. Never throws. */
  moved(address: string): Promise<void>;
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
  /** Questions of one person, over all channels, that may be waiting or being answered. */
  readonly maxWaitingPerPerson: number;
  /** Questions that may be waiting or being answered in one channel. */
  readonly maxWaitingPerChannel: number;
}

/** Where a question stands in a channel's two lanes. */
interface Line {
  /** Whether somebody stands before it: whoever has left the lane for being shown has left the one for being asked. */
  readonly isBehind: boolean;
  readonly mayAsk: Promise<Leave>;
  readonly mayShow: Promise<Leave>;
  /** Gives both up. */
  leave(): void;
}

export type Chat = ReturnType<typeof createChat>;

/** The conversation of every channel, whatever front it is held on. */
export function createChat(settings: ChatSettings) {
  const { store, model, count, log, systemPrompt, contextTokens } = settings;
  /** A channel's questions are asked one after the other, each with those before it in its context... */
  const asking = openLanes();
  /** ... and their answers are shown one after the other, which takes longer. */
  const showing = openLanes();
  const places = openDoor(settings.maxConcurrent);
  const order = openDoor(1);
  const turns = new Map<string, Turn>();
  const turnsOf = { person: openTally(), channel: openTally() };
  let closing = false;

  /** What the model is to be in this place: a thread has its parent's role unless it has its own. */
  async function systemRole({ channelId, parentId }: Place): Promise<string> {
    const own = await store.systemRole(channelId);
    return own ?? (parentId && (await store.systemRole(parentId))) ?? systemPrompt;
  }

  /** Keeps hold of a turn until its conversation has ended and, so that no other process shows its end again, been settled. */
  async function hold(turn: Turn, conversation: Promise<void>): Promise<void> {
    const { id, speaker, place } = turn.question;
    turn.conversation = conversation.finally(() => (turn.isKept && turn.isShown ? settle(id) : undefined));
    turns.set(id, turn);
    const counted = [turnsOf.person.count(speaker.id), turnsOf.channel.count(place.channelId)];
    try {
      await turn.conversation;
    } finally {
      turns.delete(id);
      for (const uncount of counted) uncount();
    }
  }

  /** Takes a question to its answer's end: each line of it is what happens next. */
  async function converse(turn: Turn, audience: Audience): Promise<void> {
    // Before anything is awaited, so that answers come in the order in which the questions came.
    const line = lineUp(turn);
    try {
      if (!(await begin(turn, audience.address))) return;
      audience.taken?.();
      if (line.isBehind) audience.waits();
      if (!(await comesUp(turn, line))) return;
      await breathe();
      // Its answer can be written while those before it are still being shown.
      if (line.isBehind) beginWriting(turn);
      if (await isNext(turn, line)) await show(turn, answerTo(turn), audience);
    } finally {
      line.leave();
    }
  }

  /** Takes a place in both lanes of a channel. */
  function lineUp(turn: Turn): Line {
    const { channelId } = turn.question.place;
    const isBehind = showing.taken(channelId);
    const mayAsk = asking.enter(channelId);
    const mayShow = showing.enter(channelId);
    turn.letNext = () => mayAsk.then((leave) => leave());
    return {
      isBehind,
      mayAsk,
      mayShow,
      leave() {
        turn.letNext();
        mayShow.then((leave) => leave());
      },
    };
  }

  /** Waits until a question may be asked. False where that is left to whoever comes after this process. */
  async function comesUp(turn: Turn, { isBehind, mayAsk }: Line): Promise<boolean> {
    const { signal } = turn.stop;
    if (isBehind) await earlier(mayAsk, aborted(signal));
    turn.isRunning = !isRestart(signal.reason);
    return turn.isRunning;
  }

  /**
   * Waits until the answers of those before have been shown; but not to say nothing, nor for what was stopped before it was
   * asked. False where the showing is left to whoever comes after this process.
   */
  async function isNext(turn: Turn, { isBehind, mayShow }: Line): Promise<boolean> {
    const { signal } = turn.stop;
    if (isBehind && !signal.aborted) {
      await earlier(mayShow, aborted(signal));
      if (signal.aborted && !isQuiet(signal.reason)) await mayShow;
    }
    if (!isRestart(signal.reason)) return true;
    await turn.written?.catch(() => {});
    return false;
  }

  /**
   * Writes the turn down before anything is sent anywhere, in the order in which questions come: so they are remembered.
   * False if the question was taken before.
   */
  async function begin(turn: Turn, address: string | undefined): Promise<boolean> {
    try {
      const taken = await (await inOrder(turn, address)).written;
      if (taken) turn.lasting = taken.lasting;
      turn.isKept = taken !== undefined;
      return turn.isKept;
    } catch (error) {
      turn.stop.abort(error);
      return true;
    }
  }

  /** Hands a turn to the store as the next one. It is written together with those that come at the same time. */
  async function inOrder(
    turn: Turn,
    address: string | undefined,
  ): Promise<{ readonly written: Promise<Taken | undefined> }> {
    const leave = await order.enter();
    try {
      turn.question = await withQuote(turn.question);
      return { written: store.begin(turn.question, address) };
    } finally {
      leave();
    }
  }

  /** Why a question can't be taken now: a flood is to meet a polite word, not a queue that grows. */
  function refusal({ speaker, place }: Question): Refused | undefined {
    const ofPerson = turnsOf.person.of(speaker.id);
    const ofChannel = turnsOf.channel.of(place.channelId);
    if (ofPerson >= settings.maxWaitingPerPerson) return new Refused(tooMany(ofPerson, 'of yours wait'));
    if (ofChannel >= settings.maxWaitingPerChannel) return new Refused(tooMany(ofChannel, 'wait here'));
    return undefined;
  }

  async function refuse(question: Question, why: Refused, audience: Audience): Promise<void> {
    const taken = await store.begin(question, audience.address, failureOf(why));
    if (!taken) return;
    // What was said not to be answered had better not be found again.
    await taken.lasting;
    log.info({ turn: question.id, channel: question.place.channelId }, 'turn refused');
    audience.taken?.();
    await tellRefusal(question.id, why, audience);
  }

  async function tellRefusal(id: string, why: Refused, audience: Audience): Promise<void> {
    try {
      await audience.refuse(why);
    } finally {
      await settle(id);
    }
  }

  /** Takes up what another process left behind, after what it left behind before in the channel. */
  async function takeUp(left: LeftTurn, turn: Turn, audience: Audience, isTooOld: boolean): Promise<void> {
    turn.isOver = left.end !== undefined;
    const line = lineUp(turn);
    if (turn.isOver) turn.letNext();
    try {
      if (!(await comesUp(turn, line))) return;
      const objection = turn.isOver ? undefined : objectionTo(left, isTooOld);
      if (line.isBehind && !turn.isOver && !objection) beginWriting(turn);
      if (!(await isNext(turn, line))) return;
      if (objection) turn.stop.abort(objection);
      await show(turn, answerTo(turn, left.end), audience);
    } finally {
      line.leave();
    }
  }

  /** Why an open turn can't be answered any more. */
  function objectionTo({ question }: LeftTurn, isTooOld: boolean): Error | undefined {
    if (!question) return new StoreError('unreadable');
    return isTooOld ? new Stopped('expired') : undefined;
  }

  /** Discord may withhold the text that a question replies to; it is known if it was a question itself. */
  async function withQuote(question: Question): Promise<Question> {
    const { quote, place } = question;
    if (!quote || quote.text !== undefined) return question;
    const recent = turns.get(quote.messageId);
    // One that has just come may not be written yet; any other may have been forgotten.
    const isNew = recent && !recent.isKept && !recent.stop.signal.aborted;
    const quoted = isNew ? recent.question : await store.question(quote.messageId);
    if (!quoted || quoted.isPrivate || quoted.place.channelId !== place.channelId) return question;
    return { ...question, quote: { ...quote, speaker: quoted.speaker, text: quoted.text } };
  }

  async function show(turn: Turn, answer: Answer, audience: Audience): Promise<void> {
    const { id, place } = turn.question;
    const moved = (address: string) =>
      store
        .readdress(id, address)
        .catch((err) => log.warn({ turn: id, channel: place.channelId, err }, 'place of an answer not on disk'));
    try {
      await audience.reply(answer, { stopped: turn.stop.signal, moved });
    } finally {
      // An audience that went away leaves neither a request to the model nor an open turn behind.
      if (!turn.isOver) turn.stop.abort(new Stopped('undelivered'));
      const why: unknown = turn.stop.signal.reason;
      await turn.written?.catch(() => {});
      if (!turn.isOver) await spoil(turn, why);
      turn.isShown = !isRestart(why);
    }
  }

  /** The next process would only show the end once more. */
  const settle = (id: string): Promise<void> =>
    store.settle(id).catch((err) => log.error({ turn: id, err }, 'turn not settled on disk'));

  /** What is to be shown of a turn from now on; `end` is what had come of it before this process. */
  function answerTo(turn: Turn, end?: End): Answer {
    if (turn.stop.signal.aborted) return onlyWhy(turn);
    return end ? retell(turn.question, end) : read(turn, () => beginWriting(turn));
  }

  /** What was stopped before anybody saw any of it is not shown, but why. */
  async function* onlyWhy(turn: Turn): Answer {
    yield* [];
    if (!turn.isOver) await beginWriting(turn).catch(() => {});
    throw turn.stop.signal.reason;
  }

  /** Begins to write the answer, if nobody has. */
  function beginWriting(turn: Turn): Promise<readonly string[]> {
    if (!turn.written) {
      turn.written = write(turn);
      turn.written.catch(() => {}).then(turn.letNext);
    }
    return turn.written;
  }

  async function write(turn: Turn): Promise<readonly string[]> {
    const { signal } = turn.stop;
    const began = performance.now();
    let leave = () => {};
    try {
      leave = await places.enter(signal);
      if (isEmpty(turn.question)) throw new NothingAsked();
      const ending = await ask(turn, signal);
      leave();
      await breathe();
      await finish(turn, ending, Math.round(performance.now() - began));
      return remarks(turn.question, ending.finish);
    } catch (error) {
      await spoil(turn, error);
      throw error;
    } finally {
      leave();
      turn.wake();
    }
  }

  async function finish(turn: Turn, ending: Ending, ms: number): Promise<void> {
    const { question, text } = turn;
    if (ending.finish === 'content_filter') return spoil(turn, new ModelError('filtered'));
    const isKept = await store.finish(question.id, text, tokensOfExchange(question, text, count), ending.finish);
    if (!isKept) throw turn.stop.signal.reason ?? new Stopped('reset');
    turn.isOver = true;
    log.info({ turn: question.id, channel: question.place.channelId, ms, ...ending }, 'turn answered');
  }

  async function spoil(turn: Turn, error: unknown): Promise<void> {
    const { question, text } = turn;
    turn.isOver = true;
    const turnLog = log.child({ turn: question.id, channel: question.place.channelId });
    if (isRestart(error)) return turnLog.info('turn left for after the restart');
    const isStopped = error instanceof Stopped && error.why !== 'undelivered';
    if (isStopped) turnLog.info({ why: error.why }, 'turn stopped');
    else turnLog.warn({ err: error }, 'turn failed');
    if (!turn.isKept) return;
    // People should hear of the failure at hand, not of the one to write it down.
    await store
      .end(question.id, isStopped ? 'stopped' : 'failed', failureOf(error), text)
      .catch((err) => turnLog.error({ err }, 'turn not ended on disk'));
  }

  async function ask(turn: Turn, signal: AbortSignal): Promise<Ending> {
    const { question } = turn;
    const role = await systemRole(question.place);
    const { channelId } = question.place;
    const history = await store.exchanges(channelId, privateTo(question));
    const prompt = buildPrompt(role, history, question, contextTokens, count);
    await keepWindow(question, history, prompt.exchanges);
    // Nothing that costs something is asked for without being on disk.
    await turn.lasting;
    try {
      return await hear(turn, model(prompt.messages, signal));
    } catch (error) {
      const isTooLong = error instanceof ModelError && error.failure === 'too-long';
      if (!isTooLong || turn.text !== '' || prompt.exchanges.length === 0) throw error;
      await keepWindow(question, prompt.exchanges, newerHalf(prompt.exchanges));
      // Read anew, because it may have been reset meanwhile.
      const shorter = await store.exchanges(channelId, privateTo(question));
      const again = buildPrompt(role, shorter, question, contextTokens, count);
      return await hear(turn, model(again.messages, signal));
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

    /** Why a question would not be taken now, if it would not. */
    refusal,

    /** Sets the system role of a channel; without one, the channel goes back to its parent's or the default. */
    setSystemRole: ({ channelId }: Place, role?: string): Promise<void> => store.setSystemRole(channelId, role),

    /**
     * Answers a question, after those that were asked before it in its channel. Ends when the audience has seen the
     * answer, or at once if the question was taken before. Throws only what the audience throws, and a StoreError where a
     * refusal can't be written down.
     */
    async answer(question: Question, audience: Audience): Promise<void> {
      if (turns.has(question.id)) return;
      const why = refusal(question);
      if (why) return refuse(question, why, audience);
      const turn = newTurn(question);
      if (closing) turn.stop.abort(new Stopped('restart'));
      await hold(turn, converse(turn, audience));
    },

    /**
     * Takes up the turns that a process before this one left behind: those that had ended are shown, those that were
     * open are answered, in their order, before whatever is asked from now on in their channels. Resolves when all have
     * their places, long before all are answered.
     *
     * @param revive finds the audience at an address; none where there is nothing at it any more
     * @param isTooOld whether it is too late to answer a question unasked
     */
    async resume(
      revive: (left: LeftTurn) => Audience | undefined,
      isTooOld: (left: LeftTurn) => boolean,
    ): Promise<void> {
      for (const left of await store.unsettled()) {
        const turn = { ...newTurn(left.question ?? forgottenQuestion(left)), isKept: true };
        const audience = revive(left);
        if (!audience) {
          await spoil(turn, new Stopped('undelivered'));
          await settle(left.id);
          continue;
        }
        const refusal = failureNamed(left.end?.failure ?? '');
        const told =
          refusal instanceof Refused
            ? tellRefusal(left.id, refusal, audience)
            : hold(turn, takeUp(left, turn, audience, isTooOld(left)));
        told.catch((err) =>
          log.warn({ turn: left.id, channel: left.channelId, err }, 'turn not shown after the restart'),
        );
      }
    },

    /** Resolves when one question more of this person, in this channel, would not be too many; to false, when none is taken any more. */
    async room(question: Question): Promise<boolean> {
      while (refusal(question) && !closing) await delay(LOOK_FOR_ROOM_MS, undefined, { ref: false });
      return !closing;
    },

    /** Whether a question was taken before, whatever came of it. */
    hasTaken: async (id: string): Promise<boolean> => turns.has(id) || (await store.has(id)),

    /** A question that was asked and came to nothing, to be asked again. */
    questionOf: (id: string): Promise<Question | undefined> => store.question(id),

    /** The channels of direct conversations, those of late first. */
    directChannels: (): Promise<readonly string[]> => store.directChannels(),

    /** The question is gone: it is not answered, or not any further. */
    withdraw(id: string): void {
      turns.get(id)?.stop.abort(new Stopped('withdrawn'));
    },

    /** The channel is gone, and its threads with it: nothing can be shown there any more. */
    leave(channelId: string): void {
      for (const { question, stop } of turns.values()) {
        const { channelId: id, parentId } = question.place;
        if (id === channelId || parentId === channelId) stop.abort(new Stopped('undelivered'));
      }
    },

    /**
     * Forgets the channel's conversation, and what this person asked there in private. Stops an answer that is being
     * written, and keeps it out of the history. Returns the number of exchanges that went.
     */
    async reset({ channelId }: Place, askerId: string): Promise<number> {
      const running = [...turns.values()].filter(
        ({ question, isRunning }) =>
          isRunning &&
          question.place.channelId === channelId &&
          (!question.isPrivate || question.speaker.id === askerId),
      );
      const written = running.find(({ isOver }) => !isOver);
      const forgotten = await store.reset(channelId, askerId, written?.question.id);
      for (const { stop } of running) stop.abort(new Stopped('reset'));
      return forgotten;
    },

    /**
     * Lets running answers end, for `graceMs` at most, and their last texts be shown, for `lastTextsMs` more. What is not
     * answered by then stays on disk, for {@link resume}.
     */
    async close(graceMs: number, lastTextsMs = 1500): Promise<void> {
      closing = true;
      for (const { isRunning, stop } of turns.values()) if (!isRunning) stop.abort(new Stopped('restart'));
      const all = [...turns.values()].map(({ conversation }) => conversation);
      const allShown = Promise.allSettled(all).then(() => {});
      await earlier(allShown, delay(graceMs, undefined, { ref: false }));
      for (const { stop } of turns.values()) stop.abort(new Stopped('restart'));
      await earlier(allShown, delay(lastTextsMs, undefined, { ref: false }));
    },
  };
}

/** Counts things by what they have in common. */
function openTally() {
  const counts = new Map<string, number>();
  const of = (key: string): number => counts.get(key) ?? 0;
  return {
    of,
    /** Counts one more, until what it returns is called. */
    count(key: string): () => void {
      counts.set(key, of(key) + 1);
      return () => {
        if (of(key) === 1) counts.delete(key);
        else counts.set(key, of(key) - 1);
      };
    },
  };
}

/** Whether all that it had to say stands in a message that can't be read. */
const isEmpty = ({ text, quote, attachments }: Question): boolean =>
  text === '' && attachments.length === 0 && quote?.text === undefined;

const LOOK_FOR_ROOM_MS = 200;

const privateTo = ({ isPrivate, speaker }: Question): string | undefined => (isPrivate ? speaker.id : undefined);

/** Whether nobody is told of it. */
const isQuiet = (reason: unknown): boolean => reason instanceof Stopped && reason.isQuiet;

const isRestart = (reason: unknown): boolean => reason instanceof Stopped && reason.why === 'restart';

const tooMany = (count: number, where: string): string =>
  `${count} ${count === 1 ? 'question' : 'questions'} ${where} already, so I left this one out. Please ask it again later.`;

/** Stands for a question whose text is gone, where only its end is still to be told. */
const forgottenQuestion = ({ id, channelId }: LeftTurn): Question => ({
  id,
  place: { channelId },
  speaker: { id: '', handle: '', name: '' },
  text: '',
  attachments: [],
  isPrivate: true,
});

/** Tells what is on disk of an answer, as it was told when it was written. */
async function* retell(question: Question, { text, finish, failure }: End): Answer {
  if (text !== '') yield text;
  if (failure === 'filtered' && text !== '') return remarks(question, 'content_filter');
  if (failure !== undefined) throw failureNamed(failure);
  return remarks(question, finish);
}

function remarks({ quote }: Question, finish: string | undefined): string[] {
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
