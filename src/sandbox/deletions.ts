import type { Backend } from './backend.js';
import { messageDeleted, messagesDeleted } from './events.js';
import { forget } from './forget.js';
import { demand } from './permissions.js';
import { refusal } from './refusal.js';
import { timeOf } from './snowflake.js';
import { type Channel, isDirect, type Message, messageOf, type User, type World } from './world.js';

/** Takes a message out of its channel: its author may, and who manages messages. */
export function deleteMessage(backend: Backend, channel: Channel, messageId: string, by: User): void {
  const { world } = backend;
  demand(world, by.id, channel);
  const message = messageOf(channel, messageId);
  if (message.onlyFor !== undefined) throw refusal(10008);
  if (message.authorId !== by.id) {
    if (isDirect(channel)) throw refusal(50003);
    demand(world, by.id, channel, 'ManageMessages');
  }
  demandActive(channel);
  removeMessage(backend, channel, message);
}

/** Throws 50083 for an archived thread: "Threads" allows to delete in one, Discord does not (victornpb/undiscord, issue 399). */
function demandActive(channel: Channel): void {
  if (channel.archived) throw refusal(50083);
}

/** Of deleted messages, as many are kept for those who run the sandbox. */
const maxDeleted = 10_000;

/** Takes a message out of its channel, if it is there. */
export function take(world: World, channel: Channel, id: string): boolean {
  const message = channel.messages.get(id);
  if (message) world.deleted.set(id, message);
  forget(world.deleted, maxDeleted);
  return channel.messages.delete(id);
}

/** Takes a message out of its channel, and tells everybody. */
export function removeMessage(backend: Backend, channel: Channel, message: Message): void {
  take(backend.world, channel, message.id);
  backend.publish(messageDeleted(backend.world, message));
}

const bulkAgeMs = 14 * 24 * 60 * 60_000;

/** "Bulk Delete Messages": 2 to 100 at once, none older than two weeks; ids that are no messages, or come again, are passed over. */
export function bulkDelete(backend: Backend, channel: Channel, ids: readonly string[], by: User): void {
  const { world, clock } = backend;
  if (isDirect(channel)) throw refusal(50003);
  demand(world, by.id, channel, 'ManageMessages');
  demandActive(channel);
  const wanted = [...new Set(ids)];
  if (wanted.length < 2 || wanted.length > 100) throw refusal(50016);
  if (wanted.some((id) => timeOf(id) < clock.now() - bulkAgeMs)) throw refusal(50034);
  const gone = wanted.filter((id) => take(world, channel, id));
  if (gone.length > 0) backend.publish(messagesDeleted(world, channel, gone));
}
