import type { APIMessage } from 'discord-api-types/v10';
import { openAccount, registerApplication } from './accounts.js';
import { createGuild, type GuildOptions } from './guild.js';
import { messagePayload } from './message-payloads.js';
import { postMessage } from './messages.js';
import { createPerson, type Person } from './people.js';
import { may } from './permissions.js';
import { type DiscordOptions, type DiscordServer, serveDiscord } from './server.js';
import { byAge } from './snowflake.js';
import { until } from './until.js';
import type { Identified } from './use.js';
import { channelOf, type Message, type Switch, userOf } from './world.js';

/** Starts a local Discord, and gives a test its people, apps and servers. */
export async function startDiscord(options: DiscordOptions = {}) {
  const server = await serveDiscord(options);
  const { backend, calls, faults, gateway, listeners, url } = server;
  const { world } = backend;
  const allMessages = () => [...world.channels.values()].flatMap(({ messages }) => [...messages.values()]);
  const messageById = (id: string) => world.deleted.get(id) ?? allMessages().find((message) => message.id === id);
  return {
    url,
    world,
    faults,
    /** Every REST call, in order, people's too: `by` tells whose. */
    calls,
    application: (given: ApplicationOptions = {}) => createApplication(server, given),
    person: (given: { readonly username: string; readonly name?: string | null }): Person =>
      createPerson(server, openAccount(backend, given)),
    guild: (given: GuildOptions) => createGuild(server, given),
    /** Has people say things in the same instant, none waiting for another's request. */
    sayAtOnce(
      all: readonly { readonly by: Identified; readonly channel: Identified; readonly content: string }[],
    ): void {
      for (const { by, channel, content } of all) {
        postMessage(backend, channelOf(world, channel.id), userOf(world, by.id), { content }, []);
      }
    },
    /** Whether an app has a connection that has identified. */
    isConnected: ({ id }: Identified): boolean => gateway.isConnected(id),
    /** The messages that somebody sees in a channel, oldest first, with those for their eyes only. */
    sees: (person: Identified, channel: Identified): APIMessage[] => messagesSeen(server, person, channel),
    /** The texts of these messages. */
    texts: (person: Identified, channel: Identified): string[] =>
      messagesSeen(server, person, channel).map(({ content }) => content),
    /** Each text that a message has had, with the time (of the sandbox's clock) that it came. */
    edits: ({ id }: Identified): Message['edits'] => messageById(id)?.edits ?? [],
    /** The messages, still there, that pinged somebody by their first text, or were marked for them by an edit. */
    notified: (person: Identified): APIMessage[] =>
      allMessages()
        .filter(({ notified }) => notified.has(person.id))
        .map((message) => messagePayload(world, message, { userId: person.id, readsContent: true })),
    until: <Value>(condition: () => Value, { withinMs = 15_000 }: { readonly withinMs?: number } = {}) =>
      until(server, listeners, condition, withinMs),
    close: server.close,
  };
}

export type Discord = Awaited<ReturnType<typeof startDiscord>>;

interface ApplicationOptions {
  readonly name?: string;
  readonly messageContent?: Switch;
  readonly members?: Switch;
  readonly presences?: Switch;
}

/** Registers an app with its bot, as in the portal. */
function createApplication(server: DiscordServer, given: ApplicationOptions) {
  const { backend, calls, gateway } = server;
  const { name = 'Parley', ...switches } = given;
  const owner = openAccount(backend, { username: 'developer' });
  const application = registerApplication(backend, { ...switches, name, ownerId: owner.id });
  const { id } = application;
  return {
    id,
    name,
    token: userOf(backend.world, id).token,
    mention: `<@${id}>`,
    /** Whether it has a connection that has identified. */
    isConnected: () => gateway.isConnected(id),
    /** The REST calls that it made with its token. */
    calls: () => calls.filter(({ by }) => by === id),
    /** The commands that it has registered everywhere. */
    commands: () => application.commands.get('') ?? [],
    /** Turns its message content intent on or off in the portal. */
    switchMessageContent(to: Switch): void {
      application.messageContent = to;
    },
  };
}

export type SandboxApplication = ReturnType<typeof createApplication>;

function messagesSeen({ backend: { world } }: DiscordServer, person: Identified, { id }: Identified): APIMessage[] {
  const channel = channelOf(world, id);
  if (!may(world, person.id, channel, 'ViewChannel')) return [];
  return [...channel.messages.values()]
    .filter(({ onlyFor }) => onlyFor === undefined || onlyFor === person.id)
    .sort((one, other) => byAge(one.id, other.id))
    .map((message) => messagePayload(world, message, { userId: person.id, readsContent: true }));
}
