import { setTimeout as delay } from 'node:timers/promises';
import { type Message, type REST, Routes } from 'discord.js';
import type { Logger } from 'pino';
import type { Answer, Audience, Chat } from '../chat.js';
import { openLanes } from '../lanes.js';
import type { Question } from '../question.js';
import { paintReply } from '../reply.js';
import { type MessageAddress, writeAddress } from './address.js';
import { missingPermissions, readMention } from './mention.js';
import type { DiscordPace } from './pace.js';
import { bodyOf, replyTo, surfaceAt } from './surface.js';

/** The mark on a question that waits behind another, and how soon it is set. */
const WAITING_MARK = '⏳';
const MARK_AFTER_MS = 800;

/** The mark on a question that is not taken, where others were told so in words just before. */
const REFUSED_MARK = '✋';
const WORDS_AGAIN_MS = 10_000;

/** Reactions of a channel, set or taken away, share a limit of one in a quarter of a second; the library learns it too late. */
const BETWEEN_REACTIONS_MS = 300;

/** How many reactions may wait for their turn, over all channels: they are a kindness, and a flood has no end. */
const MOST_REACTIONS = 200;

/** For how long a turn that has been shown waits for its mark to go. */
const UNMARK_MS = 2000;

/** How long marks may take to go when the bot is stopped. */
const SETTLE_MS = 500;

/** What the answering of messages is done with. */
export interface MessageMeans {
  readonly chat: Chat;
  readonly rest: REST;
  readonly pace: DiscordPace;
  /** The bot's own id. */
  readonly me: string;
  readonly log: Logger;
}

/** Answers the messages that mean the bot. */
export function createMessages({ chat, rest, pace, me, log }: MessageMeans) {
  const unmarking = new Set<Promise<void>>();
  const hinted = new Set<string>();
  const refused = new Set<string>();
  const marks = createMarks(rest, pace);

  /** The line of a mention: read it, answer it, show the answer. */
  async function onMessage(message: Message): Promise<void> {
    const mention = readMention(message);
    if (!mention) return;
    const missing = missingPermissions(message);
    if (missing.length > 0) {
      log.warn({ channel: message.channelId, missing }, 'message not answered: permissions are missing');
      return;
    }
    if (mention.kind === 'question') await chat.answer(mention.question, audienceAt(addressOf(message)));
    else await giveHint(message, mention.hint);
  }

  /** Takes a question that was asked while the bot was away; everything else that was said then is past. */
  async function onMissed(message: Message): Promise<void> {
    const question = await readMissed(message);
    if (!question) return;
    // What is too much waits where it is: on Discord. Others may have been faster since there was room.
    while (chat.refusal(question)) if (!(await chat.room(question))) return;
    const { id, channelId: channel } = message;
    log.info({ turn: id, channel }, 'missed question found');
    chat
      .answer(question, audienceAt({ ...addressOf(message), isMissed: true }, true, false))
      .catch((err) => log.warn({ id, channel, err }, 'message not answered'));
  }

  async function readMissed(message: Message): Promise<Question | undefined> {
    if (readMention(message)?.kind !== 'question' || missingPermissions(message).length > 0) return undefined;
    if (await chat.hasTaken(message.id)) return undefined;
    // Messages that are read back don't have their author's name in the server with them, nor what they reply to.
    if (message.guild && !message.member) await message.guild.members.fetch(message.author.id).catch(() => {});
    if (message.reference) await message.fetchReference().catch(() => {});
    const mention = readMention(message);
    return mention?.kind === 'question' ? mention.question : undefined;
  }

  /** A hint at a time in a channel: a flood of empty mentions is not worth a flood of answers. */
  async function giveHint(message: Message, hint: string): Promise<void> {
    const { id, channelId } = message;
    if (hinted.has(channelId)) return;
    hinted.add(channelId);
    try {
      await pace.allow('preview');
      await replyTo(rest, addressOf(message), id, bodyOf({ text: hint }, id));
    } finally {
      hinted.delete(channelId);
    }
  }

  /** Those who see a message: they see that it waits, and then its answer. Another process may have shown a part of it. */
  function audienceAt(address: MessageAddress, isTakenUp = false, mayBeMarked = isTakenUp): Audience {
    const { channelId, questionId } = address;
    const mark = createWaitingMark(address, marks, mayBeMarked);
    const show = (answer: Answer, stopped: AbortSignal, moved: (address: string) => Promise<void>) => {
      const means = { rest, pace, me, log, turnId: questionId, isTakenUp, moved };
      return paintReply(answer, surfaceAt(address, '', means), stopped);
    };
    return {
      address: writeAddress(address),
      waits: mark.set,
      async reply(answer, { stopped, moved }) {
        // A mark is no reason to keep an answer back; but it had better be gone when the turn is over.
        const gone = mark.clear()?.catch(() => {});
        if (!gone) return show(answer, stopped, moved);
        unmarking.add(gone);
        gone.then(() => unmarking.delete(gone));
        try {
          await show(answer, stopped, moved);
        } finally {
          await Promise.race([gone, delay(UNMARK_MS, undefined, { ref: false })]);
        }
      },
      async refuse(why) {
        // After a restart it is not known whether it was told in words, and it is too late for many of them.
        if (isTakenUp || refused.has(channelId)) return marks.change('put', address, REFUSED_MARK).catch(() => {});
        refused.add(channelId);
        setTimeout(() => refused.delete(channelId), WORDS_AGAIN_MS).unref();
        await show(refusing(why), new AbortController().signal, async () => {});
      },
    };
  }

  return {
    onMessage,
    onMissed,

    /** Those who see the answer to a message that another process began to answer. */
    revive: (address: MessageAddress): Audience => audienceAt(address, true),

    /** Waits for the marks that are being taken away, for half a second at most. */
    async settle(): Promise<void> {
      await Promise.race([Promise.all(unmarking), delay(SETTLE_MS, undefined, { ref: false })]);
    },
  };
}

const addressOf = ({ id, channelId }: Message): MessageAddress => ({
  kind: 'message',
  channelId,
  questionId: id,
  sent: [],
});

async function* refusing(why: Error): Answer {
  yield* [];
  throw why;
}

type Marks = ReturnType<typeof createMarks>;

/** The bot's own reactions, as far as requests allow. */
function createMarks(rest: REST, pace: DiscordPace) {
  const lanes = openLanes();
  let waiting = 0;
  return {
    /**
     * One reaction at a time in a channel, and a moment between them. Does nothing where too many wait. Tells when it
     * sends its request. A mark that is there goes sooner than another comes.
     */
    async change(
      method: 'put' | 'delete',
      { channelId, questionId }: MessageAddress,
      mark: string,
      { signal, sends = () => {} }: { readonly signal?: AbortSignal; readonly sends?: () => void } = {},
    ): Promise<void> {
      if (waiting >= MOST_REACTIONS && method === 'put') return;
      waiting += 1;
      try {
        const leave = await lanes.enter(channelId, signal);
        try {
          await pace.allow(method === 'put' ? 'sign' : 'preview', signal);
          sends();
          await rest[method](Routes.channelMessageOwnReaction(channelId, questionId, encodeURIComponent(mark)));
        } finally {
          setTimeout(leave, BETWEEN_REACTIONS_MS).unref();
        }
      } finally {
        waiting -= 1;
      }
    },
  };
}

/** Made once: an error of its own costs more than its abort. */
const OVER = new Error('It does not wait any more.');

/** The mark on a question that waits: set only if the waiting lasts. */
function createWaitingMark(address: MessageAddress, marks: Marks, wasThere: boolean) {
  let cleared: AbortController | undefined;
  let timer: NodeJS.Timeout | undefined;
  let marking: Promise<void> | undefined;
  // Also where Discord's answer was lost: its request may have taken effect.
  let mayBeThere = wasThere;

  function mark(): void {
    const sends = () => {
      mayBeThere = true;
    };
    cleared = new AbortController();
    marking = marks.change('put', address, WAITING_MARK, { signal: cleared.signal, sends }).catch(() => {});
  }

  async function takeAway(): Promise<void> {
    await marking;
    if (mayBeThere) await marks.change('delete', address, WAITING_MARK);
  }

  return {
    set(): void {
      timer = setTimeout(mark, MARK_AFTER_MS).unref();
    },
    /** Resolves when it is gone; nothing where there is none. */
    clear(): Promise<void> | undefined {
      clearTimeout(timer);
      cleared?.abort(OVER);
      return marking || mayBeThere ? takeAway() : undefined;
    },
  };
}
