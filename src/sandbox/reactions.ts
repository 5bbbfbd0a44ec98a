import type { Backend } from './backend.js';
import { reactionAdded, reactionRemoved } from './events.js';
import { demand, isTimedOut } from './permissions.js';
import { refusal } from './refusal.js';
import type { Channel, Message, Reaction, User } from './world.js';

// The flag is a value because the compiler's target does not know it yet; Node 20 does.
const emojiFlags = 'v';
const emojiPattern = new RegExp('^\\p{RGI_Emoji}$', emojiFlags);
const maxKinds = 20;

/** An emoji of Unicode; custom ones (`name:id`) belong to servers, and the sandbox's have none. */
function readEmoji(text: string): Reaction['emoji'] {
  // Discord takes an emoji with and without the selector that asks for its coloured form.
  if (!emojiPattern.test(text) && !emojiPattern.test(`${text}\ufe0f`)) throw refusal(10014);
  return { id: null, name: text };
}

const withEmoji = (message: Message, { name }: Reaction['emoji']) =>
  message.reactions.find(({ emoji }) => emoji.name === name);

/** "Create Reaction": to see the history is needed, and to add reactions for the first of its kind. */
export function react(backend: Backend, channel: Channel, message: Message, text: string, user: User): void {
  const { world } = backend;
  demand(world, user.id, channel, 'ReadMessageHistory');
  const guild = world.guilds.get(channel.guildId ?? '');
  // One that is there already needs no permission that a timeout would take, and is not for who is timed out either.
  if (guild && isTimedOut(world, guild, user.id)) throw refusal(50013);
  if (channel.archived) throw refusal(50083);
  const emoji = readEmoji(text);
  const present = withEmoji(message, emoji);
  if (present === undefined) {
    demand(world, user.id, channel, 'AddReactions');
    if (message.reactions.length >= maxKinds) throw refusal(30010);
  }
  if (present?.users.has(user.id)) return;
  if (present) present.users.add(user.id);
  else message.reactions.push({ emoji, users: new Set([user.id]) });
  backend.publish(reactionAdded(world, message, emoji, user.id));
}

/** "Delete Own Reaction", and "Delete User Reaction" for who manages messages. */
export function unreact(
  backend: Backend,
  channel: Channel,
  message: Message,
  text: string,
  of: string,
  by: User,
): void {
  const { world } = backend;
  demand(world, by.id, channel, ...(of === by.id ? [] : (['ManageMessages'] as const)));
  if (channel.archived) throw refusal(50083);
  const emoji = readEmoji(text);
  const present = withEmoji(message, emoji);
  if (present === undefined) throw refusal(10014);
  if (!present.users.delete(of)) return;
  if (present.users.size === 0) message.reactions.splice(message.reactions.indexOf(present), 1);
  backend.publish(reactionRemoved(world, message, emoji, of));
}
