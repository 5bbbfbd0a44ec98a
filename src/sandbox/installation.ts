import { type APIApplicationCommand, ApplicationIntegrationType, InteractionContextType } from 'discord-api-types/v10';
import type { Backend } from './backend.js';
import { demand, everyPermission, permissionsIn } from './permissions.js';
import { refusal } from './refusal.js';
import { type Application, type Channel, isDirect, type User } from './world.js';

/** Where a command can be used, and by whom ("Permissions", "Installation and Interaction Context"). */
export function demandInvoking(
  { world }: Backend,
  application: Application,
  channel: Channel,
  user: User,
  found: APIApplicationCommand,
): void {
  const {
    contexts,
    integration_types: types = [ApplicationIntegrationType.GuildInstall],
    dm_permission,
    default_member_permissions,
  } = found;
  const owners = ownersOf({ world }, application, channel, user);
  const byGuild = owners[0] !== undefined && types.includes(ApplicationIntegrationType.GuildInstall);
  const byUser = owners[1] !== undefined && types.includes(ApplicationIntegrationType.UserInstall);
  if (!byGuild && !byUser) throw refusal(10063);
  const context = contextOf(application, channel);
  const isElsewhere = context === InteractionContextType.BotDM && dm_permission === false;
  if (contexts ? !contexts.includes(context) : isElsewhere) throw refusal(10063);
  if (channel.guildId === undefined) return;
  demand(world, user.id, channel, 'UseApplicationCommands');
  if (!byGuild || !default_member_permissions) return;
  const has = permissionsIn(world, user.id, channel);
  const needed = BigInt(default_member_permissions);
  // Zero stands for administrators only.
  if (needed === 0n ? has !== everyPermission : (has & needed) !== needed) throw refusal(50013);
}

export function contextOf(application: Application, channel: Channel): InteractionContextType {
  if (!isDirect(channel)) return InteractionContextType.Guild;
  return channel.people.has(application.id) ? InteractionContextType.BotDM : InteractionContextType.PrivateChannel;
}

export type Owners = { readonly 0?: string; readonly 1?: string };

/** By whose installation an app can be used here: the server's (`'0'` in the app's own conversation), the person's. */
export function ownersOf(
  { world }: Pick<Backend, 'world'>,
  application: Application,
  channel: Channel,
  user: User,
): Owners {
  const guild = world.guilds.get(channel.guildId ?? '');
  const sharesOne = [...world.guilds.values()].some(
    ({ members }) => members.has(application.id) && members.has(user.id),
  );
  const isOwnTalk = isDirect(channel) && channel.people.has(application.id) && sharesOne;
  return {
    ...(guild?.members.has(application.id) && { 0: guild.id }),
    ...(isOwnTalk && { 0: '0' }),
    ...(application.installedBy.has(user.id) && { 1: user.id }),
  };
}
