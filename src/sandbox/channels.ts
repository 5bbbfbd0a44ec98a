import { UpdateGuildChannelRequestPartialSchema, UpdateThreadRequestPartialSchema } from 'discord-api-spec/zod';
import { ChannelType } from 'discord-api-types/v10';
import type { Backend } from './backend.js';
import { take } from './deletions.js';
import { channelChanged, channelDeleted } from './events.js';
import { demand, type Permission } from './permissions.js';
import { refusal } from './refusal.js';
import { check } from './schema.js';
import { type Channel, createChannel, isDirect, isThread, type User } from './world.js';

/** "Modify Channel", as far as name, topic, slow mode, archive and lock go. */
export function changeChannel(backend: Backend, channel: Channel, body: unknown, by: User): void {
  if (isDirect(channel)) throw refusal(50003);
  const changed = isThread(channel) ? threadChange(backend, channel, body, by) : textChange(backend, channel, body, by);
  const isMoved = changed.archived !== undefined && changed.archived !== channel.archived;
  if (isMoved) channel.archivedAt = backend.clock.now();
  Object.assign(channel, Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined)));
  backend.publish(channelChanged(backend.world, channel, 'updated'));
}

type Change = { readonly [Field in keyof Channel]?: Channel[Field] | undefined };

/** An archived thread takes no change but together with coming back ("Modify Channel", thread). */
function threadChange({ world }: Backend, thread: Channel, body: unknown, by: User): Change {
  const { name, archived, locked, rate_limit_per_user } = check(UpdateThreadRequestPartialSchema, body);
  const change: Change = {
    name: name ?? undefined,
    archived: archived ?? undefined,
    locked: locked ?? undefined,
    slowModeSeconds: rate_limit_per_user ?? undefined,
  };
  demand(world, by.id, thread, ...neededFor(change, thread, by));
  if (thread.archived && archived !== false) throw refusal(50083);
  return change;
}

/**
 * Slow mode and the lock are for those who manage threads, and so is a thread that is locked. Else who opened it may
 * name and archive it, and who is in it and may write in it may bring it back ("Editing & Deleting Threads").
 */
function neededFor(change: Change, thread: Channel, { id }: User): readonly Permission[] {
  const isModerating = thread.locked || change.locked !== undefined || change.slowModeSeconds !== undefined;
  const isComingBack = change.archived === false && change.name === undefined && thread.people.has(id);
  if (!isModerating && isComingBack) return ['SendMessages'];
  return !isModerating && thread.ownerId === id ? [] : ['ManageThreads'];
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
    for (const id of [...one.messages.keys()]) take(world, one, id);
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
