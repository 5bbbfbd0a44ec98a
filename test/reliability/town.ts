import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDiscord } from '../../src/sandbox/discord.js';
import type { RestCall } from '../../src/sandbox/http.js';
import { startModel } from '../../src/sandbox/model/model.js';
import { plainText } from '../../src/sandbox/model/request.js';
import type { Person } from '../../src/sandbox/people.js';
import { timeOf } from '../../src/sandbox/snowflake.js';
import type { Use } from '../../src/sandbox/use.js';
import { split } from '../../src/split.js';
import { answerAbout, answering, type Kind, topicOf } from './answers.js';
import { type Asked, type Evidence, readTurns, seenMessages } from './evidence.js';
import { type Life, startProgram } from './program.js';
import type { Random } from './random.js';

/** Something that happened in the sandbox just now, at which the program may be killed. */
export type Happening =
  | 'asked'
  | 'acknowledged'
  | 'created'
  | 'edited'
  | 'deleted'
  | 'marked'
  | 'read'
  | 'begun'
  | 'said';

/** Where people ask: a channel or a thread of the server, or somebody's direct messages. */
export interface Place {
  readonly id: string;
  readonly people: readonly [Person, ...Person[]];
  readonly isDirect: boolean;
}

export interface Shape {
  readonly channels: number;
  readonly threads: number;
  readonly directs: number;
}

export type Town = Awaited<ReturnType<typeof openTown>>;

/** A server full of people who ask, the chat API, and the program as a process that can be started again and again. */
export async function openTown(random: Random, { channels, threads, directs }: Shape) {
  let hear: (happening: Happening) => void = () => {};
  const discord = await startDiscord({
    watchCall: (call) => {
      const happening = happeningOf(call, app.id);
      if (happening) hear(happening);
    },
  });
  const model = await startModel();
  const app = discord.application({ name: 'Parley' });
  const people = ['ada', 'bob', 'cleo', 'dan', 'eve', 'finn', 'gus', 'hana'].map((username) =>
    discord.person({ username }),
  );
  const [ada, ...others] = people as [Person, ...Person[]]; // there are eight
  const guild = discord.guild({ owner: ada, members: others });
  guild.install(app);
  const everybody = [ada, ...others] as const;
  const rooms = Array.from({ length: channels }, (_, index) => guild.channel(`room-${index}`));
  const opened = rooms.slice(0, threads).map((room) => ada.opensThread(room, `thread in ${room.name}`));
  const direct = people.slice(0, directs).map(async (person): Promise<Place> => {
    const { id } = await person.directs(app);
    return { id, people: [person], isDirect: true };
  });
  const places: readonly Place[] = [
    ...[...rooms, ...(await Promise.all(opened))].map(({ id }) => ({ id, people: everybody, isDirect: false })),
    ...(await Promise.all(direct)),
  ];

  const databasePath = join(mkdtempSync(join(tmpdir(), 'parley-town-')), 'parley.db');
  const settings = {
    DISCORD_TOKEN: app.token,
    DISCORD_API_URL: discord.url,
    OPENAI_BASE_URL: model.url,
    DATABASE_PATH: databasePath,
    SYSTEM_PROMPT: 'Be brief.',
    // Nobody is to be refused: a flood is another test's subject.
    MAX_WAITING_PER_PERSON: '100',
    MAX_WAITING_PER_CHANNEL: '100',
  };
  const lives: Life[] = [];
  const asked: { readonly question: Omit<Asked, 'isUnheard'>; readonly use: Use | undefined }[] = [];
  const resets: { readonly use: Use; readonly askerId: string }[] = [];
  let questions = 0;
  model.script(
    answering(
      random.fork(),
      () => hear('begun'),
      () => hear('said'),
    ),
  );

  async function mention(place: Place, person: Person, text: string) {
    const { id } = await person.says(place, place.isDirect ? text : `${app.mention} ${text}`);
    return { id, use: undefined, head: '' };
  }

  async function command(place: Place, person: Person, text: string, isPrivate: boolean) {
    const options = isPrivate ? { prompt: text, private: true } : { prompt: text };
    const use = await person.invokes(app, place, 'ask', options);
    return { id: use.id, use, head: `> ${text}\n\n` };
  }

  return {
    discord,
    app,
    places,
    lives,
    /** From now on, this is told what happens, as it does. */
    listen(next: typeof hear): void {
      hear = next;
    },
    start(): Life {
      const life = startProgram(lives.length + 1, settings);
      lives.push(life);
      return life;
    },
    /** Somebody asks something there, in one of the three ways. */
    async ask(place: Place, person: Person, way: Asked['way'], kind: Kind): Promise<void> {
      questions += 1;
      const topic = topicOf(questions, kind);
      const text = `Tell me about ${topic}, please.`;
      const { id, use, head } = await (way === 'mention'
        ? mention(place, person, text)
        : command(place, person, text, way === 'private'));
      const answer = answerAbout(topic);
      const parts = split(head + answer).map((part) => part.text);
      const who = { at: timeOf(id), channelId: place.id, askerId: person.id };
      asked.push({ question: { id, topic, way, text, answer, head, parts, ...who }, use });
    },
    async reset(place: Place, person: Person): Promise<void> {
      resets.push({ use: await person.invokes(app, place, 'reset'), askerId: person.id });
    },
    /** What can be seen from outside; on disk only where the program does not run. */
    evidence: ({ onDisk = false } = {}): Evidence => ({
      appId: app.id,
      questions: asked.map(({ question, use }) => ({ ...question, isUnheard: use?.state === 'failed' })),
      resets: resets.map(({ use, askerId }) => {
        const { id, channelId, state } = use;
        return { id, channelId, askerId, at: timeOf(id), isUnheard: state === 'failed' };
      }),
      messages: seenMessages(discord.world, app.id),
      turns: onDisk ? readTurns(databasePath) : undefined,
      prompts: model.requests.map(({ time, body }) => ({
        at: time,
        messages: body.messages.map(({ role, content }) => ({ role, content: plainText(content) })),
      })),
      lives: lives.map(({ number, startedAt, readyAt, endedAt, isKilled }) => ({
        number,
        startedAt,
        readyAt,
        endedAt,
        isKilled,
      })),
      found: Object.fromEntries(lives.flatMap(({ log }) => log.flatMap(foundIn))),
    }),
    /** When somebody last asked something of Discord, or the program of the model. */
    lastSign: (): number => Math.max(discord.calls.at(-1)?.at ?? 0, model.requests.at(-1)?.time ?? 0),
    async close(): Promise<void> {
      for (const life of lives) if (life.endedAt === undefined) life.signal('SIGKILL', 'at the end of the test');
      await Promise.all(lives.map(({ exit }) => exit));
      await discord.close();
      await model.close();
    },
  };
}

const happenings: Readonly<Record<string, Happening>> = {
  GET: 'read',
  POST: 'created',
  PATCH: 'edited',
  DELETE: 'deleted',
};

function happeningOf({ method, route, by }: RestCall, appId: string): Happening | undefined {
  if (by !== undefined && by !== appId) return method === 'POST' ? 'asked' : undefined;
  if (route.endsWith('/callback')) return 'acknowledged';
  if (route.includes('/reactions/')) return 'marked';
  return route.includes('/messages') || route.startsWith('/webhooks/') ? happenings[method] : undefined;
}

/** What a line of the log says of a question that was found: its id, and when. */
function foundIn(line: string): [string, number][] {
  if (!line.includes('"missed question found"')) return [];
  const { turn, time }: { turn: string; time: number } = JSON.parse(line);
  return [[turn, time]];
}
