import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Bot } from './bot.js';
import type { Chat } from './chat.js';
import { globalRateLimit } from './faults.js';
import type { Home } from './home.js';
import type { Journal } from './journal.js';
import { orderable, type RefusalName } from './model/relay.js';
import { pageHeaders } from './page.js';
import type { DiscordServer } from './server.js';

/** What those who build the bot have their hands on; the bot and its chat API are missing where others' bots log in. */
export interface Workshop {
  readonly server: DiscordServer;
  readonly home: Home;
  readonly journal: Journal;
  readonly bot: Bot | undefined;
  readonly chat: Chat | undefined;
}

const times = z.number().int().min(1).max(1_000);
// The names of a literal record, which has at least one.
const refusalNames = Object.keys(orderable) as [RefusalName, ...RefusalName[]];

const Fault = z.discriminatedUnion('fault', [
  z.strictObject({ fault: z.literal('drop') }),
  z.strictObject({ fault: z.literal('reconnect') }),
  z.strictObject({ fault: z.literal('invalidate'), resumable: z.boolean().default(false) }),
  z.strictObject({
    fault: z.literal('rate-limit'),
    seconds: z.number().min(0.1).max(600).default(5),
    times: times.default(1),
  }),
  z.strictObject({
    fault: z.literal('server-error'),
    status: z.number().int().min(500).max(599).default(500),
    times: times.default(3),
  }),
  z.strictObject({
    fault: z.literal('delay'),
    ms: z.number().int().min(1).max(60_000).default(4_000),
    times: times.default(1),
  }),
  z.strictObject({
    fault: z.literal('model-refusal'),
    refusal: z.enum(refusalNames).default('server-error'),
    times: times.default(1),
  }),
  z.strictObject({ fault: z.literal('none') }),
]);

const Switches = z.strictObject({ messageContent: z.enum(['on', 'off']) });
const Order = z.strictObject({ do: z.literal('restart') });

/** The routes of the drawer. They are there before what they work on is, so that asks for it each time. */
export function addWorkshop(http: FastifyInstance, workshop: () => Workshop | undefined): void {
  const post = <Body>(path: string, schema: z.ZodType<Body>, act: (body: Body, workshop: Workshop) => unknown) =>
    http.post(path, async (request, reply) => {
      const present = workshop();
      const read = schema.safeParse(request.body);
      if (!read.success) return reply.code(400).send({ message: z.prettifyError(read.error) });
      if (present === undefined) return reply.code(503).send({ message: 'The sandbox is only just starting' });
      const refused = await act(read.data, present);
      return typeof refused === 'string' ? reply.code(409).send({ message: refused }) : reply.code(204).send();
    });

  http.get('/sandbox/home', async (_request, reply) => {
    const present = workshop();
    if (present === undefined) return reply.code(503).send({ message: 'The sandbox is only just starting' });
    return reply.headers({ ...pageHeaders, 'cache-control': 'no-store' }).send(describe(present));
  });
  http.get('/sandbox/journal', (request, reply) => {
    const present = workshop();
    if (present === undefined) return reply.code(503).send();
    return sendEvents(present.journal, request, reply);
  });
  post('/sandbox/faults', Fault, order);
  post('/sandbox/switches', Switches, ({ messageContent }, { server, home }) => {
    home.application.messageContent = messageContent;
    server.backend.touch();
  });
  post('/sandbox/bot', Order, (_body, { bot }) => bot?.restart() ?? 'Your bot is yours to start');
}

/** Who is here, and with whose tokens the page acts. */
function describe({ server, home: { people, application, bot, guild, mayManage }, chat }: Workshop) {
  return {
    people: people.map((person) => ({
      id: person.id,
      username: person.username,
      name: person.name,
      token: person.token,
      mayManage: mayManage(person),
    })),
    application: { id: application.id, name: application.name, messageContent: application.messageContent },
    bot: { id: bot.id, isOnline: server.gateway.isConnected(bot.id) },
    guildId: guild.id,
    ...(chat && { chatApi: { name: chat.api.name, model: chat.api.model } }),
  };
}

/** Lets something go wrong for the bot alone; says why, if it can't. The page goes on undisturbed. */
function order(
  fault: z.infer<typeof Fault>,
  { server: { faults }, home: { bot }, chat }: Workshop,
): string | undefined {
  switch (fault.fault) {
    case 'drop':
      faults.gateway.drop({ of: bot });
      return undefined;
    case 'reconnect':
      faults.gateway.askToReconnect(bot);
      return undefined;
    case 'invalidate':
      faults.gateway.invalidate(fault.resumable, bot);
      return undefined;
    case 'rate-limit':
      faults.rest({ of: bot, answer: globalRateLimit(fault.seconds), times: fault.times });
      return undefined;
    case 'server-error':
      faults.rest({ of: bot, answer: { status: fault.status, body: 'upstream error' }, times: fault.times });
      return undefined;
    case 'delay':
      faults.rest({ of: bot, delayMs: fault.ms, times: fault.times });
      return undefined;
    case 'model-refusal':
      if (chat === undefined) return 'Your bot’s chat API is not the sandbox’s';
      chat.relay.refuse(fault.refusal, fault.times);
      return undefined;
    case 'none':
      faults.clear();
      chat?.relay.clear();
      return undefined;
  }
}

/** A reader that takes less than comes is let go; it comes back, and is told what it missed. */
const maxBehindBytes = 32 * 1024 * 1024;

/** The journal as server-sent events, from the entry after the one that a reader had last. */
function sendEvents(journal: Journal, { headers }: FastifyRequest, reply: FastifyReply): void {
  const { raw } = reply.hijack();
  raw.writeHead(200, { ...pageHeaders, 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  raw.write(':\n\n');
  const stop = journal.follow(Number(headers['last-event-id'] ?? 0) || 0, ({ number, json }) => {
    raw.write(`id: ${number}\ndata: ${json}\n\n`);
    if (raw.writableLength > maxBehindBytes) raw.destroy();
  });
  raw.once('close', stop);
}
