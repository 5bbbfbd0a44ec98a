import { z } from 'zod';
import type { Backend } from './backend.js';
import { leaveGuild, timeOut } from './membership.js';
import { isBelow, type Permission, permissionSet, permissionsInGuild } from './permissions.js';
import { invalid, Refusal, refusal } from './refusal.js';
import { type Guild, type Member, memberOf, type User, type World } from './world.js';

const longestTimeoutMs = 28 * 24 * 60 * 60_000;

const Change = z.object({ communication_disabled_until: z.string().nullish() });

/** Throws 50013 without the permission, and for who does not stand below who asks. */
function demandOver(world: World, guild: Guild, by: User, target: Member, permission: Permission): void {
  const needed = permissionSet([permission]);
  if ((permissionsInGuild(world, guild, by.id) & needed) === 0n) throw refusal(50013);
  if (!isBelow(guild, target.userId, by.id)) throw refusal(50013);
}

/** "Modify Guild Member", as far as timeouts go: up to 28 days, and none for owners and administrators. */
export function modifyMember(backend: Backend, guild: Guild, userId: string, body: unknown, by: User): Member {
  const { world, clock } = backend;
  const target = memberOf(guild, userId);
  const read = Change.safeParse(body ?? {});
  const at = ['communication_disabled_until'];
  if (!read.success) throw invalid(at, 'DATE_TIME_TYPE_PARSE', 'Could not interpret value as string.');
  const { communication_disabled_until: given } = read.data;
  if (given === undefined) throw new Refusal(501, 0, 'Of members, the sandbox changes timeouts alone');
  demandOver(world, guild, by, target, 'ModerateMembers');
  if (isAdministrator(guild, userId)) throw refusal(50013);
  const until = given === null ? null : Date.parse(given);
  if (Number.isNaN(until)) throw invalid(at, 'DATE_TIME_TYPE_PARSE', `Could not parse ${given}. Should be ISO8601.`);
  if (until !== null && until > clock.now() + longestTimeoutMs) {
    throw invalid(at, 'BASE_TYPE_BAD_TIME', 'A timeout takes 28 days at most.');
  }
  timeOut(backend, guild, target, until);
  return target;
}

const isAdministrator = (guild: Guild, userId: string): boolean =>
  [guild.id, ...memberOf(guild, userId).roles].some((id) => {
    const has = BigInt(guild.roles.get(id)?.permissions ?? 0);
    return (has & permissionSet(['Administrator'])) !== 0n;
  });

/** "Remove Guild Member". */
export function kickMember(backend: Backend, guild: Guild, userId: string, by: User): void {
  demandOver(backend.world, guild, by, memberOf(guild, userId), 'KickMembers');
  leaveGuild(backend, guild, userId);
}
