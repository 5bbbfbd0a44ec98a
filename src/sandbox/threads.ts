import { ChannelType, MessageFlags, MessageType } from 'discord-api-types/v10';
import type { Backend } from './backend.js';
import { channelChanged, messageUpdated } from './events.js';
import { publishMessage } from './messages.js';
import { demand } from './permissions.js';
import { refusal } from './refusal.js';
import { type Channel, createChannel, createMessage, isDirect, isThread, type Message, type User } from './world.js';

/** "Start Thread from Message": the thread has the message's id, and there is one at most (160004). */
export function openThreadFrom(backend: Backend, channel: Channel, message: Message, name: string, by: User): Channel {
  const { world } = backend;
  refuseNesting(channel);
  demand(world, by.id, channel, 'CreatePublicThreads', 'ReadMessageHistory');
  if (message.onlyFor !== undefined) throw refusal(10008);
  if (world.channels.has(message.id)) throw refusal(160004);
  const thread = open(backend, channel, message.id, ChannelType.PublicThread, name, by);
  message.flags |= MessageFlags.HasThread;
  // The thread's first message stands for the one it came from, and is not announced.
  const starter = createMessage({
    id: backend.newId(),
    channelId: thread.id,
    authorId: by.id,
    type: MessageType.ThreadStarterMessage,
    reference: { channelId: channel.id, messageId: message.id },
  });
  thread.messages.set(starter.id, starter);
  backend.publish(messageUpdated(world, message));
  return thread;
}

/** "Start Thread without Message": private if not said otherwise; a public one is announced in its channel. */
export function openThread(
  backend: Backend,
  channel: Channel,
  name: string,
  type: ChannelType | null | undefined,
  by: User,
): Channel {
  const isPublic = type === ChannelType.PublicThread;
  refuseNesting(channel);
  demand(backend.world, by.id, channel, isPublic ? 'CreatePublicThreads' : 'CreatePrivateThreads');
  const kind = isPublic ? ChannelType.PublicThread : ChannelType.PrivateThread;
  const thread = open(backend, channel, backend.newId(), kind, name, by);
  if (isPublic) announce(backend, channel, thread, by);
  return thread;
}

function refuseNesting(channel: Channel): void {
  if (isDirect(channel)) throw refusal(50003);
  if (isThread(channel)) throw refusal(50024);
}

function announce(backend: Backend, channel: Channel, thread: Channel, by: User): void {
  const message = createMessage({
    id: backend.newId(),
    channelId: channel.id,
    authorId: by.id,
    type: MessageType.ThreadCreated,
    content: thread.name,
    reference: { channelId: thread.id, messageId: thread.id },
  });
  publishMessage(backend, channel, message);
}

function open(
  backend: Backend,
  parent: Channel,
  id: string,
  type: ChannelType.PublicThread | ChannelType.PrivateThread,
  name: string,
  by: User,
): Channel {
  const { id: parentId, guildId } = parent;
  const thread = createChannel({ id, type, guildId, parentId, name, ownerId: by.id, people: new Set([by.id]) });
  backend.world.channels.set(id, thread);
  backend.publish(channelChanged(backend.world, thread, 'created'));
  return thread;
}
