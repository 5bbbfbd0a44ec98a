import { vi } from 'vitest';
import { plainText } from '../../src/sandbox/model/request.js';
import type { Options, Identified as Place, Use } from '../../src/sandbox/use.js';
import { type HomeOptions, openHome } from '../discord/home.js';
import { gate } from '../fakes.js';
import { readTurns, type Turn } from './evidence.js';

/** How an answer comes: whole; whole, but late; after its beginning; after its beginning, and too long for one message. */
export type Gait = 'whole' | 'late' | 'begun' | 'grown' | 'long';

/** A question in a channel of its own. */
export interface Asked {
  readonly topic: string;
  readonly id: string;
  readonly channel: Place;
  readonly use?: Use;
}

/** How long all may take: discord.js gives a request up after 15 s, and is back after a session's end in about 6 s. */
const LONGEST_MS = import.meta.env.MODE === 'long' ? 100_000 : 30_000;

const REFUSED = 'Discord did not let me show this part of the answer.';
const filler = 'and so on '.repeat(250);

/** All that the model has to say about a topic, and how much of it comes at once. */
const answers: Readonly<Record<Gait, (topic: string) => readonly [begin: string, rest: string]>> = {
  whole: (topic) => [`All about ${topic}.`, ''],
  late: (topic) => ['', `All about ${topic}, late.`],
  begun: (topic) => [`Begun: ${topic}, `, `ended: ${topic}.`],
  grown: (topic) => [`Begun: ${topic}, `, `ended: ${topic}.`],
  long: (topic) => [`Begun: ${topic}, `, `${filler}ended: ${topic}.`],
};

const answerAbout = (topic: string) => {
  const gaits: readonly Gait[] = ['whole', 'late', 'begun', 'grown', 'long'];
  const gait = gaits.find((one) => topic.startsWith(one)) ?? 'whole';
  return answers[gait](topic);
};

/** A bot with as many channels as there are questions, so that what one meets is not for the others to bear. */
export async function openTrial(options: HomeOptions = {}) {
  const home = await openHome({ maxConcurrent: 1000, ...options });
  const { discord, model, app, ada, guild, lines, databasePath } = home;
  const gates = new Map<string, ReturnType<typeof gate<void>>>();
  const asked: Asked[] = [];

  const gateOf = (topic: string) => {
    const found = gates.get(topic) ?? gate<void>();
    gates.set(topic, found);
    return found;
  };

  model.script(async function* ({ body, closed }) {
    const topic = topicIn(plainText(body.messages.at(-1)?.content));
    const [begin, rest] = answerAbout(topic);
    if (begin !== '') yield begin;
    if (rest === '') return;
    await Promise.race([gateOf(topic).opened, closed]);
    yield rest;
  });

  /** Asks about something in a new channel, or in one that is there. */
  async function ask(
    gait: Gait,
    way: 'mention' | 'command' = 'mention',
    channel: Place = guild.channel(`c${asked.length}`),
    options: Options = {},
  ): Promise<Asked> {
    const topic = `${gait}-${asked.length}`;
    const place = asked.push({ topic, id: '', channel }) - 1;
    const use = way === 'command' ? await ada.invokes(app, channel, 'ask', { prompt: topic, ...options }) : undefined;
    const { id } = use ?? (await ada.says(channel, `${app.mention} ${topic}`));
    const one = { topic, id, channel, ...(use && { use }) };
    asked[place] = one;
    return one;
  }

  /** The bot's messages in a place, as Ada sees them; none where it is gone. */
  const shownIn = ({ id }: Place) =>
    !discord.world.channels.has(id) ? [] : discord.sees(ada, { id }).filter(({ author }) => author.id === app.id);

  /** The messages that answer a question: where others were asked in its channel, from the reply to it to the next. */
  function messagesOf({ id, channel }: Asked) {
    const all = shownIn(channel);
    if (asked.filter((other) => other.channel.id === channel.id).length < 2) return all;
    const first = all.findIndex(({ message_reference }) => message_reference?.message_id === id);
    const next = all.findIndex(({ message_reference }, index) => index > first && message_reference !== undefined);
    return first < 0 ? [] : all.slice(first, next < 0 ? undefined : next);
  }

  const textOf = (one: Asked): string =>
    messagesOf(one)
      .map(({ content }) => content.replace(`> ${one.topic}`, '').trim())
      .filter((text) => text !== '')
      .join(' ');

  const turns = (): Turn[] => readTurns(databasePath);

  return {
    ...home,
    ask,
    shownIn,
    /** Lets the answer to a question come to its end. */
    goOn: ({ topic }: Asked): void => gateOf(topic).open(),
    /** Waits until the beginning of an answer is shown, and the bot knows that it is. */
    async begun(one: Asked): Promise<void> {
      await discord.until(() => textOf(one).includes('Begun:'));
      await vi.waitUntil(() => turns().some(({ id, address }) => id === one.id && address?.includes('"sent":[{')), {
        timeout: LONGEST_MS,
      });
    },
    /** How often the model was asked about something. */
    requestsFor: ({ topic }: Asked): number =>
      model.requests.filter(({ body }) => topicIn(plainText(body.messages.at(-1)?.content)) === topic).length,
    /** Waits until nothing is left to do, and no turn is open. */
    settled: (withinMs = LONGEST_MS) =>
      vi.waitUntil(
        async () => {
          const all = turns();
          return all.length === asked.length && all.every(({ state, address }) => state !== 'open' && address === null);
        },
        { timeout: withinMs, interval: 50 },
      ),
    /** What the log says of a question that is more than how it went. */
    told: ({ id }: Asked): string[] => lines.filter((line) => line.includes(id) && /"level":[4-6]0/.test(line)),
    /** How a turn has ended, and what is shown of it. */
    outcome(one: Asked): string {
      const turn = turns().find(({ id }) => id === one.id);
      const ended = turn?.failure ? `${turn.state} (${turn.failure})` : turn?.state;
      return `${ended}, ${shownAs(one.topic, textOf(one))}`;
    },
  };
}

export type Trial = Awaited<ReturnType<typeof openTrial>>;

const topicIn = (text: string): string => /\b(?:whole|late|begun|grown|long)-\d+/.exec(text)?.[0] ?? '';

function shownAs(topic: string, text: string): string {
  const [begin, rest] = answerAbout(topic);
  if (text === '') return 'nothing';
  if (text === `${begin}${rest}`.trim()) return 'whole';
  if (text === REFUSED) return 'refusal told';
  const shown = text.replace(REFUSED, '').trim();
  if (!`${begin}${rest}`.startsWith(shown)) return text;
  return shown === text ? 'half' : 'half, refusal told';
}
