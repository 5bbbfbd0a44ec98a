import type { Backend } from './backend.js';
import { channelChanged, threadsShown } from './events.js';
import { may } from './permissions.js';
import { type Channel, type Guild, isThread } from './world.js';

/** The apps in a server that see each of its channels. */
function seers({ world }: Backend, guild: Guild): Map<Channel, Set<string>> {
  const apps = [...guild.members.keys()].filter((id) => world.users.get(id)?.applicationId !== undefined);
  const channels = [...world.channels.values()].filter((one) => one.guildId === guild.id && !isThread(one));
  const seenBy = (channel: Channel) => apps.filter((id) => may(world, id, channel, 'ViewChannel'));
  return new Map(channels.map((channel) => [channel, new Set(seenBy(channel))]));
}

/**
 * Makes a change to what members may do, and tells apps of what it shows them and hides from them: CHANNEL_UPDATE with
 * the channel as they see it now ("Obfuscated Channels"), and the threads of a channel that is new to them ("Thread
 * List Sync"). Of the channel that the change itself tells of, `told`, they hear once.
 */
export function changeSight(backend: Backend, guild: Guild, change: () => void, told?: Channel): void {
  const before = seers(backend, guild);
  change();
  for (const [channel, now] of seers(backend, guild)) {
    const then = before.get(channel) ?? new Set<string>();
    const gained = [...now].filter((id) => !then.has(id));
    const changed = [...gained, ...[...then].filter((id) => !now.has(id))];
    if (changed.length > 0 && channel !== told) {
      backend.publish({ ...channelChanged(backend.world, channel, 'updated'), isFor: (id) => changed.includes(id) });
    }
    if (gained.length > 0) {
      backend.publish({ ...threadsShown(backend.world, channel), isFor: (id) => gained.includes(id) });
    }
  }
}
