import { setTimeout as pause } from 'node:timers/promises';
import { type Discord, startDiscord } from '../src/sandbox/discord.js';
import { type ModelRequest, type Step, startModel } from '../src/sandbox/model/model.js';
import { plainText } from '../src/sandbox/model/request.js';

/** What happened to one question, as times of this process's clock in milliseconds. */
export interface Course {
  /** When its MESSAGE_CREATE was written to the socket. */
  asked: number;
  /** When the chat API had its request. */
  received: number;
  /** When the chat API wrote the first and the last text. */
  first: number;
  last: number;
  /** When the first text and the last could be seen in the channel. */
  firstShown: number;
  wholeShown: number;
  /** Whether all that the chat API wrote stands there in the end. */
  isWhole: boolean;
}

/** How the chat API answers: after a wait, in so many pieces, with so long between them. */
export interface Manner {
  readonly waitMs?: number;
  readonly pieces?: number;
  readonly everyMs?: number;
  /** What a piece says; a few words, if not said. */
  readonly words?: string;
}

export type Stage = Awaited<ReturnType<typeof openStage>>;
export type Application = ReturnType<Discord['application']>;

/** A channel in which questions are asked. */
export interface Identified {
  readonly id: string;
}

/** A question that was asked. */
export interface Asked {
  readonly course: Course;
  /** Resolves when the whole answer can be seen. */
  readonly answered: Promise<Course>;
}

export interface StageOptions {
  /** Whether Discord's rate limits are in force. */
  readonly limits?: boolean;
  /** Told of each question as its request is there. */
  readonly onRequest?: (number: string) => void;
}

/** A question that is being answered. */
interface Question {
  readonly course: Course;
  /** How its answer is given. */
  manner: Manner;
  /** The app that it was asked. */
  readonly by: string;
  readonly done: () => void;
}

const WORDS = 'a few words more ';

async function* answer(number: string, course: Course, manner: Manner): AsyncGenerator<string> {
  const { waitMs = 0, pieces = 1, everyMs = 0, words = WORDS } = manner;
  if (waitMs > 0) await pause(waitMs);
  for (let piece = 1; piece <= pieces; piece++) {
    if (piece > 1 && everyMs > 0) await pause(everyMs);
    course.last = performance.now();
    course.first ||= course.last;
    yield `${piece === 1 ? `a${number}a ` : ''}${words}${piece === pieces ? ` z${number}z` : ''}`;
  }
}

/** After so long without an answer there won't be one. */
const LOST_MS = 180_000;

/**
 * A Discord and a chat API, both on loopback, in which one person asks. Each question has a number, which its answer
 * begins and ends with: so what passes tells of itself, and the clock is one.
 */
export async function openStage({ limits = false, onRequest }: StageOptions = {}) {
  const asked = new Map<string, Question>();
  const requests: ModelRequest['body'][] = [];
  const calls = new Map<string, { all: number; limited: number }>();
  let manner: Manner = {};
  let latest = 0;

  const discord = await startDiscord({
    limits,
    keepsMessages: 50,
    keepsCalls: 10,
    watchFrame(direction, userId, frame) {
      if (direction === 'out' && typeof frame === 'string' && userId !== undefined) see(userId, frame);
    },
    watchCall({ by, status }) {
      const count = calls.get(by ?? '') ?? { all: 0, limited: 0 };
      calls.set(by ?? '', count);
      count.all += 1;
      if (status === 429) count.limited += 1;
    },
  });

  /** An app is shown messages as everybody is, its own too. */
  function see(userId: string, frame: string): void {
    if (!frame.includes('"t":"MESSAGE_')) return;
    const now = performance.now();
    const [, kind, number = ''] = /\b([qaz])(\d+)[qaz]\b/.exec(frame) ?? [];
    const question = asked.get(number);
    if (question?.by !== userId) return;
    const {
      course,
      done,
      manner: { pieces = 1, words = WORDS },
    } = question;
    if (kind === 'q') course.asked ||= now;
    else course.firstShown ||= now;
    if (!frame.includes(`z${number}z`)) return;
    course.wholeShown ||= now;
    course.isWhole = frame.split(words).length - 1 === pieces;
    asked.delete(number);
    done();
  }

  const model = await startModel();
  model.script(async function* ({ body }): AsyncGenerator<Step> {
    const now = performance.now();
    // Nobody reads them there, and they would grow for ever; it is an array, though not to be written to.
    (model.requests as unknown[]).length = 0;
    const [, number = ''] = plainText(body.messages.at(-1)?.content).match(/\bq(\d+)q\b/) ?? [];
    const question = asked.get(number);
    if (!question) return;
    const { course } = question;
    course.received = now;
    question.manner = manner;
    requests.push(body);
    onRequest?.(number);
    yield* answer(number, course, manner);
  });

  const owner = discord.person({ username: 'ada' });
  const common = discord.guild({ owner });
  const guilds = new Map<string, typeof common>();

  function prepare(to: Application, words: string): { readonly content: string } & Asked {
    const number = `${++latest}`;
    const course: Course = { asked: 0, received: 0, first: 0, last: 0, firstShown: 0, wholeShown: 0, isWhole: false };
    const answered = new Promise<Course>((resolve, reject) => {
      const lost = setTimeout(() => reject(new Error(`Question ${number} was not answered.`)), LOST_MS);
      asked.set(number, {
        course,
        manner,
        by: to.id,
        done() {
          clearTimeout(lost);
          resolve(course);
        },
      });
    });
    return { content: `${to.mention} q${number}q ${words}`, course, answered };
  }

  return {
    discordUrl: discord.url,
    modelUrl: model.url,
    /** What the chat API was sent, in order. To be emptied by whoever reads it. */
    requests,
    /** Registers an app, and has it in the server that all are in, and in one of its own. */
    invite(name: string): Application {
      const application = discord.application({ name, messageContent: 'on' });
      const guild = discord.guild({ owner });
      guilds.set(application.id, guild);
      common.install(application);
      guild.install(application);
      return application;
    },
    /** Makes a channel in the server that all apps are in, or in one app's: what is said there, no other hears. */
    channel: (name: string, of?: Application): Identified => (guilds.get(of?.id ?? '') ?? common).channel(name),
    /** From here on, the chat API answers in this manner. */
    answer(next: Manner): void {
      manner = next;
    },
    async ask(to: Application, channel: Identified, words = 'What is this?'): Promise<Asked> {
      const { content, ...question } = prepare(to, words);
      await owner.says(channel, content);
      return question;
    },
    /** Asks once in each of these channels, in the same instant. */
    askAtOnce(to: Application, channels: readonly Identified[]): Asked[] {
      const questions = channels.map((channel) => ({ channel, ...prepare(to, 'What is this?') }));
      discord.sayAtOnce(questions.map(({ channel, content }) => ({ by: owner, channel, content })));
      return questions;
    },
    /** How many requests an app has made to Discord, and how many of them met a limit. */
    callsOf: ({ id }: Application) => ({ all: 0, limited: 0, ...calls.get(id) }),
    async close(): Promise<void> {
      await discord.close();
      await model.close();
    },
  };
}
