import { openAccount, registerApplication } from './accounts.js';
import { createGuild } from './guild.js';
import { installApplication } from './membership.js';
import { may, type Permission, permissionSet } from './permissions.js';
import type { DiscordServer } from './server.js';
import { type Application, type Channel, type Guild, type User, userOf, type World } from './world.js';

/** What lives in the sandbox of somebody who tries the bot. */
export interface Home {
  readonly guild: Guild;
  /** Everybody but bots, the server's owner first. */
  readonly people: readonly User[];
  readonly application: Application;
  readonly bot: User;
  /** Whether a person may manage the server's channels. */
  readonly mayManage: (person: User) => boolean;
}

/** What the bot's invite asks for. */
const invited = [
  'ViewChannel',
  'SendMessages',
  'SendMessagesInThreads',
  'ReadMessageHistory',
  'AddReactions',
] as const satisfies readonly Permission[];

/** The home that is there, or on a first start a new one, with an app of this name in it. */
export function openHome(server: DiscordServer, appName: string): Home {
  const { backend } = server;
  const { world } = backend;
  if (world.guilds.size === 0 || world.applications.size === 0) found(server, appName);
  const [guild] = world.guilds.values();
  const [application] = world.applications.values();
  if (guild === undefined || application === undefined) throw new Error('A home was founded, and is not there');
  // A bot can leave its server; the next start has it back.
  if (!guild.members.has(application.id)) installApplication(backend, guild, application, permissionSet(invited));
  const people = [...guild.members.keys()].map((id) => userOf(world, id));
  return {
    guild,
    people: people.filter(({ applicationId }) => applicationId === undefined),
    application,
    bot: userOf(world, application.id),
    mayManage: ({ id }) => channelsOf(world, guild).some((channel) => may(world, id, channel, 'ManageChannels')),
  };
}

const channelsOf = (world: World, guild: Guild): Channel[] =>
  [...world.channels.values()].filter(({ guildId }) => guildId === guild.id);

/** Three people, of whom one owns the server, one moderates it and one does neither; two channels; the app. */
function found(server: DiscordServer, appName: string): void {
  const { backend } = server;
  const ada = openAccount(backend, { username: 'ada', name: 'Ada' });
  const bob = openAccount(backend, { username: 'bob', name: 'Bob' });
  const cleo = openAccount(backend, { username: 'cleo', name: 'Cleo' });
  const application = registerApplication(backend, { name: appName, ownerId: ada.id });
  const guild = createGuild(server, { name: 'Parley', owner: ada, members: [bob, cleo] });
  guild.channel('general');
  guild.channel('garden');
  guild.grant(bob, guild.role('Moderator', ['ManageChannels', 'ManageMessages', 'ManageThreads'], true));
  guild.install(application, invited);
}
