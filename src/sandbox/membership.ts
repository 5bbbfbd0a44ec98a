import { MessageType } from 'discord-api-types/v10';
import type { Backend } from './backend.js';
import {
  guildAvailable,
  guildGone,
  memberAdded,
  memberRemoved,
  memberUpdated,
  roleChanged,
  roleDeleted,
} from './events.js';
import { publishMessage } from './messages.js';
import { createRole } from './payloads.js';
import { type Application, createMessage, type Guild, type Member } from './world.js';

/** Somebody comes into a server; all are told, the newcomer last, with the server as it is now. */
export function joinGuild(backend: Backend, guild: Guild, userId: string, roles: readonly string[] = []): void {
  const joinedAt = backend.clock.now();
  const member: Member = { userId, nick: null, roles: [...roles], joinedAt, timedOutUntil: null };
  guild.members.set(userId, member);
  backend.publish(memberAdded(backend.world, guild, member));
  backend.publish(guildAvailable(backend.world, guild, userId));
}

/** The greeting that Discord posts for somebody new, where a server has a channel for it. */
export function greet(backend: Backend, guild: Guild, userId: string): void {
  const channel = backend.world.channels.get(guild.systemChannelId ?? '');
  if (channel === undefined) return;
  const id = backend.newId();
  publishMessage(
    backend,
    channel,
    createMessage({ id, channelId: channel.id, authorId: userId, type: MessageType.UserJoin }),
  );
}

/** Installs an app in a server: its bot becomes a member, with a managed role of its name that carries its permissions. */
export function installApplication(
  backend: Backend,
  guild: Guild,
  application: Application,
  permissions: bigint,
): void {
  const more = { managed: true, position: guild.roles.size, tags: { bot_id: application.id } };
  const role = createRole(backend.newId(), application.name, permissions, more);
  guild.roles.set(role.id, role);
  backend.publish(roleChanged(guild, role, 'created'));
  joinGuild(backend, guild, application.id, [role.id]);
}

/** Somebody leaves a server or is put out of it; an app's managed role goes with it. */
export function leaveGuild(backend: Backend, guild: Guild, userId: string): void {
  const member = guild.members.get(userId);
  if (member === undefined) return;
  guild.members.delete(userId);
  backend.world.timedOut.delete(member);
  backend.publish(guildGone(guild.id, userId));
  backend.publish(memberRemoved(backend.world, guild, userId));
  for (const role of [...guild.roles.values()]) {
    if (role.tags?.bot_id !== userId) continue;
    guild.roles.delete(role.id);
    backend.publish(roleDeleted(guild, role.id));
  }
}

/** Timeouts that are over by now are not in force any more. Discord tells nobody ("Guild Member Object"). */
export function endTimeouts({ world: { timedOut }, clock }: Backend): void {
  for (const member of timedOut) if ((member.timedOutUntil ?? 0) <= clock.now()) timedOut.delete(member);
}

/** A member is timed out until then, or is so no more. */
export function timeOut(backend: Backend, guild: Guild, member: Member, until: number | null): void {
  member.timedOutUntil = until;
  if (until === null) backend.world.timedOut.delete(member);
  else backend.world.timedOut.add(member);
  endTimeouts(backend);
  for (const toSelf of [true, false]) backend.publish(memberUpdated(backend.world, guild, member, toSelf));
}

/** A member has other roles now. */
export function setRoles(backend: Backend, guild: Guild, member: Member, roles: readonly string[]): void {
  member.roles = [...roles];
  for (const toSelf of [true, false]) backend.publish(memberUpdated(backend.world, guild, member, toSelf));
}
