import {
  type APIChannel,
  type APIGuildMember,
  type APIMessage,
  ComponentType,
  InteractionType,
} from 'discord-api-types/v10';
import type { DiscordServer } from './server.js';
import { commandNamed, type Identified, type Options, optionData, prefilled, type Use, use } from './use.js';
import type { User } from './world.js';

/** A refusal that a person's client met. */
export class Refused extends Error {
  override name = 'Refused';
  constructor(
    readonly status: number,
    readonly code: number | undefined,
    readonly body: unknown,
  ) {
    super(`Discord refused: ${status} ${JSON.stringify(body)}`);
  }
}

export interface FileToSend {
  readonly name: string;
  readonly content: string | Uint8Array;
  readonly type?: string;
}

export interface Speech {
  readonly replyTo?: Identified;
  /** Whether a reply pings the author of what it replies to; it does, as in Discord's client. */
  readonly ping?: boolean;
  readonly files?: readonly FileToSend[];
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Calls the REST API as a person's client: with the person's token, over HTTP. Throws {@link Refused}. */
function clientOf({ url }: DiscordServer, user: User) {
  return async function call<Answer = undefined>(
    method: Method,
    path: string,
    body?: unknown,
    files: readonly FileToSend[] = [],
  ): Promise<Answer> {
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const authorization = { authorization: user.token };
    const request =
      files.length === 0
        ? { headers: { ...authorization, ...type }, ...json }
        : { headers: authorization, body: form(body, files) };
    const response = await fetch(`${url}/v10${path}`, { method, ...request });
    const text = await response.text();
    const answer: unknown = text === '' ? undefined : JSON.parse(text);
    if (response.ok) return answer as Answer; // The sandbox's own routes type what they answer.
    const code = answer !== null && typeof answer === 'object' && 'code' in answer ? Number(answer.code) : undefined;
    throw new Refused(response.status, code, answer);
  };
}

function form(body: unknown, files: readonly FileToSend[]): FormData {
  const data = new FormData();
  data.append('payload_json', JSON.stringify(body ?? {}));
  for (const [index, { name, content, type = 'text/plain' }] of files.entries()) {
    data.append(`files[${index}]`, new Blob([new Uint8Array(Buffer.from(content))], { type }), name);
  }
  return data;
}

/** A person with a client: everything they do goes through the REST API, as it would from Discord's own. */
export function createPerson(server: DiscordServer, user: User) {
  const call = clientOf(server, user);
  return {
    id: user.id,
    username: user.username,
    token: user.token,
    mention: `<@${user.id}>`,
    /** Any call of the REST API in the person's name. */
    call,
    says: (
      channel: Identified,
      content: string,
      { replyTo, ping = true, files = [] }: Speech = {},
    ): Promise<APIMessage> => {
      const reply = replyTo && {
        message_reference: { message_id: replyTo.id },
        allowed_mentions: { parse: ['users', 'roles', 'everyone'], replied_user: ping },
      };
      return call('POST', `/channels/${channel.id}/messages`, { content, ...reply }, files);
    },
    edits: (message: Identified & { readonly channel_id: string }, content: string): Promise<APIMessage> =>
      call('PATCH', `/channels/${message.channel_id}/messages/${message.id}`, { content }),
    deletes: (message: Identified & { readonly channel_id: string }): Promise<void> =>
      call('DELETE', `/channels/${message.channel_id}/messages/${message.id}`),
    /** Deletes many at once, as a moderator can. */
    clears: (channel: Identified, messages: readonly Identified[]): Promise<void> =>
      call('POST', `/channels/${channel.id}/messages/bulk-delete`, { messages: messages.map(({ id }) => id) }),
    reacts: (message: Identified & { readonly channel_id: string }, emoji: string): Promise<void> =>
      call('PUT', `/channels/${message.channel_id}/messages/${message.id}/reactions/${encodeURIComponent(emoji)}/@me`),
    types: (channel: Identified): Promise<void> => call('POST', `/channels/${channel.id}/typing`),
    /** Opens a thread, from a message or without one. */
    opensThread: (channel: Identified, name: string, from?: Identified): Promise<APIChannel> =>
      from
        ? call('POST', `/channels/${channel.id}/messages/${from.id}/threads`, { name })
        : call('POST', `/channels/${channel.id}/threads`, { name, type: 11 }),
    archives: (thread: Identified): Promise<APIChannel> => call('PATCH', `/channels/${thread.id}`, { archived: true }),
    /** Brings an archived thread back. */
    unarchives: (thread: Identified): Promise<APIChannel> =>
      call('PATCH', `/channels/${thread.id}`, { archived: false }),
    locks: (thread: Identified): Promise<APIChannel> => call('PATCH', `/channels/${thread.id}`, { locked: true }),
    unlocks: (thread: Identified): Promise<APIChannel> => call('PATCH', `/channels/${thread.id}`, { locked: false }),
    removesChannel: (channel: Identified): Promise<APIChannel> => call('DELETE', `/channels/${channel.id}`),
    /** Times a member out, for so long from now by the sandbox's clock; for 0 ms, a timeout ends. */
    timesOut: (guild: Identified, member: Identified, forMs: number): Promise<APIGuildMember> =>
      call('PATCH', `/guilds/${guild.id}/members/${member.id}`, {
        communication_disabled_until: forMs === 0 ? null : new Date(server.backend.clock.now() + forMs).toISOString(),
      }),
    /** Puts a member out of a server. */
    kicks: (guild: Identified, member: Identified): Promise<void> =>
      call('DELETE', `/guilds/${guild.id}/members/${member.id}`),
    /** Uses a slash command: `ask`, or `system set` for a subcommand. */
    invokes: async (
      application: Identified,
      channel: Identified,
      command: string,
      options: Options = {},
    ): Promise<Use> => {
      const [name = '', ...path] = command.split(' ');
      const declared = commandNamed(server, application, channel, name);
      return use(server, call, user, {
        type: InteractionType.ApplicationCommand,
        application_id: application.id,
        channel_id: channel.id,
        data: {
          id: declared.id,
          name,
          type: declared.type,
          options: optionData(declared.options ?? [], path, options),
        },
      });
    },
    /** Presses a button, by its `custom_id`. */
    presses: (message: APIMessage, customId: string): Promise<Use> =>
      use(server, call, user, {
        type: InteractionType.MessageComponent,
        application_id: message.author.id,
        channel_id: message.channel_id,
        message_id: message.id,
        data: { component_type: ComponentType.Button, custom_id: customId },
      }),
    /** Fills in and sends off the dialog box that a use has opened; what is not given keeps the value it came with. */
    submits: (opened: Use, entries: Readonly<Record<string, string>> = {}): Promise<Use> => {
      const { dialog } = opened;
      if (dialog === undefined) throw new Error('This use has opened no dialog box');
      const values = { ...prefilled(dialog), ...entries };
      return use(server, call, user, {
        type: InteractionType.ModalSubmit,
        application_id: opened.applicationId,
        channel_id: opened.channelId,
        data: {
          id: opened.id,
          custom_id: dialog.custom_id,
          components: Object.entries(values).map(([custom_id, value]) => ({ components: [{ custom_id, value }] })),
        },
      });
    },
    /** The direct conversation with somebody, opened if there is none. */
    directs: (other: Identified): Promise<APIChannel> =>
      call('POST', '/users/@me/channels', { recipient_id: other.id }),
    /** From now on, nobody can send them direct messages. */
    closesMessages: (): void => {
      user.closedToMessages = true;
    },
    /** Takes direct messages again. */
    opensMessages: (): void => {
      user.closedToMessages = false;
    },
    /** Installs an app for themselves alone. */
    installs: (application: Identified): void => {
      server.backend.world.applications.get(application.id)?.installedBy.add(user.id);
    },
  };
}

export type Person = ReturnType<typeof createPerson>;
