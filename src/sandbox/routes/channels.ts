import {
  CreatePrivateChannelRequestSchema,
  CreateTextThreadWithMessageRequestSchema,
  CreateTextThreadWithoutMessageRequestSchema,
} from 'discord-api-spec/zod';
import type { APIChannel } from 'discord-api-types/v10';
import type { Backend } from '../backend.js';
import { changeChannel, deleteChannel, directChannel } from '../channels.js';
import { typingStarted } from '../events.js';
import { type Caller, type Route, route } from '../http.js';
import { channelPayloadFor } from '../payloads.js';
import { demand, visibleChannel } from '../permissions.js';
import { refusal } from '../refusal.js';
import { openThread, openThreadFrom } from '../threads.js';
import { isThread, messageOf, userOf } from '../world.js';

/** Channels, direct conversations and threads, and who types in them. */
export function channelRoutes(backend: Backend): Route[] {
  const { world, clock } = backend;
  const of = '/channels/:channel_id';
  const seen = (caller: Caller, { channel_id = '' }: Readonly<Record<string, string>>) =>
    visibleChannel(world, caller.user.id, channel_id);
  return [
    route(
      'GET',
      of,
      ({ params }, caller): APIChannel => channelPayloadFor(world, seen(caller, params), caller.user.id),
    ),
    route('PATCH', of, ({ params, body }, caller): APIChannel => {
      const channel = seen(caller, params);
      changeChannel(backend, channel, body, caller.user);
      return channelPayloadFor(world, channel, caller.user.id);
    }),
    route('DELETE', of, ({ params }, caller): APIChannel => {
      const channel = seen(caller, params);
      const payload = channelPayloadFor(world, channel, caller.user.id);
      demand(world, caller.user.id, channel, isThread(channel) ? 'ManageThreads' : 'ManageChannels');
      deleteChannel(backend, channel);
      return payload;
    }),
    route('POST', `${of}/typing`, ({ params }, caller) => {
      const channel = seen(caller, params);
      demand(world, caller.user.id, channel, 'SendMessages');
      backend.publish(typingStarted(world, channel, caller.user.id, clock.now()));
    }),
    route(
      'POST',
      `${of}/messages/:message_id/threads`,
      ({ params, body }, caller): APIChannel => {
        const channel = seen(caller, params);
        const thread = openThreadFrom(
          backend,
          channel,
          messageOf(channel, params.message_id ?? ''),
          body.name ?? '',
          caller.user,
        );
        return channelPayloadFor(world, thread, caller.user.id);
      },
      CreateTextThreadWithMessageRequestSchema,
    ),
    route(
      'POST',
      `${of}/threads`,
      ({ params, body }, caller): APIChannel => {
        const thread = openThread(backend, seen(caller, params), body.name ?? '', body.type, caller.user);
        return channelPayloadFor(world, thread, caller.user.id);
      },
      CreateTextThreadWithoutMessageRequestSchema,
    ),
    route(
      'POST',
      '/users/@me/channels',
      ({ body }, { user }): APIChannel =>
        channelPayloadFor(world, directChannel(backend, user, userOf(world, body.recipient_id ?? '')), user.id),
      CreatePrivateChannelRequestSchema,
    ),
    ...['PUT', 'DELETE'].map((method) =>
      route(method === 'PUT' ? 'PUT' : 'DELETE', `${of}/thread-members/@me`, ({ params }, caller) => {
        const thread = seen(caller, params);
        if (!isThread(thread)) throw refusal(50024);
        if (thread.archived) throw refusal(50083);
        if (method === 'PUT') thread.people.add(caller.user.id);
        else thread.people.delete(caller.user.id);
      }),
    ),
  ];
}
