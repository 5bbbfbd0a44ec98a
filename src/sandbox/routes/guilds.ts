import type {
  APIChannel,
  APIGuild,
  APIGuildMember,
  APIRole,
  APIUser,
  RESTAPIPartialCurrentUserGuild,
} from 'discord-api-types/v10';
import type { Backend } from '../backend.js';
import { type Caller, type Route, route } from '../http.js';
import { leaveGuild } from '../membership.js';
import { kickMember, modifyMember } from '../moderation.js';
import { channelPayload, guildPayload, memberPayload, userPayload } from '../payloads.js';
import { may, ownGuild, permissionsInGuild } from '../permissions.js';
import { refusal } from '../refusal.js';
import { limitOf, snowflake } from '../schema.js';
import { byAge } from '../snowflake.js';
import { isThread, memberOf, userOf } from '../world.js';

/** Servers and accounts. */
export function guildRoutes(backend: Backend): Route[] {
  const { world } = backend;
  const own = (caller: Caller, { guild_id = '' }: Readonly<Record<string, string>>) =>
    ownGuild(world, caller.user.id, guild_id);
  return [
    route('GET', '/users/@me', (_call, { user }): APIUser => userPayload(user)),
    route('GET', '/users/:user_id', ({ params }): APIUser => userPayload(userOf(world, params.user_id ?? ''))),
    route('GET', '/users/@me/guilds', (_call, { user }): RESTAPIPartialCurrentUserGuild[] => {
      const mine = [...world.guilds.values()].filter((guild) => guild.members.has(user.id));
      return mine.map((guild) => ({
        id: guild.id,
        name: guild.name,
        icon: null,
        banner: null,
        owner: guild.ownerId === user.id,
        features: [],
        permissions: `${permissionsInGuild(world, guild, user.id)}`,
      }));
    }),
    route('DELETE', '/users/@me/guilds/:guild_id', ({ params }, caller) => {
      leaveGuild(backend, own(caller, params), caller.user.id);
    }),
    route('GET', '/guilds/:guild_id', ({ params }, caller): APIGuild => guildPayload(own(caller, params))),
    route('GET', '/guilds/:guild_id/channels', ({ params }, caller): APIChannel[] => {
      const guild = own(caller, params);
      // Those that the caller can't view are left out ("Channel Visibility").
      const channels = [...world.channels.values()].filter(
        (one) => one.guildId === guild.id && !isThread(one) && may(world, caller.user.id, one, 'ViewChannel'),
      );
      return channels.map((channel) => channelPayload(world, channel));
    }),
    route('GET', '/guilds/:guild_id/roles', ({ params }, caller): APIRole[] => [...own(caller, params).roles.values()]),
    route('GET', '/guilds/:guild_id/members', ({ params, query }, caller): APIGuildMember[] => {
      const guild = own(caller, params);
      // "List Guild Members" needs the members intent to be switched on in the portal.
      if (caller.application?.members === 'off') throw refusal(50001);
      const after = snowflake(query.after ?? '0', ['after']);
      const next = [...guild.members.values()]
        .filter(({ userId }) => byAge(userId, after) > 0)
        .sort((one, other) => byAge(one.userId, other.userId));
      return next.slice(0, limitOf(query.limit ?? '1', 1000)).map((member) => memberPayload(world, member));
    }),
    route(
      'GET',
      '/guilds/:guild_id/members/:user_id',
      ({ params }, caller): APIGuildMember => memberPayload(world, memberOf(own(caller, params), params.user_id ?? '')),
    ),
    route('PATCH', '/guilds/:guild_id/members/:user_id', ({ params, body }, caller): APIGuildMember => {
      const guild = own(caller, params);
      return memberPayload(world, modifyMember(backend, guild, params.user_id ?? '', body, caller.user));
    }),
    route('DELETE', '/guilds/:guild_id/members/:user_id', ({ params }, caller) =>
      kickMember(backend, own(caller, params), params.user_id ?? '', caller.user),
    ),
    route(
      'GET',
      '/users/@me/guilds/:guild_id/member',
      ({ params }, caller): APIGuildMember => memberPayload(world, memberOf(own(caller, params), caller.user.id)),
    ),
  ];
}
