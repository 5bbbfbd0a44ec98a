import { ChannelType, OverwriteType } from 'discord-api-types/v10';
import { deleteChannel } from './channels.js';
import { channelChanged, guildUpdated, roleChanged } from './events.js';
import { greet, installApplication, joinGuild, leaveGuild, setRoles } from './membership.js';
import { createRole } from './payloads.js';
import { everyoneByDefault, type Permission, permissionSet } from './permissions.js';
import type { DiscordServer } from './server.js';
import type { Identified } from './use.js';
import { changeSight } from './visibility.js';
import { applicationOf, type Channel, createChannel, type Guild, memberOf, userOf } from './world.js';

/** What an app asks for when it is invited, if a test does not say otherwise. */
const usualPermissions: readonly Permission[] = [
  'ViewChannel',
  'SendMessages',
  'SendMessagesInThreads',
  'ReadMessageHistory',
  'AddReactions',
  'AttachFiles',
  'EmbedLinks',
];

export interface GuildOptions {
  readonly name?: string;
  readonly owner: Identified;
  readonly members?: readonly Identified[];
}

/** Founds a server. Its first channel is where it greets those who join. */
export function createGuild({ backend }: DiscordServer, { name = 'Home', owner, members = [] }: GuildOptions) {
  const { world, newId } = backend;
  const id = newId();
  const everyone = createRole(id, '@everyone', everyoneByDefault);
  const guild: Guild = {
    id,
    name,
    ownerId: owner.id,
    members: new Map(),
    roles: new Map([[id, everyone]]),
    systemChannelId: null,
  };
  world.guilds.set(id, guild);
  for (const member of [owner, ...members]) joinGuild(backend, guild, userOf(world, member.id).id);
  return {
    id,
    name,
    /** Adds a text channel. */
    channel(channelName: string) {
      const channel = createChannel({ id: newId(), type: ChannelType.GuildText, guildId: id, name: channelName });
      world.channels.set(channel.id, channel);
      guild.systemChannelId ??= channel.id;
      backend.publish(channelChanged(world, channel, 'created'));
      return createChannelHandle(backend, guild, channel);
    },
    /** Adds a role; it can be mentioned by everybody if `mentionable`. */
    role(roleName: string, permissions: readonly Permission[] = [], mentionable = false) {
      const more = { mentionable, position: guild.roles.size };
      const role = createRole(newId(), roleName, permissionSet(permissions), more);
      guild.roles.set(role.id, role);
      backend.publish(roleChanged(guild, role, 'created'));
      return { id: role.id, mention: `<@&${role.id}>` };
    },
    /** Gives a member this role beside those it has. */
    grant: (member: Identified, role: Identified): void => {
      const present = memberOf(guild, member.id);
      changeSight(backend, guild, () => setRoles(backend, guild, present, [...present.roles, role.id]));
    },
    /** Takes a role from a member. */
    revoke: (member: Identified, role: Identified): void => {
      const present = memberOf(guild, member.id);
      const left = present.roles.filter((id) => id !== role.id);
      changeSight(backend, guild, () => setRoles(backend, guild, present, left));
    },
    /** Changes what a role may do; the role with the server's id is @everyone. */
    allow: (role: Identified, permissions: readonly Permission[]): void => {
      const present = guild.roles.get(role.id);
      if (present === undefined) throw new Error(`The server has no role ${role.id}`);
      const changedRole = { ...present, permissions: `${permissionSet(permissions)}` };
      changeSight(backend, guild, () => {
        guild.roles.set(role.id, changedRole);
        backend.publish(roleChanged(guild, changedRole, 'updated'));
      });
    },
    /** The role that an app's bot got with its installation. */
    roleOf(application: Identified) {
      const role = [...guild.roles.values()].find(({ tags }) => tags?.bot_id === application.id);
      if (role === undefined) throw new Error('The app is not installed in this server');
      return { id: role.id, mention: `<@&${role.id}>` };
    },
    install: (application: Identified, permissions: readonly Permission[] = usualPermissions): void =>
      installApplication(backend, guild, applicationOf(world, application.id), permissionSet(permissions)),
    /** Somebody comes in, and is greeted. */
    join: (person: Identified): void => {
      joinGuild(backend, guild, person.id);
      greet(backend, guild, person.id);
    },
    /** Puts a person or an app's bot out. */
    kick: (member: Identified): void => leaveGuild(backend, guild, member.id),
    /** The server is gone, for everybody in it. */
    remove: (): void => {
      for (const member of [...guild.members.keys()]) leaveGuild(backend, guild, member);
      for (const channel of [...world.channels.values()]) if (channel.guildId === id) world.channels.delete(channel.id);
      world.guilds.delete(id);
    },
    rename: (newName: string): void => {
      guild.name = newName;
      backend.publish(guildUpdated(guild));
    },
  };
}

export type SandboxGuild = ReturnType<typeof createGuild>;

function createChannelHandle(backend: DiscordServer['backend'], guild: Guild, channel: Channel) {
  const overwrite = (who: Identified, allow: readonly Permission[], deny: readonly Permission[]): void => {
    const type = guild.roles.has(who.id) ? OverwriteType.Role : OverwriteType.Member;
    const own = { id: who.id, type, allow: `${permissionSet(allow)}`, deny: `${permissionSet(deny)}` };
    const change = () => {
      channel.overwrites = [...channel.overwrites.filter(({ id }) => id !== who.id), own];
      backend.publish(channelChanged(backend.world, channel, 'updated'));
    };
    changeSight(backend, guild, change, channel);
  };
  return {
    id: channel.id,
    name: channel.name,
    guildId: guild.id,
    mention: `<#${channel.id}>`,
    /** What a role or a member may and may not do here, whatever it may elsewhere; the server's id stands for @everyone. */
    overwrite,
    slowDown: (seconds: number): void => {
      channel.slowModeSeconds = seconds;
      backend.publish(channelChanged(backend.world, channel, 'updated'));
    },
    remove: (): void => deleteChannel(backend, channel),
  };
}

export type SandboxChannel = ReturnType<typeof createChannelHandle>;
