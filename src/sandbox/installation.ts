import { type APIApplicationCommand, ApplicationIntegrationType, InteractionContextType } from 'discord-api-types/v10';
import type { Backend } from './backend.js';
import { userPayload } from './payloads.js';
import { demand, everyPermission, permissionsIn } from './permissions.js';
import { Refusal, refusal } from './refusal.js';
import { type Application, type Channel, isDirect, type User, userOf } from './world.js';

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

/** The commands that somebody can use in a channel, and the apps that they belong to. */
export function commandIndex(backend: Backend, channel: Channel, user: User) {
  const { world } = backend;
  const registered = ({ commands }: Application) => [
    ...(commands.get(channel.guildId ?? ' ') ?? []),
    ...(commands.get('') ?? []),
  ];
  const applications = [...world.applications.values()].map((application) => ({
    application,
    commands: registered(application).filter((command) => mayInvoke(backend, application, channel, user, command)),
  }));
  const offering = applications.filter(({ commands }) => commands.length > 0);
  return {
    applications: offering.map(({ application: { id, name, description } }) => ({
      id,
      name,
      description,
      icon: null,
      bot: userPayload(userOf(world, id)),
    })),
    application_commands: offering.flatMap(({ commands }) => commands),
  };
}

function mayInvoke(...asked: Parameters<typeof demandInvoking>): boolean {
  try {
    demandInvoking(...asked);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
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
