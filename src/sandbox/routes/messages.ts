import { MessageCreateRequestSchema, MessageEditRequestPartialSchema } from 'discord-api-spec/zod';
import type { APIMessage, APIUser } from 'discord-api-types/v10';
import type { Backend } from '../backend.js';
import { bulkDelete, deleteMessage } from '../deletions.js';
import { type Caller, type Route, route } from '../http.js';
import { messagePayload, nonceOf, type Viewer } from '../message-payloads.js';
import { editMessage, postMessage } from '../messages.js';
import { userPayload } from '../payloads.js';
import { may, visibleChannel } from '../permissions.js';
import { react, unreact } from '../reactions.js';
import { invalid, refusal } from '../refusal.js';
import { limitOf, snowflake } from '../schema.js';
import { byAge } from '../snowflake.js';
import { type Channel, type Message, messageOf, userOf } from '../world.js';

/** How a caller reads others' messages over REST: the switch in the portal counts, not what a session asked for. */
const viewerOf = ({ user, application }: Caller): Viewer => ({
  userId: user.id,
  readsContent: application === undefined || application.messageContent !== 'off',
});

/** Messages and their reactions. */
export function messageRoutes(backend: Backend): Route[] {
  const { world } = backend;
  const of = '/channels/:channel_id/messages';
  const seen = (caller: Caller, { channel_id = '' }: Readonly<Record<string, string>>) =>
    visibleChannel(world, caller.user.id, channel_id);
  const messageIn = (channel: Channel, { message_id = '' }: Readonly<Record<string, string>>): Message => {
    const message = messageOf(channel, message_id);
    if (message.onlyFor !== undefined) throw refusal(10008);
    return message;
  };
  return [
    route('GET', of, ({ params, query }, caller): APIMessage[] => {
      const channel = seen(caller, params);
      // "If the current user is missing READ_MESSAGE_HISTORY, no messages will be returned."
      if (!may(world, caller.user.id, channel, 'ReadMessageHistory')) return [];
      return page(channel, query).map((message) => messagePayload(world, message, viewerOf(caller)));
    }),
    route('GET', `${of}/:message_id`, ({ params }, caller): APIMessage => {
      const channel = seen(caller, params);
      if (!may(world, caller.user.id, channel, 'ReadMessageHistory')) throw refusal(50001);
      return messagePayload(world, messageIn(channel, params), viewerOf(caller));
    }),
    route(
      'POST',
      of,
      ({ params, body, uploads }, caller): APIMessage => {
        const message = postMessage(backend, seen(caller, params), caller.user, body, uploads);
        return { ...messagePayload(world, message, viewerOf(caller)), ...nonceOf(message) };
      },
      MessageCreateRequestSchema,
    ),
    route(
      'PATCH',
      `${of}/:message_id`,
      ({ params, body, uploads }, caller): APIMessage => {
        const channel = seen(caller, params);
        const message = messageIn(channel, params);
        return messagePayload(
          world,
          editMessage(backend, channel, message, caller.user, body, uploads),
          viewerOf(caller),
        );
      },
      MessageEditRequestPartialSchema,
    ),
    route('DELETE', `${of}/:message_id`, ({ params }, caller) =>
      deleteMessage(backend, seen(caller, params), params.message_id ?? '', caller.user),
    ),
    route('POST', `${of}/bulk-delete`, ({ params, body }, caller) =>
      bulkDelete(backend, seen(caller, params), idsOf(body), caller.user),
    ),
    ...reactionRoutes(backend, seen, messageIn),
  ];
}

function reactionRoutes(
  backend: Backend,
  seen: (caller: Caller, params: Readonly<Record<string, string>>) => Channel,
  messageIn: (channel: Channel, params: Readonly<Record<string, string>>) => Message,
): Route[] {
  const { world } = backend;
  const path = '/channels/:channel_id/messages/:message_id/reactions/:emoji';
  const unreactOf = (params: Readonly<Record<string, string>>, of: string, caller: Caller) => {
    const channel = seen(caller, params);
    unreact(backend, channel, messageIn(channel, params), params.emoji ?? '', of, caller.user);
  };
  return [
    route('PUT', `${path}/@me`, ({ params: { emoji = '', ...params } }, caller) => {
      const channel = seen(caller, params);
      react(backend, channel, messageIn(channel, params), emoji, caller.user);
    }),
    route('DELETE', `${path}/@me`, ({ params }, caller) => unreactOf(params, caller.user.id, caller)),
    route('DELETE', `${path}/:user_id`, ({ params }, caller) => unreactOf(params, params.user_id ?? '', caller)),
    route('GET', path, ({ params }, caller): APIUser[] => {
      const message = messageIn(seen(caller, params), params);
      const reaction = message.reactions.find(({ emoji }) => emoji.name === params.emoji);
      return [...(reaction?.users ?? [])].map((id) => userPayload(userOf(world, id)));
    }),
  ];
}

function idsOf(body: unknown): string[] {
  const ids = body !== null && typeof body === 'object' && 'messages' in body ? body.messages : undefined;
  if (Array.isArray(ids)) return ids.map((id, index) => snowflake(id, ['messages', index]));
  throw invalid(['messages'], 'BASE_TYPE_REQUIRED', 'This field is required');
}

/**
 * One page of a channel, newest first ("Get Channel Messages"): the newest, or those around, before or after an id,
 * of which `after` takes the ones next to it. Ephemeral messages are not part of it.
 */
function page(channel: Channel, { before, after, around, limit = '50' }: Readonly<Record<string, string>>): Message[] {
  const count = limitOf(limit, 100);
  for (const [field, id] of Object.entries({ before, after, around })) if (id !== undefined) snowflake(id, [field]);
  const oldestFirst = [...channel.messages.values()]
    .filter(({ onlyFor }) => onlyFor === undefined)
    .sort((one, other) => byAge(one.id, other.id));
  const older = (id: string) => oldestFirst.filter((message) => byAge(message.id, id) < 0);
  const newer = (id: string) => oldestFirst.filter((message) => byAge(message.id, id) > 0);
  if (around !== undefined) {
    const half = Math.floor(count / 2);
    const olderOnes = older(around);
    const itself = oldestFirst.filter(({ id }) => id === around);
    return [
      ...olderOnes.slice(Math.max(0, olderOnes.length - half)),
      ...itself,
      ...newer(around).slice(0, half),
    ].reverse();
  }
  if (after !== undefined) return newer(after).slice(0, count).reverse();
  return (before === undefined ? oldestFirst : older(before)).slice(-count).reverse();
}
