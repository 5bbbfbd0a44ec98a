import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDiscord } from '../../src/sandbox/discord.js';
import type { RestCall } from '../../src/sandbox/http.js';
import { startModel } from '../../src/sandbox/model/model.js';
import { plainText } from '../../src/sandbox/model/request.js';
import type { Person } from '../../src/sandbox/people.js';
import { split } from '../../src/split.js';
import { answerAbout, topicIn } from './answers.js';

/** A channel in which one person asks one question at a time. */
export interface Corner {
  /** Asks, and waits until the answer stands there, and nothing else. Throws where that does not come to pass. */
  ask(way: 'mention' | 'ask', topic: string): Promise<void>;
  /** What stands there beside the last answer, or in its place; nothing, if all is well. */
  surplus(): string | undefined;
}

export type City = Awaited<ReturnType<typeof openCity>>;

/** Without an answer for so long, a question is lost. */
const lostMs = 60_000;

/** A Discord of many channels without rate limits, and the chat API. It forgets what is over, so as not to grow itself. */
export async function openCity(size: number) {
  const watching = new Map<string, () => void>();
  const refusals: string[] = [];
  let requests = 0;
  const discord = await startDiscord({ limits: false, watchCall: hear });
  const model = await startModel();
  model.script(function* ({ body }) {
    // Nobody reads what was asked, and the list would grow for ever; it is an array, though not to be written to.
    (model.requests as unknown[]).length = 0;
    const answer = answerAbout(topicIn(plainText(body.messages.at(-1)?.content)) ?? '');
    const middle = Math.floor(answer.length / 2);
    yield answer.slice(0, middle);
    yield answer.slice(middle);
  });
  const app = discord.application({ name: 'Parley' });
  const people = Array.from({ length: size }, (_, index) => discord.person({ username: `person${index}` }));
  const [owner, ...members] = people as [Person, ...Person[]]; // there is at least one
  const guild = discord.guild({ owner, members });
  guild.install(app);
  const { channels, interactions } = discord.world;

  /** Hears every call of the program, and wakes whoever waits for what it may have brought. */
  function hear(call: RestCall): void {
    const { by, method, path, route, status, code } = call;
    if (by !== undefined && by !== app.id) return;
    requests += 1;
    if (status >= 400) refusals.push(`${method} ${route} was answered ${status} (${code})`);
    const [, kind, id = '', token = ''] = path.split('/');
    // The token of an interaction has its id in it.
    const [, interactionId = ''] = Buffer.from(token, 'base64url').toString().split(':');
    watching.get(kind === 'webhooks' ? (interactions.get(interactionId)?.channelId ?? '') : id)?.();
  }

  function createCorner(person: Person, index: number): Corner {
    const { id } = guild.channel(`channel-${index}`);
    const messages = channels.get(id)?.messages ?? new Map();
    let parts: readonly string[] = [];
    let interactionId = '';
    const texts = () =>
      [...messages.values()].filter(({ authorId }) => authorId === app.id).map(({ content }) => content);
    const isAnswered = () => texts().join('\0') === parts.join('\0');
    const surplus = () =>
      isAnswered() ? undefined : `There is ${JSON.stringify(texts())} where ${JSON.stringify(parts)} belongs`;

    /** Forgets what the last question and its answer left. Throws if anything came after it. */
    function tidy(): void {
      const wrong = surplus();
      if (wrong !== undefined) throw new Error(wrong);
      messages.clear();
      interactions.delete(interactionId);
    }

    const answered = (): Promise<void> =>
      new Promise((resolve, reject) => {
        const lost = setTimeout(() => reject(new Error(`For a minute: ${surplus()}`)), lostMs);
        watching.set(id, () => {
          if (!isAnswered()) return;
          clearTimeout(lost);
          watching.delete(id);
          resolve();
        });
      });

    return {
      surplus,
      async ask(way, topic): Promise<void> {
        tidy();
        const text = `Tell me about ${topic}, please.`;
        parts = split((way === 'ask' ? `> ${text}\n\n` : '') + answerAbout(topic)).map((part) => part.text);
        const answer = answered();
        if (way === 'mention') await person.says({ id }, `${app.mention} ${text}`);
        else interactionId = (await person.invokes(app, { id }, 'ask', { prompt: text })).id;
        await answer;
      },
    };
  }

  const databasePath = join(mkdtempSync(join(tmpdir(), 'parley-city-')), 'parley.db');
  return {
    discord,
    app,
    databasePath,
    corners: people.map(createCorner),
    /** What the program's requests to Discord came to. */
    requests: () => ({ count: requests, refusals }),
    settings: {
      DISCORD_TOKEN: app.token,
      DISCORD_API_URL: discord.url,
      OPENAI_BASE_URL: model.url,
      DATABASE_PATH: databasePath,
      MAX_CONCURRENT: '64',
      // Short prompts: it is turns that are to be many.
      CONTEXT_TOKENS: '1000',
      LOG_LEVEL: 'warn',
    },
    async close(): Promise<void> {
      await discord.close();
      await model.close();
    },
  };
}
