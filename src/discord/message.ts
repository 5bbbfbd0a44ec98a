import { setTimeout as delay } from 'node:timers/promises';
import { type Message, Routes } from 'discord.js';
import type { Logger } from 'pino';
import type { Audience, Chat } from '../chat.js';
import { type Lanes, openLanes } from '../lanes.js';
import { paintReply } from '../reply.js';
import { missingPermissions, readMention } from './mention.js';
import type { DiscordPace } from './pace.js';
import { messageSurface, replyTo } from './surface.js';

/** The mark on a question that waits behind another, and how soon it is set. */
const WAITING_MARK = '⏳';
const MARK_AFTER_MS = 400;

/** Reactions of a channel, set or taken away, share a limit of one in a quarter of a second; the library learns it too late. */
const BETWEEN_REACTIONS_MS = 300;

/** How long marks may take to go when the bot is stopped. */
const SETTLE_MS = 500;

/** Answers the messages that mean the bot. */
export function createMessages(chat: Chat, pace: DiscordPace, log: Logger) {
  const unmarking = new Set<Promise<void>>();
  const hinted = new Set<string>();
  const reactions = openLanes();

  /** The line of a mention: read it, answer it, show the answer. */
  async function onMessage(message: Message): Promise<void> {
    const mention = readMention(message);
    if (!mention) return;
    const missing = missingPermissions(message);
    if (missing.length > 0) {
      log.warn({ channel: message.channelId, missing }, 'message not answered: permissions are missing');
      return;
    }
    if (mention.kind === 'question') await chat.answer(mention.question, audienceOf(message));
    else await giveHint(message, mention.hint);
  }

  /** A hint at a time in a channel: a flood of empty mentions is not worth a flood of answers. */
  async function giveHint(message: Message, hint: string): Promise<void> {
    const { id, channelId } = message;
    if (hinted.has(channelId)) return;
    hinted.add(channelId);
    try {
      await pace.allow('preview');
      await replyTo(message, { content: hint, nonce: id, enforceNonce: true });
    } finally {
      hinted.delete(channelId);
    }
  }

  /** Those who see a message: they see that it waits, and then its answer. */
  function audienceOf(message: Message): Audience {
    const mark = createMark(message, pace, reactions);
    return {
      waits: mark.set,
      async reply(answer, stopped) {
        // Not awaited: a mark is no reason to keep an answer back.
        const gone = mark.clear().catch(() => {});
        unmarking.add(gone);
        gone.then(() => unmarking.delete(gone));
        await paintReply(answer, messageSurface(message, pace), stopped);
      },
    };
  }

  return {
    onMessage,

    /** Waits for the marks that are being taken away, for half a second at most. */
    async settle(): Promise<void> {
      await Promise.race([Promise.all(unmarking), delay(SETTLE_MS, undefined, { ref: false })]);
    },
  };
}

/** The mark on a question that waits: a reaction, set only if the waiting lasts, and as far as requests allow. */
function createMark({ client, channelId, id }: Message, pace: DiscordPace, reactions: Lanes) {
  const route = Routes.channelMessageOwnReaction(channelId, id, encodeURIComponent(WAITING_MARK));
  const waiting = new AbortController();
  let marking: Promise<boolean> = Promise.resolve(false);

  /** One reaction at a time in a channel, and a moment between them. */
  async function react(method: 'put' | 'delete', signal?: AbortSignal): Promise<void> {
    const leave = await reactions.enter(channelId, signal);
    try {
      await pace.allow('sign', signal);
      await client.rest[method](route);
    } finally {
      setTimeout(leave, BETWEEN_REACTIONS_MS).unref();
    }
  }

  async function mark(): Promise<boolean> {
    await delay(MARK_AFTER_MS, undefined, { signal: waiting.signal, ref: false });
    await react('put', waiting.signal);
    return true;
  }

  return {
    set(): void {
      marking = mark().catch(() => false);
    },
    async clear(): Promise<void> {
      waiting.abort();
      if (!(await marking)) return;
      await react('delete');
    },
  };
}
