import { type GatewayGuildMembersChunkDispatchData, GatewayIntentBits } from 'discord-api-types/v10';
import type { z } from 'zod';
import type { EventReader } from './events.js';
import type { RequestMembers } from './frames.js';
import { memberPayload } from './payloads.js';
import type { World } from './world.js';

/**
 * What answers "Request Guild Members": the members of these ids, or those whose name begins like this. Nothing does
 * for a strange server, nor for the whole list without the members intent.
 */
export function membersChunk(
  world: World,
  { userId, intents }: EventReader,
  { guild_id, query = '', user_ids, limit = 0, nonce }: z.infer<typeof RequestMembers>,
): GatewayGuildMembersChunkDispatchData | undefined {
  const guild = world.guilds.get(guild_id);
  if (!guild?.members.has(userId)) return undefined;
  const wanted = user_ids === undefined ? undefined : [user_ids].flat();
  const isEverybody = wanted === undefined && query === '' && limit === 0;
  if (isEverybody && (intents & GatewayIntentBits.GuildMembers) === 0) return undefined;
  const isWanted = (id: string) =>
    wanted ? wanted.includes(id) : (world.users.get(id)?.username ?? '').startsWith(query.toLowerCase());
  const members = [...guild.members.values()].filter((member) => isWanted(member.userId));
  return {
    guild_id,
    members: (limit > 0 ? members.slice(0, limit) : members).map((member) => memberPayload(world, member)),
    chunk_index: 0,
    chunk_count: 1,
    not_found: (wanted ?? []).filter((id) => !guild.members.has(id)),
    ...(nonce !== undefined && { nonce }),
  };
}
