import { setImmediate as nextRound } from 'node:timers/promises';
import type { Answer } from './chat.js';
import { explain, isTraced, ModelError, Stopped, UserError } from './errors.js';
import { isBlank, split } from './split.js';

/** How much a request matters where only so many may be sent: new and final texts, previews, signs of life. */
export type Urgency = 'text' | 'preview' | 'sign';

/** Where an answer is shown: a row of messages that can be added to and edited. */
export interface Surface {
  /** Stands above the answer; may be empty. */
  readonly head: string;
  /** What a failure is to be known by, here and in the log. */
  readonly turnId: string;
  /** How many messages can be added; of a longer answer, the rest becomes a file in the last. */
  readonly maxMessages: number;
  /** Whether requests are scarce just now. */
  readonly isCrowded: boolean;
  /** Waits until a request may be sent. Rejects when the signal aborts before. */
  allow(urgency: Urgency, signal?: AbortSignal): Promise<void>;
  /** Shows for about ten seconds that an answer is on its way. */
  giveSign(): Promise<void>;
  /** Whether a process before this one may have shown a part of the answer. */
  readonly isTakenUp: boolean;
  /** The texts of the messages that stand there already, as far as they can be found. */
  standing(): Promise<readonly string[]>;
  /** Adds a message. `index` counts from 0. Repeated after a failure, it adds none twice. */
  create(index: number, message: Message): Promise<void>;
  /** Replaces a message's text. */
  edit(index: number, message: Message): Promise<void>;
  /** Takes the last message away. */
  remove(index: number): Promise<void>;
  /** What an error means for what comes next. */
  judge(error: unknown): Verdict;
  /** Notes for the operator why a text was not let through. */
  noteRefusal(error: unknown): void;
}

/** One message of a reply. */
export interface Message {
  readonly text: string;
  readonly file?: string;
  /** Set where it offers to ask the question again. */
  readonly offersAgain?: true;
}

/** Nothing more can be shown here; this text can't be shown, but another may; the same may be shown later. */
export type Verdict = 'gone' | 'refused' | 'later';

/** How an answer grows before a person's eyes. Times in milliseconds. */
export interface Pace {
  /** Between the beginnings of two rounds of edits. */
  readonly roundMs: number;
  /** From the first text to its showing: a very short answer is whole by then and costs a single request. */
  readonly gatherMs: number;
  /** The same where requests are scarce. */
  readonly crowdedMs: number;
  /** A sign of life is given when there is no text for so long. */
  readonly signMs: number;
  /** How long after a sign the next one is due. */
  readonly signAgainMs: number;
  /** After how long the whole text is tried again if it could not be shown; each further time after twice as long. */
  readonly againMs: number;
}

/** Typing shows for ten seconds on Discord; five edits in five seconds are allowed in a channel. */
export const discordPace: Pace = {
  roundMs: 1200,
  gatherMs: 2,
  crowdedMs: 1000,
  signMs: 350,
  signAgainMs: 8000,
  againMs: 1000,
};

/** What was worth doing only until then is not waited for any more. Made once: an error of its own costs more than its abort. */
const OVER = new Error('It is over.');

/** How often the whole text is tried, and the longest wait in between: as often as an outage of twelve minutes takes. */
const LAST_ROUNDS = 30;
const LONGEST_WAITS = 30;

const MESSAGE_LENGTH = 2000;

const REFUSED = 'Discord did not let me show this part of the answer.';

/**
 * Shows an answer while it is being written, in as few requests as that takes: a sign of life while nothing comes, the
 * first text at once, then a round of edits each `roundMs`, and the whole text right after its end. A failure is told
 * in a sentence: below what had come, or alone.
 *
 * @throws what the surface throws where the text could not be shown
 */
export async function paintReply(
  answer: Answer,
  surface: Surface,
  stopped: AbortSignal,
  pace: Pace = discordPace,
): Promise<void> {
  const standing = surface.isTakenUp ? await insist(() => surface.standing(), surface, pace.againMs) : [];
  const page = readPage(answer, surface.turnId);
  const shown = [...standing];
  const failed = new Set<number>();
  /** How many messages stand there, or may: a create that failed may have taken effect. */
  const countBegun = () => Math.max(shown.length, ...[...failed].map((index) => index + 1));
  const layOut = createLayout(surface, page, stopped, countBegun, standing);

  /** What stands there from before a restart is not taken away for the beginning of what will stand there. */
  const isBehind = (index: number, { text }: Message) =>
    !page.hasEnded && shown[index] === standing[index] && text.length < (standing[index]?.length ?? 0);

  /** Brings every message up to date; each gets the text as it is at the moment when its request may go. */
  const round = async (urgency: Urgency, signal?: AbortSignal) => {
    for (let index = 0; index < layOut().length; index++) {
      const next = layOut()[index];
      if (!next || next.text === shown[index] || isBehind(index, next)) continue;
      const isNew = index >= shown.length;
      await surface.allow(isNew ? 'text' : urgency, signal);
      const message = layOut()[index];
      if (!message) return;
      const put = isNew ? create : edit;
      await put(index, message).catch((error) => {
        // A preview that is refused waits for the whole text; a whole text that is refused is spoken of.
        if (urgency === 'preview' || surface.judge(error) !== 'refused') throw error;
        surface.noteRefusal(error);
        return (index < shown.length ? edit : create)(index, { text: REFUSED });
      });
      shown[index] = message.text;
    }
  };

  /** A create that failed, or whose process died, may have taken effect all the same; then the text of that time stands there. */
  const create = async (index: number, message: Message) => {
    const isRepeated = surface.isTakenUp || failed.has(index);
    failed.add(index);
    await surface.create(index, message);
    failed.delete(index);
    if (!isRepeated) return;
    shown[index] = '';
    await surface.edit(index, message);
  };

  const edit = (index: number, message: Message) => surface.edit(index, message);

  /** The whole, and nothing of what stood there besides. */
  const finish = async () => {
    const isLeft = page.failure instanceof Stopped && page.failure.why === 'restart';
    if (layOut().length === 0 || (isLeft && standing.length > 0)) return;
    // While the last messages are sent, the answer can be stopped, and then ends with one that was done.
    while (layOut().some(({ text }, index) => text !== shown[index])) await round('text');
    for (let index = shown.length - 1; index >= layOut().length; index--) {
      await surface.allow('text');
      await surface.remove(index);
      shown.length = index;
    }
  };

  /** Waits for what comes together with a text that has come. */
  const gather = async (ms: number) => {
    await within(ms, page.end);
    // On a busy machine the end may have come meanwhile, and only not been read.
    if (!page.hasEnded) await nextRound();
  };

  await signUntilText(page, surface, pace);
  await gather(surface.isCrowded ? pace.crowdedMs : pace.gatherMs);
  while (!page.hasEnded) {
    const next = after(pace.roundMs);
    const isShown = await round('preview', page.ending).then(
      () => true,
      (error) => {
        if (surface.judge(error) === 'gone') throw error;
        return false;
      },
    );
    await Promise.race([page.end, next]);
    // What this round could not show, the next one does.
    if (!isShown) continue;
    await page.grown();
    await gather(pace.gatherMs);
  }
  await insist(finish, surface, pace.againMs);
}

/** Tries until it succeeds, unless nothing more can be shown, or many minutes have passed. */
async function insist<Result>(show: () => Promise<Result>, surface: Surface, againMs: number): Promise<Result> {
  for (let rounds = 1; ; rounds++) {
    try {
      return await show();
    } catch (error) {
      if (surface.judge(error) !== 'later' || rounds === LAST_ROUNDS) throw error;
    }
    await after(againMs * Math.min(2 ** (rounds - 1), LONGEST_WAITS));
  }
}

/** Keeps up a sign of life until the first text or the end. */
async function signUntilText(page: Page, surface: Surface, { signMs, signAgainMs }: Pace): Promise<void> {
  const text = page.grown();
  let started: AbortController | undefined;
  let isWaiting = true;
  const stopWaiting = () => {
    isWaiting = false;
    started?.abort(OVER);
  };
  text.then(stopWaiting);
  for (let waitMs = signMs; isWaiting; waitMs = signAgainMs) {
    await within(waitMs, text);
    if (!isWaiting) return;
    started ??= new AbortController();
    // Not awaited, so that the first text need not wait for it; and a sign that can't be given is no loss.
    surface
      .allow('sign', started.signal)
      .then(surface.giveSign, () => {})
      .catch(() => {});
  }
}

/**
 * Lays the page out as messages, anew whenever it has grown. Where the answer is stopped after its end, while its
 * messages are still being sent, it ends with those that are there.
 */
function createLayout(
  surface: Surface,
  page: Page,
  stopped: AbortSignal,
  countBegun: () => number,
  standing: readonly string[],
): () => readonly Message[] {
  const { head, maxMessages } = surface;
  let laidOut: readonly Message[] = [];
  let laidOutFor = '';
  return () => {
    const isCutShort = page.isWhole && stopped.aborted;
    const state = `${page.text.length} ${page.hasEnded} ${isCutShort}`;
    if (state === laidOutFor) return laidOut;
    laidOutFor = state;
    if (!isBlank(page.text)) laidOut = withinMost(maxMessages, wellFormed(head + page.text), page);
    else laidOut = page.failure === undefined ? [] : withoutText(page, surface, standing);
    if (isCutShort) laidOut = cutShort(laidOut, countBegun(), explain(stopped.reason));
    return laidOut;
  };
}

/** Half a character at the end has its other half still to come. */
const wellFormed = (text: string): string => text.replace(/[\uD800-\uDBFF]$/, '').toWellFormed();

/** A failure without any text of its own: told below what stands there from before a restart, or alone. */
function withoutText(
  { failure, notes }: Page,
  { head, turnId }: Surface,
  standing: readonly string[],
): readonly Message[] {
  const remains = withoutLastWords(standing, turnId);
  if (remains.at(-1)?.endsWith(explain(failure))) return textsOnly(remains);
  if (!isBlank(remains.join(''))) return withOffer(textsOnly(withNotes(remains, notes)), failure);
  if (failure instanceof Stopped && failure.isQuiet) return [];
  const alone = withNotes([head + explain(failure)], isTraced(failure) ? [referenceTo(turnId)] : []);
  return withOffer(textsOnly(alone), failure);
}

/** What stands there without how it was said to have ended: it is said anew. */
function withoutLastWords(texts: readonly string[], turnId: string): readonly string[] {
  const last = texts.at(-1) ?? '';
  const reference = referenceTo(turnId);
  // A failure that stands alone has its reference in a line of its own.
  if (last.endsWith(`\n-# ${reference}`)) return texts.slice(0, -1);
  const isEnd = last.endsWith(reference) || last.endsWith(RESTART_NOTE);
  return isEnd ? [...texts.slice(0, -1), last.slice(0, Math.max(last.lastIndexOf('\n-# '), 0))] : texts;
}

const textsOnly = (texts: readonly string[]): readonly Message[] => texts.map((text) => ({ text }));

const referenceTo = (turnId: string): string => `Reference: ${turnId}`;

const RESTART_NOTE = `-# ${new Stopped('restart').message}`;

/** The messages that are there already, with a note that there will be no more. */
function cutShort(messages: readonly Message[], count: number, note: string): readonly Message[] {
  if (messages.length <= count) return messages;
  const texts = messages.slice(0, Math.max(count, 1)).map(({ text }) => text);
  return textsOnly(withNotes(texts, [note]));
}

function withinMost(most: number, whole: string, { hasEnded, notes, failure }: Page): readonly Message[] {
  const parts = split(whole, MESSAGE_LENGTH);
  // What is nothing but the beginning of a code block, say, shows nothing.
  if (parts.length === 0) return hasEnded ? [{ text: explain(new ModelError('empty')) }] : [];
  const messages = textsOnly(
    withNotes(
      parts.map(({ text }) => text),
      notes,
    ),
  );
  // The last message is kept for the end: only then is it known whether it holds a text or a file.
  if (!hasEnded) return messages.slice(0, most - 1);
  if (messages.length <= most) return withOffer(messages, failure);
  const rest = whole.slice(parts[most - 1]?.from);
  const last = { text: withNotes(['The rest is in the file.'], notes).join('\n'), file: rest };
  return withOffer([...messages.slice(0, most - 1), last], failure);
}

/** What may pass is worth asking again. */
function withOffer(messages: readonly Message[], failure: unknown): readonly Message[] {
  const last = messages.at(-1);
  if (!last || !(failure instanceof UserError && failure.mayPass)) return messages;
  return [...messages.slice(0, -1), { ...last, offersAgain: true }];
}

/** Notes stand below the answer in small print, and in a message of their own where they don't fit the last. */
function withNotes(texts: readonly string[], notes: readonly string[]): readonly string[] {
  if (notes.length === 0) return texts;
  const smallPrint = notes.map((note) => `-# ${note}`).join('\n');
  const last = `${texts.at(-1)}\n${smallPrint}`;
  return last.length <= MESSAGE_LENGTH ? [...texts.slice(0, -1), last] : [...texts, smallPrint];
}

/** An answer as far as it has come. */
interface Page {
  readonly text: string;
  readonly notes: readonly string[];
  readonly hasEnded: boolean;
  /** What it has ended with, if not well. */
  readonly failure: unknown;
  /** Whether it has ended well. */
  readonly isWhole: boolean;
  /** Aborts at the end, for what is worth doing only until then. */
  readonly ending: AbortSignal;
  readonly end: Promise<void>;
  /** Resolves when there is text that was not there when it last resolved, or at the end. */
  grown(): Promise<void>;
}

function readPage(answer: Answer, turnId: string): Page {
  let ending: AbortController | undefined;
  let hasEnded = false;
  let text = '';
  let notes: readonly string[] = [];
  let failure: unknown;
  let isWhole = false;
  let seen = 0;
  let wake = () => {};

  const read = async () => {
    try {
      let piece = await answer.next();
      for (; !piece.done; piece = await answer.next()) {
        text += piece.value;
        if (!isBlank(text)) wake();
      }
      notes = piece.value;
      isWhole = true;
    } catch (error) {
      failure = error;
      notes = [isTraced(error) ? `${explain(error)} ${referenceTo(turnId)}` : explain(error)];
    }
    hasEnded = true;
    ending?.abort(OVER);
    wake();
  };

  const end = read();
  return {
    get text() {
      return text;
    },
    get failure() {
      return failure;
    },
    get notes() {
      return notes;
    },
    get hasEnded() {
      return hasEnded;
    },
    get isWhole() {
      return isWhole;
    },
    get ending() {
      // Most answers end before anybody asks.
      ending ??= new AbortController();
      if (hasEnded) ending.abort(OVER);
      return ending.signal;
    },
    end,
    async grown() {
      if (text.length === seen && !hasEnded) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      seen = text.length;
    },
  };
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

/** Waits for so long at most. */
const within = (ms: number, awaited: Promise<void>): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms).unref();
    awaited.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
