import { DiscordAPIError, MessageType, type REST, RESTJSONErrorCodes, Routes } from 'discord.js';
import { z } from 'zod';
import type { InteractionAddress, MessageAddress, Sent } from './address.js';

/** There is no way, or no way any more, to write where an answer belongs. */
export class Gone extends Error {
  override name = 'Gone';
}

/** What stands of an answer: its messages, and their texts as far as they can be read. */
export interface Standing {
  readonly sent: readonly Sent[];
  readonly texts: readonly string[];
}

/** What one request gives at most ("Get Channel Messages"), and after how many of them nothing more is looked for. */
const PAGE = 100;
const MOST_PAGES = 10;

/** The name of an interaction's own answer where a message's id would stand ("Receiving and Responding", endpoints). */
export const ORIGINAL = '@original';

/** Set on the answer that a deferred interaction has until it gets its text ("Message Flags", LOADING). */
const LOADING = 1 << 7;

const Message = z.object({
  id: z.string(),
  type: z.number(),
  content: z.string(),
  author: z.object({ id: z.string() }),
  flags: z.number().optional(),
  message_reference: z.object({ message_id: z.string().optional() }).optional(),
  interaction_metadata: z.object({ id: z.string() }).optional(),
});
type Message = z.infer<typeof Message>;

/** A channel's messages after one of its ids, oldest first; none where the history is not to be read. */
async function readAfter(rest: REST, channelId: string, id: string): Promise<readonly Message[]> {
  const messages: Message[] = [];
  for (let page = 0, after = id; page < MOST_PAGES; page++) {
    const query = new URLSearchParams({ after, limit: String(PAGE) });
    const found = z.array(Message).parse(await rest.get(Routes.channelMessages(channelId), { query }));
    messages.push(...found.reverse());
    after = messages.at(-1)?.id ?? after;
    if (found.length < PAGE) break;
  }
  return messages;
}

/**
 * Finds what stands of the answer to a message: the reply to it, and what the bot wrote below; its answers in a channel
 * are written one after another. `newest` is the last message of the channel.
 *
 * @throws {Gone} when the question or a part of its answer has been deleted
 */
export async function findReply(
  rest: REST,
  me: string,
  address: MessageAddress,
): Promise<Standing & { readonly newest: string }> {
  const { channelId, questionId, sent } = address;
  const messages = await readAfter(rest, channelId, String(BigInt(questionId) - 1n));
  // Nothing is shown to who may not read the history either.
  const isDeleted = messages.length > 0 ? messages[0]?.id !== questionId : await isUnknown(rest, channelId, questionId);
  if (isDeleted) throw new Gone('The question was deleted.');
  const own = messages.filter((message) => isSaidBy(message, me) && message.interaction_metadata === undefined);
  const first = own.find(({ message_reference }) => message_reference?.message_id === questionId);
  const since = BigInt(address.since ?? first?.id ?? 0);
  const further = own.filter(
    (message) => first && !address.isMissed && BigInt(message.id) > since && !isReply(message),
  );
  const parts = first ? [first, ...further] : [];
  return { ...allOf(sent, parts, messages, channelId), newest: messages.at(-1)?.id ?? questionId };
}

/**
 * Finds what stands of the answer to an interaction. Undefined where its token does not work any more, or never did.
 *
 * @throws {Gone} when a part of the answer has been deleted
 */
export async function findResponse(rest: REST, address: InteractionAddress): Promise<Standing | undefined> {
  const { applicationId, token, channelId, sent } = address;
  const original = await rest
    .get(Routes.webhookMessage(applicationId, token, ORIGINAL), { auth: false })
    .catch(nothingIfRefused);
  if (original === undefined) return undefined;
  const { id, content, flags = 0 } = Message.pick({ id: true, content: true, flags: true }).parse(original);
  if (flags & LOADING) return { sent: [], texts: [] };
  const followUps = await findFollowUps(rest, address, id);
  return {
    sent: [{ id, channelId, isOwn: false }, ...(followUps?.sent ?? sent.slice(1))],
    texts: [content, ...(followUps?.texts ?? sent.slice(1).map(() => ''))],
  };
}

/** Finds what was said after an interaction's own answer; undefined where that can't be read. */
export async function findFollowUps(
  rest: REST,
  { channelId, interactionId, isPrivate, isMember, sent }: InteractionAddress,
  originalId: string,
): Promise<Standing | undefined> {
  if (isPrivate || !isMember) return undefined;
  // A command can be used where the bot may not look.
  const messages = await readAfter(rest, channelId, String(BigInt(originalId) - 1n)).catch(nothingIfRefused);
  if (!messages?.length) return undefined;
  const parts = messages.filter(
    ({ id, interaction_metadata }) => interaction_metadata?.id === interactionId && id !== originalId,
  );
  return allOf(sent.slice(1), parts, messages, channelId);
}

async function isUnknown(rest: REST, channelId: string, messageId: string): Promise<boolean> {
  try {
    await rest.get(Routes.channelMessage(channelId, messageId));
    return false;
  } catch (error) {
    if (error instanceof DiscordAPIError && error.code === RESTJSONErrorCodes.UnknownMessage) return true;
    return nothingIfRefused(error) ?? false;
  }
}

/** What is known of, and then what was found besides. */
function allOf(
  sent: readonly Sent[],
  found: readonly Message[],
  messages: readonly Message[],
  channelId: string,
): Standing {
  const contents = new Map(messages.map(({ id, content }) => [id, content]));
  if (messages.length > 0 && sent.some((part) => part.channelId === channelId && !contents.has(part.id))) {
    throw new Gone('A part of the answer was deleted.');
  }
  const known = new Set(sent.map(({ id }) => id));
  const all = [...sent, ...found.filter(({ id }) => !known.has(id)).map(({ id }) => ({ id, channelId, isOwn: false }))];
  return { sent: all, texts: all.map(({ id }) => contents.get(id) ?? '') };
}

const isSaidBy = ({ author, type }: Message, who: string): boolean =>
  author.id === who && (type === MessageType.Default || type === MessageType.Reply);

const isReply = ({ message_reference }: Message): boolean => message_reference !== undefined;

function nothingIfRefused(error: unknown): undefined {
  if (!(error instanceof DiscordAPIError) || error.status >= 500 || error.status === 429) throw error;
}
