import type { MessageChange, MessageDraft } from 'discord-api-spec/zod';
import { MessageFlags } from 'discord-api-types/v10';
import { attach, type Upload } from './attachments.js';
import type { Backend } from './backend.js';
import { checkComponents } from './components.js';
import {
  allowedByDefault,
  checkAllowedMentions,
  notifiedBy,
  readContent,
  readEmbeds,
  resolveMentions,
} from './content.js';
import { forbidLegacy, numbered, type Origin, readDraft } from './drafts.js';
import { channelChanged, messageCreated, messageUpdated } from './events.js';
import { forget } from './forget.js';
import { demand, may } from './permissions.js';
import { invalid, Refusal, refusal } from './refusal.js';
import { timeOf } from './snowflake.js';
import { type Channel, createMessage, isDirect, isThread, type Message, type User, type World } from './world.js';

/** Adds a message to its channel, with those it notifies, and tells everybody who is to know. */
export function publishMessage(backend: Backend, channel: Channel, message: Message): Message {
  const { world, clock } = backend;
  channel.messages.set(message.id, message);
  // What one person alone sees is not in the channel's history.
  if (message.onlyFor === undefined) {
    channel.lastMessageId = message.id;
    channel.messagesSent += 1;
  }
  forget(channel.messages, backend.keepsMessages);
  const isThinking = (message.flags & MessageFlags.Loading) !== 0;
  if (!isThinking) message.edits.push({ at: clock.now(), content: message.content });
  notify(world, channel, message);
  backend.publish(messageCreated(world, message));
  return message;
}

function notify(world: World, channel: Channel, message: Message): void {
  const { mentions: users, mentionRoles: roles, mentionEveryone: everyone } = message;
  if (users.length + roles.length === 0 && !everyone) return;
  const isHeard = (id: string) => message.onlyFor === undefined || message.onlyFor === id;
  for (const id of notifiedBy(world, channel, message.authorId, { users, roles, everyone })) {
    if (isHeard(id)) message.notified.add(id);
  }
}

/** How long a nonce is remembered: Discord says "the past few minutes" ("Create Message", `enforce_nonce`). */
const nonceMs = 5 * 60_000;

/** Posts a message as "Create Message" does, with its permissions, its refusals, and its once-only nonce. */
export function postMessage(
  backend: Backend,
  channel: Channel,
  author: User,
  draft: MessageDraft,
  uploads: readonly Upload[],
): Message {
  const { world, newId } = backend;
  demandWriting(world, channel, author, draft, uploads);
  const nonce = draft.nonce ?? undefined;
  const enforced = draft.enforce_nonce && nonce !== undefined ? `${author.id} ${nonce}` : undefined;
  const first = enforced === undefined ? undefined : madeWith(backend, enforced);
  if (first) return first;
  const reference = readReference(world, channel, author, draft);
  const repliedTo = reference && channel.messages.get(reference.messageId)?.authorId;
  const said = readDraft(backend, channel, author.id, draft, uploads, 'message', repliedTo);
  slowDown(backend, channel, author);
  unarchive(backend, channel);
  const more = { type: reference ? 19 : 0, reference, nonce, tts: draft.tts ?? false };
  const message = createMessage({ id: newId(), channelId: channel.id, authorId: author.id, ...said, ...more });
  if (enforced !== undefined) remember(world, enforced, message);
  joinThread(backend, channel, [author.id, ...said.mentions]);
  return publishMessage(backend, channel, message);
}

function remember({ nonces }: World, nonce: string, { id, channelId }: Message): void {
  // Taken out first, so that it stands at the end: they are forgotten from the oldest on.
  nonces.delete(nonce);
  nonces.set(nonce, { channelId, messageId: id });
}

/** The message of an author that a nonce made, in whatever channel, as long as it is remembered. */
function madeWith({ world, clock }: Backend, nonce: string): Message | undefined {
  for (const [key, { messageId }] of world.nonces) {
    if (timeOf(messageId) > clock.now() - nonceMs) break;
    world.nonces.delete(key);
  }
  const made = world.nonces.get(nonce);
  return made && world.channels.get(made.channelId)?.messages.get(made.messageId);
}

/** Who speaks in a thread, or is mentioned there, is in it; who did not see it before is shown it. */
function joinThread({ world, publish }: Backend, thread: Channel, ids: readonly string[]): void {
  if (!isThread(thread)) return;
  for (const id of ids) {
    const couldSee = may(world, id, thread, 'ViewChannel');
    thread.people.add(id);
    if (!couldSee) publish({ ...channelChanged(world, thread, 'created'), isFor: (userId) => userId === id });
  }
}

function demandWriting(
  world: World,
  channel: Channel,
  author: User,
  { embeds }: MessageDraft,
  uploads: readonly Upload[],
): void {
  demand(world, author.id, channel, 'SendMessages');
  if (uploads.length > 0) demand(world, author.id, channel, 'AttachFiles');
  if (embeds?.length) demand(world, author.id, channel, 'EmbedLinks');
  if (isDirect(channel) && !mayTalkTo(world, channel, author)) throw refusal(50007);
  demandUnlocked(world, channel, author.id);
}

/** In a locked thread, only those who manage threads write, edit, and bring it back ("Archived and Locked Threads"). */
function demandUnlocked(world: World, channel: Channel, authorId: string): void {
  if (!channel.locked || may(world, authorId, channel, 'ManageThreads')) return;
  throw refusal(channel.archived ? 50083 : 160005);
}

/**
 * What comes by an interaction's token brings an archived thread back as messages do. Throws 50083 where the thread is
 * locked (discord-api-docs, issue 5517).
 */
export function reopen(backend: Backend, channel: Channel, authorId: string): void {
  if (channel.archived) demandUnlocked(backend.world, channel, authorId);
  unarchive(backend, channel);
}

/** An app reaches people who share a server with it or installed it, and whose messages are open. */
function mayTalkTo(world: World, channel: Channel, author: User): boolean {
  const other = world.users.get([...channel.people].find((id) => id !== author.id) ?? '');
  if (other === undefined || other.closedToMessages) return false;
  if (author.applicationId === undefined) return true;
  const isMember = (guild: { members: ReadonlyMap<string, unknown> }) =>
    guild.members.has(other.id) && guild.members.has(author.id);
  const hasInstalled = world.applications.get(author.applicationId)?.installedBy.has(other.id);
  return hasInstalled === true || [...world.guilds.values()].some(isMember);
}

/** Messages that can be replied to: what people and apps wrote, and greetings. */
const repliable = new Set<number>([0, 7, 19, 20, 23]);

function readReference(world: World, channel: Channel, author: User, draft: MessageDraft): Message['reference'] {
  const { message_reference: reference } = draft;
  if (!reference) return undefined;
  const field = ['message_reference'];
  if (reference.type) throw new Refusal(501, 0, 'The sandbox does not forward messages');
  if ((reference.channel_id ?? channel.id) !== channel.id) {
    throw invalid(field, 'REPLIES_CANNOT_REFERENCE_OTHER_CHANNEL', 'Cannot reply to a message in a different channel');
  }
  if (!may(world, author.id, channel, 'ReadMessageHistory')) throw refusal(160002);
  const target = channel.messages.get(reference.message_id);
  if (target === undefined || target.onlyFor !== undefined) {
    if (reference.fail_if_not_exists === false) return undefined;
    throw invalid(field, 'MESSAGE_REFERENCE_UNKNOWN_MESSAGE', 'Unknown message');
  }
  if (!repliable.has(target.type)) {
    throw invalid(field, 'REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE', 'Cannot reply to a system message');
  }
  return { channelId: channel.id, messageId: target.id };
}

/** Slow mode holds for people who manage neither the channel nor its messages, and for no bot. */
function slowDown({ world, clock }: Backend, channel: Channel, author: User): void {
  if (channel.slowModeSeconds === 0 || author.applicationId !== undefined) return;
  if (may(world, author.id, channel, 'ManageMessages') || may(world, author.id, channel, 'ManageChannels')) return;
  const last = [...channel.messages.values()].findLast(({ authorId }) => authorId === author.id);
  const waitMs = last ? timeOf(last.id) + channel.slowModeSeconds * 1000 - clock.now() : 0;
  if (waitMs <= 0) return;
  const { status, code, message } = refusal(20016);
  throw new Refusal(
    status,
    code,
    message,
    undefined,
    { 'retry-after': `${Math.ceil(waitMs / 1000)}` },
    { retry_after: waitMs / 1000 },
  );
}

/** A message brings an archived thread back ("Active & Archived Threads"). */
function unarchive(backend: Backend, channel: Channel): void {
  if (!channel.archived) return;
  channel.archived = false;
  channel.archivedAt = backend.clock.now();
  backend.publish(channelChanged(backend.world, channel, 'updated'));
}

/** Messages whose author can change them; the others are of the system. */
const editable = new Set<number>([0, 19, 20, 23]);

/** Changes a message as "Edit Message" does. */
export function editMessage(
  backend: Backend,
  channel: Channel,
  message: Message,
  editor: User,
  change: MessageChange,
  uploads: readonly Upload[],
): Message {
  const { world } = backend;
  demand(world, editor.id, channel);
  if (message.onlyFor !== undefined) throw refusal(10008);
  if (message.authorId !== editor.id) return editFlags(backend, channel, message, editor, change);
  if (!editable.has(message.type)) throw refusal(50021);
  demandUnlocked(world, channel, editor.id);
  limitLateEdits(backend, channel, message);
  return changeMessage(backend, channel, message, change, uploads, 'message');
}

/** Others may only hide a message's embeds, if they manage messages. */
function editFlags(backend: Backend, channel: Channel, message: Message, editor: User, change: MessageChange): Message {
  const { flags, ...rest } = change;
  if (channel.archived) throw refusal(50083);
  if (flags === undefined || Object.keys(rest).length > 0) throw refusal(50005);
  demand(backend.world, editor.id, channel, 'ManageMessages');
  message.flags = withFlags(message.flags, flags);
  backend.publish(messageUpdated(backend.world, message));
  return message;
}

const withFlags = (present: number, wanted: number | null | undefined): number =>
  wanted === undefined || wanted === null
    ? present
    : (present & ~MessageFlags.SuppressEmbeds) | (wanted & MessageFlags.SuppressEmbeds);

const hourMs = 60 * 60_000;
/** Discord does not publish this limit, only that it is low; it refuses with 30046. */
const lateEditsAnHour = 3;

function limitLateEdits({ clock }: Backend, channel: Channel, message: Message): void {
  const now = clock.now();
  if (timeOf(message.id) > now - hourMs) return;
  const isLate = (one: Message) => (edit: Message['edits'][number]) =>
    edit.at > now - hourMs && edit.at > timeOf(one.id) + hourMs;
  const late = [...channel.messages.values()].flatMap((one) => one.edits.filter(isLate(one)));
  if (late.length >= lateEditsAnHour) throw refusal(30046);
}

/** Puts a change into a message and tells everybody. What the body leaves out stays; mentions are read anew with the text. */
export function changeMessage(
  backend: Backend,
  channel: Channel,
  message: Message,
  change: MessageChange,
  uploads: readonly Upload[],
  origin: Origin,
): Message {
  const { world, clock } = backend;
  if (channel.archived) throw refusal(50083);
  const isDeferred = (message.flags & MessageFlags.Loading) !== 0;
  const flags = withFlags(message.flags, change.flags) | ((change.flags ?? 0) & MessageFlags.IsComponentsV2);
  forbidLegacy(change, flags);
  const content = change.content === undefined ? message.content : readContent(change.content ?? '');
  const embeds = change.embeds === undefined ? message.embeds : readEmbeds(change.embeds ?? []);
  checkComponents(change.components ?? [], flags);
  const components = change.components === undefined ? message.components : numbered(change.components ?? []);
  const allowed = change.allowed_mentions ?? allowedByDefault[origin];
  checkAllowedMentions(allowed);
  const attachments = attach(backend, channel, uploads, change.attachments, message.attachments);
  if (!content && embeds.length + components.length + attachments.length === 0) throw refusal(50006);
  Object.assign(message, { content, embeds, components, attachments, flags: flags & ~MessageFlags.Loading });
  if (change.content !== undefined || change.allowed_mentions !== undefined) mention(world, channel, message, allowed);
  if (!isDeferred) message.editedAt = clock.now();
  message.edits.push({ at: clock.now(), content });
  backend.publish(messageUpdated(world, message));
  return message;
}

function mention(
  world: World,
  channel: Channel,
  message: Message,
  allowed: Parameters<typeof resolveMentions>[4],
): void {
  const repliedTo = message.reference && channel.messages.get(message.reference.messageId)?.authorId;
  const mentions = resolveMentions(world, channel, message.authorId, message.content, allowed, repliedTo);
  message.mentions = mentions.users;
  message.mentionRoles = mentions.roles;
  message.mentionEveryone = mentions.everyone;
  notify(world, channel, message);
}
