import type { APIMessage, APIUser } from 'discord-api-types/v10';
import type { State } from './state.js';

/** The users with these as they are now; the same map, if nobody is new and nobody has another name. */
export function learn(users: State['users'], seen: readonly APIUser[]): State['users'] {
  const isNew = ({ id, username, global_name }: APIUser) => {
    const known = users.get(id);
    return known?.username !== username || known.global_name !== global_name;
  };
  const news = seen.filter(isNew);
  return news.length === 0 ? users : new Map([...users, ...news.map((user) => [user.id, user] as const)]);
}

/** Everybody whom a message names. */
export const peopleOf = (message: APIMessage): APIUser[] => [
  message.author,
  ...message.mentions,
  ...(message.referenced_message ? [message.referenced_message.author] : []),
  ...(message.interaction_metadata ? [message.interaction_metadata.user] : []),
];
