import { UpdateGuildChannelRequestPartialSchema, UpdateThreadRequestPartialSchema } from 'discord-api-spec/zod';
import { ChannelType } from 'discord-api-types/v10';
import type { Backend } from './backend.js';
import { channelChanged, channelDeleted } from './events.js';
import { demand } from './permissions.js';
import { refusal } from './refusal.js';
import { check } from './schema.js';
import { type Channel, createChannel, isDirect, isThread, type User } from './world.js';

/** "Modify Channel", as far as name, topic, slow mode, archive and lock go. */
export function changeChannel(backend: Backend, channel: Channel, body: unknown, by: User): void {
  if (isDirect(channel)) throw refusal(50003);
  const changed = isThread(channel) ? threadChange(backend, channel, body, by) : textChange(backend, channel, body, by);
  Object.assign(channel, Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined)));
  backend.publish(channelChanged(backend.world, channel, 'updated'));
}

type Change = { readonly [Field in keyof Channel]?: Channel[Field] | undefined };

/** Who opened a thread may change it as long as it is not locked; else it is for those who manage threads. */
function threadChange({ world }: Backend, thread: Channel, body: unknown, by: User): Change {
  const { name, archived, locked, rate_limit_per_user } = check(UpdateThreadRequestPartialSchema, body);
  const isOwn = thread.ownerId === by.id && !thread.locked;
  demand(world, by.id, thread, ...(isOwn ? [] : (['ManageThreads'] as const)));
  if (thread.archived && archived !== false) throw refusal(50083);
  return {
    name: name ?? undefined,
    archived: archived ?? undefined,
    locked: locked ?? undefined,
    slowModeSeconds: rate_limit_per_user ?? undefined,
  };
}

function textChange({ world }: Backend, channel: Channel, body: unknown, by: User): Change {
  const { name, topic, rate_limit_per_user } = check(UpdateGuildChannelRequestPartialSchema, body);
  demand(world, by.id, channel, 'ManageChannels');
  return { name: name ?? undefined, topic, slowModeSeconds: rate_limit_per_user ?? undefined };
}

/** Takes a channel away, its threads first, and tells those who saw it. */
export function deleteChannel(backend: Backend, channel: Channel): void {
  const { world } = backend;
  const threads = [...world.channels.values()].filter(({ parentId }) => parentId === channel.id);
  for (const one of [...threads, channel]) {
    const event = channelDeleted(world, one);
    world.channels.delete(one.id);
    backend.publish(event);
  }
}

/** The conversation between two, opened if there is none; not with oneself, and not between two bots (50007). */
export function directChannel(backend: Backend, user: User, other: User): Channel {
  const { world } = backend;
  if (user.id === other.id) throw refusal(50033);
  if (user.applicationId !== undefined && other.applicationId !== undefined) throw refusal(50007);
  const isTheirs = (channel: Channel) =>
    isDirect(channel) && channel.people.has(user.id) && channel.people.has(other.id);
  const present = [...world.channels.values()].find(isTheirs);
  if (present) return present;
  const channel = createChannel({ id: backend.newId(), type: ChannelType.DM, people: new Set([user.id, other.id]) });
  world.channels.set(channel.id, channel);
  backend.publish(channelChanged(world, channel, 'created'));
  return channel;
}
